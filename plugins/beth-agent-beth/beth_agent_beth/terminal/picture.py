"""The live picture of a request: as many of its tasks as the terminal has lines, in as many columns as it has. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from rich.cells import cell_len, set_cell_size
from rich.text import Text

from beth_agent_beth.fold.questions import Asked
from beth_agent_beth.fold.state import RequestState
from beth_agent_beth.fold.task_state import TaskState
from beth_agent_beth.terminal import words
from beth_agent_beth.terminal.live import FIRST, LATER, SENT_BACK, Screen, above
from beth_agent_beth.terminal.marks import Signs

LEAST_ROWS = 3
"""Tasks that are shown however low the terminal is."""

AROUND = 3
"""Lines beside the tasks: the request, how many more there are, and the one that the cursor stands on."""

MOST_QUESTIONS = 3
WITH_STATUS, WITH_NAME, WITH_MONEY = 100, 60, 36
"""Columns of a terminal from which on a task's line has its status as a word, its name, what it cost."""

MOST_NAME = 24


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture of a moment. `now` on the monotonic clock, `wall` in seconds since the Unix epoch."""

    state: RequestState
    screen: Screen
    now: float
    wall: float

    def lines(self, width: int, height: int, signs: Signs) -> list[Text]:
        """At most `height` lines, none wider than `width`, unless the terminal is lower than anything needs."""
        asked = [self._asked(one, signs) for one in islice(self._open(), MOST_QUESTIONS)]
        rows = max(LEAST_ROWS, height - AROUND - len(asked))
        shown = self.screen.chosen(rows)
        tasks = [_Row(self, task_id, guides, signs) for task_id, guides in _arranged(shown, self.state.tasks, signs)]
        columns = _Columns.of(tasks, width)
        drawn = [self._head(width, signs), *(row.drawn(columns) for row in tasks), *self._more(shown, signs), *asked]
        return [_fitted(line, width, signs) for line in drawn]

    def _open(self) -> Iterator[TaskState | Asked]:
        yield from self.state.open_questions
        for task_id in self.screen.standing("asking"):
            if not (one := self.state.tasks[task_id]).parked:
                yield one

    def _head(self, width: int, signs: Signs) -> Text:
        state, screen = self.state, self.screen
        done = screen.count("complete") + screen.count(SENT_BACK)
        parts = [f"{done}/{screen.total}"] if screen.total else []
        parts.append(words.duration(max(0.0, (state.ended_at or self.wall) - state.received_at)))
        parts += words.spending(screen.spent, state.budget.total.cost_usd)
        told = "  ".join(parts)
        room = width - cell_len(state.id) - cell_len(told) - 4
        said = words.first_line(state, 400)
        if cell_len(said) > room:
            said = _cut(said, room, signs) if room >= 8 else ""
        return Text.assemble((state.id, "bold"), "  ", set_cell_size(said, max(0, room)) if said else "", "  ", told)

    def _more(self, shown: Sequence[str], signs: Signs) -> Iterator[Text]:
        if len(shown) == self.screen.total:
            return
        seen: dict[str, int] = {}
        for task_id in shown:
            word = self.screen.word(task_id)
            seen[word] = seen.get(word, 0) + 1
        counts = [(word, self.screen.count(word) - seen.get(word, 0)) for word in (*LATER, *FIRST)]
        left = [(word, count) for word, count in counts if count]
        if len(left) == 1:
            text = f"{left[0][1]:,} more {left[0][0]}"
        else:
            each = ", ".join(f"{count:,} {word}" for word, count in left)
            text = f"{self.screen.total - len(shown):,} more: {each}"
        yield Text(f"{signs.ellipsis} {text}", "dim")

    def _asked(self, one: TaskState | Asked, signs: Signs) -> Text:
        name, agent, text = words.short_question(one)
        line = Text.assemble((signs.mark("asking")[0], "bold yellow"), f" beth answer {name} ", signs.dot)
        return line.append(f" {agent} asks: {text}")


class _Row:
    """A task's line, before it is known how wide its columns are."""

    def __init__(self, picture: Picture, task_id: str, guides: str, signs: Signs) -> None:
        screen = picture.screen
        self._one = one = picture.state.tasks[task_id]
        self._live = live = screen.live.get(task_id)
        self._signs = signs
        self._status = status = screen.word(task_id)
        self.role = guides + words.safe(one.agent)
        self.name = words.safe(one.name)
        self._time = ""
        if status == "running" and live is not None and live.started is not None:
            self._time = words.duration(picture.now - live.started)
        elif one.result is not None and one.result.usage is not None and one.result.usage.seconds is not None:
            self._time = words.duration(one.result.usage.seconds)
        cost = screen.cost(task_id)
        self._money = "" if cost is None else words.money(cost)

    def drawn(self, columns: _Columns) -> Text:
        """The line."""
        signs = self._signs
        mark, style = signs.mark(self._status)
        line = Text.assemble((mark, style), " ", (_cell(self.role, columns.role, signs), "bold"))
        if columns.name:
            line.append(f" {_cell(self.name, columns.name, signs)}")
        if columns.status:
            line.append(f" {self._status:<10}", style)
        line.append(f" {self._time:>6}")
        if columns.money:
            line.append(f" {self._money:>7}")
        doing = self._doing(said=columns.status)
        return line.append(f"  {doing}", "" if self._status == "running" else "dim") if doing else line

    def _doing(self, *, said: bool) -> str:
        """What it is doing, or what came of it. `said`: the line has the status already."""
        one, status = self._one, self._status
        if status == "running" and self._live is not None:
            return words.doing(self._live, self._signs)
        if status == "waiting" and one.needs:
            return words.safe(f"after {', '.join(one.needs)}")
        told = words.gist(one) if one.result is not None else ""
        if said or (status == "complete" and told):
            return told
        return f"{status}: {told}" if told else status


@dataclass(frozen=True, slots=True)
class _Columns:
    """How wide they are; 0: not there."""

    role: int
    name: int
    status: bool
    money: bool

    @classmethod
    def of(cls, rows: Sequence[_Row], width: int) -> _Columns:
        role = max((cell_len(row.role) for row in rows), default=0)
        name = max((cell_len(row.name) for row in rows), default=0)
        if width < WITH_NAME:
            return cls(min(role, max(8, width // 3)), 0, status=False, money=width >= WITH_MONEY)
        # Together at most half of the line: the rest is what a task is doing.
        role = min(role, width // 4 + 2)
        return cls(role, min(name, MOST_NAME, max(8, width // 2 - role)), status=width >= WITH_STATUS, money=True)


def _arranged(shown: Sequence[str], tasks: Mapping[str, TaskState], signs: Signs) -> Iterator[tuple[str, str]]:
    """The tasks, each below the one that it belongs to if that is shown too, with the guides that lead to it."""
    below: dict[str | None, list[str]] = {}
    among = set(shown)
    for task_id in shown:
        head = above(tasks[task_id], tasks)
        below.setdefault(head if head in among and head != task_id else None, []).append(task_id)

    def under(head: str, guides: str) -> Iterator[tuple[str, str]]:
        children = below.get(head, [])
        for task_id in children:
            last = task_id == children[-1]
            yield task_id, guides + signs.guides(last=last)
            yield from under(task_id, guides + signs.guide(last=last))

    for task_id in below.get(None, []):
        yield task_id, ""
        yield from under(task_id, "")


def _cell(text: str, width: int, signs: Signs) -> str:
    return set_cell_size(_cut(text, width, signs), width)


def _cut(text: str, width: int, signs: Signs) -> str:
    if cell_len(text) <= width:
        return text
    return set_cell_size(text, max(0, width - len(signs.ellipsis))).rstrip() + signs.ellipsis


def _fitted(line: Text, width: int, signs: Signs) -> Text:
    """The line in at most `width` columns; in ASCII where there is nothing else."""
    if signs.ascii and not line.plain.isascii():
        line = Text.assemble(*((_ascii(part.plain), part.style) for part in _parts(line)))
    if cell_len(line.plain) > width:
        line.truncate(max(0, width - len(signs.ellipsis)), overflow="crop")
        line.append(signs.ellipsis)
        line.truncate(width, overflow="crop")
    line.no_wrap, line.overflow = True, "crop"
    return line


def _parts(line: Text) -> list[Text]:
    edges = sorted({0, len(line), *(edge for span in line.spans for edge in (span.start, span.end))})
    pieces = line.divide(edges[1:-1])
    return [Text(piece.plain, piece.spans[0].style if piece.spans else "") for piece in pieces]


def _ascii(text: str) -> str:
    return text.encode("ascii", "backslashreplace").decode("ascii")
