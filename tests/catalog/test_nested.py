"""What the judge says of members inside a parameter."""

from __future__ import annotations

import pytest

from llm_migrate.catalog.policy import OPEN, UNKNOWN, Effect, apply
from tests.catalog.tiny import rule_on

DROP = {"effect": "drop", "advice": "not known"}
TOOL = {"type": "function", "function": {"name": "f", "strict": True}}
BARE = {"type": "function", "function": {"name": "g"}}
TURNS = [{"role": "user", "content": "hi", "name": "ann"}, {"role": "assistant", "content": "x", "refusal": None}]


def spans(rulings):
    return {r.subject: (r.effect, r.at_worst) for r in rulings}


def test_a_member_leaves_every_item_that_has_it():
    """A path goes through lists item by item; what has no such member stays the same object."""
    body = {"tools": [TOOL, BARE]}

    rulings = rule_on(body, **{"tools.function.strict": DROP})

    assert spans(rulings) == {"tools.function.strict": (Effect.DROPPED, Effect.DROPPED)}
    out = apply(body, rulings)
    assert out["tools"] == [{"type": "function", "function": {"name": "f"}}, BARE]
    assert out["tools"][1] is BARE
    assert body["tools"][0] is TOOL and TOOL["function"]["strict"]


def test_a_member_that_nobody_sent_is_not_spoken_of():
    """No ruling, and the request stays as it is."""
    assert rule_on({"tools": [BARE]}, **{"tools.function.strict": DROP}) == []


def test_a_star_means_all_members_without_rules_of_their_own():
    """An allow-list of members: each other one is named in the report."""
    keep = {"effect": "keep"}
    rules = {"messages.role": keep, "messages.content": keep, "messages.*": DROP}

    rulings = rule_on({"messages": TURNS}, **rules)

    assert spans(rulings) == {
        "messages.name": (Effect.DROPPED, Effect.DROPPED),
        "messages.refusal": (Effect.OMITTED, Effect.OMITTED),
    }
    assert apply({"messages": TURNS}, rulings)["messages"] == [
        {"role": t["role"], "content": t["content"]} for t in TURNS
    ]


def test_a_refused_member_changes_nothing():
    """A refusal names the place and takes nothing away."""
    body = {"tools": [{"type": "custom", "custom": {"name": "c"}}]}

    (ruling,) = rule_on(body, **{"tools.custom": {"effect": "refuse", "advice": "functions only"}})

    assert (ruling.subject, ruling.effect, ruling.inside) == ("tools.custom", Effect.REFUSED, ())
    assert apply(body, [ruling]) == body


@pytest.mark.parametrize(
    "value",
    [
        UNKNOWN,
        [UNKNOWN],
        [{OPEN: UNKNOWN}],
        [{"function": UNKNOWN}],
        [{"function": {"name": "f", OPEN: UNKNOWN}}],
    ],
)
def test_what_cannot_be_seen_may_be_there(value):
    """A member that may exist unseen makes an interval, and nothing is done."""
    (ruling,) = rule_on({"tools": value}, **{"tools.function.strict": DROP})

    assert (ruling.effect, ruling.at_worst, ruling.inside) == (Effect.KEPT, Effect.DROPPED, ())


def test_an_unseen_member_of_any_name_is_told_of_the_whole():
    """What "*" may take away has no name yet, so the parameter stands for it."""
    rulings = rule_on(
        {"messages": [{"role": "user", OPEN: UNKNOWN}]}, **{"messages.role": {"effect": "keep"}, "messages.*": DROP}
    )

    assert spans(rulings) == {"messages": (Effect.KEPT, Effect.DROPPED)}


def test_a_parameter_that_leaves_takes_its_members_along():
    """A dropped parameter is reported once, not member by member."""
    rulings = rule_on({"tools": [TOOL]}, tools=DROP, **{"tools.function.strict": DROP})

    assert [r.subject for r in rulings] == ["tools"]


def test_a_rule_for_other_models_does_nothing():
    """Members are kept where no rule is for the model, and may leave where the model is unknown."""
    rules = {"tools.function.strict": {**DROP, "models": ["other"]}}

    assert rule_on({"tools": [TOOL]}, **rules) == []
    assert spans(rule_on({"tools": [TOOL]}, UNKNOWN, **rules)) == {
        "tools.function.strict": (Effect.KEPT, Effect.DROPPED)
    }
