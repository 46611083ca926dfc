"""What a check says of a configuration without asking anybody."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from llm_migrate.config import Config, load_config
from llm_migrate.engine.check.finding import Finding, exit_code
from llm_migrate.engine.check.review import review, targets_of

TODAY = dt.date(2026, 11, 26)


@pytest.fixture(autouse=True)
def no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ZHIPUAI_API_KEY", "ZAI_API_KEY", "ZHIPU_API_KEY", "Z_AI_API_KEY", "THE_ID", "THE_SECRET"):
        monkeypatch.delenv(name, raising=False)


def load(folder: Path, text: str) -> Config:
    path = folder / "llm-migrate.toml"
    path.write_text(text, encoding="utf-8")
    return load_config(path)


def look(folder: Path, text: str, *, today: dt.date = TODAY) -> list[Finding]:
    config = load(folder, text)
    return review(config, list(config.chains.values()), today=today)


def about(findings: list[Finding], topic: str) -> list[Finding]:
    return [finding for finding in findings if finding.topic == topic]


ZHIPU = '[targets.z]\nprovider = "zhipu"\napi_key = "plain:id.secret"\n'


def test_a_sound_configuration_is_said_to_be_so(tmp_path):
    """Targets, chains and models are counted, and the order of each chain is shown."""
    found = look(tmp_path, f'{ZHIPU}[models."gpt-4o"]\nz = "glm-5.3-flash"\n')

    assert found[0].what == "sound: 1 target, 1 chain, 1 model (default: z)"
    assert exit_code(found) == 0


def test_a_key_is_named_by_its_variable_and_never_shown(tmp_path, monkeypatch):
    """The variable that gives the key is named; its value is in no finding (S3)."""
    monkeypatch.setenv("ZHIPU_API_KEY", "canary.secret")

    found = look(tmp_path, '[targets.z]\nprovider = "zhipu"\n')

    [key] = about(found, "key")
    assert (key.severity, key.what) == ("good", "ZHIPU_API_KEY is set")
    assert "canary" not in repr(found)


def test_a_missing_key_names_what_to_set(tmp_path):
    """Without a key, calls to the target fail: the variables to set are named, with the place in the file."""
    [key] = about(look(tmp_path, '[targets.z]\nprovider = "zhipu"\n'), "key")

    assert (key.severity, key.where) == ("wrong", "targets.z.api_key")
    assert key.what.startswith("no key: set ZHIPUAI_API_KEY")
    assert exit_code([key]) == 1


def test_a_pair_is_named_by_both_variables(tmp_path, monkeypatch):
    """A way to sign with two keys names both; half a pair says which is missing."""
    monkeypatch.setenv("THE_ID", "canary-id")
    text = '[targets.h]\nprovider = "hunyuan"\nendpoint = "native"\napi_key = "env:THE_ID+THE_SECRET"\n'

    [half] = about(look(tmp_path, text), "key")
    monkeypatch.setenv("THE_SECRET", "canary-secret")
    [whole] = about(look(tmp_path, text), "key")

    assert (half.severity, half.what) == ("wrong", "half a key: set THE_SECRET as well")
    assert (whole.severity, whole.what) == ("good", "THE_ID and THE_SECRET are set")


def test_a_key_that_no_token_can_be_made_of_is_wrong(tmp_path):
    """A key of the wrong form is found before a call is."""
    [key] = about(look(tmp_path, '[targets.z]\nprovider = "zhipu"\nauth = "jwt"\napi_key = "plain:canary"\n'), "key")

    assert key.severity == "wrong"
    assert "ID.SECRET" in key.what
    assert "canary" not in repr(key)


def test_a_key_file_that_others_may_read_is_warned_of(tmp_path):
    """The file is named, and what to do about its mode."""
    file = tmp_path / "key"
    file.write_text("canary")
    file.chmod(0o644)
    found = about(look(tmp_path, f'[targets.z]\nprovider = "zhipu"\napi_key = "file:{file}"\n'), "key")

    assert [finding.severity for finding in found] == ["good", "warning"]
    assert found[1].advice == f"chmod 600 {file}"
    assert "canary" not in repr(found)


def test_a_missing_key_file_is_wrong(tmp_path):
    """A file that is not there gives no key."""
    [key] = about(look(tmp_path, f'[targets.z]\nprovider = "zhipu"\napi_key = "file:{tmp_path}/none"\n'), "key")

    assert key.severity == "wrong"
    assert "No such file" in key.what


def test_a_key_from_a_function_is_not_asked_for(tmp_path):
    """A platform's library or a function of the program is asked when a call is made, not by a review."""
    config = load(tmp_path, f'{ZHIPU}[models."gpt-4o"]\nz = "glm-5.3-flash"\n')
    config = config.with_token_provider("z", lambda: pytest.fail("asked"))

    [key] = about(review(config, [config.chain()], today=TODAY), "key")

    assert key.severity == "note"


def test_a_gap_in_the_mapping_gives_the_line_to_add(tmp_path):
    """A chat model without a name at one target of the chain fails there: the line that is missing is said."""
    text = f'{ZHIPU}[targets.k]\nprovider = "kimi"\napi_key = "plain:sk"\n[models."gpt-4o"]\nk = "kimi-k2.6"\n'

    [gap] = [finding for finding in about(look(tmp_path, text), "model") if finding.severity == "wrong"]

    assert (gap.target, gap.where) == ("z", 'models."gpt-4o".z')
    assert '[models."gpt-4o"]  z = "glm-5.3-flash"' in gap.advice


def test_a_target_that_is_not_for_a_model_has_no_gap(tmp_path):
    """`only` says which models a target is for; the catalog's proposals fill gaps where that is allowed."""
    only = f'{ZHIPU}only = {{ models = ["gpt-3.5*"] }}\n[targets.k]\nprovider = "kimi"\napi_key = "plain:sk"\n'
    row = '[models."gpt-4o"]\nk = "kimi-k2.6"\n'

    assert exit_code(look(tmp_path, only + row)) == 0
    assert exit_code(look(tmp_path, "suggest = true\n" + only.replace("3.5", "4o") + row)) == 0


def test_embeddings_need_one_target_only(tmp_path):
    """Vectors of one model mean nothing to another, so one mapped target is enough, and none is too few."""
    two = f'{ZHIPU}[targets.k]\nprovider = "kimi"\napi_key = "plain:sk"\n[chains.one]\ntargets = ["k"]\n'
    row = '[models."text-embedding-3-small"]\nz = "embedding-3"\n'

    alone = [f for f in look(tmp_path, two + row) if f.severity == "wrong"]
    both = look(tmp_path, two.replace('["k"]', '["z", "k"]') + row)

    assert [(finding.target, finding.topic) for finding in alone] == [("k", "model")]
    assert exit_code(both) == 0


def test_without_a_mapping_only_the_vendor_s_own_names_are_served(tmp_path):
    """A chain to another vendor without [models] is most likely not what was meant."""
    [warning] = about(look(tmp_path, ZHIPU), "model")

    assert warning.severity == "warning"
    assert "no model is mapped" in warning.what


def test_a_retired_model_is_wrong_and_one_that_will_retire_is_warned_of(tmp_path):
    """The day and the successor are told, with the source; a far end is only a note."""
    text = '[targets.o]\nprovider = "openai"\napi_key = "plain:sk"\n[models."a"]\no = "{}"\n'

    [gone] = [f for f in look(tmp_path, text.format("gpt-3.5-turbo")) if f.severity == "wrong"]
    [soon] = [f for f in look(tmp_path, text.format("gpt-4o")) if f.severity == "warning"]
    [far] = [f for f in look(tmp_path, text.format("gpt-4o"), today=dt.date(2026, 1, 1)) if f.severity == "note"][1:]

    assert "is retired since 2026-10-23" in gone.what
    assert gone.source
    assert soon.what == "gpt-4o retires on 2027-01-14, in 49 days"
    assert far.what == "gpt-4o retires on 2027-01-14, in 12 months"


def test_a_server_of_one_s_own_outlives_the_catalog(tmp_path):
    """At an address that is not the vendor's a retired model may well be served: a warning, not an error."""
    text = (
        '[targets.o]\nprovider = "openai"\nbase_url = "http://127.0.0.1:9/v1"\napi_key = "plain:sk"\n'
        '[models."a"]\no = "gpt-3.5-turbo"\n[models."b"]\no = "of-my-own"\n'
    )

    found = about(look(tmp_path, text), "model")

    assert [finding.severity for finding in found] == ["good", "warning"]


def test_a_closed_service_is_said_to_be_closed(tmp_path):
    """An address that its vendor closed fails every call; before that day it is a warning that counts the days."""
    text = '[targets.e]\nprovider = "ernie"\nendpoint = "v1"\napi_key = "plain:token"\n'

    [gone] = about(look(tmp_path, text), "endpoint")
    [soon] = about(look(tmp_path, text, today=dt.date(2026, 8, 30)), "endpoint")

    assert gone.severity == "wrong"
    assert "closed 'v1' on 2026-08-31" in gone.what
    assert 'endpoint = "v2"' in gone.advice
    assert soon.severity == "warning"
    assert "on 2026-08-31, in 1 day" in soon.what


def test_a_closed_service_s_closing_is_only_noted_of_another_address(tmp_path):
    """A server of one's own that speaks an old shape is open whatever the vendor closed."""
    text = (
        '[targets.e]\nprovider = "ernie"\nendpoint = "v1"\napi_key = "plain:t"\nbase_url = "http://127.0.0.1:9/rpc"\n'
    )

    [there] = about(look(tmp_path, text), "endpoint")

    assert there.severity == "note"
    assert "this address is another" in there.what


def test_a_former_address_is_noted(tmp_path):
    """An old address without a closing day is named as such."""
    [note] = about(look(tmp_path, ZHIPU + 'endpoint = "v3"\n'), "endpoint")

    assert note.severity == "note"
    assert 'endpoint = "mainland"' in note.advice


def test_a_slip_in_a_model_s_name_is_warned_of(tmp_path):
    """A name that the catalog does not list gives the nearest ones."""
    [warning] = [f for f in look(tmp_path, f'{ZHIPU}[models."a"]\nz = "glm-5.3-flsh"\n') if f.severity == "warning"]

    assert "glm-5.3-flsh is not in the catalog" in warning.what
    assert "glm-5.3-flash" in warning.advice


def test_a_model_of_another_kind_is_wrong(tmp_path):
    """An embedding model answers no chat."""
    [wrong] = [f for f in look(tmp_path, f'{ZHIPU}[models."gpt-4o"]\nz = "embedding-3"\n') if f.severity == "wrong"]

    assert "is a model for embedding" in wrong.what


def test_a_target_without_a_chain_is_noted_once(tmp_path):
    """It is never asked; and a target of two chains is looked at once."""
    two = f'{ZHIPU}[targets.k]\nprovider = "kimi"\napi_key = "plain:sk"\n[models."gpt-4o"]\nz = "glm-5.3-flash"\n'
    config = load(tmp_path, f'{two}[chains.default]\ntargets = ["z"]\n[chains.b]\ntargets = ["z"]\n')
    chains = list(config.chains.values())

    found = review(config, chains, today=TODAY)

    assert [f.target for f in found if f.what == "no chain asks this target"] == ["k"]
    assert len(found) == len(set(found))
    assert [target.name for target in targets_of(chains)] == ["z"]


def test_a_shadow_is_looked_at_too(tmp_path):
    """A shadow gets copies of calls, so its key and address matter."""
    text = f'{ZHIPU}[targets.k]\nprovider = "kimi"\napi_key = "plain:sk"\n'
    config = load(tmp_path, f'{text}[chains.default]\ntargets = ["z"]\nshadow = "k"\nshadow_file = "s.jsonl"\n')

    assert [target.name for target in targets_of([config.chain()])] == ["z", "k"]


@pytest.mark.parametrize(
    ("severities", "code"),
    [([], 0), (["good", "note", "warning"], 0), (["failed"], 3), (["wrong"], 1), (["failed", "wrong"], 1)],
)
def test_the_exit_code_is_that_of_the_worst(severities, code):
    """What is to be mended here comes before what a target or the network did."""
    assert exit_code([Finding(severity, "key", "", "") for severity in severities]) == code
