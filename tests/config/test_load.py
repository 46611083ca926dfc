"""Finding and reading llm-migrate.toml."""

from __future__ import annotations

import logging
import sys
from pathlib import Path

import pytest

from llm_migrate.catalog.schema import Auth
from llm_migrate.config import Config, Secret, load_config
from llm_migrate.config import load as loading
from llm_migrate.config.target import PAIRED
from llm_migrate.errors import ConfigError
from llm_migrate.wire import exchange
from llm_migrate.wire.auth import Signed, Unsigned, sign

AZURE = '[targets.a]\nprovider = "azure-openai"\nendpoint = "https://r.openai.azure.com'
TARGETS = '[targets.a]\nprovider = "zhipu"\n[targets.b]\nprovider = "kimi"\n'


@pytest.fixture(autouse=True)
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Path]:
    """Give each test a working folder and a user's folder of its own, both empty."""
    work, home = tmp_path / "work", tmp_path / "home"
    for folder in (work, home / "config" / "llm-migrate"):
        folder.mkdir(parents=True)
    monkeypatch.chdir(work)
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home / "config"))
    monkeypatch.delenv("LLM_MIGRATE_CONFIG", raising=False)
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    return {"work": work, "user": home / "config" / "llm-migrate"}


def write(folder: Path, text: str = TARGETS, name: str = "llm-migrate.toml") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def failure(text: str, tmp_path: Path) -> str:
    with pytest.raises(ConfigError) as caught:
        load_config(write(tmp_path, text))
    return str(caught.value)


def test_the_argument_beats_the_variable_beats_the_folder_beats_the_user(places, tmp_path, monkeypatch):
    """Discovery asks config=, LLM_MIGRATE_CONFIG, ./llm-migrate.toml and the user's folder, in this order."""
    order = [write(places["user"])]
    assert load_config().path == order[0]

    order.append(write(places["work"]))
    assert load_config().path == order[1]

    order.append(write(tmp_path, name="named.toml"))
    monkeypatch.setenv("LLM_MIGRATE_CONFIG", str(order[2]))
    assert load_config().path == order[2]

    order.append(write(tmp_path, name="given.toml"))
    assert load_config(str(order[3])).path == order[3]


def test_parent_folders_are_not_searched(places, monkeypatch):
    """A file above the working folder is somebody else's."""
    write(places["work"])
    below = places["work"] / "below"
    below.mkdir()
    monkeypatch.chdir(below)

    with pytest.raises(ConfigError):
        load_config()


def test_nothing_found_says_where_it_looked_and_what_to_write(places):
    """The message is enough to get going."""
    with pytest.raises(ConfigError) as caught:
        load_config()

    text = str(caught.value)
    assert all(str(folder / "llm-migrate.toml") in text for folder in places.values())
    assert "LLM_MIGRATE_CONFIG" in text
    assert "[targets." in text


@pytest.mark.parametrize("variable", [True, False])
def test_a_named_file_that_is_missing_is_an_error(variable, monkeypatch):
    """A path that somebody gave is never passed over in silence."""
    if variable:
        monkeypatch.setenv("LLM_MIGRATE_CONFIG", "gone.toml")

    with pytest.raises(ConfigError, match=r"gone\.toml: no such file"):
        load_config(None if variable else "gone.toml")


def test_the_path_is_logged(places, caplog):
    """One INFO line says which file holds."""
    path = write(places["work"])

    with caplog.at_level(logging.INFO, logger="llm_migrate.config"):
        load_config()

    assert [record.getMessage() for record in caplog.records] == [f"configuration: {path}"]


@pytest.mark.parametrize(
    ("platform", "variables", "folder"),
    [
        ("linux", {"XDG_CONFIG_HOME": "/x"}, "/x/llm-migrate"),
        ("linux", {"XDG_CONFIG_HOME": "relative"}, "/h/.config/llm-migrate"),
        ("darwin", {}, "/h/Library/Application Support/llm-migrate"),
        ("win32", {"APPDATA": "/roaming"}, "/roaming/llm-migrate"),
    ],
)
def test_the_users_folder_goes_by_the_platform(platform, variables, folder, monkeypatch):
    """Each platform's own place for settings is used."""
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setattr(Path, "home", lambda: Path("/h"))
    for name, value in variables.items():
        monkeypatch.setenv(name, value)

    assert loading.user_folder() == Path(folder)


def test_a_configuration_passes_through(tmp_path):
    """One that was read already is used as it is."""
    config = load_config(write(tmp_path))

    assert load_config(config) is config


def test_a_base_url_alone_makes_a_chain_of_one_that_takes_every_model():
    """With no file anywhere, a program that names an address still works."""
    config = load_config(base_url="http://127.0.0.1:8000/v1/", api_key="sk-mine")

    target = config.chain().targets[0]
    assert target.base_url == "http://127.0.0.1:8000/v1"
    assert config.model_for(target, "anything") == "anything"
    assert target.credential().reveal() == "sk-mine"


def test_a_base_url_without_key_takes_the_environments(monkeypatch):
    """The address stands in the program, so its host may see OPENAI_API_KEY as with the SDK itself."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-env")

    assert load_config(base_url="https://x.test/v1").chain().targets[0].credential().reveal() == "sk-env"


def test_a_file_beats_a_base_url(places):
    """A program that still names its old address goes where the file says."""
    write(places["work"])

    assert list(load_config(base_url="https://x.test/v1").targets) == ["a", "b"]


def test_without_chains_the_default_is_all_targets_in_order(tmp_path):
    """A file of targets alone is enough."""
    assert [t.name for t in load_config(write(tmp_path)).chain("default").targets] == ["a", "b"]


def test_chains_keep_their_own_order(tmp_path):
    """A chain names its targets in the order in which they are asked."""
    config = load_config(write(tmp_path, TARGETS + '[chains.x]\ntargets = ["b", "a"]\n'))

    assert [t.name for t in config.chain("x").targets] == ["b", "a"]
    with pytest.raises(ConfigError, match="no chain 'default'; there are: x"):
        config.chain()
    with pytest.raises(ConfigError, match="did you mean 'x'"):
        config.chain("xx")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "targets: Field required"),
        ("[targets]\n", "targets: "),
        ("targets = ", "not valid TOML"),
        (TARGETS + '[chains.x]\ntargets = ["c"]', "chains.x.targets[0]: no such target"),
        (TARGETS + '[chains.x]\ntargets = ["a", "a"]', "stands there twice"),
        (TARGETS + "[chains.x]\ntargets = []", "chains.x.targets: "),
        (TARGETS + '[chains.x]\ntargets = ["a"]\norder = "free-first"', "free-first needs [budgets]"),
        (TARGETS + '[chains.x]\ntargets = ["a"]\norder = "weighted"', "needs a share"),
        (TARGETS + '[chains.x]\ntargets = ["a"]\nweights = {b = 1}', "not a target of this chain"),
        (TARGETS + '[chains.x]\ntargets = ["a"]\nshadow = "aa"\nshadow_file = "x"', "did you mean 'a'"),
        (TARGETS + '[chains.x]\ntargets = ["a"]\nshadow = "a"', "name the file"),
        (TARGETS + '[models."gpt-4o"]\nc = "x"', "models.'gpt-4o'.c: no such target"),
        (TARGETS + '[budgets.x]\ntarget = "a"\ntokens = 0', "budgets.x.tokens: "),
        (TARGETS + '[adapt]\npolicy = "lax"', "adapt.policy: "),
        (TARGETS + "[adapt]\npolcy = 1", "did you mean 'policy'?"),
        ('[targets.a]\nprovider = "zhipu"\nendpiont = "x"', "did you mean 'endpoint'?"),
        ('[targets.a]\nprovider = "zhipo"', "targets.a: provider: zhipo: unknown provider; did you mean 'zhipu'?"),
        ('[targets.a]\nprovider = "zhipu"\nendpoint = "moon"', "has no endpoint of that name; there are: "),
        ('[targets.a]\nprovider = "zhipu"\nauth = "moon"', "has no auth of that name; there are: "),
        ('[targets.a]\nprovider = "zhipu"\napi_version = "2024-10-21"', "has no versions of its API"),
        ('[targets.a]\nprovider = "azure-openai"', "own address"),
        (
            AZURE + '"\napi_version = "a b"',
            "must look",
        ),
        (
            AZURE + '/openai/v1"\napi_version = "2024-10-21"',
            "the v1 route takes no dated version",
        ),
    ],
)
def test_what_is_wrong_is_said_with_its_place(text, says, tmp_path):
    """Each mistake gets a message with the file, the place and, where there is one, the word that was meant."""
    message = failure(text, tmp_path)

    assert says in message
    assert "llm-migrate.toml" in message


def test_sections_that_wait_for_their_day_are_accepted(tmp_path):
    """[ledger] and [gateway] may stand in a file that this version reads."""
    text = TARGETS + '[ledger]\nurl = "sqlite:///x.db"\n[gateway]\nkeys = ["env:LLM_MIGRATE_KEY"]\n'

    assert isinstance(load_config(write(tmp_path, text)), Config)


def test_a_dialect_that_is_not_spoken_is_refused(tmp_path, monkeypatch):
    """An endpoint of another shape is refused at once, with those that work."""
    monkeypatch.setattr(loading, "DIALECTS", frozenset({"openai-chat"}))
    text = '[targets.a]\nprovider = "ernie"\nendpoint = "v1"\n'

    assert "cannot speak 'ernie-v1'; endpoints that it can: " in failure(text, tmp_path)


def test_a_token_is_asked_for_where_the_vendor_gives_it(tmp_path, monkeypatch):
    """Baidu's tokens come from the catalog's address, or from the same place at a server of one's own."""
    monkeypatch.setenv("QIANFAN_ACCESS_KEY", "id")
    monkeypatch.setenv("QIANFAN_SECRET_KEY", "secret")
    own = (
        '[targets.b]\nprovider = "ernie"\nendpoint = "v1"\nbase_url = "http://127.0.0.1:9/rpc"\napi_key = "plain:a:b"\n'
    )

    config = load_config(write(tmp_path, f'[targets.a]\nprovider = "ernie"\nauth = "iam"\n{own}'))

    assert config.targets["a"].token_url == "https://iam.bj.baidubce.com/v1/BCE-BEARER/token"
    assert config.targets["b"].token_url == "http://127.0.0.1:9/oauth/2.0/token"


def test_keys_do_not_go_to_a_token_service_that_the_catalog_does_not_know(tmp_path):
    """S1: a file of somebody else's cannot have this machine's keys sent to its own token service."""
    text = '[targets.a]\nprovider = "ernie"\nauth = "iam"\ntoken_url = "https://evil.example.com/token"\n'

    assert "trust_host" in failure(text, tmp_path)
    assert (
        load_config(write(tmp_path, text + "trust_host = true\n")).targets["a"].token_url
        == "https://evil.example.com/token"
    )


def test_an_address_for_tokens_is_refused_where_none_are_asked_for(tmp_path):
    """A `token_url` that would do nothing is an error."""
    text = '[targets.a]\nprovider = "kimi"\ntoken_url = "https://evil.example.com/token"\n'

    assert "asks for no token" in failure(text, tmp_path)


def test_what_the_configuration_accepts_the_wire_can_do():
    """The dialects and signatures that are let through are those that exist."""
    assert set(exchange.DIALECTS) == loading.DIALECTS
    request = Unsigned("POST", "https://x.test/", (("content-type", "application/json"),), b"{}")
    for kind in loading.AUTH_KINDS:
        key = Secret("ID:SECRET" if kind in PAIRED else "ID.SECRET")
        token = Secret("token") if kind == "baidu-iam" else None  # asked for with the pair
        assert sign(Auth(id="a", kind=kind), key, request, now_s=0.0, token=token) != Signed()
    with pytest.raises(ConfigError):
        sign(Auth(id="a", kind="baidu-iam"), Secret("ID:SECRET"), request, now_s=0.0)
