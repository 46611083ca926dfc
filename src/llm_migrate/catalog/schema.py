"""The shape of a provider file: facts about one vendor, each that can age with its source and date.

Nothing here knows a vendor. An unknown fact is left out: absent never means zero or no.
"""

from __future__ import annotations

import datetime as dt
import fnmatch
from decimal import Decimal
from itertools import pairwise
from typing import Annotated, Literal, TypeAlias, cast

import pydantic
from pydantic import Field, StringConstraints, model_validator

from llm_migrate.catalog.bill import Bill
from llm_migrate.catalog.strict import Strict

Scalar: TypeAlias = str | int | float | bool
JsonValue: TypeAlias = pydantic.JsonValue  # a plain recursive alias sends pydantic into endless recursion
Slug: TypeAlias = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9.-]*$")]
Confidence: TypeAlias = Literal["high", "medium", "low"]
Api: TypeAlias = Literal[
    "chat",
    "completions",
    "responses",
    "embeddings",
    "images",
    "audio",
    "files",
    "batch",
    "fine_tuning",
    "assistants",
    "moderations",
    "models",
    "realtime",
    "vector_stores",
    "edits",
    "engines",
    "conversations",
    "videos",
]
Ability: TypeAlias = Literal["tools", "vision", "video", "thinking", "json_object", "json_schema", "streaming", "audio"]
OutcomeClass: TypeAlias = Literal["limited", "quota", "region", "credential", "ambiguous", "request", "policy"]
RuleEffect: TypeAlias = Literal["keep", "omit", "rename", "map", "clamp", "drop", "refuse", "emulate"]
# A schema in the prompt beside JSON mode; JSON mode and schema both in the prompt; one call for each choice (only where
# the user asked for it).
Emulation: TypeAlias = Literal["schema-instruction", "json-instruction", "n-calls"]
# The model that a program names: one that does not reason, one that does, or the target's own.
Asked: TypeAlias = Literal["plain", "reasoning", "own"]


class Endpoint(Strict):
    """One address of the vendor. `{resource}` in `base_url` stands for a part that the customer owns."""

    id: Slug
    base_url: str
    region: Literal["mainland", "international", "global", "regional"]
    state: Literal["current", "former"] = "current"
    default: bool = False
    dialect: str | None = None  # overrides the provider's
    auth: str | None = None  # id of an [[auth]] entry; the first one by default
    plan: str | None = None  # a separate product with its own keys ("coding plan")
    opened_on: dt.date | None = None
    closes_on: dt.date | None = None  # first day without service
    note: str = ""
    source: str
    checked: dt.date


class Auth(Strict):
    """One way to prove who calls. `env` holds names for one secret, `pair_env` for an id with its secret."""

    id: Slug
    kind: Literal[
        "bearer",
        "azure-key",
        "entra",
        "jwt-hs256-zhipu",
        "jwt-hs256-sensenova",
        "tc3-hmac-sha256",
        "bce-auth-v1",
        "baidu-oauth",
        "baidu-iam",
    ]
    env: tuple[str, ...] = ()  # most usual first
    pair_env: tuple[tuple[str, str], ...] = ()
    service: str = ""  # the product that a signature is bound to, where the scheme names one
    token_url: str = ""  # where a token that stands in for the key is asked for
    token_scope: str = ""  # what such a token is good for, where the asker names it
    note: str = ""
    source: str = ""


class WrapperNames(Strict):
    """Framework classes that hide this vendor's SDK."""

    module: str  # Python module or npm package
    names: tuple[str, ...]


class Names(Strict):
    """What the scanner looks for. Globs use `*`; matching ignores case."""

    words: tuple[str, ...] = ()  # mean this vendor inside longer names; empty: the id and all aliases
    hosts: tuple[str, ...] = ()  # host names; `*.x` for any sub-domain
    env_key: tuple[str, ...] = ()  # variables that hold a credential
    env_url: tuple[str, ...] = ()
    env_model: tuple[str, ...] = ()
    env_other: tuple[str, ...] = ()
    python: tuple[str, ...] = ()  # importable modules
    pypi: tuple[str, ...] = ()
    npm: tuple[str, ...] = ()
    go: tuple[str, ...] = ()
    maven: tuple[str, ...] = ()  # group:artifact globs
    wrappers: tuple[WrapperNames, ...] = ()
    models: tuple[str, ...] = ()  # globs of model ids
    key_prefixes: tuple[str, ...] = ()  # how a literal key begins


class Rule(Strict):
    """What happens to one request parameter. The first rule that applies decides.

    Conditions: `models` and `endpoints` (globs, empty = all), `values` (JSON scalars; an object counts as its
    `type`, a list never matches), `chars` (least and most characters of a text, or of any in a list), `when` (another
    field: scalars, or "present" / "absent"), `lacks` (an ability that the model does not have). Effects: keep; omit (a
    value that says nothing, left out); rename (`to`); map (`map`: old value -> new one); clamp (into `low`..`high`, at
    most `max_items`, to the model's `limit`); drop; refuse; emulate (by `how`). `to`, `also` and `as_list` go with any
    effect that keeps a value. `set` adds further fields to the request. Rules under the name "*" hold for parameters
    that have none of their own.

    A name with dots ("tools.function.strict") is that of members inside, in every item of the lists on the way; as last
    part, "*" means all that have no rule of their own. Such a rule keeps, omits, drops or refuses; with `keywords`
    those of a JSON schema are meant, wherever they stand in it, and the schema stays.
    """

    effect: RuleEffect
    models: tuple[str, ...] = ()
    endpoints: tuple[str, ...] = ()
    values: tuple[Scalar, ...] = ()
    chars: tuple[int, int] | None = None
    when: dict[str, tuple[Scalar, ...]] = {}
    lacks: str | None = None
    to: str | None = None
    also: tuple[str, ...] = ()  # further names that carry the same value
    map: dict[str, JsonValue] = {}
    low: float | None = None
    high: float | None = None
    limit: Literal["max_output_tokens"] | None = None
    max_items: int | None = None
    as_list: bool = False
    how: Emulation | None = None
    keywords: tuple[str, ...] = ()
    set: dict[str, JsonValue] = {}
    advice: str = ""
    source: str = ""  # the API's by default


class Default(Strict):
    """A field that is added when the caller did not send it (nor any of `unless`).

    `asked` narrows it to programs that name such a model: what keeps a plain model's behaviour is no help to one that
    asks for a reasoning model.
    """

    field: str
    value: JsonValue
    models: tuple[str, ...] = ()
    endpoints: tuple[str, ...] = ()
    asked: tuple[Asked, ...] = ()
    when: dict[str, tuple[Scalar, ...]] = {}
    unless: tuple[str, ...] = ()
    advice: str = ""
    source: str = ""


class MessageRules(Strict):
    """What the vendor demands of `messages`.

    `parts` judges content parts by type, with the same rules as parameters; `text_parts = "join"` makes one string
    of a list of text parts (`text_parts_models` narrows it). Models in `fold_system` know no system turn: its text
    goes before that of the first user turn. `reasoning_content = "restore"` gives a turn that called tools the
    reasoning that came with it, where a program left it out; `reasoning_filler` stands in where nobody remembers it,
    at models that always think, or at others too unless the request says one of `filler_unless`.
    """

    roles: dict[str, str] = {}  # renamed roles: developer = "system"
    system: Literal["anywhere", "first", "merge"] = "anywhere"
    fold_system: tuple[str, ...] = ()
    alternate: bool = False  # neighbours of one role are merged
    needs_user: bool = False
    first: tuple[str, ...] = ()  # roles that may begin the list, behind the system turns
    last: tuple[str, ...] = ()  # roles that may end the list
    # "" or null: left out beside tool calls, or refused in a turn that calls nothing either
    empty_content: Literal["keep", "omit", "refuse"] = "keep"
    reasoning_content: Literal["keep", "strip", "restore"] = "keep"
    reasoning_filler: str | None = None
    filler_unless: dict[str, tuple[Scalar, ...]] = {}  # what the request says where a model does not think
    text_parts: Literal["keep", "join"] = "keep"
    text_parts_models: tuple[str, ...] = ()
    image_data_url: Literal["keep", "strip-prefix"] = "keep"
    parts: dict[str, tuple[Rule, ...]] = {}
    source: str = ""


class PartialTurn(Strict):
    """How a last turn of the assistant is marked as one to go on with. The answer holds the rest only."""

    field: str
    endpoints: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    source: str


class ApiFacts(Strict):
    """One API family of OpenAI at this vendor."""

    offered: bool
    path: str | None = None  # below the endpoint's base URL
    unlisted: Literal["keep", "drop", "refuse"] = "keep"  # parameters that `params` does not name
    params: dict[str, tuple[Rule, ...]] = {}
    defaults: tuple[Default, ...] = ()
    messages: MessageRules = MessageRules()
    messages_at: dict[str, MessageRules] = {}  # glob of endpoints -> the rules that hold there instead
    partial: PartialTurn | None = None
    max_batch: int | None = None  # inputs in one embeddings call
    token_input: bool = False  # embeddings take lists of token ids, which are of OpenAI's tokenizers
    advice: str = ""
    source: str = ""

    def messages_for(self, endpoint: str) -> MessageRules:
        """Return what an endpoint demands of messages."""
        if not self.messages_at:  # asked several times a call
            return self.messages
        found = (rules for glob, rules in self.messages_at.items() if fnmatch.fnmatchcase(endpoint, glob))
        return next(found, self.messages)

    @model_validator(mode="before")
    @classmethod
    def _share_source(cls, table: object) -> object:
        """Give the API's source to each rule, default and message table that names none of its own."""
        if not isinstance(table, dict):
            return table
        rows = cast("dict[str, object]", table)
        source = rows.get("source", "")
        messages = rows.get("messages")
        if isinstance(messages, dict):
            rows = {**rows, "messages": {"source": source, **cast("dict[str, object]", messages)}}
        return {key: _with_source(value, source) for key, value in rows.items()}


def _with_source(value: object, source: object) -> object:
    if isinstance(value, list):
        return [_with_source(row, source) for row in cast("list[object]", value)]
    if not isinstance(value, dict):
        return value
    table = cast("dict[str, object]", value)
    if "effect" in table or "field" in table:
        return {"source": source, **table}
    return {key: _with_source(inner, source) for key, inner in table.items()}


class StreamFacts(Strict):
    """Quirks of the vendor's event stream."""

    done: bool = True  # ends with [DONE]
    usage: Literal["when-asked", "always", "inside-choice"] = "when-asked"
    filter_chunks: bool = False  # chunks without choices or without delta carry filter results
    tool_calls: Literal["incremental", "whole"] = "incremental"
    done_is_finish: tuple[str, ...] = ()  # endpoints whose streams say no finish: [DONE] alone ends them
    note: str = ""
    source: str = ""


class ResponseFacts(Strict):
    """Where the vendor's answer differs from OpenAI's."""

    finish_reasons: dict[str, str] = {}  # vendor's word -> OpenAI's, or "error"
    reasoning_field: str = "reasoning_content"
    cached_tokens: str | None = None  # key inside `usage` besides prompt_tokens_details.cached_tokens
    source: str = ""


class ErrorRule(Strict):
    """One row of the error table; all given conditions must hold; the first match decides."""

    status: tuple[int, ...] = ()
    code: tuple[str, ...] = ()  # vendor codes as text; globs allowed
    type: tuple[str, ...] = ()
    text: tuple[str, ...] = ()  # any of these, lower case, inside the message
    outcome: OutcomeClass
    to_status: int
    to_type: str
    to_code: str | None = None
    retryable: bool = False
    note: str = ""
    source: str = ""

    @model_validator(mode="after")
    def _has_condition(self) -> ErrorRule:
        if not (self.status or self.code or self.type or self.text):
            raise ValueError("an error row needs status, code, type or text")
        return self


class PriceHours(Strict):
    """When in the week a price holds: the clock of `zone`, from each span's first minute to before its last."""

    spans: tuple[tuple[dt.time, dt.time], ...]
    weekdays: tuple[int, ...] = ()  # ISO: Monday is 1; empty: all
    holidays: bool = True  # on public holidays of the vendor's country, too
    zone: str = "Asia/Shanghai"


class Price(Strict):
    """A list price in the currency that is billed. Strings become Decimal; nothing is converted.

    A price with `hours` holds then, in place of the one without that is otherwise alike.
    """

    currency: Literal["CNY", "USD"]
    input_per_mtok: Decimal
    output_per_mtok: Decimal | None = None
    thinking_output_per_mtok: Decimal | None = None  # all output of a call that thinks, where it costs more
    cached_input_per_mtok: Decimal | None = None
    up_to_input_tokens: int | None = None  # tier: holds for requests up to this size
    from_: dt.date | None = Field(default=None, alias="from")
    until: dt.date | None = None
    hours: PriceHours | None = None
    endpoint: str | None = None  # where only one endpoint bills so
    source: str
    checked: dt.date


class Replacement(Strict):
    """What the vendor named as successor, on a day: vendors edit this over time."""

    model: str
    captured: dt.date


class Model(Strict):
    """One model id as the vendor spells it; a second time where it means another model at other endpoints."""

    id: str
    kind: Literal["chat", "embedding", "completion", "image", "audio", "moderation"] = "chat"
    era: Literal["2024", "current", "former"] = "current"
    path: str | None = None  # last part of the URL, where an endpoint picks the model by address
    context_tokens: int | None = None
    max_input_tokens: int | None = None  # where the vendor limits it below the context
    max_output_tokens: int | None = None
    abilities: tuple[Ability, ...] = ()  # complete when given, but for `unsure`
    unsure: tuple[Ability, ...] = ()  # unknown, or sources disagree: neither had nor lacked
    always_thinking: bool = False
    dimensions: tuple[int, ...] = ()  # first is the default
    released_on: dt.date | None = None
    retires_on: dt.date | None = None  # first day without service
    retired: bool = False  # gone, day unknown
    replacement: Replacement | None = None
    free: bool = False  # costs nothing by the vendor's list; without it and without prices the price is unknown
    endpoints: tuple[str, ...] = ()  # empty: all
    prices: tuple[Price, ...] = ()
    note: str = ""
    source: str
    checked: dt.date


class Equivalent(Strict):
    """A proposed counterpart here for OpenAI model ids. Judgement, not fact: used only when the user agrees."""

    for_: tuple[str, ...] = Field(alias="for")  # globs
    model: str
    confidence: Confidence
    loses: tuple[str, ...] = ()  # abilities that are lost
    note: str = ""


class OfferSplit(Strict):
    """A share of an offer that only some models may use."""

    models: tuple[str, ...]
    amount: int


class OfferWindow(Strict):
    """When an offer can be used. Days are the vendor's, in `zone`; `until` is the last day that counts."""

    kind: Literal["fixed", "after-activation", "daily", "rolling", "standing"]
    from_: dt.date | None = Field(default=None, alias="from")
    until: dt.date | None = None
    days: int | None = None
    hours: int | None = None
    zone: str = "Asia/Shanghai"


class Offer(Strict):
    """A gift or standing quota."""

    id: Slug
    name: str
    kind: Literal["free", "prepaid", "postpaid"] = "free"
    unit: Literal["tokens", "input-tokens", "output-tokens", "calls", "points", "money"] = "tokens"
    amount: int | None = None  # absent: no stated limit
    currency: Literal["CNY", "USD"] | None = None
    models: tuple[str, ...] = ()
    split: tuple[OfferSplit, ...] = ()
    window: OfferWindow
    who: str = ""
    exclusions: tuple[str, ...] = ()
    at_zero: Literal["block", "bill"] | None = None
    confidence: Confidence
    note: str = ""
    source: str
    checked: dt.date


class Tokenizer(Strict):
    """Which models count text alike. A family is one of those that `ledger/weights.toml` has numbers for."""

    family: Slug
    models: tuple[str, ...]  # globs
    source: str
    checked: dt.date


class ImageTokens(Strict):
    """How many tokens an image is, by tiles of 512 pixels (`base` and `tile`) or by square patches."""

    models: tuple[str, ...] = ()  # globs
    low: int | None = None  # with detail "low"
    base: int | None = None
    tile: int | None = None
    patch: Annotated[int, Field(ge=1)] = 32  # side in pixels
    per_patch_ppm: int = 1_000_000  # millionths of a token
    most_patches: int | None = None
    source: str = ""
    checked: dt.date | None = None


class Provider(Strict):
    """One provider file."""

    id: Slug
    name: str
    aliases: tuple[str, ...] = ()
    dialect: str
    deployments: bool = False  # models are called as each customer called them
    zone: str | None = None
    home: str = ""
    endpoints: tuple[Endpoint, ...]
    auth: tuple[Auth, ...]
    names: Names = Names()
    apis: dict[Api, ApiFacts]
    stream: StreamFacts = StreamFacts()
    response: ResponseFacts = ResponseFacts()
    errors: tuple[ErrorRule, ...] = ()
    models: tuple[Model, ...] = ()
    equivalents: tuple[Equivalent, ...] = ()
    offers: tuple[Offer, ...] = ()
    bills: tuple[Bill, ...] = ()  # the first whose columns a file has is the one
    tokenizers: tuple[Tokenizer, ...] = ()  # the first that fits counts
    image_tokens: tuple[ImageTokens, ...] = ()  # likewise

    @model_validator(mode="after")
    def _whole(self) -> Provider:
        _check_ids(self.models)
        if sum(e.default for e in self.endpoints) != 1:
            raise ValueError("exactly one endpoint is the default")
        known = {a.id for a in self.auth}
        for endpoint in self.endpoints:
            if endpoint.auth is not None and endpoint.auth not in known:
                raise ValueError(f"endpoint {endpoint.id!r} names auth {endpoint.auth!r}, which is not in [[auth]]")
        return self

    @property
    def default_endpoint(self) -> Endpoint:
        """The endpoint that is used when a target names none."""
        return next(e for e in self.endpoints if e.default)


def _check_ids(models: tuple[Model, ...]) -> None:
    ids = [m.id for m in models]
    if ids != sorted(ids):
        first = next(b for a, b in pairwise(ids) if b < a)
        raise ValueError(f"models are sorted by id: move {first!r} up")
    served: dict[str, set[str]] = {}
    for model in models:
        here, before = set(model.endpoints), served.get(model.id)
        if before is not None and (not here or not before or here & before):
            raise ValueError(f"model listed twice: {model.id!r}")
        served[model.id] = here | (before or set())
