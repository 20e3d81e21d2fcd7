"""How notes are searched: texts to words, and words to a ranking, the same whatever keeps the notes."""

from __future__ import annotations

import functools
import math
import re
import unicodedata
from collections.abc import Sequence

QUERY_CHARS = 10_000
"""Of a query that are looked at. Models paste whole files."""

QUERY_WORDS = 32
"""Different words of a query that are looked for, the first ones."""

_WORD_CHARS = 64
"""Of one word; what is longer is told apart by these."""

_K1, _B = 1.2, 0.75
"""The usual weights of BM25 (Robertson and Zaragoza 2009, "The Probabilistic Relevance Framework"), which FTS5 uses."""

_PART_OF_LETTER = frozenset({7, 8, 9})
"""Combining classes that are no accents: nukta, the voice marks of kana, virama (Unicode Standard Annex 44)."""

# Chinese, Japanese, Thai and their neighbours write no blanks between words.
_UNSPACED = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3040-\u30ff\u3400-\u9fff\U00020000-\U0003ffff]+"
)


def words(text: str) -> list[str]:
    """The words of a text in order: letters and digits, lower case, without accents and the plural's s. Of a run in a
    script without blanks: its characters, and its pairs of them."""
    found: list[str] = []
    plain = "".join(map(_folded, unicodedata.normalize("NFKD", text.casefold())))
    for run in unicodedata.normalize("NFC", plain).split():
        found += _parts(run) if _UNSPACED.search(run) else [_singular(run[:_WORD_CHARS])]
    return found


def query_words(query: str) -> list[str]:
    """What a query looks for: each of its first words once."""
    return list(dict.fromkeys(words(query[:QUERY_CHARS])))[:QUERY_WORDS]


def searchable(text: str, tags: Sequence[str]) -> str:
    """A note's words as one string, each with a blank on either side, so that a whole word can be looked for."""
    return "".join(f" {word} " for word in words(" ".join((text, *tags))))


def ranked(documents: Sequence[str], wanted: Sequence[str], *, of: int) -> list[tuple[float, int]]:
    """The documents (`searchable` strings) that have any of the wanted words: score and index, best first, of equals
    the one with the higher index. `of`: how many documents there are with those that have none and may be left out."""
    lengths = [document.count(" ") // 2 for document in documents]
    average = sum(lengths) / len(documents) if documents else 0.0
    scores: dict[int, float] = {}
    for word in wanted:
        counts = {index: count for index, text in enumerate(documents) if (count := text.count(f" {word} "))}
        rarity = math.log(1 + (of - len(counts) + 0.5) / (len(counts) + 0.5))
        for index, count in counts.items():
            length = 1 - _B + _B * lengths[index] / average
            scores[index] = scores.get(index, 0.0) + rarity * count * (_K1 + 1) / (count + _K1 * length)
    return sorted(((score, index) for index, score in scores.items()), reverse=True)


@functools.lru_cache(4096)
def _folded(character: str) -> str:
    """A letter or digit as it is, nothing for an accent, a blank for everything else."""
    if character.isalnum() or unicodedata.combining(character) in _PART_OF_LETTER:
        return character
    if unicodedata.combining(character):
        return ""
    return character if unicodedata.category(character) in {"Mn", "Mc"} else " "  # the vowel signs of Indian scripts


def _parts(run: str) -> list[str]:
    found: list[str] = []
    position = 0
    for match in _UNSPACED.finditer(run):
        found += [_singular(run[position : match.start()][:_WORD_CHARS])] if match.start() > position else []
        characters = match[0]
        found += [*characters, *(characters[at : at + 2] for at in range(len(characters) - 1))]
        position = match.end()
    return found + ([_singular(run[position:][:_WORD_CHARS])] if position < len(run) else [])


def _singular(word: str) -> str:
    """Harman's stemmer for the English plural ("How effective is suffixing?", 1991). In other languages it does no
    harm, since queries go the same way."""
    if len(word) < 4 or not word.endswith("s") or word.endswith(("us", "ss")):
        return word
    if word.endswith("ies"):
        return word if word.endswith(("eies", "aies")) else f"{word[:-3]}y"
    if word.endswith("es"):
        return word if word.endswith(("aes", "ees", "oes")) else word[:-1]
    return word[:-1]
