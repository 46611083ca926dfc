"""Turn hits into findings: lines and columns for people, an id that survives shifted lines, masked text."""

from __future__ import annotations

import bisect
import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final

from llm_migrate.scan.finding import Document, Finding, Hit
from llm_migrate.scan.vocabulary import Vocabulary

MAX_TEXT: Final = 400
_LINE_END: Final = re.compile(rb"\r\n|\n|\r")
_SPACE: Final = re.compile(r"\s+")
_QUOTED: Final = re.compile(r"[\w\-.~+/=]{16,400}")
_MASK: Final = "********"


def to_findings(
    document: Document, hits: Iterable[Hit], vocabulary: Vocabulary, *, ignored: bool = False
) -> list[Finding]:
    """Return the findings of one file in the order of their places, each place and kind once."""
    starts = [0, *(match.end() for match in _LINE_END.finditer(document.data))]
    seen: Counter[tuple[str, str]] = Counter()
    findings: list[Finding] = []
    for hit in _distinct(hits):
        line, column = _place(document, starts, hit.start)
        end_line, end_column = _place(document, starts, hit.end)
        text = _text(document, hit, vocabulary)
        key = (hit.rule, _SPACE.sub(" ", text))
        seen[key] += 1
        findings.append(
            Finding(
                id=_id(document.path, *key, seen[key]),
                hit=hit,
                file=document.path,
                line=line,
                column=column,
                end_line=end_line,
                end_column=end_column,
                language=document.language,
                text=text,
                ignored=ignored,
            )
        )
    return findings


def _distinct(hits: Iterable[Hit]) -> list[Hit]:
    """Sort hits; of two that say the same of the same place, the surer one stays."""
    rank = {"certain": 0, "likely": 1, "mention": 2}
    best: dict[tuple[int, int, str], Hit] = {}
    for hit in hits:
        key = (hit.start, hit.end, hit.kind)
        if key not in best or rank[hit.confidence] < rank[best[key].confidence]:
            best[key] = hit
    return sorted(best.values(), key=lambda hit: (hit.start, -hit.end, hit.kind))


def _place(document: Document, starts: Sequence[int], offset: int) -> tuple[int, int]:
    """Return (line, column) of a byte, both from 1; columns count code points."""
    line = bisect.bisect_right(starts, offset)
    first = max(starts[line - 1], document.bom)
    before = document.data[first:offset]
    if before.isascii():
        return line, len(before) + 1
    return line, len(before.decode(document.encoding, "replace")) + 1


def _text(document: Document, hit: Hit, vocabulary: Vocabulary) -> str:
    raw = document.data[hit.start : hit.end]
    if hit.secret and 0 <= hit.value_start < hit.value_end:
        head, secret = document.data[hit.start : hit.value_start], document.data[hit.value_start : hit.value_end]
        mask = _masked(secret.decode(document.encoding, "replace")).encode()
        raw = head + mask + document.data[hit.value_end : hit.end]
    text = raw[: 8 * MAX_TEXT].decode(document.encoding, "replace")
    # A secret may also stand beside what was found, inside the same call.
    text = _QUOTED.sub(lambda m: _masked(m[0]) if vocabulary.secret(m[0]) else m[0], text)
    return text if len(text) <= MAX_TEXT else text[: MAX_TEXT - 1] + "…"


def _masked(secret: str) -> str:
    """Keep of a secret only how it begins, so that a person recognises which one it is."""
    head = secret[:3] if len(secret) >= 16 else ""
    return head + _MASK


def _id(*parts: object) -> str:
    joined = "\0".join(map(str, parts))
    return hashlib.sha256(joined.encode("utf-8", "surrogateescape")).hexdigest()[:16]
