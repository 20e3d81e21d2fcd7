"""The analyst's program: arranges what the request says in PRD.md. It adds no thought of its own."""

from __future__ import annotations

from typing import Any

from beth_example_command_team.protocol import (
    HONEST,
    criteria_of,
    finish,
    one_line,
    progress,
    read_task,
    work_directory,
    write,
)

OUT_OF_SCOPE = "Everything that no criterion names."

TEMPLATE = """\
# PRD: {title}

> This document was filled from a template; {note}. Nothing in it was thought of, only arranged.

## Problem

{description}

Why anybody wants this, and who, is not known to this program.

## Stories

{stories}

## Acceptance criteria

Each can be tested on its own.

{criteria}

## Out of scope

{out_of_scope}
"""


def main() -> None:
    """Task in, PRD.md and result out."""
    task = read_task()
    description = task["payload"]["description"].strip()
    texts = criteria_of(task)
    progress(f"writing PRD.md with {len(texts)} criteria")
    criteria = [{"id": f"C{n}", "text": text, "story": f"S{n}"} for n, text in enumerate(texts, 1)]
    stories = [story(criterion) for criterion in criteria]
    prd = TEMPLATE.format(
        title=one_line(description)[:80],
        note=HONEST["note"],
        description=description,
        stories="\n".join(f"- **{one['id']}** (from {one['criterion']}): {one['text']}" for one in stories),
        criteria="\n".join(
            f"- [ ] **{one['id']}** (story {one['story']}): {one_line(one['text'])}" for one in criteria
        ),
        out_of_scope=OUT_OF_SCOPE,
    )
    artifact = write(work_directory() / "PRD.md", prd)
    finish(
        f"PRD.md with {len(stories)} stories and {len(criteria)} criteria, from a template",
        {
            "prd": "PRD.md",
            "stories": stories,
            "criteria": criteria,
            "out_of_scope": OUT_OF_SCOPE,
        },
        [artifact],
    )


def story(criterion: dict[str, Any]) -> dict[str, Any]:
    """The story that a criterion belongs to."""
    text = f"As a user, I want this to hold: {one_line(criterion['text'])}."
    return {"id": criterion["story"], "text": text, "criterion": criterion["id"]}


if __name__ == "__main__":
    main()
