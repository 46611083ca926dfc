"""What can be known of a configuration without asking anybody: keys, models, and how long they and addresses live.

Reads keys where they are kept, and shows only where that is. The day is an argument.
"""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from llm_migrate.catalog.load import REFERENCE, load_provider
from llm_migrate.catalog.policy import Effect, Policy, find_model, judge, require_model
from llm_migrate.catalog.schema import Api, Model
from llm_migrate.config import Chain, Config, Target
from llm_migrate.config.place import is_own_address
from llm_migrate.config.secret import CredentialSource
from llm_migrate.engine.check.finding import Finding, Severity
from llm_migrate.engine.order import is_for_model
from llm_migrate.errors import ConfigError, CredentialError, UsageError
from llm_migrate.wire.exchange import TOKENED, mint

SOON_DAYS: Final = 90  # an end nearer than this is worth a warning


def review(config: Config, chains: Sequence[Chain], *, today: dt.date) -> list[Finding]:
    """Return what is to be said of the targets of some chains and of the models that they serve.

    Args:
        config: the whole.
        chains: those that are looked at.
        today: the day on which models and addresses are judged.
    """
    out = [_sound(config, chains), *_unused(config, chains)]
    for target in targets_of(chains):
        out += [*_key(target), *_endpoint(target, today), *_mapped(config, target)]
    for chain in chains:
        for asked in config.models:
            out += _row(config, chain, asked, today)
        out += _without_rows(config, chain)
    return list(dict.fromkeys(out))  # a target of two chains is looked at twice


def targets_of(chains: Sequence[Chain]) -> tuple[Target, ...]:
    """Return all targets that chains may ask, each once; shadows too, for they are sent copies."""
    found: dict[str, Target] = {}
    for chain in chains:
        for target in (*chain.targets, *((chain.shadow,) if chain.shadow else ())):
            found.setdefault(target.name, target)
    return tuple(found.values())


def api_of(config: Config, asked: str) -> Api:
    """Return the API that a model of the mapping is for: it embeds where OpenAI's does, or what it is mapped to."""
    listed = find_model(load_provider(REFERENCE), asked)
    if listed is not None:
        return "embeddings" if listed.kind == "embedding" else "chat"
    row = config.models.get(asked, {})
    here = (find_model(config.targets[name].provider, model) for name, model in row.items())
    return "embeddings" if any(model is not None and model.kind == "embedding" for model in here) else "chat"


def place_of(target: Target) -> str:
    """Return where a target stands in the configuration."""
    return f"targets.{target.name}"


def _sound(config: Config, chains: Sequence[Chain]) -> Finding:
    parts = (
        _count(len(config.targets), "target"),
        _count(len(config.chains), "chain"),
        _count(len(config.models), "model"),
    )
    said = "; ".join(f"{chain.name}: {' > '.join(target.name for target in chain.targets)}" for chain in chains)
    return Finding("good", "configuration", _file(config), f"sound: {', '.join(parts)} ({said})")


def _unused(config: Config, chains: Sequence[Chain]) -> Iterator[Finding]:
    if len(chains) < len(config.chains):
        return  # only some are looked at
    used = {target.name for target in targets_of(chains)}
    for name in config.targets:
        if name not in used:
            yield Finding("note", "configuration", f"targets.{name}", "no chain asks this target", target=name)


def _file(config: Config) -> str:
    return config.path.name if config.path is not None else "configuration"


def _count(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"


def _key(target: Target) -> Iterator[Finding]:
    where, source = f"{place_of(target)}.api_key", target.source
    if source.kind == "ask":
        what = "the platform's own library, or a function, gives the key when a request is made"
        yield Finding("note", "key", where, what, target=target.name)
        return
    try:
        secret = target.credential()
        if target.auth.kind in TOKENED:
            mint(target.auth, secret, now_s=0.0)  # says whether the key has the form that a token is made of
    except CredentialError as e:
        what = str(e).removeprefix(f"{target.name}: ")
        yield Finding("wrong", "key", where, what, _how_to_set(target), target.name)
        return
    yield from _found_key(target, where)


def _how_to_set(target: Target) -> str:
    if target.source.kind == "env":
        return 'set it where the program runs, or say where the key is:  api_key = "env:NAME"  or  "file:PATH"'
    return "" if target.source.kind == "plain" else "put the key there, and nothing else"


def _found_key(target: Target, where: str) -> Iterator[Finding]:
    source = target.source
    if source.kind == "env":
        yield Finding("good", "key", where, _holder(source, os.environ), target=target.name)
    elif source.kind == "plain":
        what = "the key stands in the configuration itself, for whoever reads the file"
        yield Finding("note", "key", where, what, "env:NAME or file:PATH keep it apart", target.name)
    else:
        path = Path(source.names[0]).expanduser()
        yield Finding("good", "key", where, f"the file {path} holds it", target=target.name)
        if os.name == "posix" and path.stat().st_mode & 0o077:
            yield Finding("warning", "key", where, "other users may read the file", f"chmod 600 {path}", target.name)


def _holder(source: CredentialSource, environ: Mapping[str, str]) -> str:
    """Say which variable gives the key, or which two do."""
    single = (f"{name} is set" for name in source.names if environ.get(name, "").strip())
    pairs = (
        f"{a} and {b} are set" for a, b in source.pairs if environ.get(a, "").strip() and environ.get(b, "").strip()
    )
    return next(single, None) or next(pairs)


def _endpoint(target: Target, today: dt.date) -> Iterator[Finding]:
    """Say that an address is closed or will be; of a server of one's own the catalog knows nothing."""
    endpoint, where = target.endpoint, f"{place_of(target)}.endpoint"
    closes, current = endpoint.closes_on, target.provider.default_endpoint
    heir = "" if current in (endpoint, None) or current.state == "former" else f'endpoint = "{current.id}"  is current'
    advice = heir or "nothing that is known follows it: take the target out of the chains"
    if closes is not None and closes <= today:
        severity: Severity = "wrong" if _at_vendor(target) else "note"
        what = f"{target.provider.name} closed {endpoint.id!r} on {closes}: calls to it fail"
        if not _at_vendor(target):
            what, advice = f"{target.provider.name} closed {endpoint.id!r} on {closes}; this address is another", ""
        yield Finding(severity, "endpoint", where, what, advice, target.name, endpoint.source)
    elif closes is not None:
        what = f"{target.provider.name} closes {endpoint.id!r} on {closes}, {_in_days(closes, today)}"
        yield Finding("warning", "endpoint", where, what, advice, target.name, endpoint.source)
    elif endpoint.state == "former" and _at_vendor(target):
        what = f"{endpoint.id!r} is a former address of {target.provider.name}; when it closes is not known"
        yield Finding("note", "endpoint", where, what, heir, target.name, endpoint.source)


def _at_vendor(target: Target) -> bool:
    return is_own_address(target.provider, target.base_url)


def _in_days(day: dt.date, today: dt.date) -> str:
    days = (day - today).days
    return f"in {_count(days, 'day')}" if days < 2 * SOON_DAYS else f"in {days // 30} months"


def _mapped(config: Config, target: Target) -> Iterator[Finding]:
    """Say in one line what all models are called at a target."""
    rows = [f"{asked} is {row[target.name]}" for asked, row in config.models.items() if target.name in row]
    if rows:
        yield Finding("good", "model", "models", "; ".join(rows), target=target.name)


def _row(config: Config, chain: Chain, asked: str, today: dt.date) -> Iterator[Finding]:
    api = api_of(config, asked)
    row = config.models[asked]
    one_suffices = api == "embeddings" and any(target.name in row for target in chain.targets)
    for target in chain.targets:
        if not is_for_model(target, asked):
            continue
        where = f'models."{asked}".{target.name}'
        try:
            model = config.model_for(target, asked, api=api)
        except ConfigError as e:
            if not one_suffices:  # vectors of one model mean nothing to another, so those have no fallback
                yield _unmapped(target, asked, where, str(e))
            continue
        yield from _life(target, model, api, where, today)


def _unmapped(target: Target, asked: str, where: str, said: str) -> Finding:
    line = said.rpartition(": add  ")[2]
    what = f"nothing says what {asked!r} is here: calls for it fail at this target"
    advice = f"add  {line}  or keep such calls away:  only = {{ models = [...] }}  in [{place_of(target)}]"
    return Finding("wrong", "model", where, what, advice, target.name)


def _without_rows(config: Config, chain: Chain) -> Iterator[Finding]:
    if config.models or config.suggest:
        return
    for target in chain.targets:
        if target.provider.id != REFERENCE and not target.provider.deployments:
            what = "no model is mapped: only programs that name models of this vendor are served"
            advice = f'add  [models."NAME"]  {target.name} = "NAME-THERE"'
            yield Finding("warning", "model", "models", what, advice, target.name)


def _life(target: Target, model: str, api: Api, where: str, today: dt.date) -> Iterator[Finding]:
    """Say whether a model answers at a target, and for how long."""
    policy = Policy(target.provider, target.endpoint.id, api, model, today=today)
    gone = [r for r in judge(policy, {}) if r.effect is Effect.REFUSED and r.subject != "endpoint"]
    for ruling in gone:
        severity: Severity = "wrong" if _at_vendor(target) else "warning"
        yield Finding(severity, "model", where, ruling.advice, "map it to another", target.name, ruling.source)
    entry = policy.listed_model
    if entry is None:
        yield from _unlisted(target, model, where)
    elif not gone:
        yield from _kind_and_end(target, entry, api, where, today)


def _unlisted(target: Target, model: str, where: str) -> Iterator[Finding]:
    if not _at_vendor(target):
        return
    try:
        require_model(target.provider, model)
    except UsageError as e:
        near = str(e).partition("; ")[2]
        what = f"{model} is not in the catalog: a slip, or newer than it"
        yield Finding("warning", "model", where, what, near.strip(), target.name)


def _kind_and_end(target: Target, entry: Model, api: Api, where: str, today: dt.date) -> Iterator[Finding]:
    if entry.kind != ("embedding" if api == "embeddings" else "chat"):
        wanted = "embed" if api == "embeddings" else "answer"
        what = f"{entry.id} is a model for {entry.kind}: it does not {wanted}"
        yield Finding("wrong", "model", where, what, "map it to another", target.name, entry.source)
    if entry.retires_on is not None:
        soon = (entry.retires_on - today).days <= SOON_DAYS
        what = f"{entry.id} retires on {entry.retires_on}, {_in_days(entry.retires_on, today)}"
        heir = entry.replacement
        advice = f"the vendor names {heir.model} instead (seen {heir.captured})" if heir is not None else ""
        yield Finding("warning" if soon else "note", "model", where, what, advice, target.name, entry.source)
