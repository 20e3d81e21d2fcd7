"""What a new agent may be called, and what its author may say of it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from beth_sdk.cli.new_answers import Answers, described, problems, role_and_distribution

SOUND = Answers("technical-writer", "beth-agent-technical-writer", "Writes down how things work")


def refused(**changes: object) -> list[str]:
    """Where something will not do."""
    return [where for where, _ in problems(replace(SOUND, **changes))]  # type: ignore[arg-type]


def test_the_class_and_the_package_follow_from_role_and_name() -> None:
    assert (SOUND.class_name, SOUND.package) == ("TechnicalWriter", "beth_agent_technical_writer")
    assert refused() == []


@pytest.mark.parametrize(
    ("name", "role", "expected"),
    [
        ("translator", None, ("translator", "beth-agent-translator")),
        ("beth-agent-translator", None, ("translator", "beth-agent-translator")),
        (None, "translator", ("translator", "beth-agent-translator")),
        ("acme-translator", "translator", ("translator", "acme-translator")),
    ],
)
def test_a_name_alone_is_the_role_and_beside_a_role_the_packages(
    name: str | None, role: str | None, expected: tuple[str, str]
) -> None:
    assert role_and_distribution(name, role) == expected


def test_a_role_describes_itself_where_its_author_does_not() -> None:
    assert described("ux-designer") == "Plays the role of ux designer"


@pytest.mark.parametrize("role", ["", "Writer", "two words", "ends-", "über", "../up", "9lives", "x" * 65, "beth"])
def test_a_role_must_be_one_of_the_contract_and_not_beths_own(role: str) -> None:
    assert "role" in refused(role=role)


@pytest.mark.parametrize("role", ["task", "agent", "kit-context", "none", "true", "exception", "value-error"])
def test_a_role_whose_class_would_hide_another_name_is_refused(role: str) -> None:
    assert refused(role=role) == ["role"]


@pytest.mark.parametrize("name", ["", "Acme", "a b", "a/b", "..", "json", "asyncio", "class", "lambda", "a_b", "a.b"])
def test_a_package_must_have_a_name_that_can_be_installed_and_imported(name: str) -> None:
    assert refused(distribution=name) == ["name"]


@pytest.mark.parametrize("types", [(), ("work", "work"), ("Work",), ("a b",), ("",), ("a/b",)])
def test_task_types_are_named_as_roles_and_each_once(types: tuple[str, ...]) -> None:
    assert "task type" in refused(task_types=types)


@pytest.mark.parametrize("text", ["", "  ", "two\nlines", "a\x1b[31mred", "{{ role }}", "{% if %}", "{# not said #}"])
def test_a_description_is_one_line_of_text_and_no_template(text: str) -> None:
    assert refused(description=text) == ["description"]


@pytest.mark.parametrize("text", ['"quoted" \\ back', "日本語 – ünïcode 🎈", "{braces} and $dollars", "it's"])
def test_any_other_text_may_be_a_description(text: str) -> None:
    assert refused(description=text) == []


@pytest.mark.parametrize("model", ["", "gpt", "/gpt", "openai/", "openai/g p t", 'openai/"', "openai/{{x}}"])
def test_a_model_is_a_provider_and_a_name(model: str) -> None:
    assert refused(model=model) == ["model"]


def test_a_models_name_may_have_slashes() -> None:
    assert refused(model="openrouter/meta/llama-4") == []


@pytest.mark.parametrize("kind", ["python", "command"])
def test_only_an_agent_with_a_model_has_a_model(kind: str) -> None:
    assert refused(kind=kind, model="openai/gpt-4o") == ["model"]
    assert refused(kind=kind) == []
