"""The environment variables that this package reads, as the entry point of `beth.variables` declares them."""

from __future__ import annotations

from beth_kit.model.keys import KEY_VARIABLES
from beth_sdk.variables import DeclaredVariable

VARIABLES: tuple[DeclaredVariable, ...] = (
    DeclaredVariable(
        "BETH_MODELS",
        "what LLM_PROVIDER and LLM_MODEL say, else the manifest's",
        "The model of all roles, or of one: what `--model` hands on to all processes. Roles that are not there are "
        "passed over.",
        "provider/model or role=provider/model, several separated by commas",
    ),
    DeclaredVariable(
        "LLM_FALLBACKS",
        "none",
        "Models to ask, in this order, while a role's own is unavailable.",
        "provider/model, several separated by commas; each needs its key",
    ),
    DeclaredVariable(
        "LLM_TIMEOUT",
        "5m",
        "How long one try of a model call may take before it is given up and made again. A call takes 15 minutes at "
        "the most, all its tries together.",
        "a duration, as 90s or 10m",
    ),
    DeclaredVariable(
        "BETH_ALLOW_UNKNOWN_PRICE",
        "0",
        "Whether to call a model of which nobody knows what it costs, so that no budget counts its calls.",
        "1 or 0",
    ),
    DeclaredVariable(
        "BETH_RECORD",
        "none",
        "Keeps every model call with its answer here, those of all roles together, to be replayed.",
        "the path of a folder, which need not exist yet",
    ),
    DeclaredVariable(
        "BETH_REPLAY",
        "none",
        "Answers every model call from what BETH_RECORD kept here: without network, keys or prices. A call that was "
        "not recorded fails with the difference.",
        "the path of a folder",
    ),
    DeclaredVariable(
        "BETH_MCP_CONFIG",
        "none",
        "The MCP servers of the user, whose tools agents may use besides those that their manifests name.",
        "the path of a file",
    ),
    DeclaredVariable(
        "BETH_MEMORY_URL",
        "the folder memory in BETH_HOME",
        "Where roles keep their notes.",
        "a folder, as sqlite:///relative/ or sqlite:////absolute/; journal: for the journal of BETH_JOURNAL_URL; "
        "journal:URL for another",
        secret=True,
    ),
    DeclaredVariable(
        "BETH_SANDBOX",
        "on",
        "Whether tools are locked in. Off, they may do all that the user may do.",
        "on or off",
    ),
    DeclaredVariable(
        "LLM_API_KEY", "none", "The key for a gateway (LLM_PROVIDER=gateway) at LLM_BASE_URL.", "text", secret=True
    ),
    *(
        DeclaredVariable(name, "none", f"The key of the provider {provider}.", "text", secret=True)
        for provider, names in KEY_VARIABLES.items()
        for name in names
    ),
)
"""Every variable, in the order in which the reference documentation lists them."""
