"""Changes that check less than before, in each language, and those that only look like it."""

from __future__ import annotations

import difflib
import time

import pytest

from beth_kit.claims.patch import FilePatch, Line
from beth_kit.claims.weakened import objection, weakened
from beth_kit.claims.work import Work


def work_of(before: dict[str, str], after: dict[str, str]) -> Work:
    """What git would say of it, without following a file to another name."""
    paths = sorted({path for path in before | after if before.get(path) != after.get(path)})
    old = {path: before[path] for path in paths if path in before}
    new = {path: after[path] for path in paths if path in after}
    return Work([_patch(path, old.get(path), new.get(path)) for path in paths], old, new)


def _patch(path: str, old: str | None, new: str | None) -> FilePatch:
    patch = FilePatch(path if old is not None else None, path if new is not None else None)
    left, right = (old or "").split("\n"), (new or "").split("\n")
    for tag, a, b, c, d in difflib.SequenceMatcher(None, left, right, autojunk=False).get_opcodes():
        if tag != "equal":
            patch.removed += [Line(number + 1, left[number]) for number in range(a, b)]
            patch.added += [Line(number + 1, right[number]) for number in range(c, d)]
    return patch


def found(before: dict[str, str], after: dict[str, str]) -> list[str]:
    return [one.what for one in weakened(work_of(before, after))]


PYTEST = """\
import pytest


def test_login() -> None:
    answer = login("ada", "right")
    assert answer.status == 200
    assert answer.token


class TestLogout:
    async def test_it_ends_the_session(self) -> None:
        assert await logout() == "bye"
"""
UNITTEST = """\
class LoginTest(unittest.TestCase):
    def test_login(self):
        self.assertEqual(login().status, 200)

    def test_logout(self):
        self.assertTrue(logout())
"""
REORDERED = """\
class LoginTest(unittest.TestCase):
    def test_logout(self):
        self.assertTrue(logout())

    def test_login(self):
        self.assertEqual(login().status, 200)
"""
CALLING = PYTEST.replace("assert answer.status == 200\n    assert answer.token\n", "check_welcome(answer)\n")
JEST = """\
describe('login', () => {
  it('lets the user in', async () => {
    expect(await login('ada')).toBe(200);
  });
  test("refuses a wrong password", () => {
    expect(login('eve')).toBe(401); // not 200: "it('no test', …)"
  });
  it.each([[1, 2], [3, 4]])(`adds %i`, (a, b) => {
    expect(a + 1).toBe(b);
  });
});
"""
GO = """\
func TestLogin(t *testing.T) {
	if login() != 200 {
		t.Errorf("no")
	}
}

func (s *Suite) TestLogout() {
	s.Require().NoError(logout())
}
"""
RUST = """\
pub fn add(a: u8, b: u8) -> u8 { a + b }

#[cfg(test)]
mod tests {
    #[test]
    fn adds() {
        assert_eq!(add(1, 2), 3);
    }

    #[tokio::test]
    #[should_panic(expected = "overflow")]
    async fn refuses_too_much() {
        add(255, 1);
    }
}
"""
JUNIT = """\
class LoginTest {
    @Test
    void letsTheUserIn() {
        assertEquals(200, login("ada"));
    }

    @ParameterizedTest
    @ValueSource(strings = {"", " "})
    public void refusesBlanks(String name) throws Exception {
        assertThrows(Refused.class, () -> login(name));
    }
}
"""
KOTLIN = """\
class LoginTest {
    @Test
    fun `lets the user in`() {
        assertEquals(200, login("ada"))
    }
}
"""


def without(text: str, first: int, last: int) -> str:
    lines = text.split("\n")
    return "\n".join(lines[: first - 1] + lines[last:])


@pytest.mark.parametrize(
    ("path", "text", "first", "last", "where"),
    [
        ("test_login.py", PYTEST, 4, 7, "4: the test 'test_login' is gone"),
        ("test_login.py", PYTEST, 11, 12, "11: the test 'TestLogout::test_it_ends_the_session' is gone"),
        ("test_login.py", UNITTEST, 5, 6, "5: the test 'LoginTest::test_logout' is gone"),
        ("login.test.ts", JEST, 2, 4, "2: the test 'lets the user in' is gone"),
        ("login.spec.js", JEST, 5, 7, "5: the test 'refuses a wrong password' is gone"),
        ("login.spec.js", JEST, 8, 10, "8: the test 'adds %i' is gone"),
        ("login_test.go", GO, 1, 5, "1: the test 'TestLogin' is gone"),
        ("login_test.go", GO, 7, 9, "7: the test 'TestLogout' is gone"),
        ("src/lib.rs", RUST, 5, 8, "6: the test 'adds' is gone"),
        ("src/lib.rs", RUST, 10, 14, "12: the test 'refuses_too_much' is gone"),
        ("src/test/LoginTest.java", JUNIT, 2, 5, "3: the test 'letsTheUserIn' is gone"),
        ("src/test/LoginTest.java", JUNIT, 7, 11, "9: the test 'refusesBlanks' is gone"),
        ("src/test/LoginTest.kt", KOTLIN, 2, 5, "3: the test 'lets the user in' is gone"),
    ],
)
def test_a_removed_test_is_named_with_its_file_and_line(
    path: str, text: str, first: int, last: int, where: str
) -> None:
    assert found({path: text}, {path: without(text, first, last)}) == [f"{path}:{where}"]


@pytest.mark.parametrize(
    ("path", "text", "number"),
    [
        ("test_login.py", PYTEST, "2 tests with it: 'test_login', 'TestLogout::test_it_ends_the_session'"),
        ("login.test.ts", JEST, "3 tests with it: 'lets the user in', 'refuses a wrong password', 'adds %i'"),
        ("login_test.go", GO, "2 tests with it: 'TestLogin', 'TestLogout'"),
        ("src/test/LoginTest.kt", KOTLIN, "its test with it: 'lets the user in'"),
    ],
)
def test_a_deleted_test_file_is_named_once(path: str, text: str, number: str) -> None:
    (one,) = found({path: text}, {})
    assert one.endswith(f"the file is gone, and {number}")


@pytest.mark.parametrize(
    ("path", "text", "old", "new"),
    [
        ("test_login.py", PYTEST, "def test_login", "def check_login"),
        ("test_login.py", PYTEST, "    async def test_it", "    async def it"),
        ("login.test.ts", JEST, "  it('lets", "  // it('lets"),
        ("login.test.ts", JEST, "  it('lets", "  /* it('lets */ describe('lets"),
        ("login_test.go", GO, "func TestLogin", "func testLogin"),
        ("src/lib.rs", RUST, "    #[test]\n", ""),
        ("src/LoginTest.java", JUNIT, "    @Test\n", ""),
    ],
)
def test_a_test_that_nobody_finds_any_more_is_gone(path: str, text: str, old: str, new: str) -> None:
    assert old in text
    (one,) = found({path: text}, {path: text.replace(old, new)})
    assert one.endswith("is gone")


def test_a_test_file_under_a_name_that_nobody_looks_for_is_gone() -> None:
    work = Work([FilePatch("test_a.py", "a_off.py")], {"test_a.py": PYTEST}, {"a_off.py": PYTEST})
    assert [one.what.rpartition(" is ")[2] for one in weakened(work)] == ["gone", "gone"]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param({"test_a.py": PYTEST}, {"tests/test_b.py": PYTEST}, id="the file moved"),
        pytest.param({"a.test.ts": JEST}, {"b.test.ts": JEST}, id="the script's file moved"),
        pytest.param(
            {"test_a.py": PYTEST},
            {"test_a.py": without(PYTEST, 10, 12), "test_b.py": "\n".join(PYTEST.split("\n")[9:])},
            id="one test moved to another file",
        ),
        pytest.param(
            {"test_a.py": PYTEST}, {"test_a.py": PYTEST.replace("test_login", "test_signing_in")}, id="renamed"
        ),
        pytest.param(
            {"test_a.py": PYTEST}, {"test_a.py": PYTEST.replace("TestLogout", "TestLeaving")}, id="class renamed"
        ),
        pytest.param(
            {"a.test.ts": JEST}, {"a.test.ts": JEST.replace("lets the user in", "signs in")}, id="title changed"
        ),
        pytest.param({"a_test.go": GO}, {"a_test.go": GO.replace("TestLogin", "TestSignIn")}, id="go renamed"),
        pytest.param({"src/lib.rs": RUST}, {"src/lib.rs": RUST.replace("fn adds", "fn sums")}, id="rust renamed"),
        pytest.param(
            {"ATest.java": JUNIT}, {"ATest.java": JUNIT.replace("letsTheUserIn", "signsIn")}, id="java renamed"
        ),
        pytest.param(
            {"test_a.py": PYTEST},
            {"test_b.py": PYTEST.replace("test_login", "test_signing_in").replace('"ada"', '"eve"')},
            id="moved, renamed and a little different",
        ),
        pytest.param({"test_a.py": UNITTEST}, {"test_a.py": REORDERED}, id="in another order"),
        pytest.param(
            {"test_a.py": PYTEST},
            {"test_a.py": PYTEST.replace("assert answer.token", "assert len(answer.token) == 20")},
            id="stricter",
        ),
        pytest.param({"test_a.py": PYTEST}, {"test_a.py": CALLING}, id="assertions went to a function"),
        pytest.param({"app.py": "def test_mode(): ...\n"}, {"app.py": ""}, id="no test, by its file"),
        pytest.param({"src/a.ts": "it('x', f)"}, {"src/a.ts": ""}, id="no test, by the script's file"),
        pytest.param({"README.md": "@pytest.mark.skip"}, {"README.md": "# type: ignore\nit.only("}, id="prose"),
        pytest.param({}, {"test_a.py": PYTEST, "a.test.ts": JEST, "a_test.go": GO, "src/a.rs": RUST}, id="all new"),
    ],
)
def test_tests_that_moved_changed_their_names_or_grew_are_no_weakening(
    before: dict[str, str], after: dict[str, str]
) -> None:
    assert found(before, after) == []


@pytest.mark.parametrize(
    ("path", "text", "old", "new", "what"),
    [
        (
            "test_a.py",
            PYTEST,
            'assert await logout() == "bye"',
            "pass",
            "11: the test 'TestLogout::test_it_ends_the_session' {NONE}",
        ),
        (
            "test_a.py",
            PYTEST,
            "    assert answer.token\n",
            "",
            "4: the test 'test_login' has lost 1 of its 2 assertions: assert answer.token",
        ),
        ("test_a.py", UNITTEST, "self.assertTrue(logout())", "logout()", "5: the test 'LoginTest::test_logout' {NONE}"),
        (
            "a.test.ts",
            JEST,
            "expect(await login('ada')).toBe(200);",
            "await login('ada');",
            "2: the test 'lets the user in' {NONE}",
        ),
        ("a_test.go", GO, '		t.Errorf("no")\n', "", "1: the test 'TestLogin' {NONE}"),
        ("src/lib.rs", RUST, "assert_eq!(add(1, 2), 3);", "add(1, 2);", "6: the test 'adds' {NONE}"),
        (
            "ATest.java",
            JUNIT,
            'assertEquals(200, login("ada"));',
            'login("ada");',
            "3: the test 'letsTheUserIn' {NONE}",
        ),
    ],
)
def test_assertions_that_were_taken_out_are_found(path: str, text: str, old: str, new: str, what: str) -> None:
    assert old in text
    assert found({path: text}, {path: text.replace(old, new)}) == [
        f"{path}:{what.replace('{NONE}', 'asserts nothing any more')}"
    ]


def test_values_that_a_test_no_longer_runs_with_are_found() -> None:
    text = '@pytest.mark.parametrize("a", [1, 2, 3])\ndef test_it(a: int) -> None:\n    assert a\n'
    assert found({"test_a.py": text}, {"test_a.py": text.replace(", 3", "")}) == [
        "test_a.py:2: the test 'test_it' runs with 2 values, and ran with 3"
    ]


@pytest.mark.parametrize(
    ("path", "line", "what"),
    [
        ("test_a.py", "@pytest.mark.skip", "a test is skipped"),
        ("test_a.py", '@pytest.mark.skipif(True, reason="later")', "a test is skipped"),
        ("test_a.py", '    pytest.skip("later")', "a test is skipped"),
        ("test_a.py", "pytestmark = pytest.mark.skip", "a test is skipped"),
        ("test_a.py", '@unittest.skip("later")', "a test is skipped"),
        ("test_a.py", "@skipUnless(False, 'x')", "a test is skipped"),
        ("test_a.py", "        self.skipTest('later')", "a test is skipped"),
        ("tests/conftest.py", 'collect_ignore = ["test_a.py"]', "a test is skipped"),
        ("test_a.py", "@pytest.mark.xfail(strict=False)", "a test may fail"),
        ("test_a.py", "    @unittest.expectedFailure", "a test may fail"),
        ("a.test.ts", "it.skip('x', () => {", "a test is skipped"),
        ("a.test.ts", "xdescribe('x', () => {", "a test is skipped"),
        ("a.test.ts", "test.todo('x');", "a test is skipped"),
        ("a.test.ts", "describe.only('x', () => {", "all other tests are left out"),
        ("a.test.ts", "fit('x', () => {", "all other tests are left out"),
        ("a.test.ts", "test.failing('x', () => {", "a test may fail"),
        ("a_test.go", '	t.Skip("later")', "a test is skipped"),
        ("src/a.rs", '    #[ignore = "later"]', "a test is skipped"),
        ("ATest.java", '    @Disabled("later")', "a test is skipped"),
        ("ATest.java", "    @Ignore", "a test is skipped"),
        ("test_a.py", "    assert True", "an assertion that always holds"),
        ("test_a.py", "    assert 1, 'why'", "an assertion that always holds"),
        ("test_a.py", "    assert answer == answer", "an assertion that always holds"),
        ("test_a.py", "    assert answer.ok or True", "an assertion that always holds"),
        ("test_a.py", "        self.assertTrue(True)", "an assertion that always holds"),
        ("test_a.py", "        self.assertEqual(200, 200)", "an assertion that always holds"),
        ("a.test.ts", "    expect(true).toBe(true);", "an assertion that always holds"),
        ("a.test.ts", "    assert.ok(true);", "an assertion that always holds"),
        ("a_test.go", "	assert.True(t, true)", "an assertion that always holds"),
        ("src/a.rs", "        assert!(true);", "an assertion that always holds"),
        ("ATest.java", "        assertTrue(true);", "an assertion that always holds"),
        ("src/a.py", "x = y  # type: ignore[arg-type]", "a type error is ignored"),
        ("src/a.py", "import os  # noqa: F401", "a warning is switched off"),
        ("src/a.py", "# pylint: disable=all", "a warning is switched off"),
        ("src/a.py", "if x:  # pragma: no cover", "code is left out of the coverage"),
        ("src/a.ts", "// @ts-ignore", "a type error is ignored"),
        ("src/a.ts", "/* eslint-disable */", "a warning is switched off"),
        ("src/a.ts", "/* istanbul ignore next */", "code is left out of the coverage"),
        ("src/a.go", "x := y //nolint:errcheck", "a warning is switched off"),
        ("src/a.rs", "#[allow(dead_code)]", "a warning is switched off"),
        ("src/A.java", '@SuppressWarnings("unchecked")', "a warning is switched off"),
        ("tsconfig.json", '    "strict": false,', "a type error is ignored"),
        ("eslint.config.js", "    'no-eval': 'off',", "a warning is switched off"),
        ("pyproject.toml", 'addopts = "--deselect tests/test_a.py"', "tests are left out of a run"),
        ("pytest.ini", "addopts = -k 'not slow'", "tests are left out of a run"),
        ("Makefile", "	pytest || true", "tests are left out of a run"),
    ],
)
def test_a_line_that_has_a_check_left_out_is_found_where_it_came_in(path: str, line: str, what: str) -> None:
    assert found({path: "first\n"}, {path: f"first\n{line}\n"}) == [f"{path}:2: {what}: {' '.join(line.split())}"]


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("test_a.py", "    assert answer == expected"),
        ("test_a.py", "    assert 'a' in names"),
        ("test_a.py", "    assert total == total_of(parts)"),
        ("test_a.py", "    skipped = parser.skip(3)"),
        ("a.test.ts", "    expect(a).toBe(b);"),
        ("a.test.ts", "    submit('x');"),
        ("a.test.ts", "    reader.skip(4);"),
        ("a_test.go", "	require.True(t, ok)"),
        ("src/a.rs", "    let ignore = true;"),
        ("docker-compose.yml", "restart: 'off'"),
        ("src/a.py", "strict = False"),
    ],
)
def test_a_line_that_only_looks_like_it_is_none(path: str, line: str) -> None:
    assert found({path: "first\n"}, {path: f"first\n{line}\n"}) == []


def test_a_mark_that_only_moved_is_none() -> None:
    marked = "@pytest.mark.skip\ndef test_b() -> None:\n    assert b() == 1\n"
    assert found({"test_a.py": marked}, {"tests/test_c.py": f"import pytest\n{marked}"}) == []


# -- what is declared -------------------------------------------------------------------------

GONE = work_of({"tests/test_a.py": PYTEST}, {"tests/test_a.py": without(PYTEST, 4, 7)})
DELETED = work_of({"tests/test_a.py": PYTEST}, {})
IGNORED = work_of({"src/a.py": "x"}, {"src/a.py": "x  # noqa: E1"})


async def test_an_objection_says_where_and_how_it_may_be_declared() -> None:
    told = await objection(GONE, []) or ""
    assert "- tests/test_a.py:4: the test 'test_login' is gone" in told
    assert "removed_tests" in told


@pytest.mark.parametrize(
    ("work", "said"),
    [
        (GONE, "test_login"),
        (GONE, "tests/test_a.py::test_login"),
        (DELETED, "tests/test_a.py"),
        (DELETED, "test_a.py, all of it"),
        (IGNORED, "src/a.py: noqa E1"),
    ],
)
async def test_what_is_declared_goes_through(work: Work, said: str) -> None:
    assert await objection(work, [{"test": said, "reason": "the feature is gone by criterion 3"}]) is None


@pytest.mark.parametrize(
    ("work", "said"), [(GONE, "test_login_again"), (GONE, "tests/test_a.py"), (DELETED, "test_login")]
)
async def test_what_is_declared_by_another_name_does_not(work: Work, said: str) -> None:
    assert await objection(work, [{"test": said, "reason": "because"}]) is not None


def test_a_change_of_very_many_tests_takes_no_time() -> None:
    before = "".join(f"def test_old_{n}() -> None:\n    assert old({n}) == {n}\n" for n in range(400))
    after = before.replace("old", "new")
    began = time.monotonic()
    (one, *_) = found({"test_a.py": before}, {"test_a.py": after})
    assert one == "test_a.py:1: the test 'test_old_0' is gone"
    assert time.monotonic() - began < 20
