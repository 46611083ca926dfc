from __future__ import annotations

import os
import subprocess

import pytest

from llm_migrate.scan.listing import Listed, list_files
from tests.scan.scanning import write_tree


def paths(root, **options):
    return sorted(listed.path for listed in list_files(str(root), **options))


def git(root, *arguments):
    subprocess.run(["git", "-C", root, *arguments], check=True, capture_output=True)


def test_ignore_files_hold_for_their_folder_and_below(tmp_path):
    """The nearest .gitignore that speaks of a file decides, as git has it."""
    write_tree(
        tmp_path,
        {
            ".gitignore": "*.log\nbuild/\n",
            "a.log": "",
            "build/x.py": "",
            "sub/.gitignore": "!keep.log\n",
            "sub/keep.log": "",
            "sub/other.log": "",
            "sub/b.py": "",
        },
    )

    assert paths(tmp_path) == [".gitignore", "sub/.gitignore", "sub/b.py", "sub/keep.log"]


def test_ignore_files_can_be_switched_off(tmp_path):
    """Without ignore rules everything is listed, but never the folders of tools."""
    write_tree(tmp_path, {".gitignore": "*.log\n", "a.log": "", "node_modules/p/i.js": "", ".llm-migrate/x": ""})

    assert paths(tmp_path, use_ignore=False) == [".gitignore", "a.log"]


def test_ignored_environment_files_are_listed_as_ignored(tmp_path):
    """What git ignores because it holds secrets is what a migration must touch."""
    write_tree(tmp_path, {".gitignore": ".env*\nout/\n*.pyc\n", ".env.local": "", "out/.env": "", "a.pyc": ""})

    assert [listed for listed in list_files(str(tmp_path)) if listed.ignored] == [Listed(".env.local", ignored=True)]


def test_a_work_tree_is_listed_by_git(tmp_path):
    """In a work tree tracked, new and ignored environment files are listed, and ignored ones are marked."""
    write_tree(tmp_path, {".gitignore": ".env\nout/\n", "a.py": "", ".env": "", "out/.env": "", "new.py": ""})
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", "a.py", ".gitignore")

    listed = sorted(list_files(str(tmp_path)), key=lambda row: row.path)

    assert listed == [Listed(".env", ignored=True), Listed(".gitignore"), Listed("a.py"), Listed("new.py")]


def test_an_ignored_folder_that_is_named_is_listed(tmp_path):
    """A folder that git ignores is scanned when the user points at it."""
    write_tree(tmp_path, {".gitignore": "vendor/\n", "vendor/a.py": ""})
    git(tmp_path, "init", "-q")

    assert paths(tmp_path / "vendor") == ["a.py"]


def test_git_starts_no_program_of_the_tree(tmp_path):
    """A cloned repository's own configuration cannot make a scan run a command."""
    write_tree(tmp_path, {"a.py": "", "evil.sh": "#!/bin/sh\ntouch ran\n"})
    (tmp_path / "evil.sh").chmod(0o755)
    git(tmp_path, "init", "-q")
    git(tmp_path, "config", "core.fsmonitor", str(tmp_path / "evil.sh"))

    paths(tmp_path)

    assert not (tmp_path / "ran").exists()


def test_links_and_pipes_are_not_listed(tmp_path):
    """Links are not followed, in or out of the tree, and what is no file is passed over."""
    root = write_tree(tmp_path / "tree", {"a.py": ""})
    write_tree(tmp_path / "out", {"secret.py": ""})
    (root / "out").symlink_to("../out")
    (root / "loop").symlink_to(".")
    (root / "b.py").symlink_to("a.py")
    os.mkfifo(root / "pipe.py")

    assert paths(root) == ["a.py"]


@pytest.mark.parametrize("name", [b"bad\xff.py", b"new\nline.py", b"-rf.py"])
def test_odd_names_are_kept(tmp_path, name):
    """A name that is no Unicode, or holds a line end or a leading minus, is a name."""
    with open(os.fsencode(tmp_path) + b"/" + name, "wb"):
        pass

    assert [os.fsencode(path) for path in paths(tmp_path)] == [name]


def test_exclude_patterns_leave_out(tmp_path):
    """`--exclude` works like a line of .gitignore."""
    write_tree(tmp_path, {"a.py": "", "tests/b.py": "", "sub/tests/c.py": ""})

    assert paths(tmp_path, exclude=["tests/"]) == ["a.py"]


def test_virtual_environments_are_left_out(tmp_path):
    """A folder with a pyvenv.cfg is an environment, whatever its name."""
    write_tree(tmp_path, {"a.py": "", "env311/pyvenv.cfg": "", "env311/lib/x.py": ""})

    assert paths(tmp_path) == ["a.py"]


def test_a_folder_that_cannot_be_read_is_passed_over(tmp_path):
    """A folder that is gone or locked by the time it is opened holds nothing."""
    assert paths(tmp_path / "gone") == []
