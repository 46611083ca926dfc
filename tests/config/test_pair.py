"""Keys of two parts: an id and its secret."""

from __future__ import annotations

import pytest

from llm_migrate.catalog.schema import Provider
from llm_migrate.config import Secret, Target
from llm_migrate.config.secret import CredentialSource, parse_source
from llm_migrate.errors import CredentialError

PAIRS = (("ID_A", "SECRET_A"), ("ID_B", "SECRET_B"))
CANARY = "canary-secret"


def read(environ: dict[str, str], names: tuple[str, ...] = ()) -> Secret:
    return CredentialSource("env", names, PAIRS).read("t", environ)


def make_target(kind: str, key: str) -> Target:
    fact = {"source": "invented", "checked": "2026-11-22"}
    provider = Provider.model_validate(
        {
            "id": "acme",
            "name": "Acme",
            "dialect": "openai-chat",
            "endpoints": [{"id": "main", "base_url": "https://x.test", "region": "global", "default": True, **fact}],
            "auth": [{"id": "key", "kind": kind}],
            "apis": {},
        }
    )
    source = CredentialSource("plain", (key,))
    return Target("t", provider, provider.endpoints[0], "https://x.test", provider.auth[0], None, False, source)


@pytest.mark.parametrize(
    ("environ", "pair"),
    [
        ({"ID_A": "i", "SECRET_A": "s"}, ("i", "s")),
        ({"ID_B": " i ", "SECRET_B": "s:t\n"}, ("i", "s:t")),
        ({"ID_A": "x", "ID_B": "i", "SECRET_B": "s"}, ("i", "s")),
        ({"ONE": "i:s", "ID_A": "x", "SECRET_A": "y"}, ("i", "s")),
    ],
)
def test_the_first_whole_pair_counts(environ, pair):
    """A variable with both parts is asked first, then the pairs in their order; half a pair is passed over."""
    assert read(environ, ("ONE",)).pair() == pair


def test_half_a_pair_is_named():
    """Whoever sets one of two variables is told the other."""
    with pytest.raises(CredentialError, match="t: half a key: set SECRET_A as well") as caught:
        read({"ID_A": CANARY})

    assert CANARY not in str(caught.value)


def test_no_pair_names_all_ways():
    """Without any variable the message names each pair."""
    with pytest.raises(CredentialError, match=r"set ID_A and SECRET_A \(or ID_B and SECRET_B\)"):
        read({})


def test_a_way_without_any_variable_says_so():
    """Where the catalog knows no name, the message says what to write."""
    with pytest.raises(CredentialError, match="the catalog knows no variable"):
        CredentialSource("env", ()).read("t", {})


def test_the_configuration_names_a_pair():
    """`env:NAME+NAME` reads an id and its secret."""
    source = parse_source("env:MY_ID + MY_SECRET")

    assert source.read("t", {"MY_ID": "i", "MY_SECRET": "s"}).pair() == ("i", "s")
    assert source.is_ambient


@pytest.mark.parametrize("text", ["env:+", "env:A+", "env:+B"])
def test_a_pair_with_one_name_is_refused(text):
    """Both names are needed."""
    with pytest.raises(ValueError, match="two names"):
        parse_source(text)


@pytest.mark.parametrize("key", ["nocolon", ":s", "i:"])
@pytest.mark.parametrize("kind", ["tc3-hmac-sha256", "bce-auth-v1", "jwt-hs256-sensenova"])
def test_a_single_key_does_not_sign(kind, key):
    """Where two keys are needed, one is refused with the target's name and the form to write."""
    with pytest.raises(CredentialError, match="t: this way to sign takes two keys: write ID:SECRET") as caught:
        make_target(kind, key).credential()

    assert "nocolon" not in str(caught.value)


def test_a_pair_is_not_shown():
    """S3: neither part appears in repr, str, an error or the source of a pair."""
    secret = Secret(f"id-{CANARY}:{CANARY}")
    target = make_target("tc3-hmac-sha256", f"id-{CANARY}:{CANARY}")
    broken = CredentialSource("env", (), PAIRS)

    with pytest.raises(CredentialError) as caught:
        broken.read("t", {"ID_A": CANARY, "SECRET_A": f"{CANARY} with space"})

    shown = [repr(secret), f"{secret}", repr(target), repr(target.source), repr(broken), str(caught.value)]
    assert CANARY not in "".join(shown)
    assert "ID_A and SECRET_A" in str(caught.value)


def test_a_plain_key_may_hold_a_colon():
    """A bearer key is taken as it is."""
    assert make_target("bearer", "a:b").credential().reveal() == "a:b"
