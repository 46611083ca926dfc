"""Tokens of requests before they are sent, and of answers whose vendor did not say."""

from __future__ import annotations

import base64
import hashlib
import re
import struct
import subprocess
import sys
import tomllib

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llm_migrate.catalog.load import all_providers, load_provider
from llm_migrate.catalog.schema import ImageTokens
from llm_migrate.catalog.tokenizer import find_image_tokens, find_tokenizer
from llm_migrate.errors import CatalogError
from llm_migrate.ledger.classes import NAMES, classify
from llm_migrate.ledger.counting import Counted, count_events, count_request, count_text
from llm_migrate.ledger.exact import exact_counter
from llm_migrate.ledger.family import MILLION, WEIGHTS, family_names, find_family
from llm_migrate.ledger.images import image_size, image_tokens
from tests.ledger.texts import BENCH, token_samples

O200K = find_family("o200k")
EXACT = exact_counter(O200K)
USER = {"role": "user", "content": "你好，world"}
WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string", "description": "城市"}}},
    },
}
# The example of OpenAI's cookbook, with what its API counted: 129 with cl100k, 124 with o200k.
# https://developers.openai.com/cookbook/examples/how_to_count_tokens_with_tiktoken
JARGON = [
    {
        "role": "system",
        "content": "You are a helpful, pattern-following assistant that translates corporate jargon into plain "
        "English.",
    },
    {"role": "system", "name": "example_user", "content": "New synergies will help drive top-line growth."},
    {
        "role": "system",
        "name": "example_assistant",
        "content": "Things working well together will increase revenue.",
    },
    {
        "role": "system",
        "name": "example_user",
        "content": "Let's circle back when we have more bandwidth to touch base on opportunities for increased "
        "leverage.",
    },
    {
        "role": "system",
        "name": "example_assistant",
        "content": "Let's talk later when we're less busy about how to do better.",
    },
    {
        "role": "user",
        "content": "This late pivot means we don't have time to boil the ocean for the client deliverable.",
    },
]


def by_name(text: str) -> dict[str, int]:
    return dict(zip(NAMES, classify(text.encode()), strict=True))


# -- classes


@pytest.mark.parametrize(
    ("text", "counts"),
    [
        ("", {}),
        ("人工智能", {"han": 4}),
        ("好，好！“好”", {"han": 3, "cjk_marks": 4}),
        ("getUserName of HTTPServer", {"words": 5}),
        ("internationalization", {"words": 1, "long_words": 2}),
        ("12345 7 3.14", {"digits": 9, "digit_groups": 5, "mark_runs": 1}),
        ('("x"); ...', {"words": 1, "mark_runs": 3, "more_marks": 5}),
        ("a\n\nb\r\n    c", {"words": 3, "lines": 3}),
        ("café", {"words": 1, "others": 6}),
        ("カナ 한글 Да 🙂", {"others": 3 + 3 + 4 + 4 + 2 + 2 + 6}),
    ],
)
def test_texts_are_made_of_nine_classes(text: str, counts: dict[str, int]):
    """Each class counts what its name says; digits are there singly and by threes."""
    assert {name: n for name, n in by_name(text).items() if n} == counts


def units(character: str) -> int:
    """What a character counts among the others."""
    at = ord(character)
    ends = {0x80: 0, 0xC0: 2, 0x180: 6, 0x1000: 2, 0x2000: 4, 0x2040: 0, 0x3000: 4, 0x3040: 0, 0x4000: 3, 0xA000: 0}
    ends |= {0xF000: 4, 0x10000: 0, 0x110000: 6}
    return next(each for end, each in ends.items() if at < end)


@given(st.text() | st.text("aé中，。“あ한Я🙂 A1.\n", max_size=60))
def test_one_pass_in_c_counts_what_a_slow_reader_counts(text: str):
    """The tables of bytes agree with the definition, character by character."""
    plain = text.encode("utf-8", "replace").decode().replace("\r", "")
    letters = "".join(c if c.isascii() and c.isalpha() else "a" if "À" <= c <= "ſ" else " " for c in plain)
    marks = re.findall(r"[^\w\s]+|[^ \t\n\w]+|_+", re.sub(r"[^\x00-\x7f]", " ", plain))

    counts = by_name(plain)

    assert counts["han"] == len(re.findall("[䀀-鿿]", plain))
    assert counts["cjk_marks"] == len(re.findall("[\u3000-\u303f\u2000-\u203f\uf000-\uffff]", plain))
    assert counts["words"] == len(re.findall("(?:(?<![a-zA-Z])|(?<=[a-z])(?=[A-Z]))[a-zA-Z]", letters))
    assert counts["others"] == sum(map(units, plain))
    assert counts["digits"] == len(re.findall("[0-9]", plain))
    assert counts["digit_groups"] == len(re.findall("[0-9]{1,3}", plain))
    assert counts["mark_runs"] + counts["more_marks"] == len(re.findall(r"[^A-Za-z0-9 \t\n\x80-\U0010ffff]", plain))
    assert counts["mark_runs"] <= len(re.findall(r"[^A-Za-z0-9 \t\n\x80-\U0010ffff]+", plain)) <= sum(map(len, marks))


@given(st.binary())
def test_any_bytes_can_be_classified(raw: bytes):
    """What is no UTF-8 gives some counts, none of them negative."""
    assert all(n >= 0 for n in classify(raw))


@pytest.mark.parametrize("family", family_names())
def test_half_a_surrogate_pair_is_counted_too(family: str):
    """A string that no encoder lets out does not break the count, exact or not."""
    kind = find_family(family)

    assert count_text("a\ud83d b", kind) > 0
    exact = exact_counter(kind)
    assert exact is None or exact("a\ud83d b") > 0


# -- the table


def test_the_table_is_what_the_script_wrote():
    """Weights are fitted, never typed: the digest in the header is that of the rest."""
    text = WEIGHTS.read_text(encoding="utf-8")
    header, body = re.split(r"(?<=\n)(?=\[made\])", text)

    assert re.findall("[0-9a-f]{64}", header) == [hashlib.sha256(body.encode()).hexdigest()]


def test_the_table_belongs_to_these_classes_and_these_samples():
    """Who changes the classes or the samples fits again: `python bench/fit_tokens.py --write`."""
    made = tomllib.loads(WEIGHTS.read_text(encoding="utf-8"))["made"]

    assert list(classify(made["probe"].encode())) == made["probe_counts"]
    assert token_samples.digest() == made["samples"]


def test_samples_of_the_two_halves_share_no_sentence():
    """Errors are measured on sentences that the weights were not fitted on."""
    for kind in ("zh", "en", "code"):
        first, second = (set(token_samples._half(kind, part)) for part in (0, 1))
        assert first
        assert second
        assert not first & second


@pytest.mark.parametrize("family", [name for name in family_names() if find_family(name).encoding])
def test_the_safety_factor_covers_what_was_held_out(family: str):
    """On typical texts the true count is above estimate x factor in about one of a hundred; the estimate is near."""
    kind = find_family(family)
    exact = exact_counter(kind)
    assert exact is not None, "the tests need the `tokens` extra"

    ratios = sorted(
        exact(sample.text) * MILLION / kind.weigh(sample.text.encode()) for sample in token_samples.samples(1, times=8)
    )

    assert sum(ratio * MILLION > kind.factor_ppm for ratio in ratios) <= len(ratios) * 0.01 + 1
    assert 0.95 < ratios[len(ratios) // 2] < 1.05
    assert 1_100_000 <= kind.factor_ppm < 1_500_000


def test_the_page_says_the_factors_that_hold():
    """docs/counting.md has a row for each family, written together with the table."""
    page = (BENCH.parent / "docs" / "counting.md").read_text(encoding="utf-8")

    rows = dict(re.findall(r"^\| ([a-z0-9.]+) \| (\d\.\d\d) \|", page, re.MULTILINE))

    assert rows == {name: f"{find_family(name).factor_ppm / MILLION:.2f}" for name in family_names()}


def test_models_that_nobody_can_look_into_get_the_largest_factor():
    """The default family is fitted on several tokenizers together, so it is off by more."""
    assert find_family(None).factor_ppm > max(find_family(n).factor_ppm for n in family_names() if n != "default")


def test_an_unknown_family_is_a_fault_of_the_catalog():
    """The message names those that exist."""
    with pytest.raises(CatalogError, match="o999k: no such family of tokenizers; known are: o200k"):
        find_family("o999k")


# -- the catalog


def test_every_tokenizer_in_the_catalog_has_weights():
    """A family that a provider file names is in the table, and each row has a source and fits a model."""
    rows = [(provider, row) for provider in all_providers() for row in provider.tokenizers]

    assert len(rows) > 5
    for provider, row in rows:
        assert row.family in family_names(), provider.id
        assert row.source
        assert any(find_tokenizer(provider, model.id) is row for model in provider.models), (provider.id, row.models)


def test_rules_for_images_are_whole():
    """A rule by tiles says what a small and a large image cost; each rule fits a model and has a source."""
    for provider in all_providers():
        for row in provider.image_tokens:
            assert row.models, provider.id
            assert row.source
            assert row.checked
            assert (row.tile is None) == (row.base is None) == (row.low is None)
            assert any(find_image_tokens(provider, model.id) is row for model in provider.models), row.models


@pytest.mark.parametrize(
    ("provider", "model", "asked", "family"),
    [
        ("openai", "gpt-4o-mini", "", "o200k"),
        ("openai", "GPT-4-Turbo", "", "cl100k"),
        ("openai", "text-embedding-3-small", "", "cl100k"),
        ("openai", "gpt-6-luna", "", None),
        ("azure-openai", "gpt-35-turbo", "", "cl100k"),
        ("azure-openai", "gpt-4o", "", "o200k"),
        ("azure-openai", "our-deployment", "gpt-4o", "o200k"),
        ("azure-openai", "our-deployment", "our-deployment", None),
        ("bedrock", "openai.gpt-oss-120b", "", "o200k"),
        ("qwen", "qwen3.6-plus", "", "qwen3.5"),
        ("qwen", "qwen-plus", "", "qwen3"),
        ("qwen", "qwen4-max-preview", "qwen-plus", None),
        ("zhipu", "glm-5.3", "gpt-4o", None),
    ],
)
def test_the_catalog_says_how_a_model_counts(provider: str, model: str, asked: str, family: str | None):
    """By its id at the vendor; behind a customer's own name, by the id that the program names."""
    found = find_tokenizer(load_provider(provider), model, asked=asked)

    assert (found.family if found else None) == family


# -- requests


@pytest.mark.parametrize(("family", "tokens"), [("cl100k", 129), ("o200k", 124)])
def test_a_chat_of_texts_is_exact_where_the_vendor_says_how_it_counts(family: str, tokens: int):
    """What OpenAI's API counted for its own example is what we count, and nothing is added to be safe."""
    kind = find_family(family)

    counted = count_request({"messages": JARGON}, kind, exact_counter(kind))

    assert counted == Counted(tokens, MILLION, "exact")
    assert counted.at_most == tokens


def test_without_the_extra_it_is_an_estimate_with_its_factor():
    """The same request is within a few per cent, and reserved with what the family's error asks for."""
    counted = count_request({"messages": JARGON}, O200K)

    assert counted.basis == "estimate"
    assert counted.factor_ppm == O200K.factor_ppm
    assert 115 <= counted.tokens <= 133
    assert counted.at_most == -(-counted.tokens * O200K.factor_ppm // MILLION)


@pytest.mark.parametrize(
    ("more", "extra"),
    [
        ({"tools": [WEATHER]}, 12 + 36),
        ({"functions": [WEATHER["function"]]}, 12 + 26),
        ({"response_format": {"type": "json_schema", "json_schema": {"name": "a"}}}, 16 + 5),
        ({"response_format": {"type": "json_object"}}, 0),
        ({"temperature": 1, "tools": []}, 0),
    ],
)
def test_tools_and_schemas_count_as_the_json_that_they_are(more: dict, extra: int):
    """With a frame by a stated rule; the count is then near, with a factor of 1.10."""
    plain = count_request({"messages": [USER]}, O200K, EXACT)

    counted = count_request({"messages": [USER], **more}, O200K, EXACT)

    assert abs(counted.tokens - plain.tokens - extra) <= 4
    assert (counted.basis, counted.factor_ppm) == (("near", 1_100_000) if extra else ("exact", MILLION))


@pytest.mark.parametrize(
    ("message", "tokens"),
    [
        ({"role": "user", "content": ""}, 4),
        ({"role": "user", "content": [{"type": "text", "text": "hello"}, {"type": "text", "text": " world"}]}, 6),
        ({"role": "user", "content": "hello", "name": "bob"}, 4 + 1 + 1 + 1),
        ({"role": "assistant", "content": None, "refusal": "hello"}, 5),
        ({"role": "assistant", "content": "hello", "reasoning_content": "hello world"}, 7),
        (
            {"role": "assistant", "tool_calls": [{"id": "1", "function": {"name": "hello", "arguments": " world"}}]},
            4 + 8 + 2,
        ),
        ({"role": "assistant", "function_call": {"name": "hello", "arguments": " world"}}, 4 + 8 + 2),
        ({"role": "tool", "tool_call_id": "1", "content": "hello"}, 4 + 8 + 1),
        ({"role": "user", "content": [{"type": "file", "file": {"file_id": "f"}}]}, 4 + 2048),
        ({"role": "user", "content": [{"type": "file", "file": {"file_data": "A" * 4000}}]}, 4 + 94),
        ({"role": "user", "content": [{"type": "input_audio", "input_audio": {"data": "A" * 64_000}}]}, 4 + 121),
        (
            {
                "role": "user",
                "content": [{"type": "input_audio", "input_audio": {"data": "A" * 64_000, "format": "wav"}}],
            },
            4 + 31,
        ),
        ({"role": "user", "content": [{"type": "video_url", "video_url": {"url": "data:" + "A" * 90_000}}]}, 4 + 2048),
        ({"role": "user", "content": [{"type": "image_url", "image_url": {"url": "https://x/y"}}]}, 4 + 69 * 39),
        ({"role": "user", "content": [{"type": "image_url", "image_url": "https://x/y"}]}, 4 + 69 * 39),
        ({"role": "user", "content": ["hello", 3, None]}, 5),
        ({"role": "user", "content": [{"type": "input_audio", "input_audio": "?"}]}, 4 + 2048),
        ("hello", 0),
    ],
)
def test_each_part_of_a_message_counts_by_its_rule(message: object, tokens: int):
    """Every message has four tokens of frame in this family, and every request three."""
    assert count_request({"messages": [message]}, O200K, EXACT).tokens == 3 + tokens


def test_tools_can_be_estimated():
    """Without the extra their JSON weighs what text weighs."""
    exact = count_request({"messages": [USER], "tools": [WEATHER]}, O200K, EXACT)

    counted = count_request({"messages": [USER], "tools": [WEATHER]}, O200K)

    assert counted.basis == "estimate"
    assert abs(counted.tokens - exact.tokens) <= 12


def test_embeddings_and_completions_count_their_inputs():
    """A text, several texts, token ids, several lists of them; there is no frame."""
    assert count_request({"input": "hello world"}, O200K, EXACT) == Counted(2, MILLION, "exact")
    assert count_request({"input": ["hello world"] * 3}, O200K, EXACT).tokens == 6
    assert count_request({"prompt": "hello", "suffix": " world"}, O200K, EXACT).tokens == 2
    assert count_request({"input": "hello world"}, O200K).basis == "estimate"


def test_token_ids_are_exact_without_any_counter():
    """Their number is the count, whatever the tokenizer."""
    default = find_family(None)

    assert count_request({"input": [5, 6, 7]}, default) == Counted(3, MILLION, "exact")
    assert count_request({"input": [[5, 6], [7]]}, default) == Counted(3, MILLION, "exact")
    assert count_request({"input": [[5, 6], "text"]}, default).basis == "estimate"


def test_nesting_cannot_exhaust_the_stack():
    """S5: inputs and schemas that are nested too deeply to be sent count as little, and raise nothing."""
    deep: object = []
    for _ in range(2000):
        deep = [deep]

    assert count_request({"input": deep}, O200K).tokens <= 1
    assert count_request({"messages": [USER], "tools": deep}, O200K).tokens < 40


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda inner: st.lists(inner)))
def test_a_request_of_any_shape_is_counted(value: object):
    """What a vendor will refuse anyway still has a number."""
    part = {"type": "image_url", "image_url": value, "text": value}
    body = {"messages": [{"role": "user", "content": value}, value, {"content": [part, value], "tool_calls": value}]}

    assert count_request(body, O200K).tokens >= 0
    assert count_request({"input": value}, O200K).tokens >= 0


# -- images


def data_url(head: bytes) -> str:
    return f"data:image/x;base64,{base64.b64encode(head + bytes(40)).decode()}"


PNG = data_url(b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sII", 13, b"IHDR", 1024, 1024))
JPEG_HEAD = (
    b"\xff\xd8\xff\xe1"
    + struct.pack(">H", 20_002)
    + bytes(20_000)
    + b"\xff\xc2"
    + struct.pack(">HBHH", 17, 8, 480, 640)
)


@pytest.mark.parametrize(
    ("url", "size"),
    [
        (PNG, (1024, 1024)),
        (data_url(b"GIF89a" + struct.pack("<HH", 320, 200)), (320, 200)),
        (data_url(JPEG_HEAD), (640, 480)),
        (data_url(b"RIFF____WEBPVP8 " + bytes(10) + struct.pack("<HH", 500, 300)), (500, 300)),
        (data_url(b"RIFF____WEBPVP8L" + bytes(5) + ((499) | (299 << 14)).to_bytes(4, "little")), (500, 300)),
        (data_url(b"RIFF____WEBPVP8X" + bytes(8) + b"\xf3\x01\x00\x2b\x01\x00"), (500, 300)),
        (data_url(b"RIFF____WEBPVP8?"), None),
        (data_url(b"BM"), None),
        (data_url(b"\xff\xd8\x00"), None),
        (data_url(b"\x89PNG\r\n\x1a\n"), None),
        ("data:image/png;base64,A===", None),
        ("data:image/png;base64,é===", None),
        ("data:image/png;base64,", None),
        ("https://example.com/a.png", None),
    ],
)
def test_the_size_of_an_image_is_read_from_its_first_bytes(url: str, size: tuple[int, int] | None):
    """In the formats that vendors take; nothing is fetched, and what cannot be read has no size."""
    assert image_size(url) == size


@pytest.mark.parametrize(
    ("model", "detail", "size", "tokens"),
    [
        ("gpt-4o", "high", (1024, 1024), 765),
        ("gpt-4o", "auto", (2048, 4096), 1105),
        ("gpt-4o", "low", (2048, 4096), 85),
        ("gpt-4o", "", (128, 64), 255),
        ("gpt-4o-mini", "high", (128, 64), 8500),
        ("o3", "high", (128, 64), 225),
        ("gpt-4.1-mini", "", (128, 64), 13),
        ("gpt-4.1-mini", "high", (4000, 1474), 2489),
        ("gpt-6-astra", "auto", (4032, 3024), 14_364),
        ("gpt-3.5-turbo", "low", (4000, 3000), 361),
    ],
)
def test_images_cost_what_was_measured_at_the_vendor(model: str, detail: str, size: tuple[int, int], tokens: int):
    """By tiles, by patches, or, where nobody knows, a token for each 28 x 28 pixels."""
    url = data_url(b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sII", 13, b"IHDR", *size))

    assert image_tokens(url, detail, find_image_tokens(load_provider("openai"), model)) == tokens


def test_an_image_behind_a_link_counts_as_a_large_one():
    """1920 x 1080, by the model's rule; detail "low" needs no size."""
    rule = ImageTokens(low=85, base=85, tile=170)

    assert image_tokens("https://x/y", "high", rule) == 85 + 6 * 170
    assert image_tokens("https://x/y", "low", rule) == 85
    assert image_tokens("https://x/y", "") == 69 * 39
    assert image_tokens("https://x/y", "", ImageTokens(patch=32)) == 60 * 34


# -- answers


def event(**delta: object) -> bytes:
    return b"data: " + orjson.dumps({"choices": [{"index": 0, "delta": delta}]}) + b"\n\n"


CALL = {"index": 0, "id": "c", "function": {"name": "get_weather", "arguments": ""}}
STREAM = b"".join(
    [
        event(role="assistant", content=""),
        event(reasoning_content="Let me "),
        event(reasoning_content="think"),
        event(content="Hel"),
        event(content="lo world"),
        event(tool_calls=[CALL]),
        event(tool_calls=[{"index": 0, "function": {"arguments": '{"ci'}}]),
        event(tool_calls=[{"index": 0, "function": {"arguments": 'ty": "上海"}'}}]),
        b": a comment\n\n",
        b'data: {"choices": [], "usage": null}\n\n',
        b'data: "no object"\n\n',
        b"data: [DONE]\n\n",
    ]
)
SAID = ("Let me think", "Hello world", "get_weather", '{"city": "上海"}')


@pytest.mark.parametrize("exact", [None, EXACT])
def test_what_a_stream_delivered_counts_as_whole_texts(exact):
    """Text, reasoning and calls count as if they had come in one piece, with eight tokens around each call."""
    expected = 8 + sum(count_text(text, O200K, exact) for text in SAID)

    assert count_events(STREAM, O200K, exact) == expected


@given(st.integers(0, len(STREAM)))
def test_a_stream_may_be_cut_anywhere(at: int):
    """A cut line is left out, and more bytes never count less."""
    assert 0 <= count_events(STREAM[:at], O200K) <= count_events(STREAM, O200K)


def test_a_whole_answer_counts_like_a_stream_of_it():
    """For a vendor that answers without `usage`."""
    call = {"id": "c", "type": "function", "function": {"name": SAID[2], "arguments": SAID[3]}}
    message = {"role": "assistant", "reasoning_content": SAID[0], "content": SAID[1], "tool_calls": [call]}

    def line(body: object) -> bytes:
        return b"data: " + orjson.dumps(body) + b"\n\n"

    whole = line({"choices": [{"index": 0, "message": message}]})
    assert count_events(whole, O200K) == count_events(STREAM, O200K)
    assert count_events(line({"choices": [{"index": 0, "text": "Hello world"}]}), O200K, EXACT) == 2
    called = line({"choices": [{"message": {"function_call": call["function"]}}]})
    assert count_events(called, O200K, EXACT) == 8 + 2 + 6
    assert count_events(line({"error": {}}), O200K) == 0


def test_two_choices_are_two_texts():
    """Pieces of different choices are not joined."""
    payload = b"".join(
        b"data: "
        + orjson.dumps({"choices": [{"index": index, "delta": {"content": "Hel" if half == 0 else "lo"}}]})
        + b"\n\n"
        for half in (0, 1)
        for index in (0, 1)
    )

    assert count_events(payload, O200K, EXACT) == 2


# -- what it costs to have


def test_importing_it_loads_no_tokenizer():
    """The exact counter's package is imported when it is asked for, numpy never."""
    code = (
        "import sys, llm_migrate.ledger.counting, llm_migrate.ledger.family as f; f.find_family('o200k')\n"
        "assert not {'quicktok', 'numpy'} & set(sys.modules)\n"
        "from llm_migrate.ledger.exact import exact_counter\n"
        "assert exact_counter(f.find_family('gemma3')) is None\n"
        "assert exact_counter(f.find_family('cl100k'))('hello world') == 2\n"
        "assert 'quicktok' in sys.modules and 'numpy' not in sys.modules"
    )

    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True)

    assert done.returncode == 0, done.stderr
