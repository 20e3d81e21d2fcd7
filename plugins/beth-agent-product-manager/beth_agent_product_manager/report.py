"""Whether a report of an audit loses nothing on the way: every finding, its severity, every criterion. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from beth_agent_product_manager import rice
from beth_kit.claims.documents import mentions, repeated
from beth_kit.claims.said import same_words, unsaid

SEVERITIES = ("info", "low", "medium", "high", "critical")


@dataclass(frozen=True, slots=True)
class Found:
    """A finding of an audit."""

    title: str
    severity: str


@dataclass(frozen=True, slots=True)
class Audit:
    """What an audit found. `names`: what its task is called, in the plan and by its id."""

    names: tuple[str, ...]
    findings: tuple[Found, ...]

    def told_by(self, source: Mapping[str, Any]) -> Found | None:
        """The finding that a report names as a source; None where it is none of this audit."""
        if source["task"] not in self.names:
            return None
        title = same_words(source["title"])
        return next((one for one in self.findings if same_words(one.title) == title), None)


def audits_in(results: Sequence[Mapping[str, Any]]) -> list[Audit]:
    """What earlier tasks found: whatever has a title and a severity, wherever it stands in their results, each once.
    A result that was left out because of its length is none: nobody can hold a report against it."""
    found = []
    for one in results:
        if "result" not in one:
            continue
        titled = {same_words(each["title"]): Found(each["title"], each["severity"]) for each in _titled(one["result"])}
        names = tuple(str(one[key]) for key in ("name", "task_id") if one.get(key))
        found.append(Audit(names, tuple(titled.values())))
    return found


def problems(report: Mapping[str, Any], wanted: Sequence[str], audits: Sequence[Audit]) -> Iterator[str]:
    """What does not add up in the result of a `report`; `wanted` are the task's acceptance criteria."""
    for name in repeated([one["id"] for one in report["findings"]]):
        yield f"several findings have the id {name}: give each its own"
    yield from _nothing_lost(report, audits)
    for finding in report["findings"]:
        yield from _severity(finding, audits)
    yield from _answers(report, wanted)
    yield from rice.problems(report["findings"])


def _titled(value: Any) -> Iterator[Mapping[str, Any]]:
    if isinstance(value, list):
        for one in value:
            yield from _titled(one)
    elif isinstance(value, Mapping):
        if isinstance(value.get("title"), str) and value.get("severity") in SEVERITIES:
            yield value
        for one in value.values():
            yield from _titled(one)


def _nothing_lost(report: Mapping[str, Any], audits: Sequence[Audit]) -> Iterator[str]:
    told = [source for finding in report["findings"] for source in finding["sources"]] + report["set_aside"]
    for audit in audits:
        mentioned = [audit.told_by(source) for source in told]
        name = audit.names[0] if audit.names else "an earlier task"
        for one in audit.findings:
            if one not in mentioned:
                yield f"{name} found {one.title!r}: make it a source of a finding, or set it aside with the reason"
        for source, found in zip(told, mentioned, strict=True):
            if source["task"] in audit.names and found is None:
                yield (
                    f"{name} has no finding {source['title']!r}: copy its title word for word; where you found it "
                    "yourself, the task is `own`"
                )


def _severity(finding: Mapping[str, Any], audits: Sequence[Audit]) -> Iterator[str]:
    told = (audit.told_by(source) for audit in audits for source in finding["sources"])
    severities = [found.severity for found in told if found is not None]
    highest = max(severities, key=SEVERITIES.index, default=finding["severity"])
    if finding["severity"] != highest and "rerated" not in finding:
        yield f"{finding['id']} is {finding['severity']}, its sources are {highest}: keep that, or say why in `rerated`"


def _answers(report: Mapping[str, Any], wanted: Sequence[str]) -> Iterator[str]:
    told = [one["criterion"] for one in report["answers"]]
    for one in unsaid(wanted, told):
        yield f"`answers` lacks the task's criterion {one!r}: copy it word for word, and say whether it holds"
    for one in unsaid(told, wanted) if wanted else ():
        yield f"`answers` has {one!r} twice, or it is no criterion of the task: leave it out"
    ids = [finding["id"] for finding in report["findings"]]
    for one in report["answers"]:
        if one["holds"] == "no" and not any(mentions(one["because"], name) for name in ids):
            yield f"{one['criterion']!r} does not hold: name the findings that show it, such as F1, in `because`"
