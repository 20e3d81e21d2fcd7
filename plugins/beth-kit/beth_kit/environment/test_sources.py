"""What of the host's package configuration reaches the sandbox, and what never does."""

from __future__ import annotations

from pathlib import Path

import pytest

from beth_kit.environment.sources import sources
from beth_sdk.errors import ConfigurationError

SECRET = "sk-secret-0123456789"


def test_only_what_packages_need_is_handed_on() -> None:
    found = sources({"PIP_INDEX_URL": "https://mirror/simple", "OPENAI_API_KEY": SECRET, "NPM_TOKEN": SECRET}, ())
    assert found.variables == {"PIP_INDEX_URL": "https://mirror/simple"}
    assert (found.ports, found.readable) == ((), ())


def test_the_ports_of_a_mirror_and_a_proxy_are_opened() -> None:
    environ = {
        "PIP_INDEX_URL": "http://mirror:3141/simple",
        "PIP_EXTRA_INDEX_URL": "https://a/simple http://b/simple",
        "npm_config_registry": "http://127.0.0.1:4873/",
        "https_proxy": "proxy:3128",
        "ALL_PROXY": "socks5://proxy",
    }
    found = sources(environ, ())
    assert found.ports == (80, 1080, 3128, 3141, 4873)
    assert found.variables["HTTPS_PROXY"] == found.variables["https_proxy"] == "proxy:3128"
    assert found.variables["NPM_CONFIG_REGISTRY"] == "http://127.0.0.1:4873/"


def test_certificates_can_be_read() -> None:
    environ = {"PIP_CERT": "/etc/own/ca.pem", "SSL_CERT_FILE": "/etc/own/ca.pem", "NODE_EXTRA_CA_CERTS": "/opt/ca.pem"}
    assert sources(environ, ()).readable == (Path("/etc/own/ca.pem"), Path("/opt/ca.pem"))


def test_the_files_of_pip_and_npm_are_read_and_variables_win(tmp_path: Path) -> None:
    pip, npm = tmp_path / "pip.conf", tmp_path / ".npmrc"
    pip.write_text("[global]\nindex-url = https://file/simple\ncert = /ca.pem\n[install]\ntrusted_host =\n  a\n  b\n")
    npm.write_text(f"registry=https://npm-file/\n//npm-file/:_authToken={SECRET}\n_auth={SECRET}\nfund=false\n")
    found = sources({"PIP_INDEX_URL": "https://variable/simple"}, (pip, npm, tmp_path / "missing"))
    assert found.variables == {
        "PIP_INDEX_URL": "https://variable/simple",
        "PIP_CERT": "/ca.pem",
        "PIP_TRUSTED_HOST": "a b",
        "NPM_CONFIG_REGISTRY": "https://npm-file/",
    }


def test_a_file_that_cannot_be_read_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "pip.conf").write_text("no section = 1\n")
    assert sources({}, (tmp_path / "pip.conf",)).variables == {}


@pytest.mark.parametrize("name", ["PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "https_proxy", "NPM_CONFIG_REGISTRY"])
@pytest.mark.parametrize(
    "address", [f"https://user:{SECRET}@x/y", f"https://{SECRET}@x/y", f"http://x/ https://:{SECRET}@y"]
)
def test_credentials_are_refused_by_name_and_not_shown(name: str, address: str) -> None:
    with pytest.raises(ConfigurationError, match=name.upper()) as raised:
        sources({name: address}, ())
    assert SECRET not in str(raised.value)


def test_a_port_that_is_none_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="HTTPS_PROXY"):
        sources({"HTTPS_PROXY": "http://proxy:many"}, ())
