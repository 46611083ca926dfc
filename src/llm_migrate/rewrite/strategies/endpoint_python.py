"""Strategy `endpoint` for Python: keep the openai SDK, change address, key, models and parameters.

By default the old provider stays behind a switch; `python_frame` shows its form. Every edit puts
`NEW if LLM_PROVIDER == "zhipu" else ` in front of old code, which stands as it was; an argument that the target does
not take reads `NOT_GIVEN if ... else OLD`, and one that the SDK does not know goes into `extra_body`. With `replace`
the new value takes the old one's place.

Not edited: the SDK before 1.0, its module-level client, names in comparisons, tables and f-strings, embeddings whose
model nobody mapped. All of that is listed.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from llm_migrate.catalog.policy import UNKNOWN, Unknown, find_model
from llm_migrate.rewrite.arguments import edit_arguments
from llm_migrate.rewrite.proposal import ByHand, Need, Proposal, Proposed
from llm_migrate.rewrite.python_frame import frame_edits, mentions_switch
from llm_migrate.rewrite.python_source import PythonSource
from llm_migrate.rewrite.splice import Edit
from llm_migrate.rewrite.strategies.python_calls import CallChange, CallPlanner
from llm_migrate.rewrite.strategies.python_literals import place_of, plain_literal
from llm_migrate.rewrite.strategies.python_survey import (
    CLIENTS,
    Survey,
    client_name,
    is_old_sdk,
    is_opaque,
    stays_whole,
    survey,
)
from llm_migrate.rewrite.target import Move
from llm_migrate.scan.finding import SWITCH, Document, Finding, Kind

_TEST: Final = re.compile(r"(?:^|/)(?:tests?/|conftest\.py$|test_[^/]*$|[^/]*_test\.py$)")
_JUDGED: Final = frozenset({"chat", "embeddings"})


class EndpointPython:
    """Plans Python files."""

    def __init__(self, move: Move, *, unsafe: bool, configured: Mapping[str, str]) -> None:
        """Take what is the same for all files.

        Args:
            move: from where to where.
            unsafe: also plan what needs a look.
            configured: old -> new for the models that stand in configuration files, which have no switch.
        """
        self._move = move
        self._unsafe = unsafe
        self._translated = dict(configured)
        self._sources: dict[str, PythonSource] = {}
        self._survey = Survey()
        self._served: set[str] = set()  # what serves, at the target, the chat models that the tree names

    def look(self, documents: Sequence[Document], found: Mapping[str, Sequence[Finding]]) -> None:
        """Take in all files that will be planned, since what one uses can be named in another."""
        self._sources = {document.path: PythonSource(document) for document in documents}
        self._survey = survey(self._sources, found, self._move)
        own = (f.hit for rows in found.values() for f in rows if f.hit.provider == self._move.source.id)
        named = {hit.model for hit in own if hit.model and hit.confidence != "mention"}
        self._served = {new for old in named if (new := self._new_chat(old)) is not None}
        for old in self._survey.looked_up:
            new = self._move.new_model(old)
            if new is not None and find_model(self._move.target, old) is None:
                self._translated[old] = new

    def propose(self, document: Document, findings: Sequence[Finding]) -> Proposed:
        """Return what can be changed in a file, and what a person must do."""
        source = self._sources[document.path]
        worker = _FilePlanner(self, source, document.path)
        own = [f for f in findings if f.hit.provider == self._move.source.id]
        others = [f for f in findings if f.hit.kind == "client" and f.hit.provider not in self._known()]
        whole = stays_whole(source, findings, self._move)
        if whole is not None:
            first, reason, advice = whole
            old = [f for f in own if f.hit.kind == "api-call" and is_old_sdk(source, f)]
            worker.leave(old or [first], reason, advice)
        else:
            worker.plan(own)
            stays = (
                f"where it is used, set {SWITCH} to another value than {self._move.target.id}: models change for all"
            )
            worker.leave(others, "leads to another provider and stays", stays, blocked=False)
        return worker.proposed

    def _known(self) -> tuple[str, str]:
        return self._move.source.id, self._move.target.id

    def frame(self, document: Document, needs: frozenset[Need]) -> tuple[Edit, ...]:
        """Return the edits that define what the chosen proposals of a file need."""
        return frame_edits(self._sources[document.path], self._move, needs, self._translated)

    @property
    def survey(self) -> Survey:
        """What all files together say."""
        return self._survey

    @property
    def move(self) -> Move:
        """From where to where."""
        return self._move

    @property
    def unsafe(self) -> bool:
        """Also plan what needs a look."""
        return self._unsafe

    @property
    def run_time_model(self) -> str | Unknown:
        """The target's model for calls that choose theirs at run time, if all that the tree names become one."""
        chats = {new for old in self._translated if (new := self._new_chat(old)) is not None} | self._served
        return self._move.model or (chats.pop() if len(chats) == 1 else UNKNOWN)

    def _new_chat(self, old: str) -> str | None:
        return None if self._move.is_embedding(old) else self._move.new_model(old)

    def is_translated(self, model: str | None) -> bool:
        """Say whether a model that a call uses can have an old name when the call is made."""
        return bool(self._translated) if model is None else model in self._translated


class _FilePlanner:
    """Plans the findings of one file, one kind after the other."""

    def __init__(self, strategy: EndpointPython, source: PythonSource, path: str) -> None:
        self.proposed = Proposed()
        self._strategy = strategy
        self._move = strategy.move
        self._source = source
        self._path = path
        self._calls = CallPlanner(source, strategy.move, unsafe=strategy.unsafe)
        self._claimed: list[tuple[int, int]] = []  # values that stand behind the switch already, or go
        self._moved: list[tuple[int, int]] = []  # clients and calls that will lead to the target
        self._secret_line: int | None = None  # of a key that requests to a literal address may carry
        quote = source.quote
        self._when = f"{SWITCH} == {quote}{self._move.target.id}{quote}"

    def plan(self, findings: Sequence[Finding]) -> None:
        """Plan all findings: calls first, since a value that a call replaces needs no edit of its own."""
        if any(f.hit.kind == "raw-http" for f in findings):
            self._secret_line = next((f.line for f in findings if f.hit.secret), None)
        whole: dict[Kind, Callable[[Finding], None]] = {
            "client": self._client,
            "api-call": self._request,
            "wrapper": self._wrapper,
        }
        parts: dict[Kind, Callable[[Finding], None]] = {
            "model": self._model,
            "credential": self._variable,
            "config": self._variable,
            "base-url": self._address,
            "raw-http": self._address,
        }
        for finding in findings:
            if finding.hit.kind in whole:
                whole[finding.hit.kind](finding)
        for finding in findings:
            if finding.hit.kind in parts and not self._is_claimed(finding):
                parts[finding.hit.kind](finding)

    def _is_claimed(self, finding: Finding) -> bool:
        """Say whether the place lies in a value that keeps standing behind the switch, or goes."""
        return any(start <= finding.hit.start and finding.hit.end <= end for start, end in self._claimed)

    def leave(self, findings: Sequence[Finding], reason: str, advice: str, *, blocked: bool = True) -> None:
        """List findings for a person."""
        for finding in findings:
            text = finding.text.splitlines()[0] if finding.text else ""
            self.proposed.by_hand.append(
                ByHand(self._path, finding.line, finding.hit.kind, text, reason, advice, blocked)
            )

    def _client(self, finding: Finding) -> None:
        call = self._source.call_at(finding.hit.start, finding.hit.end)
        if call is None or self._in_text(call):
            return
        if any(mentions_switch(k.value) for k in call.keywords if k.arg in ("api_key", "base_url")):
            self.proposed.reaches = True
            return
        name = client_name(call)
        if name not in CLIENTS:
            advice = f"give it the address {self._move.base_url} and the key of {self._move.key_env}"
            self.leave([finding], f"constructs {name or 'something'}", advice)
            return
        if is_opaque(call):
            advice = f"set base_url to {self._move.base_url} and api_key from {self._move.key_env} there"
            self.leave([finding], "takes its arguments from elsewhere", advice)
            return
        self._moved.append(self._source.span(call))
        change = self._calls.client(call, key_names=frozenset(self._move.source.names.env_key))
        for keyword in call.keywords:
            if keyword.arg in change.edits.before or keyword.arg in change.edits.instead:
                self._claimed.append(self._source.span(keyword.value))
        self._offer(finding, change, call)

    def _wrapper(self, finding: Finding) -> None:
        advice = f"give it the address {self._move.base_url}, the key of {self._move.key_env} and a model of the target"
        self.leave([finding], "is a framework's class", advice)

    def _request(self, finding: Finding) -> None:
        hit = finding.hit
        call = self._source.call_at(hit.start, hit.end)
        if call is None or self._in_text(call):
            return
        if hit.api not in _JUDGED:
            facts = self._move.target.apis.get(hit.api) if hit.api else None  # type: ignore[call-overload]
            offered = facts is not None and facts.offered
            if not offered:
                advice = (facts.advice if facts else "") or f"keep another provider for the {hit.api} API"
                self.leave([finding], f"{self._move.target.name} does not offer the {hit.api} API", advice)
            return
        old = hit.model
        given = {k.arg: k.value for k in call.keywords if k.arg}
        value = given.get("model")
        if old is not None and find_model(self._move.target, old) is not None:
            return
        new = self._move.new_model(old) if old is not None else self._strategy.run_time_model
        if new is None:
            self._unmapped(finding, old or "")
            return
        self._moved.append(self._source.span(call))
        change = self._calls.request(call, hit, new)
        if value is not None and not isinstance(value, ast.Constant) and not mentions_switch(value):
            self._run_time_model(finding, change, value, old)
        doubt = self._strategy.survey.doubt_on_model(old) if old is not None and value is None else None
        if doubt is not None and not self._strategy.unsafe:
            self.leave([finding], "takes its model from a ** argument", f"there it must be {new}; {doubt}")
        self._offer(finding, change, call)

    def _run_time_model(self, finding: Finding, change: CallChange, value: ast.expr, old: str | None) -> None:
        switched = old not in self._strategy.survey.looked_up and _is_switched_name(self._source, value)
        if not self._move.replace and self._strategy.is_translated(old) and not switched:
            self._claimed.append(self._source.span(value))
            self._calls.wrap_model(change, value)
        elif old is None and not self._move.replace:
            text = self._source.source(value)
            self.leave(
                [finding], f"chooses its model at run time: {text}", "see that it is one of the target's", blocked=False
            )

    def _model(self, finding: Finding) -> None:
        old = finding.hit.model or ""
        if finding.hit.confidence == "mention" or not old or find_model(self._move.target, old) is not None:
            return
        new = self._move.new_model(old)
        if new is None:
            self._unmapped(finding, old)
            return
        if old in self._strategy.survey.looked_up and not self._move.replace and not self._is_moved(finding):
            reason = "a model name that the program compares or finds things by stays"
            self.leave([finding], reason, "calls that take it from a variable translate it", blocked=False)
            return
        doubt = self._strategy.survey.doubt_on_model(old)
        if self._secret_line is not None:
            doubt = f"{old} may be used by a request that stays with the old provider"
        if doubt is not None and not self._is_moved(finding) and not self._strategy.unsafe:
            self.leave([finding], doubt, f"for {self._move.target.id} it is {new}", blocked=False)
            return
        self._literal(finding, old, new, f"{old} becomes {new}")

    def _is_moved(self, finding: Finding) -> bool:
        """Say whether a place lies in a client or call that will lead to the target."""
        return any(start <= finding.hit.start and finding.hit.end <= end for start, end in self._moved)

    def _is_doubtful(self, finding: Finding) -> bool:
        """Say whether a key or address could reach what stays with the old provider; lists it then."""
        doubt = self._strategy.survey.doubt_on_key()
        if doubt is None or self._is_moved(finding) or self._strategy.unsafe:
            return False
        self.leave(
            [finding], doubt, f"for {self._move.target.id}: {self._move.key_env}, {self._move.base_url}", blocked=False
        )
        return True

    def _variable(self, finding: Finding) -> None:
        names = self._move.source.names
        node = self._constant(finding)
        if node is None or node.value not in names.env_key:
            if finding.hit.secret:
                advice = f"read {self._move.key_env} from the environment instead"
                self.leave([finding], "is a key in the code", advice)
            return
        old = str(node.value)
        if self._is_doubtful(finding):
            return
        self._literal(finding, old, self._move.key_env, f"{old} becomes {self._move.key_env}")

    def _address(self, finding: Finding) -> None:
        node = self._constant(finding)
        if node is None:
            return
        old = str(node.value)
        for endpoint in self._move.source.endpoints:
            if old.rstrip("/").startswith(endpoint.base_url.rstrip("/")):
                if self._is_unsendable(finding) or self._is_doubtful(finding):
                    return
                new = self._move.base_url + old[len(endpoint.base_url.rstrip("/")) :]
                self._literal(finding, old, new, f"{old} becomes {new}")
                return
        if "://" in old:
            self.leave([finding], "is an address that the catalog does not list", f"point it at {self._move.base_url}")

    def _is_unsendable(self, finding: Finding) -> bool:
        """Say whether what is sent to a literal address may not go to the target as it is; lists it then.

        There a request takes its key along from wherever the program has it, and its model from its body.
        """
        move, api = self._move, finding.hit.api
        if finding.hit.kind != "raw-http":
            return False
        if self._secret_line is not None:
            reason = f"a key that is written into this file (line {self._secret_line}) would be sent along"
            self.leave([finding], reason, f"read the key from {move.key_env}, then rewrite")
        elif api == "embeddings" and not any(move.is_embedding(old) for old in move.mapped):
            self.leave([finding], "embeddings are never switched unasked", "choose their model with --map OLD=NEW")
        elif api is not None and api not in _JUDGED and not self._is_offered(api):
            advice = f"keep another provider for the {api} API"
            self.leave([finding], f"{move.target.name} does not offer the {api} API", advice)
        else:
            return False
        return True

    def _is_offered(self, api: str) -> bool:
        facts = self._move.target.apis.get(api)  # type: ignore[call-overload]
        return facts is not None and facts.offered

    def _literal(self, finding: Finding, old: str, new: str, what: str) -> None:
        """Replace one string, or put the new one in front of it behind the switch."""
        node = self._constant(finding)
        place = place_of(self._source, node) if node is not None else "inside other text"
        if node is None or place not in ("free", "tight") or plain_literal(self._source, node) != old:
            self.leave([finding], f"{old} stands {place}", f"at the target it is {new}", blocked=False)
            return
        above = self._source.enclosing(node, ast.IfExp)
        if above is not None and mentions_switch(above.test):
            return
        start, end = self._source.span(node)
        quote = self._source.source(node)[-1]
        text = f"{quote}{new}{quote}"
        if self._move.replace:
            edits: tuple[Edit, ...] = (Edit(start, end, self._source.encode(text)),)
        elif place == "free":
            edits = (Edit(start, start, self._source.encode(f"{text} if {self._when} else ")),)
        else:
            opened = self._source.encode(f"({text} if {self._when} else ")
            edits = (Edit(start, start, opened), Edit(end, end, b")"))
        needs: frozenset[Need] = frozenset() if self._move.replace else frozenset({"switch"})
        self._add(Proposal(self._path, finding.line, finding.hit.kind, what, edits, needs=needs), finding)

    def _offer(self, finding: Finding, change: CallChange, call: ast.Call) -> None:
        for subject, advice, blocked in change.problems:
            self.leave([finding], f"{subject} cannot be kept", advice, blocked=blocked)
        for reason, advice, blocked in change.spread:
            self.leave([finding], reason, advice, blocked=blocked)
        for doubt in change.doubts:
            self.leave([finding], doubt, "--unsafe leaves it out; then look at what reads the answer")
        if change.edits:
            edits = tuple(edit_arguments(self._source, call, change.edits))
            what, note = ", ".join(dict.fromkeys(change.done)), "; ".join(change.losses)
            needs = frozenset(change.needs)
            self._add(
                Proposal(self._path, finding.line, finding.hit.kind, what, edits, note=note, needs=needs), finding
            )

    def _add(self, proposal: Proposal, finding: Finding) -> None:
        if _TEST.search(self._path) and not self._strategy.unsafe:
            self.leave([finding], "belongs to a test", "see what the test expects; --unsafe edits it", blocked=False)
            return
        self.proposed.proposals.append(proposal)
        self.proposed.reaches |= proposal.kind in ("client", "base-url", "raw-http")

    def _unmapped(self, finding: Finding, old: str) -> None:
        if self._move.is_embedding(old):
            advice = f"choose one with --map {old}=NEW, and embed everything anew: vectors of two models do not mix"
            self.leave([finding], f"{old} makes vectors: it is never switched unasked", advice)
        else:
            self.leave([finding], f"nothing is known to take the place of {old}", f"choose with --map {old}=NEW")

    def _constant(self, finding: Finding) -> ast.Constant | None:
        hit = finding.hit
        start, end = (hit.value_start, hit.value_end) if hit.value_start >= 0 else (hit.start, hit.end)
        return self._source.constant_at(start, end)

    def _in_text(self, call: ast.Call) -> bool:
        return self._source.enclosing(call, ast.JoinedStr) is not None


def _is_switched_name(source: PythonSource, value: ast.expr) -> bool:
    """Say whether a name is a constant of this file, whose literal is switched where it is bound."""
    return isinstance(value, ast.Name) and any(
        isinstance(s, ast.Assign)
        and isinstance(s.value, ast.Constant | ast.IfExp)
        and any(isinstance(t, ast.Name) and t.id == value.id for t in s.targets)
        for s in source.tree.body
    )
