"""What the launcher says at its end, read for whoever started it."""

from __future__ import annotations

from dataclasses import dataclass

from beth_kit.sandbox.denial import Denial, from_report


@dataclass(frozen=True, slots=True)
class Report:
    """`failed`: the errno and the reason where the program could not be started. `code`: None where it was killed from
    outside, or somebody killed the launcher. `refused`: how often something was, `denials` being different ones."""

    failed: tuple[int, str] | None = None
    code: int | None = None
    over_limit: str | None = None
    left: int = 0
    refused: int = 0
    denials: tuple[Denial, ...] = ()


def parse(report: bytes) -> Report:
    """The report as data; nothing known where there is none, because somebody killed the launcher."""
    first, *refused = report.decode("utf-8", "replace").split("\n")
    kind, _, rest = first.partition(" ")
    if kind == "error":
        number, _, reason = rest.partition(" ")
        return Report(failed=(int(number), reason.strip()))
    code, over, left, total = rest.split(" ") if kind == "ended" else ("-", "-", "0", "0")
    return Report(
        code=None if code == "-" else int(code),
        over_limit=None if over == "-" else over,
        left=int(left),
        refused=int(total),
        denials=tuple(from_report(line) for line in refused),
    )
