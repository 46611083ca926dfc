"""Our requests beside those that the vendors' own SDKs sent; where they differ, the test says why."""

from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import urlsplit

import orjson
import pytest

from llm_migrate.catalog.policy import Effect
from llm_migrate.config import Config, load_config
from llm_migrate.wire.exchange import OpenAIError, Outgoing, parse_call, prepare, read_answer

_FOLDER = Path(__file__).parent.parent / "data" / "vectors"

CONFIG = """
[targets.classic]
provider = "azure-openai"
endpoint = "https://RES.openai.azure.com"
api_version = "2024-10-21"
api_key = "plain:AZKEY"
[targets.v1]
provider = "azure-openai"
endpoint = "https://RES.openai.azure.com"
api_key = "plain:AZKEY"
[targets.entra]
provider = "azure-openai"
endpoint = "https://RES.openai.azure.com"
api_version = "2024-10-21"
auth = "entra"
api_key = "plain:ENTRA"
[targets.zhipu]
provider = "zhipu"
api_key = "plain:0123456789abcdef0123456789abcdef.SECRETSECRET16ch"
[targets.kimi]
provider = "kimi"
api_key = "plain:sk-KIMI"
"""


SAMPLES = [
    ("zhipu", 0, "limited", 429),
    ("zhipu", 1, "quota", 429),
    ("zhipu", 2, "request", 400),
    ("zhipu", 3, "policy", 400),
    ("kimi", 0, "policy", 400),
    ("kimi", 1, "request", 400),
    ("kimi", 2, "request", 400),
    ("kimi", 3, "quota", 429),
]


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Config:
    path = tmp_path_factory.mktemp("config") / "llm-migrate.toml"
    path.write_text(CONFIG, encoding="utf-8")
    return load_config(path)


def vector(vendor: str, name: str) -> dict:
    """Return the request that an SDK sent."""
    vectors = json.loads((_FOLDER / f"{vendor}.json").read_text(encoding="utf-8"))["vectors"]
    return next(v for v in vectors if v["name"] == name)["requests"][0]


def ours(config: Config, target: str, theirs: dict, **changes) -> Outgoing:
    """Return what we send when a program asks for what the SDK was asked for."""
    body = {k: v for k, v in (theirs["body"] or {}).items() if v is not None} | changes
    kind = "embeddings" if "input" in body else "chat/completions"
    path = f"/v1/{kind}" if theirs["method"] == "POST" else "/v1/models"
    call = parse_call(theirs["method"], path, orjson.dumps(body))
    where = config.targets[target]
    return prepare(where, call, model=call.model, adapt="warn", secret=where.credential(), now_s=0.0)


def sent(out: Outgoing) -> dict:
    """Return our JSON without what the catalog added on purpose."""
    added = {field for ruling in out.rulings if ruling.effect is Effect.ADDED for field in ruling.set}
    return {k: v for k, v in orjson.loads(out.body).items() if k not in added}


def target_of(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.path}?{parts.query}" if parts.query else parts.path


@pytest.mark.parametrize(
    "name",
    [
        "classic model-as-deployment",
        "classic model with slash/space",
        "classic stream",
        "classic embeddings (no encoding_format given)",
    ],
)
def test_azures_dated_route_is_as_the_sdk_sends_it(config, name):
    """Path, version, key header and body equal AzureOpenAI's, whatever is in the deployment's name."""
    theirs = vector("azure", name)

    out = ours(config, "classic", theirs)

    headers = dict(out.headers)
    assert target_of(out.url) == theirs["target"]
    assert sent(out) == theirs["body"]
    assert all(headers[h] == theirs["headers"][h] for h in ("api-key", "accept", "content-type"))
    assert "authorization" not in headers


def test_azures_list_of_models_has_no_deployment(config):
    """GET models goes beside the deployments."""
    theirs = vector("azure", "classic azure_deployment models.list")

    out = ours(config, "classic", theirs)

    assert (out.method, target_of(out.url), out.body) == ("GET", theirs["target"], b"")


def test_an_entra_token_is_a_bearer(config):
    """With auth = "entra" the token goes where AzureOpenAI puts it, and no api-key is sent."""
    theirs = vector("azure", "classic azure_ad_token")

    headers = dict(ours(config, "entra", theirs).headers)

    assert headers["authorization"] == theirs["headers"]["authorization"]
    assert "api-key" not in headers


def test_azures_v1_route_differs_only_in_the_key_header(config):
    """The SDK's plain client says Bearer there; we say api-key on both routes, which both take."""
    theirs = vector("azure", "v1 OpenAI client with api key")

    out = ours(config, "v1", theirs)

    assert target_of(out.url) == theirs["target"]
    assert sent(out) == theirs["body"]
    assert dict(out.headers)["api-key"] == "AZKEY"


@pytest.mark.parametrize(
    "name", ["plain", "sampling_mid", "image_http_url", "tools", "tool_result", "json_object", "stream"]
)
def test_zhipu_gets_what_its_own_sdk_sends(config, name):
    """Path, bearer key and body equal the vendor's SDK's, but for its nulls, which say nothing."""
    theirs = vector("zhipu", name)

    out = ours(config, "zhipu", theirs)

    assert target_of(out.url) == theirs["target"]
    assert sent(out) == {k: v for k, v in theirs["body"].items() if v is not None}
    assert dict(out.headers)["authorization"] == theirs["headers"]["authorization"]


def test_zhipu_gets_inline_images_as_its_own_sdk_sends_them(config):
    """From OpenAI's data URL comes the bare base64 that the vendor's SDK makes of it."""
    theirs = vector("zhipu", "image_data_url")
    parts = theirs["body"]["messages"][0]["content"]
    bare = parts[0]["image_url"]["url"]
    asked = [{"type": "image_url", "image_url": {"url": f"data:image/png;base64,{bare}"}}, *parts[1:]]

    out = ours(config, "zhipu", theirs, messages=[{"role": "user", "content": asked}])

    assert sent(out)["messages"] == theirs["body"]["messages"]


def test_zhipu_gets_zero_temperature_as_its_own_sdk_sends_it(config):
    """Zero becomes do_sample = false, the vendor's own way to say it."""
    theirs = vector("zhipu", "sampling_edge_zero")

    out = ours(
        config, "zhipu", {**theirs, "body": {**theirs["body"], "temperature": 0, "do_sample": None, "top_p": None}}
    )

    assert sent(out)["do_sample"] is False


@pytest.mark.parametrize(
    "name",
    [
        "plain",
        "max_completion_tokens",
        "builtin web_search",
        "tools",
        "vision base64",
        "json_object",
    ],
)
def test_kimi_gets_what_its_docs_have_the_openai_sdk_send(config, name):
    """Path, bearer key and body equal those of the openai SDK, which is the vendor's own way."""
    theirs = vector("kimi", name)

    out = ours(config, "kimi", theirs)

    assert target_of(out.url) == theirs["target"]
    assert sent(out) == theirs["body"]
    assert dict(out.headers)["authorization"] == theirs["headers"]["authorization"]


def test_kimi_gets_a_tool_call_turn_without_its_empty_content(config):
    """The SDK sends "" as the program has it; the vendor refuses empty content, so we leave it out."""
    theirs = vector("kimi", "tool turn with reasoning_content")

    turn = sent(ours(config, "kimi", theirs))["messages"][2]

    asked = theirs["body"]["messages"][2]
    assert asked["content"] == ""
    assert turn == {k: v for k, v in asked.items() if k != "content"}


@pytest.mark.parametrize(("vendor", "i", "outcome", "status"), SAMPLES)
def test_the_vendors_sample_errors_mean_what_they_mean(vendor, i, outcome, status, config):
    """A 429 for money is not one for speed, and a filtered prompt is no broken request."""
    sample = json.loads((_FOLDER / f"{vendor}.json").read_text(encoding="utf-8"))["response_samples"]["errors"][i]
    call = parse_call("POST", "/v1/chat/completions", b'{"model":"m","messages":[{"role":"user","content":"hi"}]}')
    where = config.targets[vendor]
    out = prepare(where, call, model="m", adapt="warn", secret=where.credential(), now_s=0.0)

    error = read_answer(where, call, out, sample["status"], {}, orjson.dumps(sample["body"]))

    assert isinstance(error, OpenAIError)
    assert (error.outcome, error.status) == (outcome, status)


@pytest.mark.parametrize("target", ["classic", "v1", "zhipu", "kimi"])
def test_nothing_of_the_sdk_that_asked_goes_on(config, target):
    """S1: neither x-stainless-* nor any other header that names the caller's SDK or account is sent."""
    out = ours(config, target, vector("kimi", "plain"))

    assert {name for name, _ in out.headers} <= {"accept", "content-type", "user-agent", "authorization", "api-key"}
    assert dict(out.headers)["user-agent"].startswith("llm-migrate/")
