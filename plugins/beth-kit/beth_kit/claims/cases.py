"""The tests in a file, in Python, JavaScript and TypeScript, Go, Rust, Java and Kotlin. Pure."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from beth_kit.claims.paths import is_test


@dataclass(frozen=True, slots=True)
class Case:
    """A test. `name` has its class before it, as in `TestLogin::test_it`; `line` counts from 1; `body` is its code
    without the name; `cases` how many values it is run with, where they are written out."""

    path: str
    name: str
    line: int
    body: str
    cases: int = 1

    @property
    def bare(self) -> str:
        """The name alone."""
        return self.name.rpartition("::")[2]


_Found = tuple[str, int, int]
"""A test's name, the offset where it begins, and where its body begins."""

# A comment's mark within a string, as in "http://…", begins none.
_STRING_OR_COMMENT = re.compile(
    r"""(?P<comment>//[^\n]*|/\*.*?\*/)|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`(?:\\.|[^`\\])*`""", re.DOTALL
)
_BLANKED = re.compile(r"[^\n]")
_TITLE = r"""(?P<quote>["'`])(?P<name>(?:\\.|(?!(?P=quote))[^\\])*)(?P=quote)"""

_SCRIPT = re.compile(rf"(?<![\w.$])(?:it|test|specify|[xf]it|xtest)(?:\.\w+)*\s*\(\s*{_TITLE}", re.DOTALL)
_SCRIPT_EACH = re.compile(
    rf"(?<![\w.$])(?:it|test)(?:\.\w+)*\.each(?:\s*\((?:[^()]|\([^()]*\))*\)|\s*`[^`]*`)\s*\(\s*{_TITLE}", re.DOTALL
)
_GO = re.compile(r"^func\s+(?:\([^)\n]*\)\s*)?(?P<name>(?:Test|Fuzz|Example|Benchmark)\w*)\s*\(", re.MULTILINE)
_RUST = re.compile(
    r"#\[(?:\w+::)*(?:test|rstest|test_case|quickcheck|wasm_bindgen_test)\b[^\]]*\]\s*(?:#\[[^\]]*\]\s*)*"
    r"(?:pub(?:\([^)]*\))?\s+)?(?:async\s+)?fn\s+(?P<name>\w+)"
)
_JAVA = re.compile(
    r"@(?:[\w.]+\.)?(?:Test|ParameterizedTest|RepeatedTest|TestFactory|TestTemplate)\b(?:\s*\([^)]*\))?"
    r"(?:\s*@\w[\w.]*(?:\s*\((?:[^()]|\([^()]*\))*\))?)*\s*"
    r"(?:(?:public|protected|private|internal|static|final|suspend|abstract|default)\s+)*"
    r"(?:fun\s+(?:`(?P<quoted>[^`\n]+)`|(?P<kotlin>\w+))|[\w<>\[\],.? ]+?\s+(?P<java>\w+)\s*\()"
)


def cases_in(path: str, text: str) -> list[Case]:
    """The tests of a file, in their order; none where its language is not known."""
    found = _LANGUAGES.get(PurePosixPath(path).suffix)
    return list(found(path, text)) if found else []


# -- Python -----------------------------------------------------------------------------------

_DEF = re.compile(r"^[ \t]*(?:async[ \t]+)?def[ \t]+(?P<name>test\w*)[ \t]*\(", re.MULTILINE)


def _python(path: str, text: str) -> Iterator[Case]:
    if not is_test(path):
        return
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError):
        yield from _spread(path, text, [(found["name"], found.start(), found.end()) for found in _DEF.finditer(text)])
        return
    yield from _in_body(path, tree.body, "", text.split("\n"))


def _in_body(path: str, body: Sequence[ast.stmt], inside: str, lines: Sequence[str]) -> Iterator[Case]:
    for node in body:
        if isinstance(node, ast.ClassDef):
            yield from _in_body(path, node.body, f"{inside}{node.name}::", lines)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test"):
            code = "\n".join(lines[node.body[0].lineno - 1 : node.end_lineno])
            yield Case(path, f"{inside}{node.name}", node.lineno, code, _values(node))
        elif isinstance(node, ast.If | ast.Try | ast.With):
            yield from _in_body(path, node.body, inside, lines)


def _values(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """How many values `parametrize` names for a test; 1 where that cannot be read off."""
    number = 1
    for decorator in node.decorator_list:
        if isinstance(decorator, ast.Call) and ast.unparse(decorator.func).endswith("parametrize"):
            given = [*decorator.args[1:2], *(one.value for one in decorator.keywords if one.arg == "argvalues")]
            if given and isinstance(given[0], ast.List | ast.Tuple | ast.Set):
                number *= max(len(given[0].elts), 1)
    return number


# -- the others -------------------------------------------------------------------------------


def _script(path: str, text: str) -> Iterator[Case]:
    if not is_test(path):
        return
    code = _without_comments(text)
    found = [*_SCRIPT.finditer(code), *_SCRIPT_EACH.finditer(code)]
    yield from _spread(path, code, [(one["name"], one.start(), one.end()) for one in found])


def _go(path: str, text: str) -> Iterator[Case]:
    if path.endswith("_test.go"):
        code = _without_comments(text)
        yield from _spread(path, code, [(one["name"], one.start(), one.end()) for one in _GO.finditer(code)])


def _rust(path: str, text: str) -> Iterator[Case]:
    code = _without_comments(text)
    yield from _spread(path, code, [(one["name"], one.start("name"), one.end()) for one in _RUST.finditer(code)])


def _java(path: str, text: str) -> Iterator[Case]:
    code = _without_comments(text)
    found = [(one["quoted"] or one["kotlin"] or one["java"], _name_at(one), one.end()) for one in _JAVA.finditer(code)]
    yield from _spread(path, code, found)


def _name_at(found: re.Match[str]) -> int:
    return max(found.start(group) for group in ("quoted", "kotlin", "java"))


_LANGUAGES: dict[str, Callable[[str, str], Iterator[Case]]] = {
    ".py": _python,
    **dict.fromkeys((".js", ".jsx", ".mjs", ".cjs", ".ts", ".tsx", ".mts", ".cts"), _script),
    ".go": _go,
    ".rs": _rust,
    **dict.fromkeys((".java", ".kt", ".kts"), _java),
}


def _spread(path: str, code: str, found: Sequence[_Found]) -> Iterator[Case]:
    """Tests whose bodies reach to the next one's beginning."""
    ordered = sorted(found, key=lambda one: one[1])
    for number, (name, start, inner) in enumerate(ordered, 1):
        end = ordered[number][1] if number < len(ordered) else len(code)
        yield Case(path, name, code.count("\n", 0, start) + 1, code[inner:end])


def _without_comments(text: str) -> str:
    """Code with blanks in place of comments, its lines where they were: a test in a comment is none."""
    return _STRING_OR_COMMENT.sub(lambda one: one[0] if one["comment"] is None else _BLANKED.sub(" ", one[0]), text)
