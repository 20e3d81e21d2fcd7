"""Where packages come from on this machine: the index, proxy and certificates that pip and npm are set up with here.

The sandbox reads no configuration of the host, because credentials lie in it. What it needs is taken out by name and
handed on as variables. An address with a user or a password in it is refused: `.beth/setup` runs code that anybody may
have written, and could send it away. Use a mirror that asks for none, or a proxy that adds it.
"""

from __future__ import annotations

import configparser
import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from beth_sdk.errors import ConfigurationError

_ADDRESSES = (
    *("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_PROXY"),
    *("NPM_CONFIG_REGISTRY", "NPM_CONFIG_PROXY", "NPM_CONFIG_HTTPS_PROXY"),
    *("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"),
)
_FILES = (
    *("PIP_CERT", "NPM_CONFIG_CAFILE", "NODE_EXTRA_CA_CERTS"),
    *("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR"),
)
_OTHERS = ("PIP_TRUSTED_HOST", "PIP_DEFAULT_TIMEOUT", "PIP_RETRIES", "NPM_CONFIG_NOPROXY", "NO_PROXY")
_BOTH_CASES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")
"""Some programs read the one spelling, some the other."""

_PORTS = {"http": 80, "https": 443, "socks4": 1080, "socks5": 1080, "socks5h": 1080}
_PIP = {
    "index-url": "PIP_INDEX_URL",
    "extra-index-url": "PIP_EXTRA_INDEX_URL",
    "proxy": "PIP_PROXY",
    "cert": "PIP_CERT",
    "trusted-host": "PIP_TRUSTED_HOST",
}
_NPM = {
    "registry": "NPM_CONFIG_REGISTRY",
    "proxy": "NPM_CONFIG_PROXY",
    "https-proxy": "NPM_CONFIG_HTTPS_PROXY",
    "noproxy": "NPM_CONFIG_NOPROXY",
    "cafile": "NPM_CONFIG_CAFILE",
}


@dataclass(frozen=True, slots=True)
class Sources:
    """`variables` for pip and npm, `ports` to connect to besides 443, `readable` files with certificates."""

    variables: Mapping[str, str]
    ports: tuple[int, ...] = ()
    readable: tuple[Path, ...] = ()


def sources(environ: Mapping[str, str] | None = None, files: tuple[Path, ...] | None = None) -> Sources:
    """What this machine says: variables, else pip's and npm's files.

    Raises `ConfigurationError` for an address with a user or a password, naming the variable or option and nothing of
    its value.
    """
    environ = os.environ if environ is None else environ
    found = _from_files(_files(environ) if files is None else files)
    for name in (*_ADDRESSES, *_FILES, *_OTHERS):
        value = environ.get(name) or environ.get(name.lower())
        if value:
            found[name] = value
    ports: set[int] = set()
    for name in _ADDRESSES:
        for address in found.get(name, "").split():
            ports.add(_port(name, address))
    readable = tuple(Path(found[name]) for name in _FILES if name in found and Path(found[name]).is_absolute())
    lower = {name.lower(): found[name] for name in _BOTH_CASES if name in found}
    return Sources({**found, **lower}, tuple(sorted(ports - {443})), tuple(dict.fromkeys(readable)))


def _port(name: str, address: str) -> int:
    parts = urlsplit(address if "://" in address else f"http://{address}")
    if parts.username is not None or parts.password is not None:
        raise ConfigurationError(
            f"{name} (or the same in the configuration of pip or npm) has a user or password in it, which no package's "
            "code may see: use a mirror that asks for none, or a proxy that adds it"
        )
    try:
        return parts.port or _PORTS.get(parts.scheme, 443)
    except ValueError:
        raise ConfigurationError(f"{name} (or the same in the configuration of pip or npm) has no valid port") from None


def _files(environ: Mapping[str, str]) -> tuple[Path, ...]:
    """Files that pip (pip.pypa.io, "Configuration") and npm ("npmrc") read, the weakest first."""
    home = Path(environ.get("HOME") or Path.home())
    chosen = environ.get("PIP_CONFIG_FILE")
    settings = Path(environ.get("XDG_CONFIG_HOME") or home / ".config")
    return (
        *(Path("/etc/pip.conf"), home / ".pip/pip.conf", settings / "pip/pip.conf", Path(sys.prefix) / "pip.conf"),
        *([Path(chosen)] if chosen else []),
        *(Path("/etc/npmrc"), home / ".npmrc"),
    )


def _from_files(files: tuple[Path, ...]) -> dict[str, str]:
    found: dict[str, str] = {}
    for file in files:
        known = _NPM if file.name.endswith("npmrc") else _PIP
        found |= {known[key]: value for key, value in _options(file) if key in known and value}
    return found


def _options(file: Path) -> Iterator[tuple[str, str]]:
    try:
        text = file.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return
    if file.name.endswith("npmrc"):
        text = f"[global]\n{text}"
    parser = configparser.RawConfigParser(strict=False, allow_no_value=True)
    try:
        parser.read_string(text)
    except configparser.Error:
        return  # pip and npm would complain to whoever runs them
    for section in ("global", "install"):
        if parser.has_section(section):
            for key, value in parser.items(section):
                yield key.replace("_", "-"), " ".join((value or "").split())
