"""How many tokens a request is before it is sent, and how many an answer was whose vendor did not say.

docs/counting.md states the rules. Pure: no clock and no I/O but the table of weights, and nothing of any one vendor.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias, cast

import orjson

from llm_migrate.catalog.schema import ImageTokens, JsonValue
from llm_migrate.ledger.exact import Counter
from llm_migrate.ledger.family import MILLION, Family
from llm_migrate.ledger.images import image_tokens

# "near": texts were counted exactly, and something beside them by a rule.
Basis: TypeAlias = Literal["exact", "near", "estimate"]
Table: TypeAlias = Mapping[str, JsonValue]

NEAR_PPM: Final = 1_100_000  # the factor of what is counted exactly but for its frame
_CALL_TOKENS: Final = 8  # around the name and the arguments of a tool call, its id among them
_SCHEMA_TOKENS: Final = 16  # around the schema of an answer
_WAV_BYTES_A_TOKEN: Final = 1_600  # a tenth of a second of 16 kHz, 16 bit: what vendors call a token
_SOUND_BYTES_A_TOKEN: Final = 400  # the same of 32 kbit/s, about the least that is in use
_FILE_BYTES_A_TOKEN: Final = 32
_USUAL_FIELDS: Final = frozenset({"role", "content", "name"})
_UNKNOWN_PART: Final = 2_048  # a file behind an id, a video, a kind of part that we do not know


@dataclass(frozen=True, slots=True)
class Counted:
    """What a request is in tokens.

    Attributes:
        tokens: of the prompt, as it will probably be billed; without any factor.
        factor_ppm: what it is multiplied by to be safe, in millionths.
        basis: how it was counted.
    """

    tokens: int
    factor_ppm: int
    basis: Basis

    @property
    def at_most(self) -> int:
        """Tokens that are reserved for it: `tokens` x `factor_ppm`, rounded up."""
        return -(-self.tokens * self.factor_ppm // MILLION)


def count_request(
    body: Table, family: Family, exact: Counter | None = None, *, images: ImageTokens | None = None
) -> Counted:
    """Return the prompt tokens of a request in OpenAI's shape.

    Args:
        body: of chat (`messages`), completions (`prompt`) or embeddings (`input`); other APIs count as nothing.
        family: the model's tokenizer.
        exact: counts a text exactly; the family's weights do without it.
        images: the model's rule for images.
    """
    tally = _Tally(family, exact, images)
    messages = body.get("messages")
    if isinstance(messages, list):
        tally.add_chat(body, messages)
    else:
        tally.add_inputs(body.get("input"))
        tally.add_inputs(body.get("prompt"))
        tally.add_inputs(body.get("suffix"))
    if exact is None and tally.guessed:
        return Counted(tally.tokens, family.factor_ppm, "estimate")
    return Counted(tally.tokens, MILLION, "exact") if tally.certain else Counted(tally.tokens, NEAR_PPM, "near")


def count_text(text: str, family: Family, exact: Counter | None = None) -> int:
    """Return how many tokens a text is, an estimate rounded up."""
    if exact is not None:
        return exact(text)
    return -(-family.weigh(text.encode("utf-8", "surrogatepass")) // MILLION)


def count_events(payload: bytes, family: Family, exact: Counter | None = None) -> int:
    """Return the output tokens of what a stream delivered.

    Args:
        payload: server-sent events as we write them, one JSON chunk, or whole answer, a line; may end anywhere.
        family: the model's tokenizer.
        exact: counts a text exactly.
    """
    return _count_pieces((piece for chunk in _chunks(payload) for piece in _pieces(chunk)), family, exact)


_Place: TypeAlias = tuple[object, ...]
_SPOKEN: Final = ("content", "reasoning_content", "refusal")


def _count_pieces(pieces: Iterable[tuple[_Place, str]], family: Family, exact: Counter | None) -> int:
    """Return the tokens of texts that arrived in pieces: a word that was cut in two is still one."""
    texts: dict[_Place, list[str]] = {}
    for place, text in pieces:
        texts.setdefault(place, []).append(text)
    calls = sum(1 for place in texts if place[-1] == "name")
    return calls * _CALL_TOKENS + sum(count_text("".join(parts), family, exact) for parts in texts.values())


def _chunks(payload: bytes) -> Iterator[Table]:
    for line in payload.split(b"\n"):
        if line.startswith(b"data:"):
            try:
                chunk = orjson.loads(line[5:])
            except orjson.JSONDecodeError:  # [DONE], or the line that was cut
                continue
            if isinstance(chunk, dict):
                yield cast("Table", chunk)


def _pieces(body: Table) -> Iterator[tuple[_Place, str]]:
    """Yield the texts of an answer or of a chunk, each with the place that its further pieces share."""
    for choice in _tables(body.get("choices")):
        index = choice.get("index")
        if isinstance(text := choice.get("text"), str):
            yield (index, "text"), text
        said = choice.get("delta") or choice.get("message")
        if isinstance(said, Mapping):
            for field in _SPOKEN:
                if isinstance(text := said.get(field), str) and text:
                    yield (index, field), text
            for at, call in enumerate(_tables(said.get("tool_calls"))):
                yield from _call_pieces((index, call.get("index", at)), call.get("function"))
            yield from _call_pieces((index, None), said.get("function_call"))


def _call_pieces(place: _Place, function: JsonValue) -> Iterator[tuple[_Place, str]]:
    if isinstance(function, Mapping):
        for field in ("name", "arguments"):
            if isinstance(text := function.get(field), str) and text:
                yield (*place, field), text


def _tables(value: JsonValue) -> list[Table]:
    return [row for row in value if isinstance(row, Mapping)] if isinstance(value, list) else []


class _Tally:
    """The sum over one request, in millionths of a token.

    Attributes:
        certain: everything so far is counted as the vendor counts it, if texts are counted exactly.
        guessed: a text or a part was counted, not only token ids.
    """

    __slots__ = ("_exact", "_family", "_images", "_micro", "certain", "guessed")

    def __init__(self, family: Family, exact: Counter | None, images: ImageTokens | None) -> None:
        self._family = family
        self._exact = exact
        self._images = images
        self._micro = 0
        self.certain = True
        self.guessed = False

    @property
    def tokens(self) -> int:
        return -(-self._micro // MILLION)

    def add_chat(self, body: Table, messages: list[JsonValue]) -> None:
        template = self._family.template
        self.certain = template.known
        self.guessed = True
        self._micro += template.request * MILLION
        for message in messages:
            if isinstance(message, Mapping):
                self._add_message(message)
        tools = body.get("tools") or body.get("functions")
        if tools:
            self._micro += template.tools * MILLION
            self._add_json(tools)
        form = body.get("response_format")
        if isinstance(form, Mapping) and (schema := form.get("json_schema")):
            self._micro += _SCHEMA_TOKENS * MILLION
            self._add_json(schema)

    def add_inputs(self, value: JsonValue) -> None:
        """Count a text, a list of texts, a list of token ids, or a list of such lists."""
        for item in value if isinstance(value, list) else (value,):
            if isinstance(item, str):
                self.guessed = True
                self._add_text(item)
            elif isinstance(item, int):
                self._micro += MILLION
            elif isinstance(item, list):
                self._micro += len(item) * MILLION

    def _add_text(self, text: str) -> None:
        if self._exact is not None:
            self._micro += self._exact(text) * MILLION
        else:
            self._micro += self._family.weigh(text.encode("utf-8", "surrogatepass"))

    def _add_json(self, value: JsonValue) -> None:
        """Count a piece of the request as the JSON that it is: vendors put it into the prompt in forms of their own."""
        self.certain = False
        try:
            written = orjson.dumps(value)
        except orjson.JSONEncodeError:  # nested too deeply to be sent at all
            return
        if self._exact is not None:
            self._micro += self._exact(written.decode()) * MILLION
        else:
            self._micro += self._family.weigh(written)

    def _add_message(self, message: Table) -> None:
        template = self._family.template
        self._micro += template.message * MILLION
        content = message.get("content")
        if isinstance(content, str):
            self._add_text(content)
        elif isinstance(content, list):
            self._add_parts(content)
        if isinstance(name := message.get("name"), str):
            self._micro += template.name * MILLION
            self._add_text(name)
        if not _USUAL_FIELDS.issuperset(message):
            self._add_rarer(message)

    def _add_rarer(self, message: Table) -> None:
        self.certain = False
        for field in ("reasoning_content", "refusal"):
            if isinstance(text := message.get(field), str):
                self._add_text(text)
        calls = [call.get("function") for call in _tables(message.get("tool_calls"))]
        for function in (*calls, message.get("function_call")):
            if isinstance(function, Mapping):
                self._micro += _CALL_TOKENS * MILLION
                for _, text in _call_pieces((), function):
                    self._add_text(text)
        if "tool_call_id" in message:
            self._micro += _CALL_TOKENS * MILLION

    def _add_parts(self, parts: list[JsonValue]) -> None:
        for part in parts:
            if isinstance(part, str):
                self._add_text(part)
            elif isinstance(part, Mapping):
                self._add_part(part)

    def _add_part(self, part: Table) -> None:
        text = part.get("text", part.get("refusal"))
        if isinstance(text, str):
            self._add_text(text)
            return
        self.certain = False
        kind = part.get("type")
        if kind == "image_url":
            self._micro += self._image(part.get("image_url")) * MILLION
        elif kind == "input_audio":
            self._micro += _sound_tokens(part.get("input_audio")) * MILLION
        elif kind == "file":
            self._micro += _file_tokens(part.get("file")) * MILLION
        else:
            self._micro += _UNKNOWN_PART * MILLION

    def _image(self, image: JsonValue) -> int:
        table: Table = image if isinstance(image, Mapping) else {"url": image}
        url, detail = table.get("url"), table.get("detail")
        return image_tokens(
            url if isinstance(url, str) else "", detail if isinstance(detail, str) else "", self._images
        )


def _sound_tokens(sound: JsonValue) -> int:
    if not isinstance(sound, Mapping) or not isinstance(content := sound.get("data"), str):
        return _UNKNOWN_PART
    by = _WAV_BYTES_A_TOKEN if sound.get("format") == "wav" else _SOUND_BYTES_A_TOKEN
    return _decoded_size(content) // by + 1


def _file_tokens(file: JsonValue) -> int:
    if not isinstance(file, Mapping) or not isinstance(content := file.get("file_data"), str):
        return _UNKNOWN_PART
    return _decoded_size(content) // _FILE_BYTES_A_TOKEN + 1


def _decoded_size(base64: str) -> int:
    return len(base64) * 3 // 4
