"""Undo: every byte, mode and link back, and never over what a person did since."""

import datetime as dt
import json
import os

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from llm_migrate.errors import RewriteError, UsageError
from llm_migrate.rewrite import place
from llm_migrate.rewrite import undo as undo_module
from llm_migrate.rewrite.apply import Change, apply
from llm_migrate.rewrite.journal import from_name, load_journals, to_name
from llm_migrate.rewrite.state import STATE
from llm_migrate.rewrite.undo import undo
from tests.rewrite.tree import build, changes, picture

NOW = dt.datetime(2026, 11, 22, 10, 15, tzinfo=dt.UTC)


def write(root, plan, now=NOW):
    return apply(root, plan, command="test", now=now)


@pytest.fixture
def tree(tmp_path):
    root = tmp_path / "tree"
    root.mkdir()
    build(root)
    return root


def test_undo_restores_everything_and_forgets(tree):
    """After undo the tree is as before, with no state left (W2)."""
    before = picture(tree)
    write(tree, changes())

    undone = undo(tree)

    assert undone is not None
    assert not undone.refused
    assert picture(tree) == before
    assert not (tree / STATE).exists()


def test_nothing_to_undo_is_no_error(tree):
    """Undo without a rewrite says so by returning nothing."""
    assert undo(tree) is None


def test_a_file_changed_since_is_refused_until_forced(tree):
    """A file edited after the rewrite keeps the edit; forced, it gets its old bytes (W2, W5)."""
    before = picture(tree)
    write(tree, changes())
    (tree / "crlf.py").write_bytes(b"a person's work\n")

    first = undo(tree)
    kept = (tree / "crlf.py").read_bytes()
    second = undo(tree, force=True)

    assert first is not None
    assert second is not None
    assert [file for file, _ in first.refused] == ["crlf.py"]
    assert kept == b"a person's work\n"
    assert not second.refused
    assert picture(tree) == before


def test_a_deleted_file_comes_back_when_forced(tree):
    """A file deleted after the rewrite is recreated only by force."""
    before = picture(tree)
    write(tree, changes())
    (tree / "crlf.py").unlink()

    assert undo(tree).refused  # type: ignore[union-attr]
    undo(tree, force=True)

    assert picture(tree) == before


def test_rewrites_are_undone_last_first(tree):
    """Two rewrites are undone in reverse order."""
    write(tree, [Change("crlf.py", b"a = 1\r\nb = 2\r\n", b"1")])
    write(tree, [Change("crlf.py", b"1", b"2")], NOW + dt.timedelta(seconds=1))

    undo(tree)
    between = (tree / "crlf.py").read_bytes()
    undo(tree)

    assert between == b"1"
    assert (tree / "crlf.py").read_bytes() == b"a = 1\r\nb = 2\r\n"


def test_an_unknown_id_names_the_known(tree):
    """Undo of an id that does not exist lists those that do."""
    done = write(tree, changes())

    with pytest.raises(UsageError, match=done.id):
        undo(tree, wanted="nope")


@pytest.mark.parametrize("path", ["../outside", "/etc/passwd", "a/../../x", ""])
def test_a_journal_cannot_lead_out_of_the_tree(tree, path):
    """A journal from a cloned repository that names a file outside is refused (W4)."""
    write(tree, changes())
    file = load_journals(tree)[0].folder / "journal.json"
    raw = json.loads(file.read_bytes())
    raw["files"][0]["path"] = path
    file.write_text(json.dumps(raw))

    with pytest.raises(RewriteError):
        undo(tree)


def test_a_damaged_journal_is_named(tree):
    """A journal that cannot be read is reported with the place of the copies."""
    write(tree, changes())
    file = load_journals(tree)[0].folder / "journal.json"
    file.write_bytes(b'{"files": 1}')

    with pytest.raises(RewriteError, match="damaged: the old files are in"):
        undo(tree)


def test_a_missing_copy_is_said(tree):
    """A copy that is gone leaves its file as it is, and the others come back."""
    write(tree, changes())
    journal = load_journals(tree)[0]
    (journal.folder / "old" / "1").unlink()

    undone = undo(tree)

    assert undone is not None
    assert [file for file, _ in undone.refused] == [journal.entries[1].path]
    assert len(undone.restored) == len(journal.entries) - 1


def test_a_full_disk_during_undo_is_said_and_can_be_repeated(tree, monkeypatch):
    """Undo that meets a full disk says so; the next one ends the work (W1, W2)."""
    write(tree, changes())
    real = undo_module.stage

    def full(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(undo_module, "stage", full)
    with pytest.raises(RewriteError, match="No space left on device: run undo again"):
        undo(tree)
    monkeypatch.setattr(undo_module, "stage", real)

    assert not undo(tree).refused  # type: ignore[union-attr]
    assert not (tree / STATE).exists()


def test_a_damaged_copy_is_not_put_back(tree):
    """A copy whose hash is wrong is reported, and the file stays as it is."""
    write(tree, changes())
    journal = load_journals(tree)[0]
    (journal.folder / "old" / "0").write_bytes(b"damaged")
    path = journal.entries[0].path
    now = (tree / from_name(path)).read_bytes()

    undone = undo(tree)

    assert undone is not None
    assert "damaged" in dict(undone.refused)[path]
    assert (tree / from_name(path)).read_bytes() == now


def test_another_file_system_inside_the_tree_works(tree, monkeypatch):
    """Where the state folder lies on another file system, files are still replaced in one step (W1, W2)."""
    before = picture(tree)
    real = place.Path.replace

    def across(self, target):
        if STATE in self.parts:
            raise OSError(18, "Invalid cross-device link")
        return real(self, target)

    monkeypatch.setattr(place.Path, "replace", across)

    done = write(tree, changes())
    changed = picture(tree)
    undo(tree)

    assert len(done.changed) == 6
    assert set(changed) == set(before)
    assert picture(tree) == before


names = st.binary(min_size=1, max_size=12).filter(
    lambda n: b"/" not in n and b"\0" not in n and n not in (b".", b"..", b".llm-migrate")
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.dictionaries(
        names, st.tuples(st.binary(max_size=40), st.binary(max_size=40), st.sampled_from([0o644, 0o700, 0o440]))
    ),
    st.integers(0, 10**9),
)
def test_any_tree_comes_back(tmp_path, files, number):
    """Whatever the names, bytes and modes are, writing then undoing changes nothing (W2)."""
    root = tmp_path / str(number)
    root.mkdir(exist_ok=True)
    for name, (old, _, mode) in files.items():
        path = os.path.join(os.fsencode(root), name)
        if os.path.lexists(path):
            return
        with open(path, "wb") as file:
            file.write(old)
        os.chmod(path, mode)
    before = picture(root)

    done = write(root, [Change(to_name(name), old, new) for name, (old, new, _) in files.items()])
    contents = {name: (root / os.fsdecode(name)).read_bytes() for name in files}
    undo(root)

    assert len(done.changed) == len(files)
    assert contents == {name: new for name, (_, new, _) in files.items()}
    assert picture(root) == before
