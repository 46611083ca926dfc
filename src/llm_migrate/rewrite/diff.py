"""Show changes as a unified diff that `git apply` accepts, byte for byte.

Hunks come from the edits themselves, so the time is linear; a line ends at LF only, as git sees it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from llm_migrate.rewrite.splice import Edit, splice

_CONTEXT = 3
_NO_END = b"\n\\ No newline at end of file\n"
_ESCAPES = {7: b"\\a", 8: b"\\b", 9: b"\\t", 10: b"\\n", 11: b"\\v", 12: b"\\f", 13: b"\\r", 34: b'\\"', 92: b"\\\\"}


@dataclass(frozen=True, slots=True)
class _Region:
    """Old lines `start..end` (0-based, end exclusive) and what stands there afterwards."""

    start: int
    end: int
    new: tuple[bytes, ...]


def unified_diff(name: bytes, old: bytes, edits: Sequence[Edit]) -> bytes:
    """Return the diff of one file; empty if nothing changes.

    Args:
        name: path as `git apply` shall see it, with `/`.
        old: bytes before.
        edits: as for `splice`.
    """
    lines = _lines(old)
    regions = _joined([region for region in _regions(old, lines, edits) if region.start < region.end or region.new])
    if not regions:
        return b""
    before, after = quote_name(b"a/" + name), quote_name(b"b/" + name)
    out = [b"diff --git " + before + b" " + after + b"\n", b"--- " + _end_name(before), b"+++ " + _end_name(after)]
    shift = 0
    for group in _groups(regions):
        out.append(_hunk(lines, group, shift))
        shift += sum(len(r.new) - (r.end - r.start) for r in group)
    return b"".join(out)


def quote_name(name: bytes) -> bytes:
    """Return a path as git spells it in a diff: quoted like C if it holds odd bytes."""
    if all(32 <= byte < 127 and byte not in (34, 92) for byte in name):
        return name
    return b'"' + b"".join(_ESCAPES.get(b) or (bytes([b]) if 32 <= b < 127 else b"\\%03o" % b) for b in name) + b'"'


def _end_name(name: bytes) -> bytes:
    # git marks the end of an unquoted name that holds a space by a tab
    return name + (b"\t\n" if b" " in name and not name.startswith(b'"') else b"\n")


def _lines(data: bytes) -> list[bytes]:
    pieces = data.split(b"\n")
    last = pieces.pop()
    return [piece + b"\n" for piece in pieces] + ([last] if last else [])


def _regions(old: bytes, lines: Sequence[bytes], edits: Sequence[Edit]) -> Iterator[_Region]:
    """Yield the changed lines, edits on one line together, without lines that stay equal at either end."""
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line))
    at, index = 0, 0
    while index < len(edits):
        while at < len(lines) - 1 and starts[at + 1] <= edits[index].start:
            at += 1
        first, end = at, min(at + 1, len(lines))
        group: list[Edit] = []
        while index < len(edits) and (edits[index].start < starts[end] or end == len(lines) or not group):
            edit = edits[index]
            while end < len(lines) and starts[end] < edit.end:
                end += 1
            group.append(Edit(edit.start - starts[first], edit.end - starts[first], edit.text))
            index += 1
        was = lines[first:end]
        now = _lines(splice(old[starts[first] : starts[end]], group))
        at = max(end - 1, 0)
        yield _trim(first, was, now)


def _trim(first: int, was: Sequence[bytes], now: Sequence[bytes]) -> _Region:
    head = 0
    while head < min(len(was), len(now)) and was[head] == now[head]:
        head += 1
    tail = 0
    while tail < min(len(was), len(now)) - head and was[-1 - tail] == now[-1 - tail]:
        tail += 1
    return _Region(first + head, first + len(was) - tail, tuple(now[head : len(now) - tail]))


def _joined(regions: Sequence[_Region]) -> list[_Region]:
    """Make one of regions that touch, so that a diff shows what goes before what comes."""
    out: list[_Region] = []
    for region in regions:
        if out and out[-1].end == region.start:
            last = out.pop()
            out.append(_Region(last.start, region.end, last.new + region.new))
        else:
            out.append(region)
    return out


def _groups(regions: Sequence[_Region]) -> Iterator[list[_Region]]:
    group = [regions[0]]
    for region in regions[1:]:
        if region.start - group[-1].end > 2 * _CONTEXT:
            yield group
            group = []
        group.append(region)
    yield group


def _hunk(lines: Sequence[bytes], group: Sequence[_Region], shift: int) -> bytes:
    first, last = max(group[0].start - _CONTEXT, 0), min(group[-1].end + _CONTEXT, len(lines))
    out: list[bytes] = []
    at = first
    for region in group:
        out += [_line(b" ", line) for line in lines[at : region.start]]
        out += [_line(b"-", line) for line in lines[region.start : region.end]]
        out += [_line(b"+", line) for line in region.new]
        at = region.end
    out += [_line(b" ", line) for line in lines[at:last]]
    old_count = last - first
    new_count = old_count + sum(len(r.new) - (r.end - r.start) for r in group)
    head = b"@@ -%s +%s @@\n" % (_span(first, old_count), _span(first + shift, new_count))
    return head + b"".join(out)


def _span(first: int, count: int) -> bytes:
    # an empty side names the line before it
    return b"%d,%d" % (first + 1 if count else first, count)


def _line(sign: bytes, line: bytes) -> bytes:
    return sign + (line if line.endswith(b"\n") else line + _NO_END)
