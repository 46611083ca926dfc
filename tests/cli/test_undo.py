"""`llm-migrate undo` as a person uses it."""

import json

import pytest

from tests.cli.moving import PROGRAM, run


@pytest.fixture
def tree(tmp_path):
    (tmp_path / "m.py").write_text(PROGRAM)
    run(tmp_path, "rewrite", ".", "--to", "zhipu", "--write")
    return tmp_path


def test_undo_says_what_it_did(tree):
    """The id and the number of files are told."""
    ran = run(tree, "undo")

    assert ran.code == 0
    assert "1 file as before" in ran.out


def test_nothing_to_undo(tmp_path):
    """Without a rewrite, undo says so and is no error."""
    ran = run(tmp_path, "undo", ".")

    assert (ran.code, ran.out) == (0, ".: no rewrite to undo\n")


def test_a_changed_file_is_named_and_kept(tree):
    """A file edited since gives exit code 1, its name and the remedy; --force brings the old bytes back."""
    (tree / "m.py").write_text("mine\n")

    refused = run(tree, "undo")
    kept = (tree / "m.py").read_text()
    forced = run(tree, "undo", "--force")

    assert refused.code == 1
    assert "m.py: was changed since: --force" in refused.out
    assert kept == "mine\n"
    assert forced.code == 0
    assert (tree / "m.py").read_text() == PROGRAM


@pytest.mark.parametrize(
    ("words", "told"), [(("absent",), "absent: no such"), ((".", "--id", "x"), "no rewrite has the id")]
)
def test_wrong_use_gets_one_message(tree, words, told):
    """Exit code 2 and the place."""
    ran = run(tree, "undo", *words)

    assert ran.code == 2
    assert told in ran.err


def test_json(tree):
    """The JSON names the restored files."""
    body = json.loads(run(tree, "undo", "--format", "json").out)

    assert body["schema"] == "llm-migrate/undo/1"
    assert body["restored"] == ["m.py"]
