"""Budgets as a call meets them: a claim before it goes out, a hold while it is under way, an entry at its end."""

from __future__ import annotations

import datetime as dt
import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Final

from llm_migrate.catalog.policy import find_model
from llm_migrate.catalog.schema import Model
from llm_migrate.errors import LedgerError
from llm_migrate.ledger.alert import OVER_BUDGET, Alert
from llm_migrate.ledger.alone import keep_alone
from llm_migrate.ledger.books import (
    CLOCK_BACK_MS,
    Basis,
    Correct,
    Done,
    Doubt,
    Grant,
    Mark,
    NoRoom,
    Operation,
    Outcome,
    Reserve,
    Settle,
    Store,
    Void,
    Warn,
)
from llm_migrate.ledger.correction import NONE, Correction, updated
from llm_migrate.ledger.cost import MOST_TOKENS, price_at
from llm_migrate.ledger.counting import Counted
from llm_migrate.ledger.meter import Meter, meter_for
from llm_migrate.ledger.offers import (
    UNBUDGETED,
    Need,
    Offer,
    Rank,
    actual,
    in_units,
    is_for,
    most,
    offers_of,
    output_within,
    rank,
    wants,
)
from llm_migrate.ledger.scribe import LEASE_MS, Scribe
from llm_migrate.ledger.stores import MEMORY, open_store
from llm_migrate.wire.exchange import OpenAIError

if TYPE_CHECKING:
    from llm_migrate.config import Config, Target
    from llm_migrate.wire.exchange import Call
    from llm_migrate.wire.exchange import Outcome as Ending

PERCENTS: Final = (50, 80, 95, 100)
_USUAL_OUTPUT: Final = 4096  # tokens, where neither the call nor the catalog says how many there may be
_FOLD_AFTER: Final = 1000  # events whose words are kept until it is known whether they must be counted
_WORTH_KEEPING_PPM: Final = 10_000  # a correction is written down when it has moved by a hundredth

_log = logging.getLogger("llm_migrate.budget")


@dataclass(frozen=True, slots=True)
class Claim:
    """What a call asks of the budgets that are for it.

    Attributes:
        target: name of the target that is asked.
        operation: what the books are asked.
        need: what it may take.
        offers: those that could pay, by id.
        meter: counts its answer, should the vendor not.
    """

    target: str
    operation: Reserve
    need: Need
    offers: Mapping[str, Offer]
    meter: Meter


@dataclass(frozen=True, slots=True)
class _Known:
    """What holds for a model at a target, whatever is asked: looked up once."""

    meter: Meter
    listed: Model | None
    offers: tuple[Offer, ...]
    currencies: tuple[str, ...]  # of the budgets in money


@dataclass(slots=True)
class Hold:
    """A reservation under which requests of one try go out; it ends once.

    Attributes:
        claim: that was granted.
        offer: which one pays.
        granted: how much is reserved, in its unit.
    """

    claim: Claim
    offer: Offer
    granted: int
    _ledger: Ledger = field(repr=False)
    _events: list[bytes] = field(default_factory=list[bytes], repr=False)
    _written: int = 0
    _over: bool = False

    @property
    def output_tokens(self) -> int | None:
        """How many tokens may be written under it; None for as many as the call wants."""
        need = self.claim.need
        room = output_within(self.offer.budget, self.granted, need)
        return room if self.offer.budget.hard and room < need.output_tokens else None

    def deliver(self, events: list[bytes]) -> None:
        """Note what goes to the caller of a stream: the JSON of its events."""
        self._events += events
        if len(self._events) > _FOLD_AFTER:
            self._fold()

    def end(self, ending: Ending, usage: Mapping[str, object] | None = None, *, left: bool = False) -> None:
        """Tell what came of it, once. Takes no lock and waits for nothing.

        Args:
            ending: class of the outcome.
            usage: by the vendor's count.
            left: the caller went away.
        """
        if not self._over:
            self._over = True
            self._ledger.end(self, ending, usage, left=left)

    def written_tokens(self) -> int:
        """Return about how many tokens went to the caller."""
        self._fold()
        return self._written

    def _fold(self) -> None:
        events, self._events = self._events, []
        self._written += self.claim.meter.count_delivered(events) if events else 0


class Ledger:
    """The budgets of a configuration.

    Args:
        config: with budgets.
        notice: told of alerts, in the thread that writes.
        wall: Unix time in seconds.

    Raises:
        LedgerError: the books cannot be opened, and the configuration does not let calls pass then.
        ConfigError: no such kind of store.
    """

    def __init__(self, config: Config, notice: Callable[[Alert], None], wall: Callable[[], float] = time.time) -> None:
        if config.ledger is None:
            raise LedgerError("a configuration without budgets has no ledger")
        self._budgets = tuple(config.budgets.values())
        self._passes = config.ledger.on_error == "pass"
        self._notice = notice
        self._wall = wall
        self._offers: Mapping[str, Offer] = offers_of(self._budgets, {})
        self._taken: dict[tuple[str, int], int] = {}
        self._corrections: dict[str, Correction] = {}
        self._kept_ppm: dict[str, int] = {}  # those that are in the books
        self._known: dict[tuple[str, str, str], _Known] = {}
        self._counted: tuple[object, dict[tuple[str, bool, int], Counted]] = None, {}
        self._seen = 0
        if config.ledger.url == MEMORY and config.path is not None:
            keep_alone(config.path)
        self._scribe = scribe_of(config.ledger.url, durable=config.ledger.durable, wall=wall)
        try:
            self._scribe.read(self.look)
        except LedgerError as e:
            if not self._passes:
                raise
            _log.warning("calls pass without a budget: %s", e)
        self._scribe.watch(self)
        self._load_vocabularies(config)

    def look(self, store: Store) -> None:
        """Take in what the books say."""
        self._offers = offers_of(self._budgets, store.activations())
        for model, kept in store.corrections().items():
            # What this process has learned since then is worth more than what it, or another one, wrote down.
            self._corrections.setdefault(model, Correction(*kept))
            self._kept_ppm[model] = kept[0]
        self._taken = {(balance.offer, balance.bucket): balance.taken for balance in store.balances()}
        self._known = {}
        self._seen = max(self._seen, store.seen())

    def claim(
        self, request: str, attempt: int, target: Target, model: str, call: Call, times: int = 1
    ) -> Claim | OpenAIError | None:
        """Return what a call asks of the budgets.

        Args:
            request: id of the call.
            attempt: number of the first request that goes out under it.
            target: where to.
            model: the id there.
            call: what is asked.
            times: how often the whole prompt is sent.

        Returns:
            The claim; None where no budget is for the model; a refusal where none that is can be used.
        """
        known = self._look_up(target, model, call.model)
        offers = known.offers
        if not offers:
            return None
        now = self._now_ms()
        need = self._need(known, target, model, call, now, times)
        asked = wants(offers, need, now)
        if not asked:
            if any(not offer.budget.hard for offer in offers):
                return None
            return _refusal(target.name, _why_unusable(offers, now), OVER_BUDGET)
        operation = Reserve(request, attempt, asked, self._scribe.owner, now, now + LEASE_MS, model.replace("\0", ""))
        return Claim(
            target.name,
            operation,
            need,
            {offer.id: offer for offer in offers},
            known.meter,
        )

    def submit(self, claim: Claim) -> Future[Outcome]:
        """Have a claim written."""
        return self._scribe.submit(claim.operation)

    def forgo(self, claim: Claim, outcome: Future[Outcome]) -> None:
        """Give back what was granted to a caller who went away before it was."""
        if not outcome.cancelled() and outcome.exception() is None and isinstance(outcome.result(), Grant):
            operation = claim.operation
            self._scribe.tell(Void(operation.request, operation.attempt, self._now_ms()))

    def judge(self, claim: Claim, said: object) -> Hold | OpenAIError | None:
        """Return what became of a claim.

        Args:
            claim: that was written.
            said: the books' outcome, or anything else where they could not be used.

        Returns:
            The reservation; None where the call goes out without one; or why it must not go out.
        """
        if isinstance(said, Grant):
            self._note(said.offer, said.bucket, said.amount)
            return Hold(claim, claim.offers[said.offer], said.amount, self)
        if isinstance(said, NoRoom):
            names = ", ".join(want.offer for want in claim.operation.wants)
            return _refusal(claim.target, f"not enough is left of {names}", OVER_BUDGET)
        if self._passes or not any(offer.budget.hard for offer in claim.offers.values()):
            return None
        problem = "the ledger cannot be used just now, and a hard limit must not be passed"
        return _refusal(claim.target, problem, "ledger_unavailable")

    def end(self, hold: Hold, ending: Ending, usage: Mapping[str, object] | None, *, left: bool) -> None:
        """Have it written what came of a hold, unless it is the copy of a parent's in a forked process."""
        if hold.claim.operation.owner != self._scribe.owner:
            return
        self._scribe.tell(lambda: self._ended(hold, ending, usage, left=left), lambda done: self._heard(hold, done))

    def rank(self, target: Target, model: str, call: Call) -> Rank:
        """Return where a target stands among others when what is free goes first; the least is best."""
        known = self._look_up(target, model, call.model)
        if not known.offers:
            return UNBUDGETED
        now = self._now_ms()
        return rank(wants(known.offers, self._need(known, target, model, call, now), now), self._taken)

    def flush(self) -> None:
        """Wait until all that was told is written."""
        self._scribe.flush()

    def _load_vocabularies(self, config: Config) -> None:
        """Have the tokenizers of known models read now, not while the first call waits."""
        budgeted = {budget.target for budget in self._budgets}
        for asked, row in config.models.items():
            for name in budgeted & row.keys():
                self._look_up(config.targets[name], row[name], asked)

    def _look_up(self, target: Target, model: str, asked: str) -> _Known:
        key = (target.name, model, asked)
        known = self._known.get(key)
        if known is None:
            listed = find_model(target.provider, model, endpoint=target.endpoint.id)
            offers = tuple(offer for offer in self._offers.values() if is_for(offer.budget, target.name, model))
            currencies = {offer.budget.currency for offer in offers if offer.budget.currency is not None}
            known = _Known(meter_for(target.provider, model, asked), listed, offers, tuple(currencies))
            self._known[key] = known
        return known

    def _count(self, meter: Meter, call: Call) -> Counted:
        """Return what a prompt is in tokens; that of the call in hand is counted once for all targets and tries."""
        body, known = self._counted
        if body is not call.body:
            known = {}
            self._counted = call.body, known
        key = meter.family.name, meter.exact is not None, id(meter.images)
        counted = known.get(key)
        if counted is None:
            counted = known[key] = meter.count(call.body)
        return counted

    def _now_ms(self) -> int:
        now = int(self._wall() * 1000)
        self._seen = max(self._seen, now)
        return max(now, self._seen - CLOCK_BACK_MS)

    def _need(self, known: _Known, target: Target, model: str, call: Call, now: int, times: int = 1) -> Need:
        counted = self._count(known.meter, call)
        raw = counted.tokens * times
        learned = self._corrections.get(_key(target.provider.id, model), NONE)
        corrected = replace(counted, tokens=raw if counted.basis == "exact" else learned.correct(raw))
        most_tokens = known.listed.max_output_tokens if known.listed is not None else None
        output = 0 if call.api == "embeddings" else _output_limit(call, most_tokens)
        price = None
        if known.listed is not None and known.currencies:
            price = price_at(
                target,
                known.listed,
                input_tokens=corrected.tokens,
                at=dt.datetime.fromtimestamp(now / 1000, dt.UTC),
                thinking=known.listed.always_thinking,
                currencies=known.currencies,
            )
        unlearned = 0 if counted.basis == "exact" else raw
        return Need(corrected.tokens, corrected.at_most, output, price, unlearned)

    def _ended(self, hold: Hold, ending: Ending, usage: Mapping[str, object] | None, *, left: bool) -> Operation:
        operation = hold.claim.operation
        request, attempt, now = operation.request, operation.attempt, self._now_ms()
        mark: Mark = "cancelled" if left else "cut" if ending == "cut" else ""
        match ending:
            case "ok" | "policy" | "cut":
                amount, basis = self._amount(hold, usage)
                return Settle(request, attempt, amount, now, basis, mark)
            case "ambiguous":
                return Doubt(request, attempt, now, mark)
            case _:
                return Void(request, attempt, now)

    def _amount(self, hold: Hold, usage: Mapping[str, object] | None) -> tuple[int, Basis]:
        budget, need = hold.offer.budget, hold.claim.need
        counted = actual(budget, usage, need.price)
        if counted is not None:
            self._learn(hold, usage)
            return counted, "vendor"
        estimate = most(budget, need.input_tokens, hold.written_tokens(), need.price)
        return (hold.granted if estimate is None else estimate), "estimate"

    def _learn(self, hold: Hold, usage: Mapping[str, object] | None) -> None:
        """Note how far the count of a prompt was off."""
        counted = (usage or {}).get("prompt_tokens")
        key = _key(hold.offer.budget.provider, hold.claim.operation.model)
        kept = self._corrections.get(key, NONE)
        if isinstance(counted, int):
            learned = updated(kept, hold.claim.need.counted_tokens, counted)
            self._corrections[key] = learned
            if abs(learned.ratio_ppm - self._kept_ppm.get(key, NONE.ratio_ppm)) > _WORTH_KEEPING_PPM:
                self._kept_ppm[key] = learned.ratio_ppm
                self._scribe.tell(Correct(key, learned.ratio_ppm, learned.seen_tokens))

    def _heard(self, hold: Hold, done: Outcome) -> None:
        if not isinstance(done, Done) or not done.changed:
            return
        self._note(done.offer, done.bucket, done.spent - done.before - hold.granted)
        budget = hold.offer.budget
        limit = budget.amount
        if limit is None or budget.rolling_hours is not None:
            return
        for percent in PERCENTS:
            if done.before * 100 < percent * limit <= done.spent * 100:
                warn = Warn(done.offer, done.bucket, percent, self._now_ms())
                alert = Alert(
                    budget.name, budget.target, percent, in_units(done.spent, budget), in_units(limit, budget)
                )
                self._scribe.tell(warn, partial(self._warn, alert))

    def _warn(self, alert: Alert, first: Outcome) -> None:
        if isinstance(first, Done) and first.changed:
            self._notice(alert)

    def _note(self, offer: str, bucket: int, amount: int) -> None:
        """Keep the picture of the books near to them until they are looked at again; it need not be exact."""
        key = (offer, bucket)
        self._taken[key] = self._taken.get(key, 0) + amount


def _output_limit(call: Call, most_tokens: int | None) -> int:
    """Return how many tokens a call may write: what it asks for, else the most that the model can."""
    asked = call.body.get("max_completion_tokens") or call.body.get("max_tokens")
    limit = asked if isinstance(asked, int) and asked > 0 else most_tokens or _USUAL_OUTPUT
    choices = call.body.get("n")
    return min(limit * (choices if isinstance(choices, int) and choices > 0 else 1), MOST_TOKENS)


def _refusal(target: str, problem: str, code: str) -> OpenAIError:
    return OpenAIError(429, f"{target}: {problem}", "insufficient_quota", None, code, "quota")


def _why_unusable(offers: Sequence[Offer], now: int) -> str:
    for offer in offers:
        if offer.window is None:
            return f"{offer.id} was never activated: run  llm-migrate budget activate {offer.id} --at WHEN"
        if offer.is_usable(now):
            return f"{offer.id} is in money, and the price of this model is not known"
    return f"{', '.join(offer.id for offer in offers)} cannot be used at this time"


def _key(provider: str, model: str) -> str:
    return f"{provider}/{model}"


_scribes: dict[str, Scribe] = {}
_scribes_lock = threading.Lock()


def scribe_of(url: str, *, durable: bool, wall: Callable[[], float] = time.time) -> Scribe:
    """Return the one scribe of this process for a store; the first who asks for it says which clock it goes by."""
    with _scribes_lock:
        found = _scribes.get(url)
        if found is None:
            found = _scribes[url] = Scribe(lambda: open_store(url, durable=durable), wall, shareable=url != MEMORY)
        return found
