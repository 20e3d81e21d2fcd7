"""A URL's scheme chooses the bus and the journal; what is missing is said in one line."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from beth_sdk.clock import SystemClock
from beth_sdk.conftest import Site
from beth_sdk.errors import PluginError, UnknownScheme
from beth_sdk.openers import BUSES, JOURNALS, open_bus, open_journal, schemes

BACKEND = """\
async def open_bus(url, *, clock=None, retention=None):
    return ("bus", url, clock, retention)

async def open_journal(url, *, clock=None):
    return ("journal", url, clock)
"""


def add_backend(site: Site, code: str = BACKEND, *, extra: str = "", value: str = "zz_backend:open_") -> None:
    site.files({"zz_backend.py": code})
    site.distribution("zz-backend", {BUSES: {"zz": f"{value}bus"}, JOURNALS: {"zz": f"{value}journal"}}, extra=extra)


async def test_the_scheme_chooses_the_bus_and_hands_on_clock_and_retention(site: Site) -> None:
    add_backend(site)
    clock = SystemClock()
    opened: Any = await open_bus("zz://host", clock=clock, retention=5.0)
    assert opened == ("bus", "zz://host", clock, 5.0)


async def test_topics_keep_messages_for_thirty_days_unless_told_otherwise(site: Site) -> None:
    add_backend(site)
    opened: Any = await open_bus("zz://host")
    assert opened == ("bus", "zz://host", None, 30 * 86_400)


async def test_the_scheme_chooses_the_journal(site: Site) -> None:
    add_backend(site)
    opened: Any = await open_journal("zz://host")
    assert opened == ("journal", "zz://host", None)


async def test_nothing_is_imported_before_it_is_used(site: Site) -> None:
    add_backend(site)
    assert "zz" in schemes(BUSES)
    assert "zz_backend" not in sys.modules
    await open_journal("zz://host")
    assert "zz_backend" in sys.modules


def test_the_embedded_ones_are_installed() -> None:
    assert {"memory", "sqlite"} <= set(schemes(BUSES))
    assert {"memory", "sqlite"} <= set(schemes(JOURNALS))


async def test_an_unknown_scheme_is_refused_with_those_that_are_installed() -> None:
    with pytest.raises(UnknownScheme, match=r"no bus speaks 'reddis'; installed: .*sqlite") as caught:
        await open_bus("reddis://:s3cret@host")
    assert (caught.value.scheme, list(caught.value.known)) == ("reddis", schemes(BUSES))
    assert "s3cret" not in str(caught.value)


async def test_a_journal_is_looked_for_among_the_journals(site: Site) -> None:
    site.files({"zz_backend.py": BACKEND})
    site.distribution("zz-backend", {BUSES: {"zz": "zz_backend:open_bus"}})
    with pytest.raises(UnknownScheme, match="no journal speaks 'zz'"):
        await open_journal("zz://host")


async def test_what_is_no_url_is_refused() -> None:
    with pytest.raises(UnknownScheme, match="no bus speaks 'localhost'"):
        await open_bus("localhost")


@pytest.mark.parametrize(
    ("extra", "value", "named"),
    [
        ("zz", "zz_backend:open_", "zz"),
        ("zz_backend", "zz_backend:open_", "zz_backend"),
    ],
)
async def test_a_client_that_is_not_installed_is_named_with_the_extra_that_brings_it(
    site: Site, extra: str, value: str, named: str
) -> None:
    add_backend(site, "import zz_client", extra=extra, value=value)
    with pytest.raises(PluginError) as caught:
        await open_bus("zz://host")
    assert caught.value.reason == f"needs zz_client, which is not installed: pip install 'zz-backend[{named}]'"
    assert caught.value.distribution == "zz-backend"


async def test_an_entry_point_may_name_its_extra_itself(site: Site) -> None:
    site.files({"zz_backend.py": "import zz_client"})
    site.distribution("zz-backend", {BUSES: {"zzs": "zz_backend:open_bus [zz-extra]"}}, extra="zz-extra")
    with pytest.raises(PluginError, match=r"pip install 'zz-backend\[zz-extra\]'"):
        await open_bus("zzs://host")


@pytest.mark.parametrize(
    ("code", "extra"), [("import zz_client", ""), ("raise ValueError('broken')", "zz"), ("x = 1", "zz")]
)
async def test_a_backend_that_cannot_be_loaded_is_named_with_the_reason(site: Site, code: str, extra: str) -> None:
    add_backend(site, code, extra=extra)
    with pytest.raises(PluginError, match=r"zz-backend: entry point 'zz' of beth.buses: .* cannot be loaded: "):
        await open_bus("zz://host")
