"""Clients and calls of the openai SDK in Python: what their arguments become at the target."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, cast

from llm_migrate.catalog.policy import OPEN, UNKNOWN, Effect, Policy, Ruling, Unknown, Value, judge
from llm_migrate.catalog.schema import JsonValue
from llm_migrate.rewrite.arguments import ArgumentEdits
from llm_migrate.rewrite.proposal import Need
from llm_migrate.rewrite.python_frame import MODEL_FUNCTION, address, mentions_switch
from llm_migrate.rewrite.python_source import PythonSource
from llm_migrate.rewrite.target import Move
from llm_migrate.scan.finding import SWITCH, Hit

# Fields that every openai SDK from 1.0 on takes as arguments; others go through extra_body.
_SDK_FIELDS: Final = frozenset(
    {
        "dimensions",
        "encoding_format",
        "frequency_penalty",
        "function_call",
        "functions",
        "logit_bias",
        "max_tokens",
        "n",
        "presence_penalty",
        "response_format",
        "seed",
        "stop",
        "temperature",
        "tool_choice",
        "tools",
        "top_p",
        "user",
    }
)
# Options of the SDK's own, which the vendor never sees, and the format of vectors, which the SDK decides itself.
_UNJUDGED: Final = frozenset({"extra_headers", "extra_query", "extra_body", "timeout", "encoding_format"})
# Without these the answer keeps its shape: the program goes on, with less control over what it says.
_HINTS: Final = frozenset({"tool_choice", "parallel_tool_calls", "reasoning_effort", "verbosity", "prediction"})
_LOST: Final = {Effect.CLAMPED: "is clamped", Effect.DROPPED: "is not sent", Effect.REFUSED: "is refused"}


@dataclass(slots=True)
class CallChange:
    """What becomes of one call.

    Attributes:
        edits: of its arguments.
        needs: what the file must define.
        done: the changes, for people.
        losses: what is lost at the target.
        doubts: changes that would alter what the program gets back, for `--unsafe`.
        problems: (subject, advice, blocked) that no edit cures.
        spread: (reason, advice, blocked) on what comes in a `**` argument.
    """

    edits: ArgumentEdits = field(default_factory=ArgumentEdits)
    needs: set[Need] = field(default_factory=set["Need"])
    done: list[str] = field(default_factory=list[str])
    losses: list[str] = field(default_factory=list[str])
    doubts: list[str] = field(default_factory=list[str])
    problems: list[tuple[str, str, bool]] = field(default_factory=list[tuple[str, str, bool]])
    spread: list[tuple[str, str, bool]] = field(default_factory=list[tuple[str, str, bool]])


class CallPlanner:
    """Plans the calls of one file."""

    def __init__(self, source: PythonSource, move: Move, *, unsafe: bool) -> None:
        """Take a file and where it moves; `unsafe` also plans what alters the program's answers."""
        self._source = source
        self._move = move
        self._unsafe = unsafe
        quote = source.quote
        self._when = f"{SWITCH} == {quote}{move.target.id}{quote}"
        self._not_given = "openai.NOT_GIVEN" if _imports_openai(source.tree) else "NOT_GIVEN"

    def client(self, call: ast.Call, *, key_names: frozenset[str]) -> CallChange:
        """Plan the construction of a client: its key and its address."""
        change, move, quote = CallChange(), self._move, self._source.quote
        given = {k.arg: k.value for k in call.keywords if k.arg}
        key = f"os.environ[{quote}{move.key_env}{quote}]"
        if "api_key" not in given or not _holds(given["api_key"], key_names):
            self._value(change, given, "api_key", key, "os")
            change.done.append(f"key from {move.key_env}")
        if move.replace:
            self._value(change, given, "base_url", address(move, quote), "os")
        else:
            self._value(change, given, "base_url", move.url_env, "url")
        change.done.append(f"address {move.base_url}")
        return change

    def request(self, call: ast.Call, hit: Hit, model: str | Unknown) -> CallChange:
        """Plan the arguments of a chat or embeddings call.

        Args:
            call: the call.
            hit: what the scan knows of it.
            model: at the target; UNKNOWN when it is chosen at run time.
        """
        change = CallChange()
        given = {k.arg: k.value for k in call.keywords if k.arg}
        extra: dict[str, str] = {}
        policy = self._move.policy("embeddings" if hit.api == "embeddings" else "chat", model, hit.model)
        body = self._body(call, hit)
        hidden = body.keys() - given.keys() - {OPEN}
        for ruling in judge(policy, body):
            if hidden.isdisjoint((ruling.subject, *ruling.set, *ruling.remove)):
                self._follow(change, ruling, given, extra, hit)
            else:
                self._spread(change, ruling)
        if OPEN in body:
            self._open(change, policy, body)
        if extra:
            self._extra_body(change, given, extra)
        if hit.api == "embeddings" and "encoding_format" not in given:
            self._ask_for_floats(change, model)
        return change

    def wrap_model(self, change: CallChange, value: ast.expr) -> None:
        """Translate a model name that is only known at run time."""
        change.edits.instead["model"] = f"{MODEL_FUNCTION}({self._source.source(value)})"
        change.needs |= {"models", "switch"}
        change.done.append("model translated at run time")

    def _body(self, call: ast.Call, hit: Hit) -> dict[str, Value]:
        known: Mapping[str, Value] = hit.parameters or {}
        body: dict[str, Value] = {}
        given = {keyword.arg for keyword in call.keywords}
        for keyword in call.keywords:
            if keyword.arg is None:
                # The scan has read the table behind the stars, if it could; what it could not read is OPEN there, too.
                body |= {name: value for name, value in known.items() if name not in given}
                if not known or "extra_body" in body:
                    body[OPEN] = UNKNOWN
            elif keyword.arg not in _UNJUDGED and not mentions_switch(keyword.value):
                body[keyword.arg] = known.get(keyword.arg, UNKNOWN)
                if isinstance(body[keyword.arg], Unknown):
                    body[keyword.arg] = _literal(keyword.value)
        return body

    def _spread(self, change: CallChange, ruling: Ruling) -> None:
        """Note what must become of an argument that comes in a table: the table may serve other calls, too."""
        if ruling.effect is Effect.KEPT and ruling.at_worst < Effect.CLAMPED:
            return
        becomes = ", ".join(f"{name} = {_python(value, self._source.quote)}" for name, value in ruling.set.items())
        told = becomes or _LOST.get(ruling.at_worst, "changes")
        advice = f"for {self._move.target.id}: {told}. {ruling.advice}".strip().removesuffix(".")
        change.spread.append((f"takes {ruling.subject} from a ** argument", advice, ruling.effect >= Effect.CLAMPED))

    def _open(self, change: CallChange, policy: Policy, body: Mapping[str, Value]) -> None:
        """Note that arguments are not known, and what the target wants to be added to them."""
        seen = {name: value for name, value in body.items() if name != OPEN}
        added = {n: v for r in judge(policy, seen) if r.effect is Effect.ADDED for n, v in r.set.items()}
        wanted = f", and add {added} to extra_body" if added else ""
        advice = f"see that {self._move.target.id} takes what comes{wanted}"
        change.spread.append(("takes a ** argument that is filled at run time", advice, False))

    def _ask_for_floats(self, change: CallChange, model: str | Unknown) -> None:
        """Name the format where the vendor has no base64: the SDK asks for that by itself, and takes floats too.

        The old provider's vectors are the same either way, so this needs no switch.
        """
        rulings = judge(self._move.policy("embeddings", model), {"encoding_format": "base64"})
        if any(r.subject == "encoding_format" and r.effect is not Effect.KEPT for r in rulings):
            change.edits.added.append(f"encoding_format={_python('float', self._source.quote)}")
            change.done.append("vectors as floats")

    def _follow(
        self, change: CallChange, ruling: Ruling, given: Mapping[str, ast.expr], extra: dict[str, str], hit: Hit
    ) -> None:
        """Turn one ruling into edits, doubts or problems."""
        name, effect = ruling.subject, ruling.effect
        if ruling.how is not None or effect is Effect.EMULATED or name.startswith("messages"):
            if effect is not Effect.KEPT:
                advice = ruling.advice or "the vendor wants this otherwise"
                change.problems.append((name, advice, effect is Effect.REFUSED))
        elif "." in name:
            if effect > Effect.OMITTED:  # what may be inside is the same for nearly every call, and told by the scan
                change.problems.append((name, ruling.advice or "the vendor does not take it", effect is Effect.REFUSED))
        elif effect is Effect.REFUSED:
            self._refused(change, ruling, given)
        elif effect is Effect.RENAMED and not ruling.set:
            self._renamed(change, ruling, given, extra, hit)
        elif {effect, ruling.at_worst} <= {Effect.OMITTED, Effect.DROPPED}:
            self._dropped(change, ruling, given)
        elif ruling.set or ruling.remove:
            self._certain(change, ruling, given, extra)
        elif ruling.at_worst >= Effect.CLAMPED and name in given and name != "input":
            advice = f"its value is chosen at run time, and not every value passes there. {ruling.advice}"
            change.problems.append((name, advice.strip(), False))

    def _dropped(self, change: CallChange, ruling: Ruling, given: Mapping[str, ast.expr]) -> None:
        name = ruling.subject
        if name in given:
            self._remove(change, given, name)
            change.done.append(f"without {name}")
            if ruling.at_worst is Effect.DROPPED:
                change.losses.append(f"{name} is not sent: {ruling.advice}".removesuffix(": "))

    def _certain(
        self, change: CallChange, ruling: Ruling, given: Mapping[str, ast.expr], extra: dict[str, str]
    ) -> None:
        for name, value in ruling.set.items():
            text = _python(value, self._source.quote)
            if name in given:
                if not mentions_switch(given[name]):
                    self._value(change, given, name, text, "switch")
            elif name in _SDK_FIELDS:
                self._value(change, given, name, text, "switch", default=self._not_given)
            else:
                extra[name] = text
            change.done.append(f"{name} = {text}")
        for name in ruling.remove:
            if name in given and name not in ruling.set:
                self._remove(change, given, name)
                change.done.append(f"without {name}")
        if ruling.effect in _LOST:
            change.losses.append(f"{ruling.subject} {_LOST[ruling.effect]}: {ruling.advice}".removesuffix(": "))

    def _renamed(
        self,
        change: CallChange,
        ruling: Ruling,
        given: Mapping[str, ast.expr],
        extra: dict[str, str],
        hit: Hit,
    ) -> None:
        """Rename an argument whose value is not known."""
        name = ruling.subject
        facts = self._move.policy("embeddings" if hit.api == "embeddings" else "chat", "").facts
        to = next((rule.to for rule in (facts.params.get(name, ()) if facts else ()) if rule.to), None)
        value = given.get(name)
        if to is None or value is None or mentions_switch(value):
            return
        if not _is_plain(value):
            change.problems.append((name, f"is called {to} there, and its value is computed in the call", True))
            return
        text = self._source.source(value)
        if to in _SDK_FIELDS and self._move.replace:
            change.edits.renamed[name] = to
        else:
            if to in _SDK_FIELDS:
                self._value(change, given, to, text, "switch", default=self._not_given)
            else:
                extra[to] = text
            self._remove(change, given, name)
        change.done.append(f"{name} as {to}")

    def _refused(self, change: CallChange, ruling: Ruling, given: Mapping[str, ast.expr]) -> None:
        name = ruling.subject
        if name not in given:
            change.problems.append((name, ruling.advice, True))
        elif name in _HINTS or self._unsafe:
            self._remove(change, given, name)
            change.done.append(f"without {name}")
            change.losses.append(f"{name} is refused, so it is not sent: {ruling.advice}".removesuffix(": "))
        else:
            change.doubts.append(f"{name} is refused: {ruling.advice}".removesuffix(": "))

    def _value(
        self,
        change: CallChange,
        given: Mapping[str, ast.expr],
        name: str,
        new: str,
        need: Need,
        *,
        default: str = "None",
    ) -> None:
        """Give an argument another value at the target, the old one staying behind the switch."""
        if need == "os":
            change.needs.add("os")
        if self._move.replace:
            if name in given:
                change.edits.instead[name] = new
            else:
                change.edits.added.append(f"{name}={new}")
            return
        change.needs |= {"switch", need}
        if name in given:
            value = given[name]
            opening = "(" if isinstance(value, ast.Lambda | ast.NamedExpr | ast.Yield | ast.Await) else ""
            if opening:
                change.edits.instead[name] = f"{new} if {self._when} else ({self._source.source(value)})"
            else:
                change.edits.before[name] = f"{new} if {self._when} else "
        else:
            if default == self._not_given:
                change.needs.add("not-given")
            change.edits.added.append(f"{name}={new} if {self._when} else {default}")

    def _remove(self, change: CallChange, given: Mapping[str, ast.expr], name: str) -> None:
        if self._move.replace:
            change.edits.removed.append(name)
        elif not mentions_switch(given[name]):
            change.edits.before[name] = f"{self._not_given} if {self._when} else "
            change.needs |= {"switch", "not-given"}

    def _extra_body(self, change: CallChange, given: Mapping[str, ast.expr], extra: Mapping[str, str]) -> None:
        quote = self._source.quote
        old = given.get("extra_body")
        there: set[object] = (
            {k.value for k in old.keys if isinstance(k, ast.Constant)} if isinstance(old, ast.Dict) else set()
        )
        inner = ", ".join(f"{quote}{name}{quote}: {text}" for name, text in extra.items() if name not in there)
        if not inner:
            return
        if old is None:
            self._value(change, given, "extra_body", f"{{{inner}}}", "switch")
        elif not mentions_switch(old) and _is_plain(old):
            self._value(change, given, "extra_body", f"{{**{self._source.source(old)}, {inner}}}", "switch")
        elif not mentions_switch(old):
            change.problems.append(("extra_body", f"add these fields to it: {inner}", True))


def _holds(node: ast.expr, names: frozenset[str]) -> bool:
    return any(isinstance(n, ast.Constant) and n.value in names for n in ast.walk(node))


def _imports_openai(tree: ast.Module) -> bool:
    return any(
        isinstance(s, ast.Import) and any(a.name == "openai" and a.asname is None for a in s.names) for s in tree.body
    )


def _is_plain(node: ast.expr) -> bool:
    """Say whether code can be written twice without doing anything twice."""
    allowed = (ast.Name, ast.Attribute, ast.Subscript, ast.Constant, ast.Dict, ast.List, ast.Tuple, ast.expr_context)
    return all(isinstance(inner, allowed) for inner in ast.walk(node))


def _literal(node: ast.expr) -> Value:
    try:
        return cast("Value", ast.literal_eval(node))
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return UNKNOWN


def _python(value: JsonValue, quote: str) -> str:
    """Return a value as Python source with the file's quotes."""
    text = repr(value)
    return text if quote == "'" or '"' in text or "\\'" in text else text.replace("'", '"')
