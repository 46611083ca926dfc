"""What the catalog knows of providers, for people: one table of all, one page of one.

Says when a fact is not known; judges nothing. The day is an argument.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence, Set
from decimal import Decimal
from typing import Final, get_args

from llm_migrate.catalog.policy import is_retired
from llm_migrate.catalog.schema import Api, ApiFacts, Endpoint, MessageRules, Model, Offer, Price, Provider
from llm_migrate.report.rules import default_row, rule_rows
from llm_migrate.report.sections import Section

_REST: Final = {
    "keep": "All other parameters pass as they are.",
    "drop": "All other parameters are dropped, and that is reported.",
    "refuse": "All other parameters are refused.",
}


def list_section(providers: Sequence[Provider], today: dt.date) -> Section:
    """Return the table of all providers."""
    rows: list[tuple[str, ...]] = []
    for provider in providers:
        live = sum(not is_retired(m, today) for m in provider.models)
        rows.append(
            (
                provider.id,
                provider.name,
                _reach(provider, today),
                f"{live} of {len(provider.models)}",
                _first_key(provider),
            )
        )
    return Section(
        "",
        ("provider", "name", "open to", "live models", "key"),
        tuple(rows),
        ("", "llm-migrate providers NAME  shows all that is known of one."),
        fixed=(0, 2, 4),
    )


def detail_sections(provider: Provider, today: dt.date) -> list[Section]:
    """Return the page of one provider."""
    return [
        _head(provider),
        _endpoints(provider, today),
        _keys(provider),
        *_chat(provider),
        _apis(provider),
        *model_sections([provider], today, everything=False),
        *offer_sections([provider], today),
    ]


def model_sections(providers: Sequence[Provider], today: dt.date, *, everything: bool) -> list[Section]:
    """Return a table of models a provider; without `everything` only those that still answer."""
    sections: list[Section] = []
    for provider in providers:
        shown = [m for m in provider.models if everything or not is_retired(m, today)]
        if not provider.models:
            continue
        hidden = len(provider.models) - len(shown)
        currencies = {price.currency for m in shown for price in m.prices}
        lines = _billing_lines(provider, currencies)
        if hidden:
            lines.append(
                f"{hidden} retired {'model is' if hidden == 1 else 'models are'} left out; --models shows all."
            )
        sections.append(
            Section(
                f"Models of {provider.name}",
                ("model", "context", "output", "price", "life"),
                tuple(_model_row(m, today, len(currencies) > 1) for m in shown),
                tuple(lines),
                fixed=(0, 3),
            )
        )
    return sections


def offer_sections(providers: Sequence[Provider], today: dt.date) -> list[Section]:
    """Return a table of offers a provider that has some."""
    return [
        Section(
            f"Offers of {provider.name}",
            ("offer", "what", "conditions"),
            tuple(offer_words(offer, today) for offer in provider.offers),
        )
        for provider in providers
        if provider.offers
    ]


def _reach(provider: Provider, today: dt.date) -> str:
    """Say which regions have an endpoint that is open and needs no plan of its own."""
    regions = dict.fromkeys(e.region for e in provider.endpoints if _is_open(e, today) and e.plan is None)
    closed = sum(not _is_open(e, today) for e in provider.endpoints)
    return (",\n".join(regions) or "nobody") + (f"\n{closed} former" if closed else "")


def _is_open(endpoint: Endpoint, today: dt.date) -> bool:
    return endpoint.state == "current" and (endpoint.closes_on is None or today < endpoint.closes_on)


def _first_key(provider: Provider) -> str:
    names = [name for auth in provider.auth for name in (*auth.env, *(" + ".join(pair) for pair in auth.pair_env))]
    return names[0] if names else "see the detail"


def _head(provider: Provider) -> Section:
    facts = [provider.home, f"format {provider.dialect}"]
    if provider.zone:
        facts.append(f"days of {provider.zone}")
    lines = [" | ".join(fact for fact in facts if fact)]
    if provider.aliases:
        lines.append(f"also called: {', '.join(provider.aliases)}")
    return Section(f"{provider.name}  [{provider.id}]", lines=tuple(lines))


def _endpoints(provider: Provider, today: dt.date) -> Section:
    def about(endpoint: Endpoint) -> str:
        known = f"{endpoint.id}: {endpoint.region}, {_endpoint_state(endpoint, today)}"
        return f"{known}. {endpoint.note}" if endpoint.note else known

    return Section("Endpoints", items=tuple((e.base_url, about(e)) for e in provider.endpoints))


def _endpoint_state(endpoint: Endpoint, today: dt.date) -> str:
    words = ["default"] if endpoint.default else []
    if endpoint.plan:
        words.append(endpoint.plan)
    if endpoint.closes_on is not None:
        words.append(f"{'closed on' if endpoint.closes_on <= today else 'closes on'} {endpoint.closes_on}")
    elif endpoint.state == "former":
        words.append("former")
    return ", ".join(words) or "open"


def _keys(provider: Provider) -> Section:
    rows: list[tuple[str, ...]] = []
    for auth in provider.auth:
        names = [*auth.env, *(" + ".join(pair) for pair in auth.pair_env)]
        rows.append((auth.id, auth.kind, ", ".join(names), auth.note))
    if any(row[3] for row in rows):
        return Section("Keys: the first variable that is set counts", ("way", "kind", "variables", "note"), tuple(rows))
    rows = [row[:3] for row in rows]
    return Section("Keys: the first variable that is set counts", ("way", "kind", "variables"), tuple(rows))


def _chat(provider: Provider) -> Iterator[Section]:
    facts = provider.apis.get("chat")
    if facts is None or not facts.offered:
        return
    rows = rule_rows({**facts.params, **{f"part {kind}": rules for kind, rules in facts.messages.parts.items()}})
    if rows:
        columns = ("parameter", "at worst", "what happens")
        yield Section(
            "What changes for an OpenAI program", columns, tuple(rows), (_REST[facts.unlisted],), fixed=(0, 1)
        )
    else:
        yield Section("What changes for an OpenAI program", lines=("Nothing is known to change.",))
    if facts.defaults:
        added = tuple(default_row(default) for default in facts.defaults)
        yield Section("Added where the program is silent", ("field", "value", "when and why"), added, fixed=(0,))
    demands = {"Messages": facts.messages}
    demands |= {f"Messages at {where}": rules for where, rules in facts.messages_at.items()}
    for title, rules in demands.items():
        messages = _message_lines(rules)
        if messages:
            yield Section(title, lines=tuple(messages))
    if facts.partial is not None:
        where = f" at {', '.join(facts.partial.endpoints)}" if facts.partial.endpoints else ""
        models = f" on {', '.join(facts.partial.models)}" if facts.partial.models else ""
        marked = f"a last turn of the assistant with {facts.partial.field}{where}{models}"
        yield Section("An answer that broke off", lines=(f"goes on with an answer's beginning: {marked}",))


def _message_lines(rules: MessageRules) -> list[str]:
    said = {
        "system turns move to the front": rules.system == "first",
        "system turns are joined into one at the front": rules.system == "merge",
        "neighbouring turns of one role are joined": rules.alternate,
        f"system text goes before the first question on {', '.join(rules.fold_system)}": bool(rules.fold_system),
        "at least one user turn is needed": rules.needs_user,
        f"the first turn must be from: {', '.join(rules.first)}": bool(rules.first),
        f"the last turn must be from: {', '.join(rules.last)}": bool(rules.last),
        "empty turns are refused": rules.empty_content == "refuse",
        "empty content is left out": rules.empty_content == "omit",
        "earlier reasoning is not sent back": rules.reasoning_content == "strip",
        "reasoning beside tool calls is sent back, and remembered for programs that drop it": (
            rules.reasoning_content == "restore"
        ),
        "lists of text parts become one text on text models": rules.text_parts == "join",
        "images in data: URLs are sent without their prefix": rules.image_data_url == "strip-prefix",
    }
    roles = [f"role {old!r} is sent as {new!r}" for old, new in rules.roles.items()]
    return roles + [line for line, holds in said.items() if holds]


def _apis(provider: Provider) -> Section:
    plain: list[str] = []
    rows: list[tuple[str, ...]] = []
    for api in get_args(Api):
        facts: ApiFacts | None = provider.apis.get(api)
        if facts is None:
            rows.append((api, "not known", ""))
        elif facts.offered and not facts.advice:
            plain.append(api)
        else:
            rows.append((api, "yes" if facts.offered else "no", facts.advice))
    rows.sort(key=lambda row: ("yes", "no", "not known").index(row[1]))
    lines = (f"Offered as they are: {', '.join(plain)}.",) if plain else ()
    return Section("OpenAI's APIs here", ("api", "offered", "what to know"), tuple(rows), lines, fixed=(0, 1))


def _model_row(model: Model, today: dt.date, several: bool) -> tuple[str, ...]:
    """Return the row of a model; prices name their currency where there are several."""
    kind = f"{model.kind}, {model.dimensions[0]:,} wide" if model.dimensions else model.kind
    return (
        model.id if model.kind == "chat" else f"{model.id}\n({kind})",
        _short(model.context_tokens or model.max_input_tokens),
        _short(model.max_output_tokens),
        "free" if model.free else "\n".join(_prices(model, today, several)) or "?",
        _life(model, today),
    )


def _short(tokens: int | None) -> str:
    """Return a number of tokens in three figures; the JSON has it in full."""
    if tokens is None:
        return "?"
    if tokens >= 999_500:
        return f"{tokens / 1e6:.3g}M"
    return f"{tokens / 1e3:.3g}K" if tokens >= 1000 else str(tokens)


def _prices(model: Model, today: dt.date, several: bool) -> list[str]:
    """Return one price a currency and endpoint: that of short requests where long ones cost more."""
    said: dict[tuple[str, str | None], str] = {}
    for price in model.prices:
        if (price.from_ is None or price.from_ <= today) and (price.until is None or today <= price.until):
            said.setdefault((price.currency, price.endpoint), _price(price, several))
    return list(said.values())


def _price(price: Price, several: bool) -> str:
    amounts = (price.input_per_mtok, price.output_per_mtok, price.cached_input_per_mtok)
    if not any(amounts):
        return "free"
    text = "/".join(_amount(amount) for amount in amounts if amount is not None)
    text += "+" if price.up_to_input_tokens else ""
    return f"{price.currency} {text}" if several else text


def _billing_lines(provider: Provider, currencies: Set[str]) -> list[str]:
    """Say how prices are to be read, and which endpoint bills in which currency where they name it."""
    money = f"{next(iter(currencies))} for" if len(currencies) == 1 else "for"
    lines = [f"Prices: {money} a million tokens in/out/cached; + long requests cost more; ? is not known."]
    billed = {(p.currency, p.endpoint) for m in provider.models for p in m.prices if p.endpoint}
    if billed:
        lines.append(", ".join(f"{currency}: endpoint {endpoint}" for currency, endpoint in sorted(billed)))
    return lines


def _amount(amount: Decimal) -> str:
    text = f"{amount.normalize():f}"
    return text if "." in text or amount == 0 else f"{amount:.0f}"


def _life(model: Model, today: dt.date) -> str:
    if model.retires_on is not None:
        text = f"{'retired' if model.retires_on <= today else 'until'} {model.retires_on}"
    else:
        text = "retired" if model.retired else "legacy" if model.era == "former" else ""
    if model.replacement is not None:
        text += f"\nthen {model.replacement.model}"
    return text


def offer_words(offer: Offer, today: dt.date) -> tuple[str, str, str]:
    """Return an offer's name and window, what it gives, and its conditions."""
    amount = f"{offer.amount:,} {offer.unit}" if offer.amount is not None else f"{offer.unit} without a stated limit"
    if offer.unit == "money" and offer.amount is not None:
        amount = f"{offer.amount:,} {offer.currency or 'money'}"
    what = [amount, *(f"{part.amount:,} for {', '.join(part.models)}" for part in offer.split)]
    if not offer.split:
        what += offer.models
    conditions = [offer.who, *(f"not for {e}" for e in offer.exclusions), offer.note, f"confidence: {offer.confidence}"]
    said = "; ".join(condition.rstrip(".") for condition in conditions if condition)
    return f"{offer.name}\n{_window(offer, today)}", "\n".join(what), said


def _window(offer: Offer, today: dt.date) -> str:
    window = offer.window
    match window.kind:
        case "standing":
            text = "standing"
        case "daily":
            text = "each day"
        case "after-activation":
            text = f"{window.days} days after activation" if window.days else "after activation, how long is not known"
        case "rolling":
            text = f"each {window.hours} hours" if window.hours else "rolling"
        case "fixed":
            text = f"from {window.from_}" if window.from_ else "start not known"
    if window.until is not None:
        return f"{text}, {'ended' if window.until < today else 'until'} {window.until}"
    return f"{text}, end not known" if window.kind == "fixed" else text
