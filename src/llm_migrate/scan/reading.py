"""Read one file: into a `Document` without loss, or into a reason why not."""

from __future__ import annotations

import codecs
import io
import os
import re
import stat
import tokenize
from typing import TYPE_CHECKING, Final

from llm_migrate.scan.finding import Document
from llm_migrate.scan.language import language_of_script
from llm_migrate.scan.rule import UnreadableError

if TYPE_CHECKING:
    from ahocorasick_rs import BytesAhoCorasick

MAX_BYTES: Final = 5_000_000
_SEARCHED_BYTES: Final = 64_000_000  # of a file that is too large to be scanned
_CHUNK: Final = 1 << 20
_OVERLAP: Final = 256  # longer than any word of the catalog
_LONG_LINE: Final = 20_000
_UTF16: Final = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_LOCK_FILES: Final = frozenset(
    {
        *("package-lock.json", "npm-shrinkwrap.json", "pnpm-lock.yaml", "yarn.lock"),
        *("poetry.lock", "uv.lock", "pdm.lock", "pipfile.lock"),
        *("cargo.lock", "composer.lock", "gemfile.lock", "go.sum"),
    }
)
_GENERATED: Final = re.compile(rb"@generated|code generated [^\n]{0,80}do not edit|automatically generated file", re.I)
_MINIFIED_NAME: Final = (".min.js", ".min.mjs", ".min.cjs", ".bundle.js", ".chunk.js", ".map")
_CODE: Final = frozenset({"javascript", "typescript", "tsx"})


class Prefilter:
    """Says in one pass over a file's bytes whether it can hold a finding at all."""

    def __init__(self, words: list[bytes]) -> None:
        from ahocorasick_rs import BytesAhoCorasick

        self._automaton: BytesAhoCorasick | None = BytesAhoCorasick(words) if words else None

    def passes(self, data: bytes) -> bool:
        """Say whether one of the words occurs, whatever its case."""
        if self._automaton is None:
            return False
        for start in range(0, len(data), _CHUNK):  # an early hit ends the search
            chunk = data[start : start + _CHUNK + _OVERLAP].lower()
            if self._automaton.find_matches_as_indexes(chunk):
                return True
        return False


def read_document(root: str, path: str, language: str, prefilter: Prefilter) -> Document | None:
    """Read a file that may hold findings; None when it cannot.

    Args:
        root: the folder of the scan.
        path: of the file, below the root.
        language: as `language_of` tells it; "" when the file's first line must tell.
        prefilter: decides from the bytes.

    Raises:
        UnreadableError: it may hold findings, but cannot be read surely; the message is the reason.
    """
    data, whole = _read(f"{root}/{path}", prefilter)
    if data is None:
        return None
    if not whole:
        raise UnreadableError(f"larger than {MAX_BYTES // 1_000_000} MB")
    if data.startswith(_UTF16):
        if prefilter.passes(data.replace(b"\0", b"")):
            raise UnreadableError("UTF-16: convert it to UTF-8 first")
        return None
    if not prefilter.passes(data):
        return None
    language = language or language_of_script(data[:200].split(b"\n", 1)[0].decode("latin-1")) or ""
    if not language:
        return None
    _refuse_generated(path, data, language)
    return decode(path, data, language)


def decode(path: str, data: bytes, language: str) -> Document:
    """Decode a file so that its text maps back to exactly its bytes.

    Raises:
        UnreadableError: the bytes are not what they say they are.
    """
    if b"\0" in data:
        raise UnreadableError("holds NUL bytes: not a text")
    bom = len(codecs.BOM_UTF8) if data.startswith(codecs.BOM_UTF8) else 0
    encoding = _encoding(data) if language == "python" else "utf-8"
    try:
        text = data[bom:].decode(encoding)
        lossless = text.encode(encoding) == data[bom:]
    except UnicodeError:
        raise UnreadableError(f"not {encoding}, as it should be") from None
    if not lossless:
        raise UnreadableError(f"{encoding} does not keep its bytes")
    return Document(path=path, data=data, text=text, encoding=encoding, bom=bom, language=language)


def _read(path: str, prefilter: Prefilter) -> tuple[bytes | None, bool]:
    """Return (bytes, True), or (b"", False) for a file that is too large but may hold findings, or (None, True)."""
    # O_NONBLOCK: a FIFO that took the place of the file since it was listed must not hang us.
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    try:
        descriptor = os.open(path, flags)
    except OSError as e:
        raise UnreadableError(f"cannot be opened: {e.strerror}") from None
    with io.FileIO(descriptor) as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            return None, True
        try:
            if status.st_size <= MAX_BYTES:
                return file.readall(), True
            return (b"", False) if _large_file_passes(file, prefilter) else (None, True)
        except OSError as e:
            raise UnreadableError(f"cannot be read: {e.strerror}") from None


def _large_file_passes(file: io.FileIO, prefilter: Prefilter) -> bool:
    tail = b""
    for _ in range(_SEARCHED_BYTES // _CHUNK):
        chunk = file.read(_CHUNK)
        if not chunk:
            return False
        if prefilter.passes(tail + chunk):
            return True
        tail = chunk[-_OVERLAP:]
    return False


def _encoding(data: bytes) -> str:
    try:
        name, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
        info = codecs.lookup(name)
    except (SyntaxError, LookupError):
        raise UnreadableError("its coding cookie is wrong") from None
    if info.name == "utf-8" or name == "utf-8-sig":
        return "utf-8"
    # Offsets are counted character by character, which a codec with a state would break.
    if not _is_stateless(info.name):
        raise UnreadableError(f"written in {info.name}: convert it to UTF-8 first")
    return info.name


def _is_stateless(codec: str) -> bool:
    try:
        parts = b"".join(sign.encode(codec, "ignore") for sign in "é中a")
        return parts == "é中a".encode(codec, "ignore") and "a".encode(codec) == b"a"
    except (UnicodeError, LookupError):
        return False


def _refuse_generated(path: str, data: bytes, language: str) -> None:
    name = path.rpartition("/")[2].lower()
    if name in _LOCK_FILES:
        raise UnreadableError("a lock file: change the manifest and lock again")
    if name.endswith(_MINIFIED_NAME):
        raise UnreadableError("minified")
    if language in _CODE and len(data) > _LONG_LINE and len(data) > 1000 * (data.count(b"\n") + 1):
        raise UnreadableError("minified: more than 1,000 bytes a line")
    if language in _CODE | {"python", "go", "java"} and _GENERATED.search(data[:2000]):
        raise UnreadableError("generated: change its source")
