"""Strategy `endpoint` for configuration: `.env`, YAML, TOML, JSON, INI, properties, Dockerfile.

By default the old entries stay. Beside a variable that holds the old provider's key or address stands, in the same
form, the target's: an empty place for its key (a reference such as `${NAME}` is carried over by name), its address,
and `LLM_PROVIDER`. Other settings have no switch; the code decides, so they stay and are listed. With `replace` names
and values change in place. A secret is never copied: in a renamed variable its place is left empty.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from llm_migrate.catalog.policy import find_model
from llm_migrate.rewrite.proposal import ByHand, Need, Proposal, Proposed
from llm_migrate.rewrite.splice import Edit
from llm_migrate.rewrite.target import Move
from llm_migrate.scan.finding import SWITCH, Document, Entry, Finding

LANGUAGES: Final = frozenset({"env", "yaml", "toml", "json", "ini", "properties", "dockerfile"})
_HEAD: Final = re.compile(r"[ \t]*(?:- +)?(?:(export|set|ENV|ARG|env|arg)[ \t]+)?")
_NAME_ITEM: Final = re.compile(r"[\"']?name[\"']?[ \t]*:")
_TAIL: Final = re.compile(r"[ \t]*(?:#[^\r\n]*)?")
_REFERENCE: Final = re.compile(r"\$\{|\$\(|\{\{|\$[A-Z_]|%[A-Z_]+%")
_LINE_END: Final = re.compile(rb"\r\n|\n|\r")


class EndpointConfig:
    """Plans configuration files."""

    def __init__(self, move: Move) -> None:
        """Take from where to where."""
        self._move = move

    def propose(self, document: Document, findings: Sequence[Finding]) -> Proposed:
        """Return what can be changed in a file, and what a person must do."""
        from llm_migrate.scan.entries import read_entries

        entries = {(entry.start, entry.end): entry for entry in read_entries(document)}
        planner = _FilePlanner(self._move, document, tuple(entries.values()))
        for finding in findings:
            entry = entries.get((finding.hit.start, finding.hit.end))
            if finding.hit.provider != self._move.source.id or finding.hit.kind in ("manifest", "doc"):
                continue
            if entry is not None:
                planner.plan(finding, entry)
        return planner.proposed

    def frame(self, document: Document, needs: frozenset[Need]) -> tuple[Edit, ...]:  # noqa: ARG002
        """Configuration needs nothing around its entries."""
        return ()


class _FilePlanner:
    def __init__(self, move: Move, document: Document, entries: Sequence[Entry]) -> None:
        self.proposed = Proposed()
        self._move = move
        self._document = document
        self._encoding = document.encoding
        self._names = {(self._group(entry), entry.path[-1]) for entry in entries if entry.path}

    def plan(self, finding: Finding, entry: Entry) -> None:
        """Plan one entry."""
        names = self._move.source.names
        key = entry.path[-1]
        if key in names.env_key or key in names.env_url:
            new = self._move.key_env if key in names.env_key else self._move.url_env
            if entry.value_start < 0 and _NAME_ITEM.match(self._raw(entry)):
                # Kubernetes' `valueFrom`: under another name the old provider's secret would go to the new one.
                self._leave(finding, f"{key} takes its value from elsewhere", f"add {new} with a secret of its own")
            elif self._move.replace:
                self._rename(finding, entry, new)
            else:
                self._put_beside(finding, entry, new)
        elif self._move.replace:
            self._change(finding, entry)
        else:
            self._keep(finding, entry)

    def _put_beside(self, finding: Finding, entry: Entry, new: str) -> None:
        """Write the target's variable behind the old one's, in the same form."""
        group = self._group(entry)
        rows: dict[str, bytes] = {}
        for name in (new, SWITCH) if new == self._move.key_env else (new,):
            if (group, name) not in self._names:
                self._names.add((group, name))
                rows[name] = self._sibling(entry, name)
        edit = self._below(entry, list(rows.values()))
        if edit is None:
            self._leave(finding, "shares its line with other entries", f"add {new} beside it")
        elif rows:
            self._add(finding, f"{' and '.join(rows)} beside {entry.path[-1]}", (edit,))

    def _rename(self, finding: Finding, entry: Entry, new: str) -> None:
        group = self._group(entry)
        if (group, new) in self._names:
            self._leave(finding, f"{new} is there already", f"remove {entry.path[-1]} when nothing reads it any more")
            return
        self._names.add((group, new))
        start, raw = entry.start, self._raw(entry)
        at = start + len(raw[: raw.index(entry.path[-1])].encode(self._encoding))
        edits = [Edit(at, at + len(entry.path[-1]), new.encode())]
        value = self._value_for(entry, new)
        if entry.value_start >= 0 and value != entry.value:
            edits.append(Edit(entry.value_start, entry.value_end, value.encode(self._encoding)))
        note = "its value was not carried over: put the new key there" if finding.hit.secret else ""
        self._add(finding, f"{entry.path[-1]} becomes {new}", tuple(edits), note)

    def _change(self, finding: Finding, entry: Entry) -> None:
        """Change a value in place."""
        old, hit = entry.value, finding.hit
        new: str | None = None
        if hit.kind == "model" and hit.model == old:
            if find_model(self._move.target, old) is not None:
                return
            new = self._move.new_model(old)
        elif hit.kind == "base-url":
            new = self._moved_address(old)
        elif hit.kind == "credential":
            named = next((name for name in self._move.source.names.env_key if name in old), None)
            new = old.replace(named, self._move.key_env) if named else None
        if new is None or entry.value_start < 0:
            self._keep(finding, entry)
        elif new != old:
            edit = Edit(entry.value_start, entry.value_end, new.encode(self._encoding))
            what = f"{'.'.join(entry.path)}: {'its key' if hit.kind == 'credential' else f'{old} becomes {new}'}"
            self._add(finding, what, (edit,))

    def _keep(self, finding: Finding, entry: Entry) -> None:
        move, hit, key = self._move, finding.hit, ".".join(entry.path)
        stays = "stays as it is" if not move.replace else "is not known to have a counterpart"
        match hit.kind:
            case "model":
                old = hit.model or entry.value
                new = move.new_model(old)
                if new is not None:
                    advice = f"for {move.target.id} it is {new}: Python calls translate it where they pass it on"
                    self._leave(finding, f"{key} {stays}", advice, blocked=False)
                else:
                    self._leave(finding, f"nothing is known to take the place of {old}", f"choose with --map {old}=NEW")
            case "base-url":
                self._leave(finding, f"{key} {stays}", f"for {move.target.id} it is {move.base_url}", blocked=False)
            case "credential":
                self._leave(finding, f"{key} {stays}", f"the new key belongs in {move.key_env}", blocked=False)
            case _:
                self._leave(finding, f"{key} {stays}", "see whether the new provider needs it", blocked=False)

    def _moved_address(self, old: str) -> str | None:
        for endpoint in self._move.source.endpoints:
            base = endpoint.base_url.rstrip("/")
            if old.startswith(base):
                return self._move.base_url + old[len(base) :]
        return None

    def _value_for(self, entry: Entry, name: str) -> str:
        """Return the value of the target's variable, given the old entry: never its secret."""
        move, old = self._move, entry.path[-1]
        if name == SWITCH:
            return (
                f"${{{SWITCH}:-{move.target.id}}}"
                if entry.value.startswith("${") and "${{" not in entry.value
                else move.target.id
            )
        if _REFERENCE.search(entry.value) and old in entry.value:
            return entry.value.replace(old, name)
        if name == move.url_env:
            return self._moved_address(entry.value) or move.base_url
        quoted = self._document.data[entry.value_start - 1 : entry.value_start] in (b'"', b"'")
        return (
            '""' if self._document.language in ("yaml", "toml") and not quoted and "=" not in self._raw(entry) else ""
        )

    def _sibling(self, entry: Entry, name: str) -> bytes:
        raw, start = self._raw(entry), entry.start
        at = len(raw[: raw.index(entry.path[-1])].encode(self._encoding))
        data = self._document.data
        head = data[start : start + at] + name.encode()
        behind = start + at + len(entry.path[-1])
        if entry.value_start < 0:
            return head + data[behind : entry.end]
        value = self._value_for(entry, name).encode(self._encoding)
        return head + data[behind : entry.value_start] + value + data[entry.value_end : entry.end]

    def _below(self, entry: Entry, rows: Sequence[bytes]) -> Edit | None:
        """Return the insertion of lines below an entry that has its line to itself."""
        data = self._document.data
        start = max(data.rfind(b"\n", 0, entry.start), data.rfind(b"\r", 0, entry.start)) + 1 or self._document.bom
        head = data[start : entry.start]
        ended = _LINE_END.search(data, entry.end)
        stop = ended.start() if ended else len(data)
        newline = ended[0] if ended else self._newline()
        if self._document.language == "json":
            gap = newline + head if not head.strip() else b" "
            return Edit(entry.end, entry.end, b"".join(b"," + gap + row for row in rows))
        tail = data[entry.end : stop].decode(self._encoding)
        if not _HEAD.fullmatch(head.decode(self._encoding)) or not _TAIL.fullmatch(tail):
            return None
        return Edit(stop, stop, b"".join(newline + head + row for row in rows))

    def _newline(self) -> bytes:
        found = _LINE_END.search(self._document.data)
        return found[0] if found else b"\n"

    def _group(self, entry: Entry) -> tuple[str, ...]:
        """Return what an entry shares with those beside it: its section, and in a Dockerfile the instruction."""
        data = self._document.data
        start = max(data.rfind(b"\n", 0, entry.start), data.rfind(b"\r", 0, entry.start)) + 1
        head = _HEAD.match(data[start : entry.start].decode(self._encoding, "replace"))
        word = (head[1] or "") if head and self._document.language == "dockerfile" else ""
        return (*entry.path[:-1], word.upper())

    def _raw(self, entry: Entry) -> str:
        return self._document.data[entry.start : entry.end].decode(self._encoding)

    def _add(self, finding: Finding, what: str, edits: tuple[Edit, ...], note: str = "") -> None:
        kind = finding.hit.kind
        self.proposed.proposals.append(Proposal(finding.file, finding.line, kind, what, edits, note=note))
        self.proposed.reaches |= self._move.replace and kind == "base-url"

    def _leave(self, finding: Finding, reason: str, advice: str, *, blocked: bool = True) -> None:
        text = finding.text.splitlines()[0] if finding.text else ""
        self.proposed.by_hand.append(
            ByHand(finding.file, finding.line, finding.hit.kind, text, reason, advice, blocked)
        )
