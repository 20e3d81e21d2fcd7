"""When a model goes in circles, and when it only looks like it."""

from __future__ import annotations

from beth_kit.loop.stuck import Exchange, stuck


def turn(
    tool: str = "bash", arguments: str = '{"command": "ls"}', answer: str = "a.py", *, error: bool = False
) -> Exchange:
    return Exchange(((tool, arguments),), ((answer, error),))


SILENCE = Exchange((), ())


def test_a_task_that_just_began_is_not_stuck() -> None:
    assert stuck([]) is None
    assert stuck([turn()]) is None


def test_the_same_call_with_the_same_answer_counts_from_the_fourth_time_on() -> None:
    assert stuck([turn()] * 3) is None
    words = stuck([turn()] * 4)
    assert words is not None
    assert "`bash` 4 times" in words


def test_the_same_call_with_another_answer_is_progress() -> None:
    assert stuck([turn(answer=f"{number} left") for number in range(9)]) is None


def test_another_call_in_between_begins_anew() -> None:
    assert stuck([turn(), turn(), turn(), turn("edit", "{}", "done"), turn()]) is None


def test_only_the_end_counts() -> None:
    assert stuck([*[turn()] * 5, turn("edit", "{}", "done")]) is None


def test_arguments_are_compared_as_json() -> None:
    one, other = '{"path": "a", "view": true}', '{"view":true,"path":"a"}'
    assert stuck([turn(arguments=one), turn(arguments=other)] * 2) is not None


def test_arguments_that_are_no_json_are_compared_as_text() -> None:
    assert stuck([turn(arguments="{not json")] * 4) is not None
    assert stuck([turn(arguments="{" * number) for number in range(1, 9)]) is None


def test_how_long_a_command_took_makes_no_difference() -> None:
    assert stuck([turn(answer=f"3 passed in 0.{number}1s at 12:00:0{number}") for number in range(4)]) is not None


def test_how_many_tests_passed_makes_a_difference() -> None:
    assert stuck([turn(answer=f"{number} passed in 0.11s") for number in range(4)]) is None


def test_three_errors_of_a_tool_with_the_same_words_count_whatever_was_asked() -> None:
    failures = [turn("edit", f'{{"old": "{number}"}}', "no match", error=True) for number in range(3)]
    assert stuck(failures[:2]) is None
    words = stuck(failures)
    assert words is not None
    assert "`edit` failed 3 times" in words
    assert "no match" in words


def test_errors_with_different_words_are_attempts() -> None:
    assert stuck([turn("edit", "{}", f"line {number}", error=True) for number in range(5)]) is None


def test_several_errors_within_one_turn_are_one() -> None:
    calls = tuple(("edit", f'{{"old": "{number}"}}') for number in range(3))
    assert stuck([Exchange(calls, (("no match", True),) * 3)]) is None


def test_a_tool_that_also_worked_has_not_failed() -> None:
    mixed = [
        Exchange((("edit", f"{number}"), ("edit", f"{number}{number}")), (("no match", True), ("done", False)))
        for number in range(3)
    ]
    assert stuck(mixed) is None


def test_alternating_counts_from_the_third_round_on() -> None:
    there, back = turn("edit", "{}", "changed"), turn("bash", "{}", "2 failed")
    assert stuck([there, back] * 2) is None
    words = stuck([there, back] * 3)
    assert words is not None
    assert "`edit`, `bash`" in words


def test_a_circle_of_three_counts_too() -> None:
    circle = [turn("edit", str(number), "changed") for number in range(3)]
    assert stuck(circle * 3) is not None
    assert stuck([*circle * 2, circle[0], circle[1]]) is None


def test_three_replies_without_a_call_count() -> None:
    assert stuck([turn(), SILENCE, SILENCE]) is None
    words = stuck([turn(), SILENCE, SILENCE, SILENCE])
    assert words is not None
    assert "`finish`" in words


def test_what_it_says_of_a_long_error_is_short() -> None:
    words = stuck([turn(answer="x" * 5000, error=True)] * 3)
    assert words is not None
    assert len(words) < 600
