"""What the words of a text are, and which text fits best."""

from __future__ import annotations

import pytest

from beth_kit.memory.words import query_words, ranked, searchable, words


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Run the tests!", ["run", "the", "test"]),
        ("Ångström's naïve CAFÉ", ["angstrom", "s", "naive", "cafe"]),
        ("snake_case src/a.py v3.11", ["snake", "case", "src", "a", "py", "v3", "11"]),
        ("queries classes status class gas", ["query", "classe", "status", "class", "gas"]),
        ("ｆｕｌｌ ﬁle", ["full", "file"]),
        ("数据库", ["数", "据", "库", "数据", "据库"]),
        ("ガス", ["ガ", "ス", "ガス"]),
        ("api接口v2", ["api", "接", "口", "接口", "v2"]),
        ("हिन्दी", ["हिन्दी"]),
        ("🚀 — \0 \ud83d", []),
        ("", []),
    ],
)
def test_the_words_of_a_text(text: str, found: list[str]) -> None:
    assert words(text) == found


def test_a_word_without_end_is_told_by_its_beginning() -> None:
    assert words("a" * 100_000) == ["a" * 64]


def test_a_query_looks_for_each_word_once_and_for_32_at_most() -> None:
    assert query_words("a b a") == ["a", "b"]
    assert query_words(" ".join(f"w{n}" for n in range(100))) == [f"w{n}" for n in range(32)]


def test_each_word_of_a_note_stands_alone_tags_too() -> None:
    assert searchable("Use use tabs", ("code style",)) == " use  use  tab  code  style "


def _ranked(query: str, *texts: str) -> list[str]:
    best = ranked([searchable(text, ()) for text in texts], query_words(query), of=len(texts))
    return [texts[index] for _, index in best]


def test_a_rare_word_counts_more_than_a_common_one() -> None:
    assert _ranked("build cache", "build one", "build two", "cache six", "build ten")[0] == "cache six"


def test_more_of_a_word_counts_more_and_a_long_text_counts_less() -> None:
    assert _ranked("cache", "cache or not", "cache cache now", "nothing here")[0] == "cache cache now"
    assert _ranked("cache", "cache and much more besides it", "the cache", "none")[0] == "the cache"


def test_only_what_has_a_word_is_ranked_and_of_equals_the_later_comes_first() -> None:
    assert _ranked("cache", "cache a", "none", "cache b") == ["cache b", "cache a"]
    assert _ranked("cache") == []


def test_scores_are_never_negative() -> None:
    assert all(score > 0 for score, _ in ranked([" a "] * 5, ["a"], of=5))
