"""Writing a plan: all or nothing, never through a link, never over a change."""

import datetime as dt
import os
import subprocess
import sys
import textwrap

import pytest

from llm_migrate.errors import RewriteError
from llm_migrate.rewrite import apply as apply_module
from llm_migrate.rewrite.apply import Change, apply
from llm_migrate.rewrite.journal import load_journals, to_name
from llm_migrate.rewrite.state import STATE, locked
from llm_migrate.rewrite.undo import undo
from tests.rewrite.tree import FILES, build, changes, picture

NOW = dt.datetime(2026, 11, 22, 10, 15, tzinfo=dt.UTC)


def write(root, plan):
    return apply(root, plan, command="test", now=NOW)


@pytest.fixture
def tree(tmp_path):
    root = tmp_path / "tree"
    root.mkdir()
    build(root)
    return root


def test_every_file_gets_its_new_bytes_and_keeps_its_mode(tree):
    """All planned files are replaced, odd names included, with their modes; nothing else is touched (W1, W3)."""
    before = picture(tree)

    done = write(tree, changes())

    after = picture(tree)
    assert sorted(done.changed) == sorted(to_name(name) for name in FILES)
    assert {name: kind for name, (kind, _) in after.items()} == {name: kind for name, (kind, _) in before.items()}
    assert {name for name in after if after[name] != before[name]} == set(FILES)


def test_the_state_folder_is_private_and_invisible_to_git(tree):
    """The folder with old copies has mode 0700 and ignores itself."""
    write(tree, changes())

    assert (tree / STATE).stat().st_mode & 0o777 == 0o700
    assert (tree / STATE / ".gitignore").read_bytes() == b"*\n"


def test_a_file_changed_since_the_scan_is_left_alone(tree):
    """A file whose bytes are no longer the planned ones keeps them; the others are written (W5)."""
    plan = changes()
    (tree / "crlf.py").write_bytes(b"edited by a person\n")

    done = write(tree, plan)

    assert (tree / "crlf.py").read_bytes() == b"edited by a person\n"
    assert [file for file, _ in done.left] == ["crlf.py"]
    assert len(done.changed) == len(FILES) - 1
    assert "crlf.py" not in [entry.path for entry in load_journals(tree)[0].entries]


def test_a_file_changed_between_journal_and_rename_is_left_alone(tree, monkeypatch):
    """The hash is compared again just before each rename, and undo does not touch such a file (W5)."""
    real = apply_module.write_journal

    def and_edit(*args):
        real(*args)
        (tree / "crlf.py").write_bytes(b"edited by a person\n")

    monkeypatch.setattr(apply_module, "write_journal", and_edit)

    done = write(tree, changes())
    undone = undo(tree)

    assert [file for file, _ in done.left] == ["crlf.py"]
    assert undone is not None
    assert not undone.refused
    assert (tree / "crlf.py").read_bytes() == b"edited by a person\n"


@pytest.mark.parametrize(
    ("name", "reason"),
    [("link", "not a regular file"), ("pipe", "not a regular file"), ("gone", "cannot be read"), ("d/f", "link")],
)
def test_what_is_no_plain_file_is_left_alone(tree, tmp_path, name, reason):
    """Links, FIFOs, missing files and files behind a linked folder are reported, not written (W4)."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "f").write_bytes(b"theirs")
    (tree / "d").symlink_to(outside)

    done = write(tree, [Change(name, b"theirs", b"ours")])

    assert done.changed == ()
    assert reason in done.left[0][1]
    assert (outside / "f").read_bytes() == b"theirs"


def test_a_hard_linked_file_is_left_alone(tree):
    """A file with two names is reported: replacing one name would part them (W2)."""
    os.link(tree / "crlf.py", tree / "second")

    done = write(tree, changes())

    assert "hard links" in dict(done.left)["crlf.py"]
    assert (tree / "crlf.py").samefile(tree / "second")


def test_no_change_leaves_no_state(tree):
    """A plan in which nothing can be written leaves no state folder behind."""
    before = picture(tree)

    write(tree, [Change("gone", b"", b"x")])

    assert picture(tree) == before
    assert not (tree / STATE).exists()


def test_a_linked_state_folder_is_refused(tree, tmp_path):
    """A state folder that is a link, as a cloned repository could bring it, is not followed (W4)."""
    (tmp_path / "elsewhere").mkdir()
    (tree / STATE).symlink_to(tmp_path / "elsewhere")

    with pytest.raises(RewriteError, match="not a folder of ours"):
        write(tree, changes())

    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_two_writers_do_not_meet(tree):
    """While one process changes a tree, another is refused."""
    with locked(tree), pytest.raises(RewriteError, match="another llm-migrate"):
        write(tree, changes())


def test_a_failing_rename_brings_the_others_back(tree, monkeypatch):
    """When a file cannot be replaced, those replaced before it get their old bytes again (W1)."""
    before = picture(tree)
    real, calls = apply_module.move_into_place, []

    def fail_third(staged, path, beside):
        calls.append(path)
        if len(calls) == 3:
            raise OSError(28, "No space left on device")
        real(staged, path, beside)

    monkeypatch.setattr(apply_module, "move_into_place", fail_third)

    with pytest.raises(RewriteError, match="as they were: No space left"):
        write(tree, changes())

    assert picture(tree) == before
    assert load_journals(tree) == []


def test_what_cannot_be_brought_back_at_once_stays_open(tree, monkeypatch):
    """If the way back is blocked too, the journal stays for `undo`, and no file is half."""
    before = picture(tree)
    real, calls = apply_module.move_into_place, []

    def fail_third(staged, path, beside):
        calls.append(path)
        if len(calls) == 3:
            (tree / "crlf.py").write_bytes(b"edited meanwhile\n")
            raise OSError(28, "No space left on device")
        real(staged, path, beside)

    monkeypatch.setattr(apply_module, "move_into_place", fail_third)
    with pytest.raises(OSError, match="No space"):
        write(tree, changes())

    [journal] = load_journals(tree)
    undo(tree, force=True)

    assert not journal.applied
    assert picture(tree) == before


def test_an_interrupt_by_hand_brings_everything_back(tree, monkeypatch):
    """Ctrl-C in the middle leaves the tree as it was (W1)."""
    before = picture(tree)
    real, calls = apply_module.move_into_place, []

    def interrupt(staged, path, beside):
        calls.append(path)
        if len(calls) == 4:
            raise KeyboardInterrupt
        real(staged, path, beside)

    monkeypatch.setattr(apply_module, "move_into_place", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write(tree, changes())

    assert picture(tree) == before
    assert not (tree / STATE).exists()


def test_a_file_replaced_by_a_link_meanwhile_is_left_alone(tree, tmp_path, monkeypatch):
    """A link that takes a file's place after the journal was written is not followed (W4, W5)."""
    (tmp_path / "outside").write_bytes(b"theirs")
    real = apply_module.write_journal

    def and_link(*args):
        real(*args)
        (tree / "crlf.py").unlink()
        (tree / "crlf.py").symlink_to(tmp_path / "outside")

    monkeypatch.setattr(apply_module, "write_journal", and_link)

    done = write(tree, changes())

    assert "not a regular file" in dict(done.left)["crlf.py"]
    assert (tmp_path / "outside").read_bytes() == b"theirs"


def test_a_tree_that_is_gone_is_said(tmp_path):
    """A root that does not exist gives one clear error."""
    with pytest.raises(RewriteError, match="no such folder"):
        write(tmp_path / "absent", changes())


def test_a_file_in_place_of_the_state_folder_is_refused(tree):
    """Something else called .llm-migrate is not touched."""
    (tree / STATE).write_text("mine")

    with pytest.raises(RewriteError, match="not a folder of ours"):
        write(tree, changes())

    assert (tree / STATE).read_text() == "mine"


SCRIPT = """
    import datetime as dt, os, pathlib, resource, signal, sys
    from llm_migrate.rewrite import apply as m, journal, place, state
    from tests.rewrite.tree import changes
    root, where, count = pathlib.Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    def die_at(module, name):
        real, seen = getattr(module, name), []
        def wrapped(*args, **kwargs):
            seen.append(1)
            if len(seen) == count:
                os.kill(os.getpid(), signal.SIGKILL)
            return real(*args, **kwargs)
        setattr(module, name, wrapped)
    if where == "limit":
        resource.setrlimit(resource.RLIMIT_FSIZE, (count, count))
    elif where == "after":
        real = m.move_into_place
        def wrapped(*args):
            real(*args)
            wrapped.n += 1
            if wrapped.n == count:
                os.kill(os.getpid(), signal.SIGKILL)
        wrapped.n = 0
        m.move_into_place = wrapped
    else:
        die_at(m, where)
    m.apply(root, changes(), command="test", now=dt.datetime.now(dt.UTC))
"""


def in_process(root, where, count):
    script = textwrap.dedent(SCRIPT)
    return subprocess.run(
        [sys.executable, "-c", script, str(root), where, str(count)], capture_output=True, text=True, check=False
    )


POINTS = [
    ("write_durably", 1),
    ("stage", 4),
    ("write_journal", 1),
    ("move_into_place", 1),
    ("move_into_place", 4),
    ("after", 1),
    ("after", 6),
    ("mark_applied", 1),
]


@pytest.mark.parametrize(("where", "count"), POINTS)
def test_a_kill_at_any_step_leaves_whole_files_and_undo_restores(tree, where, count):
    """Killed at any step, every file is old or new, and undo restores bytes, modes and links (W1, W2)."""
    before = picture(tree)
    write(tree, changes())
    after = picture(tree)
    undo(tree)

    killed = in_process(tree, where, count)

    assert killed.returncode == -9, killed.stderr
    now = picture(tree)
    assert all(now[name] in (before[name], after[name]) for name in before)
    undo(tree)
    assert picture(tree) == before
    assert not (tree / STATE).exists()


def test_an_interrupted_rewrite_blocks_the_next_until_undone(tree):
    """After a kill, writing again is refused with the remedy, until undo has run (W2)."""
    in_process(tree, "after", 2)

    with pytest.raises(RewriteError, match="llm-migrate undo"):
        write(tree, changes())

    undone = undo(tree)
    assert undone is not None
    assert undone.interrupted
    assert len(write(tree, changes()).changed) == len(FILES)


@pytest.mark.parametrize("limit", [0, 1, 8, 300])
def test_a_full_disk_changes_nothing(tree, limit):
    """When the disk is full at any size, no file changes, one message says so, nothing is left over (W1)."""
    before = picture(tree)

    full = in_process(tree, "limit", limit)

    assert "RewriteError" in full.stderr
    assert picture(tree) == before
    undo(tree)
    assert not (tree / STATE).exists()
