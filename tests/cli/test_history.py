"""`llm-migrate history` as a person uses it."""

import json

from tests.cli.moving import PROGRAM, run


def test_history_lists_rewrites_and_warns_of_secrets(tmp_path):
    """Each rewrite has its id, its files and its command; the copies may contain secrets, which is said."""
    (tmp_path / "m.py").write_text(PROGRAM)
    run(tmp_path, "rewrite", ".", "--to", "zhipu", "--write")

    said = run(tmp_path, "history").out

    assert "1 file  rewrite --to zhipu" in said
    assert "may contain secrets" in said


def test_an_empty_history_says_so(tmp_path):
    """Nothing to undo is no error."""
    assert run(tmp_path, "history", ".").out == "No rewrite to undo.\n"


def test_json(tmp_path):
    """The JSON holds id and files, newest first."""
    (tmp_path / "m.py").write_text(PROGRAM)
    run(tmp_path, "rewrite", ".", "--to", "zhipu", "--write")

    body = json.loads(run(tmp_path, "history", "--format", "json").out)

    assert body["schema"] == "llm-migrate/history/1"
    assert body["rewrites"][0]["files"] == ["m.py"]
    assert "secrets" in body["note"]


def test_a_path_that_does_not_exist_is_named(tmp_path):
    """Exit code 2 and the path."""
    ran = run(tmp_path, "history", "absent")

    assert ran.code == 2
    assert "absent" in ran.err
