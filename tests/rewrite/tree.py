"""Hostile trees for the tests of writing and undoing: built, and looked at byte for byte."""

import hashlib
import os
import stat

from llm_migrate.rewrite.apply import Change
from llm_migrate.rewrite.journal import to_name

FILES = {
    b"plain.py": b"a = 1\n",
    b"crlf.py": b"a = 1\r\nb = 2\r\n",
    b"nl\nname.py": b"x\n",
    b"bad\xff.py": b"\xff\xfe\x00",
    b"dir with space/\xe4\xb8\xad.py": "注释".encode("gbk"),
    b"deep/er/est/f": b"",
}


def build(root):
    """Write the files and odd neighbours; returns the tree's picture."""
    top = os.fsencode(root)
    for name, data in FILES.items():
        path = os.path.join(top, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(data)
    os.chmod(os.path.join(top, b"plain.py"), 0o444)
    os.chmod(os.path.join(top, b"crlf.py"), 0o755)
    os.symlink(b"plain.py", os.path.join(top, b"link"))
    os.mkfifo(os.path.join(top, b"pipe"))
    return picture(root)


def changes():
    """Return one change for every file of the tree."""
    return [Change(to_name(name), data, data + b"# new\n") for name, data in FILES.items()]


def picture(root):
    """Return name -> (kind, mode, hash or target) for everything below `root` but the state folder."""
    seen = {}
    for folder, folders, files in os.walk(os.fsencode(root)):
        folders[:] = [name for name in folders if name != b".llm-migrate"]
        for name in folders + files:
            path = os.path.join(folder, name)
            status = os.lstat(path)
            if stat.S_ISLNK(status.st_mode):
                what = os.readlink(path)
            elif stat.S_ISREG(status.st_mode):
                with open(path, "rb") as file:
                    what = hashlib.sha256(file.read()).digest()
            else:
                what = b""
            seen[os.path.relpath(path, os.fsencode(root))] = (status.st_mode, what)
    return seen
