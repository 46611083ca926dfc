"""Where one call stands: what it may use, how long it has, what went out, and what the caller is told of it."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Final, TypeAlias
from urllib.parse import quote

from llm_migrate.catalog.policy import Effect
from llm_migrate.catalog.schema import JsonValue
from llm_migrate.config import Target
from llm_migrate.engine.events import Adapted, Ended
from llm_migrate.engine.plan import Plan
from llm_migrate.engine.proof import Proof, obtain
from llm_migrate.engine.steps import Book, Command, Head, Journey, Result
from llm_migrate.errors import ConfigError, CredentialError, WireError
from llm_migrate.wire.exchange import Answer, Call, OpenAIError, Outcome, Outgoing, RefusedError, prepare

if TYPE_CHECKING:
    from llm_migrate.ledger.ledger import Hold

_TOKEN_S: Final = 10.0  # for a token to come
_BOOKS_S: Final = 5.0  # for the books to answer
_LIMIT: Final = "max_completion_tokens"

Tried: TypeAlias = Generator[Command, Result, OpenAIError | None]


class Course:
    """The state of one call.

    Attributes:
        call: what is asked.
        plan: what it may use.
        journey: the requests that went out, for the driver.
        limits: how long and how often.
        now: the driver's clock.
        began: when the call came in.
        ends_at: when a whole answer must be there.
        id: of the call.
        sent: the last request that was prepared.
        head: of the last answer.
        have: answers to pieces of the call, from the target in hand.
    """

    def __init__(self, call: Call, plan: Plan, journey: Journey) -> None:
        self.call = call
        self.plan = plan
        self.journey = journey
        self.limits = plan.limits
        self.now = plan.world.now
        self.began = self.now()
        self.ends_at = float("inf") if call.stream else self.began + plan.limits.total_s
        self.id = plan.world.new_id()
        self.sent: Outgoing | None = None
        self.head: Head | None = None
        self.have: dict[int, Answer] = {}
        self._provider = ""

    def obtain(self, target: Target) -> Generator[Command, Result, Proof | OpenAIError]:
        """Return what a target is shown as proof of who calls, or why there is none."""
        now_s = self.plan.world.wall() + self.plan.keyring.skew_s(target)
        until = min(self.ends_at, self.now() + _TOKEN_S)
        try:
            return (
                yield from obtain(target, self.plan.keyring, connect_s=self.limits.connect_s, now_s=now_s, until=until)
            )
        except CredentialError as e:
            return OpenAIError(401, str(e), "authentication_error", None, "missing_credential", "credential")

    def _prepare(self, target: Target, proof: Proof, call: Call) -> Outgoing | OpenAIError:
        plan = self.plan
        try:
            return prepare(
                target,
                call,
                model=plan.model_for(target, call.model),
                manner=plan.manner,
                secret=proof.secret,
                token=proof.token,
                now_s=plan.world.wall() + plan.keyring.skew_s(target),
            )
        except CredentialError as e:
            return OpenAIError(
                401, f"{target.name}: {e}", "authentication_error", None, "missing_credential", "credential"
            )
        except ConfigError as e:
            return OpenAIError(404, str(e), "invalid_request_error", "model", "model_not_found", "request")
        except RefusedError as e:
            return e.error
        except WireError as e:
            return OpenAIError(400, str(e), code="unsupported_parameter")

    def ready(
        self, target: Target, proof: Proof, call: Call | None = None
    ) -> Generator[Command, Result, tuple[Outgoing, Hold | None] | OpenAIError]:
        """Prepare a request, and reserve what it may take where a budget is for it.

        Args:
            target: where to.
            proof: of who calls.
            call: what it says; the caller's own by default.

        Returns:
            The request, its output limited to what is left of a hard limit, and the reservation; or why it must not
            go out.
        """
        call = call or self.call
        outgoing = self._prepare(target, proof, call)
        if isinstance(outgoing, OpenAIError):
            return outgoing
        hold = yield from self._reserve(target, outgoing, call)
        if isinstance(hold, OpenAIError):
            return hold
        if hold is not None and hold.output_tokens is not None:
            name, limited_call = _limited(call, hold.output_tokens)
            limited = self._prepare(target, proof, limited_call)
            if isinstance(limited, OpenAIError):
                hold.end("unsent")
                return limited
            outgoing = replace(limited, adapted=", ".join(filter(None, (limited.adapted, f"{name}=clamp"))))
            model = outgoing.model
            self.plan.notice(Adapted(self.id, target.name, model, name, "clamp", "what is left of the budget"))
        self._sends(target, outgoing)
        return outgoing, hold

    def _sends(self, target: Target, outgoing: Outgoing) -> None:
        """Note what goes out, and tell how it was adapted."""
        self.sent, self._provider = outgoing, target.provider.id
        for ruling in outgoing.rulings:
            if ruling.verdict != "as-is":
                effect = Effect(ruling.effect).name.lower()
                self.plan.notice(Adapted(self.id, target.name, outgoing.model, ruling.subject, effect, ruling.advice))

    def _reserve(
        self, target: Target, outgoing: Outgoing, call: Call
    ) -> Generator[Command, Result, Hold | OpenAIError | None]:
        """Return the reservation for a request; None where no budget is for it."""
        ledger = self.plan.ledger
        if ledger is None or call.api == "models":
            return None
        times = 1 if call.api == "embeddings" else 1 + len(outgoing.others) - len(self.have)
        claim = ledger.claim(self.id, len(self.journey.attempts) + 1, target, outgoing.model, call, times)
        if claim is None or isinstance(claim, OpenAIError):
            return claim
        until = min(self.ends_at, self.now() + min(_BOOKS_S, self.limits.read_s))
        said = yield Book(partial(ledger.submit, claim), partial(ledger.forgo, claim), until)
        return ledger.judge(claim, said)

    def end(self, target: Target | None, outcome: Outcome, status: int, usage: Mapping[str, JsonValue] | None) -> None:
        """Tell that the caller has all that it gets."""
        name = target.name if target is not None else None
        model = self.sent.model if self.sent is not None and target is not None else None
        number, duration = len(self.journey.attempts), self.now() - self.began
        self.plan.notice(Ended(self.id, name, model, outcome, status, number, usage, duration))

    def marks(self, head: Head | None = None) -> tuple[tuple[str, str], ...]:
        """Return the headers that say how the answer came about; never an address or a key."""
        vendor: Mapping[str, str] = head.headers if head is not None else {}
        marks = [("x-request-id", vendor.get("x-request-id") or self.id)]
        if self.sent is not None:
            marks += [("x-llm-migrate-provider", self._provider), ("x-llm-migrate-model", self.sent.model)]
            if self.sent.adapted:
                marks.append(("x-llm-migrate-adapted", self.sent.adapted))
        marks.append(("x-llm-migrate-attempts", str(len(self.journey.attempts))))
        if self.journey.reasons:
            marks.append(("x-llm-migrate-fallback-reason", ", ".join(self.journey.reasons)))
        marks += [(name, value) for name, value in vendor.items() if name.startswith("x-ratelimit-")]
        return tuple((name, _header_text(value)) for name, value in marks)


def _limited(call: Call, output_tokens: int) -> tuple[str, Call]:
    """Return a call that asks for no more output, over all its choices, and the parameter that says so."""
    choices = call.body.get("n")
    each = output_tokens // choices if isinstance(choices, int) and choices > 0 else output_tokens
    name = "max_tokens" if "max_tokens" in call.body else _LIMIT
    return name, replace(call, body={**call.body, name: max(1, each)})


def _header_text(text: str) -> str:
    """Return a text that any client takes as a header: a deployment may be called by a Chinese name."""
    return text if text.isascii() and text.isprintable() else quote(text, safe=" ,;=:/")
