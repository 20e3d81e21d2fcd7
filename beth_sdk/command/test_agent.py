"""CommandAgent in a running task: once for each task, with questions, other tasks, cancel and death in the middle."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from beth_sdk.agent import Suspended
from beth_sdk.command.conftest import Playing
from beth_sdk.errors import JournalMismatch, ManifestError, Rejected, StepRaised
from beth_sdk.testing import ManualClock
from beth_sdk.worker.context import RUN_AGAIN, TAKE_AS_DONE

READY = json.dumps({"progress": "ready"})


COUNT = "open('runs', 'a').write('x')\ntask = json.load(sys.stdin)\n"


async def test_the_task_goes_in_and_the_result_comes_out(playing: Playing) -> None:
    await playing.set_up("print(json.dumps({'heard': json.load(sys.stdin)['payload']['description']}))")
    result = await playing.execute()
    assert (result.status, result.task_id) == ("complete", "task-abc123")
    assert result.result == {"heard": "Build user authentication with JWT"}


async def test_a_redelivered_task_whose_command_has_an_outcome_does_not_run_it_again(playing: Playing) -> None:
    await playing.set_up(COUNT + "print('\"done\"')")
    assert [(await playing.execute()).result for _ in range(3)] == ["done"] * 3
    assert playing.runs() == 1


async def test_another_payload_under_the_same_id_is_no_replay(playing: Playing) -> None:
    await playing.set_up("print('\"done\"')")
    await playing.execute()
    with pytest.raises(JournalMismatch):
        await playing.execute(payload={"description": "Something else"})


async def test_progress_is_published_while_the_command_runs(playing: Playing) -> None:
    await playing.set_up(f"print({READY!r}, file=sys.stderr)\nsignal.pause()")
    running = asyncio.create_task(playing.execute())
    await playing.kept.says("ready")
    assert not running.done()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


async def test_the_command_works_in_the_requests_directory(playing: Playing) -> None:
    await playing.set_up(
        "t = json.load(sys.stdin); print(json.dumps([os.getcwd(), os.environ['BETH_WORK_DIR'], t['beth']['work_dir']]))"
    )
    directory = str(playing.folder / "home" / "work" / "req-1")
    assert (await playing.execute()).result == [directory] * 3


# -- what it uses up --------------------------------------------------------------------------

ASK_ONCE = """
said = json.load(sys.stdin)
usage = {"usage": {"cost_usd": 0.25, "llm_calls": 1, "model": "own"}}
if not said["beth"]["answers"]:
    print(json.dumps({"status": "needs_input", "question": {"text": "How?"}, **usage}))
else:
    print(json.dumps({"status": "complete", "result": 1, **usage}))
"""


async def test_what_a_command_says_it_used_adds_up_over_its_runs(playing: Playing) -> None:
    await playing.set_up(ASK_ONCE)
    with pytest.raises(Suspended):
        await playing.execute()
    await playing.execute(continuation=1, answer={"question": "ask:0", "text": "So"})
    assert playing.kept.delivered().spending.used == {"cost_usd": 0.5, "llm_calls": 2}


SHORT = """
task = json.load(sys.stdin)
open('runs', 'a').write('x')
if task["budget"]["cost_usd"] < 1:
    details = {"limit": "budget", "dimension": "cost_usd", "spent": 0.1, "wanted": 1.0}
    print(json.dumps({"status": "failed", "error": {"code": "cost_limit", "message": "over", "details": details}}))
else:
    print('"done"')
"""


async def test_a_command_whose_budget_did_not_reach_runs_again_with_a_larger_one(playing: Playing) -> None:
    await playing.set_up(SHORT)
    first = await playing.execute(budget={"cost_usd": 0.1, "more": True})
    assert first.error is not None
    assert first.error.code == "cost_limit"
    last = await playing.execute(continuation=1, budget={"cost_usd": 2.0, "more": True})
    assert (last.status, playing.runs()) == ("complete", 2)


async def test_a_command_whose_budget_cannot_grow_is_not_run_again(playing: Playing) -> None:
    await playing.set_up(SHORT)
    for continuation in range(2):
        result = await playing.execute(continuation=continuation, budget={"cost_usd": 0.1})
        assert result.status == "failed"
    assert playing.runs() == 1


# -- how it fails -----------------------------------------------------------------------------


@pytest.mark.parametrize(("repeat", "retryable"), [("safe", True), ("never", False)])
async def test_a_failed_command_is_tried_again_only_where_that_is_safe(
    playing: Playing, repeat: str, retryable: bool
) -> None:
    await playing.set_up("sys.exit('out of luck')", repeat=repeat)
    with pytest.raises(StepRaised, match=r"exit code 1; the end of its stderr:\nout of luck") as raised:
        await playing.execute()
    assert raised.value.retryable is retryable
    assert "step_done" not in playing.kept.kinds()


async def test_exit_code_75_is_tried_again_whatever_the_manifest_says(playing: Playing) -> None:
    await playing.set_up(COUNT + "sys.exit(75) if os.path.getsize('runs') < 2 else print('[]')", repeat="never")
    with pytest.raises(StepRaised) as raised:
        await playing.execute()
    assert raised.value.retryable
    assert (await playing.execute()).result == []


async def test_exit_code_65_rejects_the_task_once_and_for_all(playing: Playing) -> None:
    await playing.set_up(COUNT + "print('no such language', file=sys.stderr); sys.exit(65)")
    for _ in range(2):
        with pytest.raises(Rejected, match="no such language"):
            await playing.execute()
    assert playing.runs() == 1


async def test_a_rejection_on_stdout_keeps_its_code_and_details(playing: Playing) -> None:
    error = {"code": "no_tests", "message": "nothing to test", "details": {"looked_in": "tests"}}
    await playing.set_up(f"print(json.dumps({{'status': 'rejected', 'error': {error!r}}}))")
    with pytest.raises(Rejected) as raised:
        await playing.execute()
    assert (raised.value.code, raised.value.details) == ("no_tests", {"looked_in": "tests"})


async def test_failed_on_stdout_is_the_end_of_the_task(playing: Playing) -> None:
    await playing.set_up("print(json.dumps({'status': 'failed', 'error': {'code': 'x', 'message': 'because'}}))")
    result = await playing.execute()
    assert result.status == "failed"
    assert result.error is not None
    assert result.error.message == "because"


async def test_the_manifests_timeout_stops_the_command(playing: Playing, clock: ManualClock) -> None:
    await playing.set_up(f"print({READY!r}, file=sys.stderr)\nsignal.pause()", limits={"timeout": "90s"})
    running = asyncio.create_task(playing.execute())
    await playing.kept.says("ready")
    clock.advance(90)
    with pytest.raises(StepRaised, match="its time was up"):
        await running


async def test_a_program_removed_after_the_start_is_tried_again(playing: Playing) -> None:
    script = playing.folder / "package" / "agent.sh"
    script.parent.mkdir()
    script.write_text("#!/bin/sh\necho '[]'\n")
    script.chmod(0o755)
    await playing.set_up("", command=["./agent.sh"], repeat="never")
    script.unlink()
    with pytest.raises(StepRaised, match=r"could not be started: .*No such file") as raised:
        await playing.execute()
    assert raised.value.retryable


async def test_a_script_without_an_interpreter_line_says_what_is_missing(playing: Playing) -> None:
    script = playing.folder / "package" / "agent.sh"
    script.parent.mkdir()
    script.write_text("echo '[]'\n")
    script.chmod(0o755)
    await playing.set_up("", command=["./agent.sh"])
    with pytest.raises(StepRaised, match="a script needs a first line such as #!/bin/sh"):
        await playing.execute()


async def test_a_program_that_does_not_exist_stops_the_start(playing: Playing) -> None:
    with pytest.raises(ManifestError, match=r"agent\.toml: command 'no-such-program' is not installed"):
        await playing.set_up("", command=["no-such-program"])


async def test_the_output_schema_of_the_task_type_holds(playing: Playing) -> None:
    (playing.folder / "package").mkdir()
    schema = {"type": "object", "required": ["summary"]}
    (playing.folder / "package" / "out.json").write_text(json.dumps(schema))
    await playing.set_up("print('{}')", task_types={"implement": {"output": "out.json"}})
    with pytest.raises(StepRaised, match="summary"):
        await playing.execute()


# -- questions and other tasks ----------------------------------------------------------------

ASKS_TWICE = (
    COUNT
    + """
answers = task["beth"]["answers"]
if len(answers) < 2:
    question = {"text": f"Question {len(answers)}?", "options": ["a", "b"]}
    print(json.dumps({"status": "needs_input", "question": question}))
else:
    print(json.dumps({"answers": answers, "answer": task["answer"], "run": task["beth"]["run"]}))
"""
)


async def test_a_question_ends_the_run_and_each_answer_runs_the_command_once_more(playing: Playing) -> None:
    await playing.set_up(ASKS_TWICE)
    with pytest.raises(Suspended) as first:
        await playing.execute()
    assert first.value.question is not None
    assert (first.value.question.text, first.value.question.options) == ("Question 0?", ["a", "b"])
    assert playing.kept.kinds()[-1] == "step_done"

    answer = {"question": first.value.question.id, "text": "a"}
    for _ in range(2):  # the second time as after a crash: nothing runs again
        with pytest.raises(Suspended) as second:
            await playing.execute(continuation=1, answer=answer)
        assert playing.runs() == 2

    assert second.value.question is not None
    result = await playing.execute(continuation=2, answer={"question": second.value.question.id, "text": "b"})
    assert result.result == {
        "answers": [{"question": "Question 0?", "text": "a"}, {"question": "Question 1?", "text": "b"}],
        "answer": {"text": "b"},
        "run": 2,
    }
    assert playing.runs() == 3


async def test_wanted_tasks_end_the_run_and_their_results_run_the_command_again(playing: Playing) -> None:
    await playing.set_up(
        COUNT
        + """
wanted = {"name": "look", "agent": "researcher", "type": "research", "payload": {"description": "Look it up"}}
if "answer" in task:
    print(json.dumps(task["answer"]["results"]))
else:
    print(json.dumps({"status": "needs_tasks", "tasks": [wanted]}))
"""
    )
    with pytest.raises(Suspended) as suspended:
        await playing.execute()
    assert [task.name for task in suspended.value.tasks] == ["look"]
    results = [{"task_id": "task-2", "status": "complete", "result": "found"}]
    answer = {"question": suspended.value.data["question"], "results": results}
    assert (await playing.execute(continuation=1, answer=answer)).result == results
    assert playing.runs() == 2


# -- cancel, and a worker that dies -----------------------------------------------------------


async def test_cancelling_the_task_ends_the_command(playing: Playing) -> None:
    await playing.set_up(f"""
def end(*_):
    open('ended', 'w').close()
    sys.exit(0)
signal.signal(signal.SIGTERM, end)
print({READY!r}, file=sys.stderr)
signal.pause()
""")
    running = asyncio.create_task(playing.execute())
    await playing.kept.says("ready")
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert (playing.folder / "home" / "work" / "req-1" / "ended").exists()
    assert "step_done" not in playing.kept.kinds()


async def died_in_the_middle(playing: Playing, **manifest: Any) -> None:
    """The first delivery of a command that then would end at once; its worker dies while it runs."""
    await playing.set_up(
        COUNT
        + f"print({READY!r}, file=sys.stderr, flush=True)\n"
        + "signal.pause() if os.path.getsize('runs') < 2 else print('\"done\"')",
        **manifest,
    )
    running = asyncio.create_task(playing.execute())
    await playing.kept.says("ready")
    running.cancel()  # for the journal the same as a death: neither an outcome nor an error
    with pytest.raises(asyncio.CancelledError):
        await running


async def test_with_repeat_safe_it_simply_runs_again(playing: Playing) -> None:
    await died_in_the_middle(playing, repeat="safe")
    assert (await playing.execute()).result == "done"
    assert playing.runs() == 2


async def test_with_repeat_never_a_person_is_asked_and_may_say_run_it_again(playing: Playing) -> None:
    await died_in_the_middle(playing, repeat="never")
    with pytest.raises(Suspended) as suspended:
        await playing.execute()
    assert playing.runs() == 1
    assert suspended.value.question is not None
    answer = {"question": suspended.value.question.id, "text": RUN_AGAIN}
    assert (await playing.execute(continuation=1, answer=answer)).result == "done"
    assert playing.runs() == 2


async def test_with_repeat_never_a_person_may_take_it_as_done(playing: Playing) -> None:
    await died_in_the_middle(playing, repeat="never")
    with pytest.raises(Suspended) as suspended:
        await playing.execute()
    assert suspended.value.question is not None
    answer = {"question": suspended.value.question.id, "text": TAKE_AS_DONE}
    result = await playing.execute(continuation=1, answer=answer)
    assert result.status == "complete"
    assert "a person took it as done" in str(result.result)
    assert playing.runs() == 1
