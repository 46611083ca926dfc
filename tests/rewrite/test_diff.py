"""The diff: what `git apply` makes of it must be exactly what `--write` would do."""

import os
import subprocess

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from llm_migrate.rewrite.diff import quote_name, unified_diff
from llm_migrate.rewrite.splice import Edit, splice


def git_apply(folder, patch):
    return subprocess.run(
        ["git", "apply", "--whitespace=nowarn", "-"], cwd=folder, input=patch, capture_output=True, check=False
    )


CASES = {
    "crlf": (b"a\r\nb\r\nc\r\n", [Edit(3, 4, b"X")]),
    "no newline at the end": (b"a\nb", [Edit(2, 3, b"c")]),
    "newline added": (b"a\nb", [Edit(3, 3, b"\n")]),
    "newline removed": (b"a\nb\n", [Edit(3, 4, b"")]),
    "not UTF-8": (b"\xc4\xe3\nx\n", [Edit(3, 4, b"\xff\xfe")]),
    "CR only": (b"a\rb\rc", [Edit(2, 3, b"X")]),
    "first line inserted": (b"a\nb\n", [Edit(0, 0, b"new\n")]),
    "line appended": (b"a\nb\n", [Edit(4, 4, b"new\n")]),
    "file was empty": (b"", [Edit(0, 0, b"new\n")]),
    "all gone": (b"a\n", [Edit(0, 2, b"")]),
    "far apart": (b"".join(b"%d\n" % i for i in range(60)), [Edit(0, 1, b"x"), Edit(100, 101, b"y\nz")]),
    "near": (b"".join(b"%d\n" % i for i in range(30)), [Edit(4, 5, b"x"), Edit(14, 15, b"y\nz")]),
}


@pytest.mark.parametrize("case", CASES, ids=str)
def test_git_makes_the_same_bytes(tmp_path, case):
    """`git apply` of the diff gives the spliced bytes: CRLF, missing last newline and foreign bytes included."""
    old, edits = CASES[case]
    (tmp_path / "f").write_bytes(old)

    done = git_apply(tmp_path, unified_diff(b"f", old, edits))

    assert done.stderr == b""
    assert not (tmp_path / "f").exists() or (tmp_path / "f").read_bytes() == splice(old, edits)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.sampled_from([b"a", b"b", b"", b"\r", b"\xff", b"long line"]), max_size=24),
    st.booleans(),
    st.lists(st.tuples(st.floats(0, 1), st.integers(0, 6), st.sampled_from([b"", b"\n", b"X", b"Y\nZ\n"])), max_size=5),
)
def test_git_makes_the_same_bytes_of_any_edits(tmp_path, lines, ended, places):
    """Whatever the edits are, `git apply` agrees with the splice."""
    old = b"\n".join(lines) + (b"\n" if ended else b"")
    edits, at = [], 0
    for share, length, text in sorted(places):
        start = max(at, int(share * len(old)))
        at = min(len(old), start + length)
        if start <= at:
            edits.append(Edit(start, at, text))
    new = splice(old, edits)
    (tmp_path / "f").write_bytes(old)

    patch = unified_diff(b"f", old, edits)

    if old == new:
        assert patch == b""
    elif new:
        assert git_apply(tmp_path, patch).stderr == b""
        assert (tmp_path / "f").read_bytes() == new


@pytest.mark.parametrize(
    "name", [b"plain", b"with space", b"nl\nname", b'quo"te', b"back\\slash", b"bad\xff", "中.py".encode(), b"-rf"]
)
def test_odd_names_are_understood_by_git(tmp_path, name):
    """Spaces, newlines, quotes and bytes that are not UTF-8 in a name reach the right file."""
    path = os.path.join(os.fsencode(tmp_path), name)
    with open(path, "wb") as file:
        file.write(b"a\n")

    done = git_apply(tmp_path, unified_diff(name, b"a\n", [Edit(0, 1, b"b")]))

    assert done.stderr == b""
    with open(path, "rb") as file:
        assert file.read() == b"b\n"


def test_names_are_quoted_as_git_does():
    """A name with a tab is quoted like C; a plain one is not."""
    assert quote_name(b"a/x\ty") == b'"a/x\\ty"'
    assert quote_name(b"a/x y") == b"a/x y"
