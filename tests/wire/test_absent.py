"""What a program is told that calls an API which is not carried."""

from __future__ import annotations

import pytest

from llm_migrate.wire.exchange import absent, parse_call
from tests.wire.vendors import make_target


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({"offered": False, "advice": "Take another."}, "main: not offered by Acme. Take another"),
        ({"offered": True, "path": "/images"}, "main: Acme offers it: call its own address"),
        (None, "main: whether Acme offers it is not known"),
    ],
)
def test_each_target_says_what_it_offers(facts, said):
    """The refusal says for each vendor of the chain whether it has the API, and what to do."""
    target = make_target(**({"more_apis": {"images": facts}} if facts else {}))

    error = absent(parse_call("POST", "/v1/images/generations", b""), [target])

    assert (error.status, error.code, error.outcome) == (404, "unsupported_api", "request")
    assert said in error.message


def test_others_are_named_where_no_target_offers_it():
    """A program that needs embeddings or images beside a chain without them reads who has them."""
    call = parse_call("POST", "/v1/images/generations", b"")
    without, with_it = make_target(), make_target(more_apis={"images": {"offered": True, "path": "/images"}})

    assert "Offered by" in absent(call, [without]).message
    assert "OpenAI" in absent(call, [without]).message
    assert "Offered by" not in absent(call, [without, with_it]).message
