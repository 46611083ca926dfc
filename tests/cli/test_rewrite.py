"""`llm-migrate rewrite` as a person uses it."""

import json
import os
import subprocess

import pytest

from llm_migrate.rewrite.state import STATE
from tests.cli.moving import PROGRAM, run


@pytest.fixture
def tree(tmp_path):
    folder = tmp_path / "tree"
    folder.mkdir()
    (folder / "m.py").write_text(PROGRAM)
    return folder


def git(folder, *words, stdin=None):
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.invalid"]
    done = subprocess.run(
        ["git", *identity, *words], cwd=folder, input=stdin, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_without_write_only_a_diff_is_printed(tree):
    """The diff goes to standard output, its meaning to standard error, and nothing changes."""
    ran = run(tree, "rewrite", ".", "--to", "zhipu")

    assert ran.code == 0
    assert ran.out.startswith("diff --git a/m.py b/m.py\n--- a/m.py\n+++ b/m.py\n")
    assert "gpt-4o becomes glm-5.3-flash" in ran.err
    assert (tree / "m.py").read_text() == PROGRAM
    assert sorted(os.listdir(tree)) == ["m.py"]


def test_the_diff_of_a_folder_below_applies_from_here(tree):
    """Paths in the diff count from where the command runs, so that `git apply` works there."""
    git(tree.parent, "init", "-q")

    patch = run(tree.parent, "rewrite", "tree", "--to", "zhipu").out
    git(tree.parent, "apply", stdin=patch)

    assert "a/tree/m.py" in patch
    assert "glm-5.3-flash" in (tree / "m.py").read_text()


def test_write_says_how_to_undo_and_undo_works(tree):
    """The printed command brings the file back."""
    ran = run(tree, "rewrite", ".", "--to", "zhipu", "--write")
    undo = ran.out.rsplit("llm-migrate ", 1)[1].split()

    assert "glm-5.3-flash" in (tree / "m.py").read_text()
    assert "Set ZHIPUAI_API_KEY" in ran.out
    assert run(tree, *undo).code == 0
    assert (tree / "m.py").read_text() == PROGRAM
    assert sorted(os.listdir(tree)) == ["m.py"]


def test_a_second_write_has_nothing_to_change(tree):
    """The second time the tree stays as it is, and no second rewrite is remembered."""
    run(tree, "rewrite", ".", "--to", "zhipu", "--write")
    once = (tree / "m.py").read_text()

    ran = run(tree, "rewrite", ".", "--to", "zhipu", "--write")

    assert "Nothing to change" in ran.out
    assert (tree / "m.py").read_text() == once
    assert run(tree, "history", ".").out.count("rewrite --to zhipu") == 1


def test_uncommitted_changes_are_refused_by_name(tree):
    """A tracked file with changes is not written without --force; the message names it."""
    git(tree, "init", "-q")
    git(tree, "add", "m.py")
    git(tree, "commit", "-qm", "x")
    (tree / "m.py").write_text(PROGRAM + "# mine\n")

    refused = run(tree, "rewrite", ".", "--to", "zhipu", "--write")
    forced = run(tree, "rewrite", ".", "--to", "zhipu", "--write", "--force")

    assert refused.code == 2
    assert "uncommitted changes in m.py" in refused.err
    assert forced.code == 0
    assert "glm-5.3-flash" in (tree / "m.py").read_text()


def test_changes_elsewhere_do_not_count(tree):
    """Only files that would be edited need to be committed."""
    git(tree, "init", "-q")
    (tree / "other.txt").write_text("a")
    git(tree, "add", ".")
    git(tree, "commit", "-qm", "x")
    (tree / "other.txt").write_text("b")

    assert run(tree, "rewrite", ".", "--to", "zhipu", "--write").code == 0


def test_one_file_can_be_given(tree):
    """A file is rewritten alone, its folder keeping the state."""
    (tree / "n.py").write_text(PROGRAM)

    run(tree, "rewrite", "n.py", "--to", "zhipu", "--write")

    assert (tree / "m.py").read_text() == PROGRAM
    assert "glm-5.3-flash" in (tree / "n.py").read_text()
    assert run(tree, "undo", "n.py").code == 0
    assert (tree / "n.py").read_text() == PROGRAM


def test_a_path_inside_another_counts_once(tree):
    """`rewrite . sub` plans the files of sub once."""
    (tree / "sub").mkdir()
    (tree / "sub" / "n.py").write_text(PROGRAM)

    ran = run(tree, "rewrite", ".", "sub", "--to", "zhipu")

    assert ran.out.count("+++ b/sub/n.py") == 1


def test_json_tells_changes_and_what_is_left(tree):
    """The JSON holds each edit, each place for a person, and the diff."""
    (tree / "old.py").write_text("import openai\nopenai.ChatCompletion.create(model='gpt-4o', messages=[])\n")

    body = json.loads(run(tree, "rewrite", ".", "--to", "zhipu", "--format", "json").out)

    [found] = body["trees"]
    assert body["schema"] == "llm-migrate/rewrite/1"
    assert [change["file"] for change in found["changes"]] == ["m.py"]
    assert found["by_hand"][0]["file"] == "old.py"
    assert found["diff"].startswith("diff --git")
    assert not found["written"]


def test_a_secret_is_in_no_report(tree):
    """Keys in the files appear neither in the summary nor in JSON; the diff shows only lines of the file itself."""
    (tree / "m.py").write_text("from openai import OpenAI\n\nc = OpenAI(api_key='sk-CANARY0123456789abcdef')\n")

    ran = run(tree, "rewrite", ".", "--to", "zhipu", "--write", "--format", "json")

    assert "CANARY" not in ran.out + ran.err


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("absent", "--to", "zhipu"), "absent: no such file"),
        ((".", "--to", "zhipoo"), "did you mean 'zhipu'"),
        ((".", "--to", "azure-openai"), "azure-openai: no address"),
        ((".", "--to", "zhipu", "--strategy", "gateway"), "--strategy"),
        ((".", "--to", "zhipu", "--map", "a"), "OLD=NEW"),
    ],
)
def test_wrong_use_gets_one_message(tree, words, told):
    """Exit code 2, the place and the remedy, no traceback."""
    ran = run(tree, "rewrite", *words)

    assert ran.code == 2
    assert told in ran.err
    assert "Traceback" not in ran.err


def test_an_interrupted_rewrite_is_named_before_anything_is_written(tree):
    """With an open journal --write is refused, naming the command that brings the files back."""
    run(tree, "rewrite", ".", "--to", "zhipu", "--write")
    [journal] = (tree / STATE).glob("2*")
    (journal / "applied").unlink()
    (tree / "m.py").write_text(PROGRAM)

    refused = run(tree, "rewrite", ".", "--to", "zhipu", "--write")
    undone = run(tree, "undo", ".")

    assert refused.code == 2
    assert "llm-migrate undo" in refused.err
    assert "interrupted" in undone.out
    assert not (tree / STATE).exists()


def test_help_has_an_example(tree):
    """--help ends with commands to copy, and advertises only strategies that exist."""
    said = run(tree, "rewrite", "--help").out

    assert "llm-migrate rewrite . --to zhipu --map" in said
    assert "gateway" not in said


def test_a_dry_run_mentions_an_interrupted_rewrite(tree):
    """With an open journal the diff is still printed, and a line says that files are half changed."""
    run(tree, "rewrite", ".", "--to", "zhipu", "--write")
    (journal,) = [path for path in (tree / STATE).iterdir() if path.name[0].isdigit()]
    (journal / "applied").unlink()

    ran = run(tree, "rewrite", ".", "--to", "kimi")

    assert ran.code == 0
    assert f"the rewrite {journal.name} was interrupted" in ran.err
    assert "llm-migrate undo" in ran.err
    assert "interrupted" not in ran.out
