"""The builder's program: makes a skeleton for the request in which every criterion can be traced."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from beth_example_command_team.builder.skeleton import files, package_name
from beth_example_command_team.protocol import criteria_of, finish, one_line, progress, read_task, work_directory, write

MEDIA_TYPES = {".json": "application/json", ".md": "text/markdown", ".py": "text/x-python"}


def main() -> None:
    """Task in, files and result out. A `fix` makes all files anew, which is all that can be done without a model."""
    task = read_task()
    directory = work_directory()
    description = task["payload"]["description"].strip()
    criteria = traced(criteria_of(task), directory)
    made = files(description, criteria)
    artifacts = []
    for number, (name, text) in enumerate(made.items(), 1):
        progress(f"writing {name}", file=number, of=len(made))
        artifacts.append(write(directory / name, text, MEDIA_TYPES[Path(name).suffix]))
    seen = findings(task)
    answer = f"; {len(seen)} findings seen, all files made anew" if seen else ""
    finish(
        f"{len(made)} files, a skeleton with a traceability test for each of {len(criteria)} criteria; "
        f"nothing is implemented{answer}",
        {
            "package": package_name(description),
            "files": list(made),
            "criteria": criteria,
            "findings_seen": seen,
        },
        artifacts,
    )


def traced(texts: list[str], directory: Path) -> list[dict[str, Any]]:
    """The criteria, each with the story that PRD.md gives it; None where there is no PRD, or nothing of it there."""
    prd = directory / "PRD.md"
    lines = prd.read_text(encoding="utf-8").splitlines() if prd.is_file() else []
    found = (re.match(r"- \[ \] \*\*(C\d+)\*\* \(story (S\d+)\): (.*)", line) for line in lines)
    stories = {(match[1], match[3]): match[2] for match in found if match}
    numbered = ((f"C{n}", text) for n, text in enumerate(texts, 1))
    return [{"id": name, "text": text, "story": stories.get((name, one_line(text)))} for name, text in numbered]


def findings(task: dict[str, Any]) -> list[dict[str, Any]]:
    """What a checker found, from the task itself or from the results it builds on."""
    payload = task["payload"]
    sources = [payload, *(one.get("result") for one in payload.get("upstream", []) if isinstance(one, dict))]
    lists = [one.get("findings") for one in sources if isinstance(one, dict)]
    return [one for found in lists if isinstance(found, list) for one in found if isinstance(one, dict)]


if __name__ == "__main__":
    main()
