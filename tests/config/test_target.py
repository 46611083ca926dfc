"""Where targets are, how they sign, and what models are called there."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import pytest

from llm_migrate.config import Config, Secret, Target, load_config
from llm_migrate.errors import ConfigError, CredentialError


def load(tmp_path: Path, text: str) -> Config:
    path = tmp_path / "llm-migrate.toml"
    path.write_text(text, encoding="utf-8")
    return load_config(path)


def target(tmp_path: Path, *lines: str, provider: str = "zhipu") -> Target:
    text = "\n".join(["[targets.t]", f'provider = "{provider}"', *lines])
    return load(tmp_path, text).targets["t"]


def test_the_catalog_knows_address_and_variable(tmp_path, monkeypatch):
    """A target of a provider's name alone has its endpoint, its auth and its usual variable."""
    monkeypatch.setenv("ZHIPUAI_API_KEY", "id.secret")

    found = target(tmp_path)

    assert (found.base_url, found.auth.kind) == ("https://open.bigmodel.cn/api/paas/v4", "bearer")
    assert found.credential().reveal() == "id.secret"


@pytest.mark.parametrize(
    ("lines", "base_url"),
    [
        (['endpoint = "https://res.openai.azure.com"'], "https://res.openai.azure.com/openai/v1"),
        (['endpoint = "https://res.openai.azure.com/openai/v1/"'], "https://res.openai.azure.com/openai/v1"),
        (
            ['endpoint = "https://res.openai.azure.com"', 'api_version = "2024-10-21"'],
            "https://res.openai.azure.com/openai",
        ),
        (
            ['endpoint = "https://res.openai.azure.com/openai/deployments/d"', 'api_version = "2024-10-21"'],
            "https://res.openai.azure.com/openai",
        ),
        (['endpoint = "https://res.openai.azure.com"', 'api_version = "v1"'], "https://res.openai.azure.com/openai/v1"),
        (
            ['base_url = "http://127.0.0.1:9/openai"', 'api_version = "2024-10-21"', 'api_key = "plain:k"'],
            "http://127.0.0.1:9/openai",
        ),
    ],
)
def test_azures_two_routes_are_told_apart_by_the_version(lines, base_url, tmp_path):
    """A dated version asks for the route with deployments, anything else for v1."""
    found = target(tmp_path, *lines, provider="azure-openai")

    assert found.base_url == base_url
    assert found.endpoint.id == ("classic" if found.api_version else "v1")


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:9/v1", "http://localhost:9/v1", "http://[::1]:9/v1", "https://x.test/v1"]
)
def test_any_server_of_the_same_shape_can_be_a_target(url, tmp_path):
    """With a key of its own, a base URL may be anything over https, or this machine itself."""
    assert target(tmp_path, f'base_url = "{url}"', 'api_key = "plain:k"').base_url == url


@pytest.mark.parametrize(
    "url",
    [
        "http://x.test/v1",
        "http://127.0.0.1.x.test/v1",
        "ftp://x.test",
        "x.test/v1",
        "https://",
        "https://user:pw@x.test/v1",
        "https://x.test/v1?a=b",
        "https://x.test/v1#a",
        "https://x.test:99999/v1",
        "https://x.test/v 1",
        "https://x.tést/v1",
        "https://[::1/v1",
    ],
)
def test_an_unsound_address_is_refused_and_not_repeated(url, tmp_path):
    """Plain http elsewhere, passwords, queries and nonsense are refused; the message does not show the address."""
    with pytest.raises(ConfigError) as caught:
        target(tmp_path, f'base_url = "{url}"', 'api_key = "plain:k"')

    assert "x.t" not in str(caught.value)
    assert "pw" not in str(caught.value)


def test_two_addresses_are_one_too_many(tmp_path):
    """An endpoint's URL and a base URL contradict each other."""
    with pytest.raises(ConfigError, match="keep one"):
        target(tmp_path, 'endpoint = "https://open.bigmodel.cn"', 'base_url = "https://x.test"')


@pytest.mark.parametrize("key", ["", 'api_key = "env:ZHIPUAI_API_KEY"', 'api_key = "file:~/.ssh/id_rsa"'])
@pytest.mark.parametrize(
    "url", ["https://evil.test/v1", "https://open.bigmodel.cn.evil.test/v1", "http://127.0.0.1:9/v1"]
)
def test_a_key_of_this_machine_goes_to_no_unknown_host(key, url, tmp_path, monkeypatch):
    """S1: a cloned repository's file cannot send a variable or a file to a host of its choice."""
    monkeypatch.setenv("ZHIPUAI_API_KEY", "canary")

    with pytest.raises(CredentialError, match="trust_host = true"):
        target(tmp_path, f'base_url = "{url}"', key)


def test_a_trusted_host_gets_the_key(tmp_path, monkeypatch):
    """Whoever writes trust_host knows the host."""
    monkeypatch.setenv("ZHIPUAI_API_KEY", "id.secret")

    found = target(tmp_path, 'base_url = "https://proxy.test/v1"', "trust_host = true")

    assert found.credential().reveal() == "id.secret"


@pytest.mark.parametrize("host", ["open.bigmodel.cn", "OPEN.BIGMODEL.CN", "api.z.ai"])
def test_all_hosts_of_the_vendor_are_known(host, tmp_path, monkeypatch):
    """An address at one of the vendor's own hosts needs no trust."""
    monkeypatch.setenv("ZHIPUAI_API_KEY", "id.secret")

    assert target(tmp_path, f'base_url = "https://{host}/other/v4"').credential()


def test_a_key_comes_from_a_variable_a_file_or_the_configuration(tmp_path, monkeypatch):
    """The three forms of a key are read when they are needed."""
    monkeypatch.setenv("MY_KEY", " from-env\n")
    (tmp_path / "key").write_text("from-file\n", encoding="utf-8")

    forms = ["env:MY_KEY", f"file:{tmp_path / 'key'}", "plain:in:place"]

    found = [target(tmp_path, f'api_key = "{form}"').credential().reveal() for form in forms]
    assert found == ["from-env", "from-file", "in:place"]


@pytest.mark.parametrize("key", ["sk-canary-123", "canary", "ENV:canary", "env:", "plain:", "file: ", "https://canary"])
def test_a_bare_key_is_refused_and_not_repeated(key, tmp_path):
    """S3: a key that stands in the file as it is gets a message about the forms, without the key."""
    with pytest.raises(ConfigError) as caught:
        target(tmp_path, f'api_key = "{key}"')

    assert "targets.t.api_key" in str(caught.value)
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize(
    ("lines", "names"),
    [
        ([], ["t: ", "ZHIPUAI_API_KEY"]),
        (['api_key = "env:MY_KEY"'], ["t: ", "MY_KEY"]),
        (['api_key = "file:/no/key"'], ["t: ", "/no/key"]),
    ],
)
def test_a_missing_key_names_what_to_set(lines, names, tmp_path, monkeypatch):
    """A target without its key says which variable or file is meant, and only when it is used."""
    for name in ("ZHIPUAI_API_KEY", "ZAI_API_KEY", "ZHIPU_API_KEY", "Z_AI_API_KEY", "MY_KEY"):
        monkeypatch.delenv(name, raising=False)
    found = target(tmp_path, *lines)

    with pytest.raises(CredentialError) as caught:
        found.credential()

    assert all(name in str(caught.value) for name in names)


@pytest.mark.parametrize(("content", "says"), [(b"", "empty"), (b" \n", "empty"), (b"\xff\xfe", "not UTF-8")])
def test_a_key_file_without_a_key_says_so(content, says, tmp_path):
    """An empty or unreadable key file is named."""
    (tmp_path / "key").write_bytes(content)

    with pytest.raises(CredentialError, match=says):
        target(tmp_path, f'api_key = "file:{tmp_path / "key"}"').credential()


@pytest.mark.skipif(os.name != "posix", reason="modes are POSIX")
@pytest.mark.parametrize(("mode", "warnings"), [(0o600, 0), (0o640, 1), (0o604, 1)])
def test_a_key_file_that_others_can_read_is_warned_of(mode, warnings, tmp_path, caplog):
    """The key is used all the same, and the log names the file but not the key."""
    path = tmp_path / "key"
    path.write_text("canary", encoding="utf-8")
    path.chmod(mode)

    with caplog.at_level(logging.WARNING, logger="llm_migrate.config"):
        assert target(tmp_path, f'api_key = "file:{path}"').credential()

    assert len(caplog.records) == warnings
    assert "canary" not in caplog.text


def test_secrets_are_compared_by_value():
    """Two of the same key are equal, and a key equals no plain text."""
    assert Secret("a") == Secret("a") != Secret("b")
    assert len({Secret("a"), Secret("a")}) == 1
    assert Secret("a") != "a"


@pytest.mark.parametrize("value", ["a b", "a\r\nX-Evil: 1", "schlüssel", "a\x00"])
def test_a_key_that_cannot_stand_in_a_header_is_refused(value, tmp_path):
    """A key with a line break would become a second header."""
    (tmp_path / "key").write_text(value, encoding="utf-8")

    with pytest.raises(CredentialError) as caught:
        target(tmp_path, f'api_key = "file:{tmp_path / "key"}"').credential()
    assert value not in str(caught.value)


MODELS = """
[targets.old]
provider = "openai"
base_url = "http://127.0.0.1:8000/v1"
api_key = "plain:k"
[targets.zhipu]
provider = "zhipu"
[models."gpt-4o"]
zhipu = "glm-mapped"
"""


@pytest.mark.parametrize(
    ("name", "asked", "there"),
    [
        ("zhipu", "gpt-4o", "glm-mapped"),
        ("zhipu", "glm-4.7", "glm-4.7"),
        ("zhipu", "GLM-4.7", "GLM-4.7"),
        ("old", "gpt-4o", "gpt-4o"),
        ("old", "llama-local", "llama-local"),
    ],
)
def test_a_model_is_mapped_or_the_vendors_own(name, asked, there, tmp_path):
    """The mapping decides; an id of the vendor's own, and any id at an OpenAI target, serves itself."""
    config = load(tmp_path, MODELS)

    assert config.model_for(config.targets[name], asked) == there


@pytest.mark.parametrize("asked", ["gpt-4o-mini", "text-embedding-3-small"])
def test_an_unmapped_model_is_an_error_that_shows_the_line(asked, tmp_path):
    """Nothing is guessed: the message holds the line to add."""
    config = load(tmp_path, MODELS)

    with pytest.raises(ConfigError) as caught:
        config.model_for(config.targets["zhipu"], asked)
    assert f'[models."{asked}"]  zhipu = "' in str(caught.value)


def test_a_suggestion_serves_only_who_asked_for_it(tmp_path):
    """With suggest = true the catalog's proposal serves chat, never embeddings."""
    config = load(tmp_path, "suggest = true\n" + MODELS)
    zhipu = config.targets["zhipu"]

    assert config.model_for(zhipu, "gpt-4o-mini").startswith("glm-")
    for model, api in (("text-embedding-3-small", "chat"), ("gpt-4o-mini", "embeddings")):
        with pytest.raises(ConfigError):
            config.model_for(zhipu, model, api=api)


def test_nothing_printed_shows_a_key_or_an_address(tmp_path, monkeypatch):
    """S3: repr and str of configuration, target, chain, source and secret hold neither."""
    monkeypatch.setenv("CANARY_NAME", "canary-value")
    text = MODELS.replace("plain:k", "plain:canary-key").replace("127.0.0.1:8000", "127.0.0.1:8765/canary-path")
    config = load(tmp_path, text + '[targets.e]\nprovider = "zhipu"\napi_key = "env:CANARY_NAME"\n')

    things = [config, config.chain(), *config.targets.values()]
    things += [t.source for t in config.targets.values()]
    things += [config.targets[name].credential() for name in ("old", "e")]

    for thing in things:
        for shown in (repr(thing), str(thing), f"{thing}", f"{thing!r:>5}"):
            assert not any(word in shown for word in ("canary", "8765", "bigmodel", "CANARY"))


def test_a_secret_cannot_be_pickled(tmp_path):
    """S3: a key does not get into a cache or a queue by accident."""
    import pickle

    with pytest.raises(TypeError):
        pickle.dumps(target(tmp_path, 'api_key = "plain:k"').credential())
