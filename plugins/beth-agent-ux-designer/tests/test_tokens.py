"""Design tokens, read and held against the rules of their format."""

from __future__ import annotations

import json
from typing import Any

import pytest

from beth_agent_ux_designer.token_types import TYPES, hex_of
from beth_agent_ux_designer.tokens import read_tokens

VALID: dict[str, list[Any]] = {
    "color": [
        "#0b5cad",
        "#0b5cad80",
        {"colorSpace": "srgb", "components": [0, 0.5, 1]},
        {"colorSpace": "oklch", "components": [0.6, 0.1, 240], "hex": "#0b5cad"},
    ],
    "dimension": ["16px", "-0.5rem", ".5rem", "0", {"value": 1.5, "unit": "rem"}],
    "duration": ["200ms", {"value": 0.2, "unit": "s"}],
    "number": [0, 1.5],
    "fontFamily": ["Inter", ["Inter", "sans-serif"]],
    "fontWeight": [350, "semi-bold"],
    "cubicBezier": [[0.4, -1, 0.2, 2]],
    "strokeStyle": ["dashed", {"dashArray": ["1px"], "lineCap": "round"}],
    "border": [{"color": "#000000", "width": "1px", "style": "solid"}],
    "transition": [{"duration": "1ms", "delay": "0ms", "timingFunction": [0, 0, 1, 1]}],
    "shadow": [
        {"color": "#000", "offsetX": "0", "offsetY": "1px", "blur": "2px", "spread": "0"},
        [{"color": "#000", "offsetX": "0", "offsetY": "1px", "blur": "2px", "spread": "0"}],
    ],
    "gradient": [[{"color": "#000", "position": 0}, {"color": "#fff", "position": 1}]],
    "typography": [
        {"fontFamily": "Inter", "fontSize": "1rem", "fontWeight": 400, "letterSpacing": "0", "lineHeight": 1.5}
    ],
}
INVALID: dict[str, list[Any]] = {
    "color": ["blue", 7, {"colorSpace": "oklch", "components": [0.6, 0.1, 240]}, {"hex": "blue"}, ["#000000"]],
    "dimension": ["16", "16em", 16, {"value": "16", "unit": "px"}, {"value": 16, "unit": "em"}, {"value": True}],
    "duration": ["200", "200px", 200],
    "number": ["1", True, None],
    "fontFamily": [7, [], [""], ["Inter", 7]],
    "fontWeight": [0, 1001, "Bold", True],
    "cubicBezier": [[0.4, 0, 0.2], [2, 0, 0.2, 1], "ease"],
    "strokeStyle": ["wavy", {"dashArray": []}, 7],
    "border": ["1px", {"color": "#000000"}],
    "transition": [{"duration": "1ms"}],
    "shadow": [[], [{"color": "#000"}], "none"],
    "gradient": [[], {"color": "#000", "position": 0}],
    "typography": [{"fontFamily": "Inter"}],
}


def problems(document: Any) -> tuple[str, ...]:
    return read_tokens(json.dumps(document)).problems


def test_every_type_is_tried() -> None:
    assert set(VALID) == set(INVALID) == set(TYPES)


@pytest.mark.parametrize(("kind", "value"), [(kind, value) for kind, values in VALID.items() for value in values])
def test_a_value_of_its_type_is_right(kind: str, value: Any) -> None:
    assert problems({"a": {"$type": kind, "$value": value}}) == ()


@pytest.mark.parametrize(("kind", "value"), [(kind, value) for kind, values in INVALID.items() for value in values])
def test_a_value_of_another_type_is_told_with_an_example(kind: str, value: Any) -> None:
    (problem,) = problems({"a": {"$type": kind, "$value": value}})
    assert problem.endswith(f"is no {kind}: write it as {TYPES[kind].example}")


def test_names_are_paths_and_the_type_is_the_nearest() -> None:
    tokens = read_tokens(
        json.dumps(
            {
                "$description": "All of them",
                "color": {
                    "$type": "color",
                    "text": {"error": {"$value": "#b00020", "$description": "Of what went wrong"}},
                    "width": {"$type": "dimension", "$value": "1px"},
                    "$root": {"$value": "#000000"},
                },
            }
        )
    )
    assert tokens.problems == ()
    assert {name: token.kind for name, token in tokens.by_name.items()} == {
        "color.text.error": "color",
        "color.width": "dimension",
        "color.$root": "color",
    }


def test_an_alias_is_worth_what_it_leads_to() -> None:
    tokens = read_tokens(
        json.dumps(
            {"c": {"$type": "color", "a": {"$value": "#b00020"}}, "b": {"$value": "{c.a}"}, "d": {"$value": "{b}"}}
        )
    )
    assert tokens.problems == ()
    assert tokens.colours == {"c.a": "#b00020", "b": "#b00020", "d": "#b00020"}


@pytest.mark.parametrize(
    ("document", "told"),
    [
        ({"a": {"$value": "{b}"}}, "a points to b, which is not there"),
        ({"a": {"$value": "{a}"}}, "a leads nowhere"),
        ({"a": {"$value": "{b}"}, "b": {"$value": "{a}"}}, "a leads nowhere"),
        (
            {"a": {"$type": "border", "$value": {"color": "{x}", "width": "1px", "style": "solid"}}},
            "a points to x, which is not there",
        ),
        ({"a": {"$value": "#000000"}}, "a has no `$type`"),
        ({"a": {"$type": "colour", "$value": "#000000"}}, "a: 'colour' is no `$type`; there are color, dimension"),
        ({"a": "#000000"}, "a is neither a token nor a group"),
        ({"a.b": {"$type": "number", "$value": 1}}, "a.b: 'a.b' is no name"),
        ({"a": {"$type": "number", "$value": 1, "b": {"$value": 2}}}, "a is a token, so it cannot hold b"),
        ({"a": {}}, "it holds no token"),
        ([], "it is no JSON object"),
    ],
)
def test_what_is_wrong_with_a_file_is_told(document: Any, told: str) -> None:
    assert any(told in problem for problem in problems(document))


def test_what_is_no_json_is_told() -> None:
    assert "it is no JSON (" in read_tokens("{a: 1}").problems[0]
    assert "it is no JSON (" in read_tokens("[" * 100_000).problems[0]


def test_a_colour_of_another_space_is_as_its_hex_says() -> None:
    assert hex_of({"colorSpace": "srgb", "components": [1, 0.5, 0], "hex": "#000000"}) == "#ff8000ff"
    assert hex_of({"colorSpace": "srgb", "components": [1, 1, 1], "alpha": 0.5}) == "#ffffff80"
    assert hex_of({"colorSpace": "display-p3", "components": [1, 1, 2], "hex": "#fefefe"}) == "#fefefe"
