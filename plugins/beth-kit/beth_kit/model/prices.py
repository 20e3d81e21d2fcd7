"""What models cost, from the table that litellm ships, read without importing litellm (which takes seconds)."""

from __future__ import annotations

import difflib
import functools
import importlib.util
import json
import math
import re
import string
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from beth_kit.model.base import ModelRequest, Usage

FREE = frozenset({"ollama", "ollama_chat", "lm_studio", "llamafile", "hosted_vllm", "scripted", "replay"})
"""Providers that run on the user's own machines, where a token has no price."""

_LETTERS = string.ascii_letters.encode()
_SINGLE = (string.digits + string.punctuation).encode()

_TABLE = "model_prices_and_context_window_backup.json"
_TIER = re.compile(r"_above_([0-9]+)k_tokens$")


@dataclass(frozen=True, slots=True)
class Price:
    """US dollars per token. `tiers`: what counts from so many input tokens on, as (tokens, input, output)."""

    input: float
    output: float
    cached: float | None = None
    cache_write: float | None = None
    max_output: int | None = None
    tiers: tuple[tuple[int, float, float], ...] = ()

    def most(self, input_tokens: int, output_tokens: int | None) -> float:
        """The most that a call can cost; None: as many output tokens as the model ever gives."""
        output = self.max_output or 0 if output_tokens is None else output_tokens
        tiers = [tier for tier in self.tiers if tier[0] <= input_tokens]
        dearest_input = max([self.input, self.cache_write or 0.0, *(tier[1] for tier in tiers)])
        return input_tokens * dearest_input + output * max([self.output, *(tier[2] for tier in tiers)])

    def cost(self, usage: Usage) -> float:
        """What a call with this usage cost."""
        tier = max((tier for tier in self.tiers if tier[0] < usage.input_tokens), default=None)
        per_input, per_output = (self.input, self.output) if tier is None else tier[1:]
        cached = per_input if self.cached is None else self.cached
        fresh = usage.input_tokens - usage.cached_tokens
        return fresh * per_input + usage.cached_tokens * cached + usage.output_tokens * per_output


@functools.cache
def price_of(provider: str, model: str) -> Price | None:
    """The price of a model, None where the table does not have it or litellm is not installed."""
    if provider in FREE:
        return Price(0.0, 0.0)
    table = _table()
    entry = table.get(f"{provider}/{model}")
    if entry is None:
        entry = table.get(model, {})
        if not str(entry.get("litellm_provider", "")).startswith(provider):
            return None
    return _price(entry)


def near(provider: str, model: str) -> list[str]:
    """Names of models that have a price and look like this one, as `provider/model`; the provider's own first."""
    own: list[str] = []
    for name, entry in _table().items():
        if entry.get("mode") != "chat" or name.startswith("ft:"):
            continue
        if name.startswith(f"{provider}/"):
            own.append(name)
        elif entry.get("litellm_provider") == provider and "/" not in name:
            own.append(f"{provider}/{name}")
    return difflib.get_close_matches(f"{provider}/{model}", own, n=2, cutoff=0.75)


def input_tokens_at_most(request: ModelRequest) -> int:
    """An upper bound for the tokens of a request's messages, tools and schema, without the provider's tokenizer.

    A token each for digits and punctuation, one for two letters or spaces, two for three bytes of other scripts.
    Measured with the tokenizers that litellm ships, prose and code have less than half as many; only random letters,
    as in base64, have more, by up to a quarter.
    """
    parts = [*request.messages, *request.tools, request.output_schema or {}]
    text = "\n".join(json.dumps(part, ensure_ascii=False) for part in parts).encode("utf-8", "surrogatepass")
    letters = _count(text, _LETTERS + b" ")
    single = _count(text, _SINGLE)
    return single + math.ceil(letters / 2 + (len(text) - letters - single) * 2 / 3) + 8 * len(parts)


def _count(text: bytes, of: bytes) -> int:
    return len(text) - len(text.translate(None, of))


def _table() -> Mapping[str, Any]:
    found = importlib.util.find_spec("litellm")
    if found is None or found.origin is None:
        return {}
    file = Path(found.origin).with_name(_TABLE)
    table: Mapping[str, Any] = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    return table


def _price(entry: Mapping[str, Any]) -> Price | None:
    per_input, per_output = entry.get("input_cost_per_token"), entry.get("output_cost_per_token")
    if per_input is None or per_output is None:
        return None
    tiers = []
    for name, rate in entry.items():
        tier = _TIER.search(name) if name.startswith("input_cost_per_token_above") else None
        if tier:
            output = entry.get(f"output_cost_per_token{tier[0]}") or per_output
            tiers.append((int(tier[1]) * 1000, float(rate), float(output)))
    return Price(
        float(per_input),
        float(per_output),
        cached=entry.get("cache_read_input_token_cost"),
        cache_write=entry.get("cache_creation_input_token_cost"),
        max_output=entry.get("max_output_tokens"),
        tiers=tuple(sorted(tiers)),
    )
