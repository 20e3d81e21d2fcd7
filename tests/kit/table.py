"""What a run with kills has shown, as a table for people."""

from __future__ import annotations

from collections import Counter

from tests.kit.checker import growth, outcomes_each, repeated
from tests.kit.evidence import Evidence


def table(run: Evidence, undisturbed: Evidence) -> str:
    """One line each for what was done, what was killed, what was repeated and how the journal grew."""
    hit = Counter(kill.during for kill in run.kills)
    grown = growth(run)
    taken = {entry.epoch for entry in run.entries if entry.epoch}
    rows = [
        ("steps", f"{len(run.outcomes) - 1} and the frame; outcomes of one at most {max(outcomes_each(run).values())}"),
        ("seconds", f"{run.seconds:.1f}; undisturbed {undisturbed.seconds:.1f}"),
        ("kills", f"{len(run.kills)}, at {len({kill.outcomes for kill in run.kills})} different steps"),
        *((f"  in {name}", str(times)) for name, times in hit.most_common()),
        ("workers that wrote", str(len(taken))),
        ("model calls", f"{len(run.calls)}, of which {repeated(run)} repeated; undisturbed {len(undisturbed.calls)}"),
        ("tree", f"{run.tree}; undisturbed {undisturbed.tree}"),
        ("commits", f"{len(run.commits)}; undisturbed {len(undisturbed.commits)}"),
        ("journal", f"{grown.first:.0f} bytes a step in the first quarter, {grown.last:.0f} in the last"),
        ("journal in all", f"{grown.all:.0f} bytes a step; undisturbed {growth(undisturbed).all:.0f}"),
    ]
    width = max(len(name) for name, _ in rows)
    return "\n".join(f"{name:{width}}  {value}" for name, value in rows)
