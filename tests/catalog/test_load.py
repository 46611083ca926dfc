"""Provider files are read strictly: each slip is named with its place, and never with its value."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from llm_migrate.catalog.load import all_providers, find_provider, load_provider, provider_ids
from llm_migrate.catalog.schema import Provider
from llm_migrate.catalog.strict import load_toml
from llm_migrate.errors import CatalogError, UsageError

MINIMAL = """\
id = "acme"
name = "Acme"
dialect = "openai-chat"
[[endpoints]]
id = "main"
base_url = "https://api.acme.test/v1"
region = "global"
default = true
source = "https://acme.test"
checked = 2026-11-22
[[auth]]
id = "bearer"
kind = "bearer"
[apis.chat]
offered = true
source = "https://acme.test/chat"
"""
MODEL = '[[models]]\nid = "{id}"\nsource = "https://acme.test"\nchecked = 2026-11-22\n'


def read(tmp_path: Path, text: str) -> Provider:
    path = tmp_path / "acme.toml"
    path.write_text(text, encoding="utf-8")
    return load_toml(path, Provider, CatalogError)


def test_a_small_file_is_enough(tmp_path: Path):
    """A vendor that only differs by facts costs one file of a few lines."""
    provider = read(tmp_path, MINIMAL)

    assert provider.default_endpoint.base_url == "https://api.acme.test/v1"
    assert provider.endpoints[0].checked == dt.date(2026, 11, 22)


@pytest.mark.parametrize(
    ("slip", "message"),
    [
        ('nmae = "Acme"\n', "acme.toml: nmae: unknown key 'nmae'; did you mean 'name'?"),
        ("[stream]\ndoen = true\n", "acme.toml: stream.doen: unknown key 'doen'; did you mean 'done'?"),
        ("[quite-different]\n", "acme.toml: quite-different: unknown key 'quite-different'"),
    ],
)
def test_an_unknown_key_is_an_error_that_names_the_nearest(tmp_path: Path, slip: str, message: str):
    """A misspelt key is refused with its place and, if one is near, what was meant."""
    text = slip + MINIMAL if "=" in slip and "[" not in slip else MINIMAL + slip

    with pytest.raises(CatalogError) as caught:
        read(tmp_path, text)

    assert str(caught.value) == message


def test_an_unknown_key_deep_in_a_rule_is_found(tmp_path: Path):
    """The place leads through tables, names and list indices down to the key."""
    text = MINIMAL + '[apis.chat.params]\nstop = [{ effect = "clamp", max_itmes = 1 }]\n'

    with pytest.raises(CatalogError, match=r"apis\.chat\.params\.stop\.0\.max_itmes: .* did you mean 'max_items'\?"):
        read(tmp_path, text)


@pytest.mark.parametrize(
    ("before", "after", "place"),
    [
        ('name = "Acme"', "name = 3", "name"),
        ("checked = 2026-11-22", 'checked = "someday"', "endpoints.0.checked"),
        ('region = "global"', 'region = "moon"', "endpoints.0.region"),
        ("offered = true", 'offered = "perhaps"', "apis.chat.offered"),
        ("[apis.chat]", "[apis.chatting]", "apis.chatting.[key]"),
    ],
)
def test_a_wrong_type_is_named_with_its_place(tmp_path: Path, before: str, after: str, place: str):
    """A value of the wrong type is refused where it stands."""
    with pytest.raises(CatalogError) as caught:
        read(tmp_path, MINIMAL.replace(before, after, 1))

    assert str(caught.value).startswith(f"acme.toml: {place}: ")


def test_a_wrong_type_says_what_should_stand_there(tmp_path: Path):
    """The message is the place and what is expected, on one line."""
    with pytest.raises(CatalogError) as caught:
        read(tmp_path, MINIMAL.replace('name = "Acme"', "name = 3"))

    assert str(caught.value) == "acme.toml: name: Input should be a valid string"


def test_messages_never_repeat_a_value(tmp_path: Path):
    """What stands in a file may be a secret by mistake, so no message shows it (S3)."""
    canary = "sk-canary-0123456789"
    wrong_region = MINIMAL.replace('region = "global"', f'region = "{canary}"')
    slips = wrong_region.replace("offered = true", f'offered = "{canary}"')

    with pytest.raises(CatalogError) as caught:
        read(tmp_path, slips + f'[stream]\nusage = "{canary}"\n')

    assert canary not in str(caught.value)
    assert str(caught.value).count("\n") == 2


def test_broken_toml_says_where(tmp_path: Path):
    """A file that is not TOML is refused with the line."""
    with pytest.raises(CatalogError, match=r"acme\.toml: not valid TOML: .*line 1"):
        read(tmp_path, "id = = 1\n")


def test_bottomless_nesting_is_refused(tmp_path: Path):
    """A file that nests without end is one clear message, not a crash."""
    with pytest.raises(CatalogError, match="nested too deeply"):
        read(tmp_path, f"a = {'[' * 5000}{']' * 5000}\n")


def test_a_file_that_is_not_utf8_is_refused(tmp_path: Path):
    """TOML is UTF-8; anything else is one clear message."""
    path = tmp_path / "acme.toml"
    path.write_bytes(b'name = "\xff"\n')

    with pytest.raises(CatalogError, match=r"acme\.toml: not valid TOML"):
        load_toml(path, Provider, CatalogError)


def test_an_unreadable_file_is_one_clear_message(tmp_path: Path):
    """A file that cannot be opened is refused with the system's reason."""
    with pytest.raises(CatalogError, match=r"gone\.toml: cannot be read: No such file"):
        load_toml(tmp_path / "gone.toml", Provider, CatalogError)


def test_models_out_of_order_say_which_to_move(tmp_path: Path):
    """Models are sorted by id, so that two people add to one file without a conflict."""
    text = MINIMAL + MODEL.format(id="b") + MODEL.format(id="a")

    with pytest.raises(CatalogError, match="models are sorted by id: move 'a' up"):
        read(tmp_path, text)


def test_a_model_twice_is_refused(tmp_path: Path):
    """No fact is written twice."""
    with pytest.raises(CatalogError, match="model listed twice: 'a'"):
        read(tmp_path, MINIMAL + MODEL.format(id="a") * 2)


@pytest.mark.parametrize(("first", "second"), [("a", "a"), ("", "a"), ("a", "")])
def test_one_id_may_mean_two_models_only_at_different_endpoints(tmp_path: Path, first: str, second: str):
    """Entries of one id that share an endpoint, or are served everywhere, contradict each other."""
    entries = [f"{MODEL.format(id='m')}endpoints = {[e for e in [name] if e]}\n" for name in (first, second)]

    with pytest.raises(CatalogError, match="model listed twice: 'm'"):
        read(tmp_path, MINIMAL + "".join(entries))


@pytest.mark.parametrize("default", ["default = false", ""])
def test_exactly_one_endpoint_is_the_default(tmp_path: Path, default: str):
    """A target that names no endpoint has one to go to."""
    with pytest.raises(CatalogError, match="exactly one endpoint is the default"):
        read(tmp_path, MINIMAL.replace("default = true", default))


def test_an_endpoint_cannot_name_an_auth_that_is_not_there(tmp_path: Path):
    """References inside a file hold."""
    with pytest.raises(CatalogError, match="names auth 'jwt', which is not in"):
        read(tmp_path, MINIMAL.replace("default = true", 'default = true\nauth = "jwt"'))


def test_an_error_row_without_a_condition_is_refused(tmp_path: Path):
    """A row that matches everything would hide all rows below it."""
    row = '[[errors]]\noutcome = "quota"\nto_status = 429\nto_type = "insufficient_quota"\n'

    with pytest.raises(CatalogError, match="an error row needs status, code, type or text"):
        read(tmp_path, MINIMAL + row)


def test_rules_and_defaults_have_their_apis_source_unless_they_name_their_own(tmp_path: Path):
    """A source is written once an API, and again only where it differs."""
    text = MINIMAL + (
        '[apis.chat.params]\nseed = [{ effect = "drop" }, { effect = "keep", source = "own" }]\n'
        '[[apis.chat.defaults]]\nfield = "thinking"\nvalue = { effect = "low" }\n'
        '[apis.chat.messages]\nparts = { file = [{ effect = "drop" }] }\n'
    )

    chat = read(tmp_path, text).apis["chat"]

    api = "https://acme.test/chat"
    assert [rule.source for rule in chat.params["seed"]] == [api, "own"]
    assert chat.defaults[0].source == api
    assert chat.defaults[0].value == {"effect": "low"}
    assert (chat.messages.source, chat.messages.parts["file"][0].source) == (api, api)


def test_scalars_keep_their_kind(tmp_path: Path):
    """False is not 0 and 1 is not true: rules compare JSON values."""
    text = MINIMAL + '[apis.chat.params]\nn = [{ effect = "omit", values = [0, false, 1, true, 0.5, "1"] }]\n'

    values = read(tmp_path, text).apis["chat"].params["n"][0].values

    assert [(type(v), v) for v in values] == [
        (int, 0),
        (bool, False),
        (int, 1),
        (bool, True),
        (float, 0.5),
        (str, "1"),
    ]


def test_an_unknown_provider_names_the_nearest():
    """A slip in a provider's name is one line with the nearest and the known ones."""
    with pytest.raises(UsageError, match=r"^zhipuu: unknown provider; did you mean 'zhipu'\?; known are: .*kimi"):
        load_provider("zhipuu")


def test_a_path_is_no_provider():
    """A name never becomes a path outside the catalog's folder."""
    with pytest.raises(UsageError, match="unknown provider"):
        load_provider("../pyproject")


def test_an_alias_in_any_case_finds_its_provider():
    """People say Moonshot and mean kimi."""
    assert find_provider(" MoonShot ").id == "kimi"


def test_no_alias_means_two_providers():
    """An alias is neither another provider's alias nor its id."""
    names = [name for p in all_providers() for name in (p.id, *p.aliases)]

    assert sorted(names) == sorted(set(names))


def test_every_provider_is_read_once():
    """The second reading costs nothing."""
    assert load_provider(provider_ids()[0]) is load_provider(provider_ids()[0])
