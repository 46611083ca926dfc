"""What the judge says, one behaviour at a time, by rules made for the test."""

from __future__ import annotations

import datetime as dt

import pytest

from llm_migrate.catalog.policy import (
    OPEN,
    UNKNOWN,
    Effect,
    Ruling,
    apply,
    asked_kind,
    find_model,
    is_retired,
    judge,
    suggest_model,
    verdict_of,
)
from tests.catalog.tiny import FACTS, SOURCE, model, policy, provider, rule_on, talk_on

USER = {"role": "user", "content": "hello"}
SYSTEM = {"role": "system", "content": "be brief"}
ANSWER = {"role": "assistant", "content": "hi"}
CALLING = {"role": "assistant", "content": None, "tool_calls": [{"id": "c"}]}
IMAGE = {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}
INLINE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}


def effects(rulings):
    """Return what happens to each subject: one effect, or the least and the most where they differ."""
    return {r.subject: r.effect if r.effect is r.at_worst else (r.effect, r.at_worst) for r in rulings}


def changed(body, rulings):
    """Return the request after the rulings."""
    return apply(body, rulings)


# --- one parameter ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rule", "value", "sent", "effect"),
    [
        ({"effect": "drop"}, 5, {}, Effect.DROPPED),
        ({"effect": "omit"}, 5, {}, Effect.OMITTED),
        ({"effect": "refuse"}, 5, {"p": 5}, Effect.REFUSED),
        ({"effect": "emulate", "how": "schema-instruction"}, 5, {}, Effect.EMULATED),
        ({"effect": "rename", "to": "q"}, 5, {"q": 5}, Effect.RENAMED),
        ({"effect": "map", "map": {"low": "high"}}, "low", {"p": "high"}, Effect.MAPPED),
        ({"effect": "map", "map": {"low": "high"}, "to": "q"}, "low", {"q": "high"}, Effect.MAPPED),
        ({"effect": "map", "map": {"true": 1}}, True, {"p": 1}, Effect.MAPPED),
        ({"effect": "map", "map": {"0": 0.01}}, 0.0, {"p": 0.01}, Effect.MAPPED),
        ({"effect": "map", "map": {"off": "none"}}, {"type": "off"}, {"p": "none"}, Effect.MAPPED),
        ({"effect": "clamp", "low": 0.01}, 0, {"p": 0.01}, Effect.CLAMPED),
        ({"effect": "clamp", "high": 1.0}, 1.5, {"p": 1.0}, Effect.CLAMPED),
        ({"effect": "clamp", "high": 1.0, "to": "q"}, 0.5, {"q": 0.5}, Effect.RENAMED),
        ({"effect": "clamp", "high": 1.0, "to": "q"}, 2, {"q": 1}, Effect.CLAMPED),
        ({"effect": "clamp", "high": 5, "low": 5, "to": "q"}, 5, {"q": 5}, Effect.RENAMED),
        ({"effect": "clamp", "max_items": 2}, ["a", "b", "c"], {"p": ["a", "b"]}, Effect.CLAMPED),
        ({"effect": "clamp", "max_items": 2, "as_list": True}, "a", {"p": ["a"]}, Effect.MAPPED),
        ({"effect": "keep", "as_list": True}, "a", {"p": ["a"]}, Effect.MAPPED),
        ({"effect": "rename", "to": "q", "also": ["r"]}, 5, {"q": 5, "r": 5}, Effect.RENAMED),
    ],
)
def test_a_rule_does_what_it_says(rule, value, sent, effect):
    """Each effect changes the request in its way, and its name is reported."""
    body = {"p": value}

    rulings = rule_on(body, p=rule)

    assert changed(body, rulings) == sent
    assert effects(rulings) == {"p": effect}


@pytest.mark.parametrize(
    ("rule", "value"),
    [
        ({"effect": "keep"}, 5),
        ({"effect": "clamp", "low": 0.0, "high": 1.0}, 0.5),
        ({"effect": "clamp", "low": 0.0, "high": 1.0}, "warm"),
        ({"effect": "clamp", "low": 2.0}, True),
        ({"effect": "clamp", "max_items": 2}, ["a", "b"]),
        ({"effect": "map", "map": {"low": "high"}}, "high"),
        ({"effect": "map", "map": {"1": 2}}, True),
        ({"effect": "keep", "as_list": True}, ["a"]),
    ],
)
def test_what_passes_gets_no_ruling(rule, value):
    """A value that a rule leaves alone is not reported."""
    assert rule_on({"p": value}, p=rule) == []


def test_a_whole_number_stays_whole_when_clamped():
    """A count is cut to a count: vendors refuse 100.0 tokens."""
    body = {"max_tokens": 500}

    sent = changed(body, rule_on(body, max_tokens={"effect": "clamp", "high": 100}))

    assert repr(sent["max_tokens"]) == "100"


def test_a_limit_of_the_model_holds_beside_one_of_the_rule():
    """The lower of the rule's upper limit and the model's output limit decides."""
    listed = {"models": [model("m", max_output_tokens=50)]}
    rule = {"effect": "clamp", "limit": "max_output_tokens", "high": 80}

    known = changed({"p": 100}, rule_on({"p": 100}, "m", listed, p=rule))
    private = changed({"p": 100}, rule_on({"p": 100}, "private", listed, p=rule))

    assert (known, private) == ({"p": 50}, {"p": 80})


def test_the_first_rule_that_applies_decides():
    """Later rules do not add to an earlier one."""
    rules = [{"effect": "omit", "values": [0]}, {"effect": "drop"}]

    assert effects(rule_on({"p": 0}, p=rules)) == {"p": Effect.OMITTED}
    assert effects(rule_on({"p": 1}, p=rules)) == {"p": Effect.DROPPED}


@pytest.mark.parametrize(
    ("value", "applies"),
    [(1, True), (1.0, True), (True, False), ("1", False), ([1], False), ({"type": 1}, True), ({}, False)],
)
def test_values_are_compared_as_json_does(value, applies):
    """1 is 1.0 but not true; an object counts as its type, a list as nothing."""
    assert bool(rule_on({"p": value}, p={"effect": "drop", "values": [1]})) is applies


@pytest.mark.parametrize(("text", "effect"), [("abc", Effect.RENAMED), ("abcdef", Effect.DROPPED)])
def test_a_rule_may_ask_for_the_length_of_a_text(text, effect):
    """Outside the length the next rule decides."""
    rules = [{"effect": "rename", "to": "q", "chars": [1, 5]}, {"effect": "drop"}]

    assert effects(rule_on({"p": text}, p=rules)) == {"p": effect}


def test_rules_are_for_models_and_endpoints():
    """Globs of models and endpoints choose the rules, whatever the case of the model."""
    rule = {"effect": "drop", "models": ["GLM-5*"], "endpoints": ["main"]}
    made = provider(chat={"params": {"p": [rule]}})

    found = [
        bool(judge(policy(made, name, endpoint=endpoint), {"p": 1}))
        for name, endpoint in (("glm-5.3", "main"), ("glm-4", "main"), ("glm-5.3", "side"))
    ]

    assert found == [True, False, False]


def test_a_null_is_left_out_where_a_rule_names_the_field():
    """Null says nothing: neither dropped nor refused, but not sent either."""
    body = {"p": None, "free": None}

    rulings = rule_on(body, p={"effect": "refuse"})

    assert effects(rulings) == {"p": Effect.OMITTED}
    assert changed(body, rulings) == {"free": None}


def test_a_ruling_carries_advice_and_source():
    """A person learns why, and where that is written."""
    (ruling,) = rule_on({"p": 1}, p={"effect": "drop", "advice": "use q", "source": "https://example.com/p"})

    assert (ruling.advice, ruling.source) == ("use q", "https://example.com/p")
    assert (ruling.verdict, ruling.worst_verdict) == ("lossy", "lossy")


def test_an_emulation_is_named():
    """The engine is told what to run."""
    (ruling,) = rule_on({"n": 3}, n={"effect": "emulate", "how": "schema-instruction"})

    assert ruling.how == "schema-instruction"


# --- fields that a rule adds -----------------------------------------------------------------------------------------


def test_a_kept_value_that_needs_another_field_is_adapted():
    """Setting a further field is reported, although the value itself stays."""
    body = {"temperature": 0}

    rulings = rule_on(body, temperature={"effect": "keep", "set": {"do_sample": False}})

    assert changed(body, rulings) == {"temperature": 0, "do_sample": False}
    assert effects(rulings) == {"temperature": Effect.MAPPED}


def test_a_further_field_of_the_caller_stands():
    """What a rule would set is not set over the caller's own value."""
    body = {"temperature": 0, "do_sample": True}

    rulings = rule_on(body, temperature={"effect": "keep", "set": {"do_sample": False}})

    assert changed(body, rulings) == body
    assert rulings == []


def test_a_refusal_sets_nothing():
    """Nobody sends a part of what was asked for."""
    (ruling,) = rule_on({"p": 1}, p={"effect": "refuse", "set": {"q": 1}})

    assert not ruling.set


# --- renaming --------------------------------------------------------------------------------------------------------


def test_the_caller_s_right_name_wins_over_a_renamed_field():
    """The old name is dropped with a word, not written over the new one."""
    body = {"max_tokens": 5, "max_completion_tokens": 9}

    rulings = rule_on(body, max_tokens={"effect": "rename", "to": "max_completion_tokens"})

    assert changed(body, rulings) == {"max_completion_tokens": 9}
    assert effects(rulings) == {"max_tokens": Effect.DROPPED}
    assert "max_completion_tokens is sent as well" in rulings[0].advice


def test_the_same_value_under_both_names_loses_nothing():
    """Only the name goes."""
    body = {"max_tokens": 9, "max_completion_tokens": 9}

    rulings = rule_on(body, max_tokens={"effect": "rename", "to": "max_completion_tokens"})

    assert changed(body, rulings) == {"max_completion_tokens": 9}
    assert effects(rulings) == {"max_tokens": Effect.RENAMED}


def test_a_value_that_is_cut_to_the_right_name_s_is_cut():
    """Both names say the same only after something was lost."""
    body = {"old": 9, "new": 5}

    assert effects(rule_on(body, old={"effect": "clamp", "high": 5, "to": "new"})) == {"old": Effect.CLAMPED}


@pytest.mark.parametrize("body", [{"old": UNKNOWN, "new": 9}, {"old": 9, "new": UNKNOWN}])
def test_whether_two_names_say_the_same_may_be_unknown(body):
    """Then the old name may be dropped, or may lose nothing."""
    rulings = rule_on(body, old={"effect": "rename", "to": "new"})

    assert effects(rulings) == {"old": (Effect.RENAMED, Effect.DROPPED)}


def test_a_null_under_the_new_name_is_no_value():
    """The renamed field takes its place."""
    body = {"max_tokens": 5, "max_completion_tokens": None}

    rulings = rule_on(body, max_tokens={"effect": "rename", "to": "max_completion_tokens"})

    assert changed(body, rulings) == {"max_completion_tokens": 5}


def test_of_two_fields_for_one_name_the_first_wins():
    """The second is dropped with a word."""
    body = {"user": "a", "safety_identifier": "b"}
    rename = {"effect": "rename", "to": "user_id"}

    rulings = rule_on(body, user=rename, safety_identifier=rename)

    assert changed(body, rulings) == {"user_id": "a"}
    assert effects(rulings) == {"user": Effect.RENAMED, "safety_identifier": Effect.DROPPED}


def test_a_renamed_field_replaces_a_default():
    """What the caller meant is sent, not what would have been added."""
    facts = {
        "params": {"max_tokens": [{"effect": "rename", "to": "limit"}]},
        "defaults": [{"field": "limit", "value": 1}],
    }
    body = {"max_tokens": 5}

    rulings = judge(policy(provider(chat=facts)), body)

    assert changed(body, rulings) == {"limit": 5}


def test_the_new_name_is_told_although_the_value_is_unknown():
    """A rewrite can rename an argument whose value it cannot see."""
    (ruling,) = rule_on({"max_tokens": UNKNOWN}, max_tokens={"effect": "clamp", "to": "limit", "high": 5})

    assert (ruling.to, ruling.effect, ruling.at_worst) == ("limit", Effect.RENAMED, Effect.CLAMPED)
    assert not ruling.set


# --- conditions on other fields and defaults -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wanted", "other", "applies"),
    [
        (["absent"], {}, True),
        (["absent"], {"q": None}, True),
        (["absent"], {"q": 1}, False),
        (["present"], {"q": 1}, True),
        (["present"], {}, False),
        (["on"], {"q": "on"}, True),
        (["on"], {"q": {"type": "on"}}, True),
        (["on"], {"q": "off"}, False),
        (["on", "absent"], {}, True),
        (["on", "absent"], {"q": "off"}, False),
    ],
)
def test_a_rule_may_look_at_another_field(wanted, other, applies):
    """Its value, that it is there, or that it is not."""
    rulings = rule_on({"p": 1, **other}, p={"effect": "drop", "when": {"q": wanted}})

    assert bool(rulings) is applies


@pytest.mark.parametrize(
    ("wanted", "other"),
    [
        (["on"], {"q": UNKNOWN}),
        (["on"], {OPEN: UNKNOWN}),
        (["absent"], {OPEN: UNKNOWN}),
        (["present"], {OPEN: UNKNOWN}),
    ],
)
def test_a_condition_on_what_is_unknown_may_hold(wanted, other):
    """The rule's effect is possible, not certain."""
    rulings = rule_on({"p": 1, **other}, p={"effect": "drop", "when": {"q": wanted}})

    assert effects(rulings)["p"] == (Effect.KEPT, Effect.DROPPED)


def test_a_condition_that_holds_either_way_is_certain():
    """A field that is there or not is both, so nothing is unsure."""
    rulings = rule_on({"p": 1, OPEN: UNKNOWN}, p={"effect": "drop", "when": {"q": ["absent", "present"]}})

    assert effects(rulings)["p"] is Effect.DROPPED


def test_a_default_is_added_and_seen_by_rules():
    """Rules judge the request as it will be, with the defaults in it."""
    facts = {
        "params": {"temperature": [{"effect": "drop", "when": {"thinking": ["enabled"]}}]},
        "defaults": [{"field": "thinking", "value": {"type": "enabled"}}],
    }
    body = {"temperature": 1}

    rulings = judge(policy(provider(chat=facts)), body)

    assert changed(body, rulings) == {"thinking": {"type": "enabled"}}
    assert effects(rulings) == {"thinking": Effect.ADDED, "temperature": Effect.DROPPED}


@pytest.mark.parametrize("body", [{"thinking": "off"}, {"effort": "low"}])
def test_a_default_yields_to_the_caller(body):
    """To the field itself, and to those that say the same in another way."""
    facts = {"defaults": [{"field": "thinking", "value": "on", "unless": ["effort"]}]}

    assert judge(policy(provider(chat=facts)), body) == []


def test_a_default_that_may_be_added_makes_rules_unsure():
    """With the model unknown, the default may be there, and what depends on it may happen."""
    facts = {
        "params": {
            "temperature": [{"effect": "drop", "when": {"thinking": ["present"]}}],
            "top_p": [{"effect": "drop", "when": {"thinking": ["absent"]}}],
        },
        "defaults": [{"field": "thinking", "value": "on", "models": ["big"]}],
    }

    rulings = judge(policy(provider(chat=facts), UNKNOWN), {"temperature": 1, "top_p": 1})

    assert effects(rulings) == {
        "thinking": (Effect.KEPT, Effect.ADDED),
        "temperature": (Effect.KEPT, Effect.DROPPED),
        "top_p": (Effect.KEPT, Effect.DROPPED),
    }
    assert not any(r.set or r.remove for r in rulings)


# --- what cannot be known --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rules", "interval"),
    [
        ([{"effect": "drop"}], Effect.DROPPED),
        ([{"effect": "refuse", "values": [1]}], (Effect.KEPT, Effect.REFUSED)),
        ([{"effect": "omit", "values": [1]}, {"effect": "drop"}], (Effect.OMITTED, Effect.DROPPED)),
        ([{"effect": "clamp", "high": 1.0}], (Effect.KEPT, Effect.CLAMPED)),
        ([{"effect": "clamp", "high": 1.0, "to": "q"}], (Effect.RENAMED, Effect.CLAMPED)),
        ([{"effect": "map", "map": {"a": "b"}}], (Effect.KEPT, Effect.MAPPED)),
        ([{"effect": "keep", "as_list": True}], (Effect.KEPT, Effect.MAPPED)),
        ([{"effect": "drop", "models": ["m"]}], Effect.DROPPED),
        ([{"effect": "drop", "chars": [1, 2]}], (Effect.KEPT, Effect.DROPPED)),
    ],
)
def test_an_unknown_value_gives_an_interval(rules, interval):
    """The least is what every value meets, the most what one could."""
    assert effects(rule_on({"p": UNKNOWN}, p=rules)) == {"p": interval}


def test_an_unknown_model_may_meet_any_rule():
    """Nothing is done to the request while its rule is unsure."""
    rules = [{"effect": "drop", "models": ["a"]}, {"effect": "refuse", "models": ["b"]}]

    (ruling,) = rule_on({"p": 1}, UNKNOWN, p=rules)

    assert (ruling.effect, ruling.at_worst, ruling.remove) == (Effect.KEPT, Effect.REFUSED, ())


def test_an_unknown_model_may_have_any_limit():
    """Even a number that is known may have to be cut."""
    listed = {"models": [model("m", max_output_tokens=50)]}

    rulings = rule_on({"p": 100}, UNKNOWN, listed, p={"effect": "clamp", "limit": "max_output_tokens"})

    assert effects(rulings) == {"p": (Effect.KEPT, Effect.CLAMPED)}


def test_rules_that_all_do_the_same_are_certain():
    """Whichever of them applies, the field goes."""
    (ruling,) = rule_on({"p": 1}, UNKNOWN, p=[{"effect": "drop", "models": ["a"]}, {"effect": "drop"}])

    assert (ruling.effect, ruling.at_worst, ruling.remove) == (Effect.DROPPED, Effect.DROPPED, ("p",))


def test_an_unknown_item_hides_no_length():
    """A list that is too long is cut, but what is sent cannot be said."""
    (ruling,) = rule_on({"stop": ["a", UNKNOWN, "c"]}, stop={"effect": "clamp", "max_items": 2})

    assert (ruling.effect, ruling.at_worst, dict(ruling.set)) == (Effect.CLAMPED, Effect.CLAMPED, {})


def test_an_unknown_type_inside_an_object_is_unknown():
    """As is an object that may have further members."""
    rule = {"effect": "refuse", "values": ["json_schema"]}

    for value in ({"type": UNKNOWN}, {"json_schema": {}, OPEN: UNKNOWN}):
        assert effects(rule_on({"p": value}, p=rule)) == {"p": (Effect.KEPT, Effect.REFUSED)}


@pytest.mark.parametrize(
    ("name", "facts", "expected"),
    [
        ("m", {"abilities": ["tools"]}, Effect.REFUSED),
        ("m", {"abilities": ["vision"]}, None),
        ("m", {"abilities": ["tools"], "unsure": ["vision"]}, (Effect.KEPT, Effect.REFUSED)),
        ("m", {}, (Effect.KEPT, Effect.REFUSED)),
        ("private", {"abilities": ["tools"]}, (Effect.KEPT, Effect.REFUSED)),
        (UNKNOWN, {"abilities": ["tools"]}, (Effect.KEPT, Effect.REFUSED)),
    ],
)
def test_an_ability_is_lacked_only_when_that_is_known(name, facts, expected):
    """A model without a list, outside the catalog, or with a doubt about it may have the ability."""
    rulings = rule_on({"p": 1}, name, {"models": [model("m", **facts)]}, p={"effect": "refuse", "lacks": "vision"})

    assert effects(rulings).get("p") == expected


def test_an_open_call_can_meet_every_rule():
    """Arguments that cannot be seen are judged by the worst that could happen to them."""
    params = {"a": [{"effect": "drop"}], "b": [{"effect": "refuse", "models": ["other"]}]}
    made = provider(chat={"params": params, "messages": {"last": ["user"]}})

    hidden_talk = judge(policy(made), {OPEN: UNKNOWN})
    seen_talk = judge(policy(made), {OPEN: UNKNOWN, "messages": [USER]})

    assert effects(hidden_talk) == {OPEN: (Effect.KEPT, Effect.REFUSED)}
    assert effects(seen_talk) == {OPEN: (Effect.KEPT, Effect.DROPPED)}


def test_the_new_name_may_be_in_use_out_of_sight():
    """A renamed field may turn out to be dropped."""
    rulings = rule_on({"max_tokens": 5, OPEN: UNKNOWN}, max_tokens={"effect": "rename", "to": "limit"})

    assert effects(rulings)["max_tokens"] == (Effect.RENAMED, Effect.DROPPED)


# --- parameters without rules, APIs, models, endpoints ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("unlisted", "expected"), [("keep", {}), ("drop", {"new": Effect.DROPPED}), ("refuse", {"new": Effect.REFUSED})]
)
def test_a_parameter_without_rules_goes_by_the_api(unlisted, expected):
    """Kept, dropped or refused, as the provider file says; connection fields are not concerned."""
    made = provider(chat={"unlisted": unlisted, "params": {"known": [{"effect": "keep"}]}})
    body = {"model": "m", "stream": True, "messages": [USER], "known": 1, "new": 2}

    assert effects(judge(policy(made), body)) == expected


def test_rules_under_a_star_hold_for_parameters_without_rules():
    """They may differ by endpoint, as other rules may."""
    made = provider(chat={"params": {"known": [{"effect": "keep"}], "*": [{"effect": "drop", "endpoints": ["main"]}]}})

    main = judge(policy(made), {"known": 1, "new": 2})
    side = judge(policy(made, endpoint="side"), {"known": 1, "new": 2})

    assert (effects(main), effects(side)) == ({"new": Effect.DROPPED}, {})


@pytest.mark.parametrize("apis", [{}, {"images": {"offered": False, "advice": "Draw elsewhere.", "source": SOURCE}}])
def test_an_api_that_is_not_offered_is_refused(apis):
    """One ruling on the API itself, whatever the request says."""
    (ruling,) = judge(policy(provider(apis=apis), api="images"), {"prompt": "x", OPEN: UNKNOWN})

    assert (ruling.subject, ruling.effect) == ("images", Effect.REFUSED)
    assert ("Draw elsewhere." in ruling.advice) is bool(apis)


TODAY = dt.date(2026, 11, 22)


def test_a_retired_model_is_refused_with_its_day_and_heir():
    """From its first day without service on, and only when a day is given."""
    heir = {"model": "m2", "captured": "2026-05-20"}
    made = provider(models=[model("m1", retires_on="2026-11-22", replacement=heir)])

    (ruling,) = judge(policy(made, "M1", today=TODAY), {})

    assert (ruling.subject, ruling.verdict, ruling.source) == ("model", "blocked", SOURCE)
    assert ruling.advice == "m1 is retired since 2026-11-22; the vendor names m2 instead"
    assert judge(policy(made, "m1", today=dt.date(2026, 11, 21)), {}) == []
    assert judge(policy(made, "m1"), {}) == []


def test_a_model_that_is_served_elsewhere_is_refused():
    """An endpoint that does not have it cannot answer."""
    made = provider(models=[model("m", endpoints=["side"])])

    assert effects(judge(policy(made, "m", today=TODAY), {})) == {"model": Effect.REFUSED}
    assert judge(policy(made, "m", today=TODAY, endpoint="side"), {}) == []


def test_an_unknown_model_may_be_a_retired_one():
    """If there is one."""
    gone, here = model("a", retired=True), model("b")

    assert effects(judge(policy(provider(models=[gone, here]), UNKNOWN, today=TODAY), {})) == {
        "model": (Effect.KEPT, Effect.REFUSED)
    }
    assert judge(policy(provider(models=[here]), UNKNOWN, today=TODAY), {}) == []


def test_a_closed_endpoint_is_refused():
    """With the day, and the endpoint that is current."""
    made = provider()
    closed = made.endpoints[1].model_copy(update={"closes_on": TODAY})
    made = made.model_copy(update={"endpoints": (made.endpoints[0], closed)})

    (ruling,) = judge(policy(made, endpoint="side", today=TODAY), {})

    assert (ruling.subject, ruling.effect) == ("endpoint", Effect.REFUSED)
    assert ruling.advice == "closed since 2026-11-22; the current one is 'main'"


# --- messages --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rules", "turns", "expected"),
    [
        (
            {"roles": {"developer": "system"}},
            [{"role": "developer", "content": "x"}, USER],
            {"role.developer": "RENAMED"},
        ),
        ({"roles": {"developer": "system"}}, [SYSTEM, USER], {}),
        ({"system": "first"}, [USER, SYSTEM], {"system": "EMULATED"}),
        ({"system": "first"}, [SYSTEM, SYSTEM, USER], {}),
        ({"system": "merge"}, [SYSTEM, SYSTEM, USER], {"system": "EMULATED"}),
        ({"system": "merge"}, [USER, SYSTEM], {"system": "EMULATED"}),
        ({"system": "merge"}, [SYSTEM, USER], {}),
        ({"needs_user": True}, [SYSTEM], {"needs_user": "REFUSED"}),
        ({"needs_user": True}, [SYSTEM, USER], {}),
        ({"first": ["user"]}, [SYSTEM, ANSWER, USER], {"first": "REFUSED"}),
        ({"first": ["user"]}, [SYSTEM, USER, ANSWER], {}),
        ({"first": ["user"]}, [SYSTEM], {}),
        ({"last": ["user", "tool"]}, [USER, ANSWER], {"last": "REFUSED"}),
        ({"last": ["user", "tool"]}, [ANSWER, USER], {}),
        ({"last": ["user"]}, [USER, SYSTEM], {"last": "REFUSED"}),
        ({"last": ["user"], "system": "merge"}, [USER, SYSTEM], {"system": "EMULATED"}),
        ({"alternate": True}, [USER, USER], {"order": "EMULATED"}),
        ({"alternate": True}, [USER, ANSWER, USER], {}),
        ({"alternate": True}, [USER, SYSTEM, USER], {}),
        (
            {"alternate": True, "system": "first"},
            [SYSTEM, USER, SYSTEM, USER],
            {"system": "EMULATED", "order": "EMULATED"},
        ),
        ({"alternate": True}, [{"role": "tool", "content": "1"}, {"role": "tool", "content": "2"}], {}),
        ({"empty_content": "refuse"}, [{"role": "user", "content": ""}], {"empty": "REFUSED"}),
        ({"empty_content": "refuse"}, [USER, CALLING], {}),
        ({"empty_content": "omit"}, [USER, CALLING], {"empty": "OMITTED"}),
        ({"empty_content": "omit"}, [{"role": "user", "content": ""}], {}),
        (
            {"reasoning_content": "strip"},
            [{**ANSWER, "reasoning_content": "hm"}, USER],
            {"reasoning_content": "OMITTED"},
        ),
        (
            {"text_parts": "join"},
            [{"role": "user", "content": [{"type": "text", "text": "x"}]}],
            {"text_parts": "RENAMED"},
        ),
        ({"text_parts": "join"}, [{"role": "user", "content": [IMAGE, {"type": "text", "text": "x"}]}], {}),
        ({"text_parts": "join", "text_parts_models": ["x"]}, [{"role": "user", "content": [{"type": "text"}]}], {}),
        ({"image_data_url": "strip-prefix"}, [{"role": "user", "content": [INLINE]}], {"image_data_url": "MAPPED"}),
        ({"image_data_url": "strip-prefix"}, [{"role": "user", "content": [IMAGE]}], {}),
    ],
)
def test_a_conversation_is_judged_by_the_rules_for_messages(rules, turns, expected):
    """Each rule speaks when it changes something, and only then."""
    rulings = talk_on(turns, **rules)

    assert effects(rulings) == {f"messages.{subject}": Effect[name] for subject, name in expected.items()}
    assert all(r.source == SOURCE for r in rulings)


REFUSE_URLS = {"image_url": [{"effect": "refuse", "values": ["url"]}]}


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ([IMAGE], Effect.REFUSED),
        ([INLINE], None),
        ([INLINE, IMAGE], Effect.REFUSED),
        ([{"type": "image_url", "image_url": "https://example.com/a.png"}], Effect.REFUSED),
        ([{"type": "image_url", "image_url": UNKNOWN}], (Effect.KEPT, Effect.REFUSED)),
    ],
)
def test_media_parts_are_judged_by_where_their_bytes_are(parts, expected):
    """An address and inline data may fare differently; over several parts the worst counts."""
    rulings = talk_on([{"role": "user", "content": parts}], parts=REFUSE_URLS)

    assert effects(rulings).get("messages.parts.image_url") == expected


def test_over_several_parts_the_worst_that_is_certain_counts():
    """One part that is refused refuses the request, whatever becomes of the others."""
    rules = {"image_url": [{"effect": "drop", "values": ["url"]}, {"effect": "refuse"}]}

    rulings = talk_on([{"role": "user", "content": [IMAGE, INLINE]}], parts=rules)

    assert effects(rulings) == {"messages.parts.image_url": Effect.REFUSED}


@pytest.mark.parametrize(
    ("rules", "turns", "worst"),
    [
        ({"first": ["user"]}, [{"role": UNKNOWN, "content": "x"}, USER], Effect.REFUSED),
        ({"first": ["user"]}, [UNKNOWN, USER], Effect.REFUSED),
        ({"last": ["user"]}, UNKNOWN, Effect.REFUSED),
        ({"roles": {"developer": "system"}}, [UNKNOWN, USER], Effect.RENAMED),
        ({"last": ["user"]}, [USER, UNKNOWN], Effect.REFUSED),
        ({"needs_user": True}, [SYSTEM, {"role": UNKNOWN, "content": "x"}], Effect.REFUSED),
        ({"alternate": True}, [USER, UNKNOWN, USER], Effect.EMULATED),
        ({"system": "first"}, [UNKNOWN, SYSTEM, USER], Effect.EMULATED),
        ({"system": "first"}, [{"role": UNKNOWN, "content": "x"}, SYSTEM, USER], Effect.EMULATED),
        ({"empty_content": "refuse"}, [{"role": "user", "content": UNKNOWN}], Effect.REFUSED),
        ({"reasoning_content": "strip"}, [{**USER, OPEN: UNKNOWN}], Effect.OMITTED),
        ({"parts": REFUSE_URLS}, [{"role": "user", "content": UNKNOWN}], Effect.REFUSED),
        ({"parts": REFUSE_URLS}, [{"role": "user", "content": [{"type": UNKNOWN}]}], Effect.REFUSED),
        ({"text_parts": "join"}, [{"role": "user", "content": [UNKNOWN]}], Effect.RENAMED),
        ({"image_data_url": "strip-prefix"}, [{"role": "user", "content": UNKNOWN}], Effect.MAPPED),
    ],
)
def test_what_may_be_in_messages_is_one_ruling(rules, turns, worst):
    """On "messages", with the worst that could be found there."""
    assert effects(talk_on(turns, **rules)) == {"messages": (Effect.KEPT, worst)}


@pytest.mark.parametrize(
    ("turns", "places"), [(UNKNOWN, "last, parts.image_url"), ([UNKNOWN, USER], "parts.image_url")]
)
def test_a_doubt_about_messages_names_the_places(turns, places):
    """Those where the worst could be found."""
    rules = {"roles": {"developer": "system"}, "last": ["user"], "parts": REFUSE_URLS}

    (ruling,) = talk_on(turns, **rules)

    assert ruling.advice == f"filled at run time: look at {places}"


@pytest.mark.parametrize(
    ("rules", "turns"),
    [
        ({"last": ["user"]}, [UNKNOWN, USER]),
        ({"needs_user": True}, [UNKNOWN, USER]),
        ({"empty_content": "refuse"}, [{"role": UNKNOWN, "content": "x"}]),
        ({}, UNKNOWN),
        ({"needs_user": True}, []),
        ({"needs_user": True}, "not a list"),
    ],
)
def test_what_is_unknown_does_not_matter_where_no_rule_asks(rules, turns):
    """No rule, or what is known answers it: no ruling."""
    assert talk_on(turns, **rules) == []


@pytest.mark.parametrize(
    ("rules", "turns", "subject"),
    [
        ({"last": ["user"]}, [UNKNOWN, ANSWER], "last"),
        ({"system": "merge"}, [UNKNOWN, SYSTEM, SYSTEM], "system"),
        ({"system": "merge"}, [{"role": UNKNOWN, "content": "x"}, SYSTEM], "system"),
        ({"alternate": True}, [UNKNOWN, USER, USER], "order"),
        ({"roles": {"developer": "system"}}, [UNKNOWN, {"role": "developer", "content": "x"}], "role.developer"),
    ],
)
def test_what_is_seen_stays_certain_beside_what_is_not(rules, turns, subject):
    """Whatever the hidden turns are, this happens."""
    ruling = next(r for r in talk_on(turns, **rules) if r.subject == f"messages.{subject}")

    assert ruling.effect is ruling.at_worst is not Effect.KEPT


# --- applying, summing up, looking up --------------------------------------------------------------------------------


def test_all_fields_leave_before_the_new_ones_enter():
    """Two fields may change places, and the request that came in stays as it was."""
    body = {"a": 1, "b": 2, "messages": [USER]}
    swap = [
        Ruling("a", Effect.RENAMED, Effect.RENAMED, remove=("a",), set={"b": 1}),
        Ruling("b", Effect.RENAMED, Effect.RENAMED, remove=("b",), set={"a": 2}),
    ]

    assert apply(body, swap) == {"a": 2, "b": 1, "messages": [USER]}
    assert body == {"a": 1, "b": 2, "messages": [USER]}


def test_the_verdict_is_the_worst_of_all():
    """The certain and the possible are summed up each for itself."""
    mixed = [
        Ruling("a", Effect.RENAMED, Effect.RENAMED),
        Ruling("b", Effect.KEPT, Effect.REFUSED),
        Ruling("c", Effect.CLAMPED, Effect.DROPPED),
    ]

    assert verdict_of(mixed) == ("lossy", "blocked")
    assert verdict_of([]) == ("as-is", "as-is")


def test_policies_of_like_named_providers_do_not_mix():
    """What was prepared for one provider never serves another of the same id."""
    one, two = provider(chat={"unlisted": "drop"}), provider(chat={"unlisted": "refuse"})

    found = [effects(judge(policy(made), {"p": 1})) for made in (one, two, one)]

    assert found == [{"p": Effect.DROPPED}, {"p": Effect.REFUSED}, {"p": Effect.DROPPED}]


def test_a_model_is_found_whatever_its_case():
    """By its whole id only."""
    made = provider(models=[model("GLM-5")])

    assert find_model(made, "glm-5") is made.models[0]
    assert find_model(made, "glm") is None


def test_the_first_proposal_that_fits_is_taken():
    """In the order of the file, so the special stands before the general."""
    rows = [
        {"for": ["gpt-4o-mini*"], "model": "small", "confidence": "high", "note": "cheap"},
        {"for": ["gpt-4o*"], "model": "big", "confidence": "high"},
    ]
    made = provider(equivalents=rows)

    assert suggest_model(made, "GPT-4o-mini-2024-07-18") == ("small", "cheap")
    assert suggest_model(made, "gpt-4o") == ("big", "")
    assert suggest_model(made, "o3") is None


@pytest.mark.parametrize(
    ("facts", "gone"),
    [
        ({}, False),
        ({"retired": True}, True),
        ({"retires_on": "2026-11-22"}, True),
        ({"retires_on": "2026-11-23"}, False),
    ],
)
def test_a_model_is_retired_from_its_day_on(facts, gone):
    """Its last day is the day before."""
    entry = provider(models=[model("m", **facts)]).models[0]

    assert is_retired(entry, TODAY) is gone


@pytest.mark.parametrize(("endpoint", "sent"), [("main", 10), ("side", 20)])
def test_an_id_that_means_two_models_is_judged_by_its_endpoint(endpoint: str, sent: int):
    """Limits are those of the model that answers at the endpoint."""
    rules = {"max_tokens": [{"effect": "clamp", "limit": "max_output_tokens"}]}
    models = [
        model("m", endpoints=["main"], max_output_tokens=10),
        model("m", endpoints=["side"], max_output_tokens=20),
    ]
    made = provider(chat={"params": rules}, models=models)

    (ruling,) = judge(policy(made, endpoint=endpoint), {"max_tokens": 99})

    assert ruling.set == {"max_tokens": sent}


def test_an_id_that_means_two_models_is_refused_where_neither_answers():
    """The ruling names all endpoints of the id."""
    models = [model("m", endpoints=["side"]), model("m", endpoints=["third"])]
    places = [("main", True), ("side", False), ("third", False)]
    endpoints = [
        {"id": name, "base_url": f"https://{name}.example/v1", "region": "global", "default": default, **FACTS}
        for name, default in places
    ]

    (ruling,) = judge(policy(provider(models=models, endpoints=endpoints), today=dt.date(2026, 11, 22)), {})

    assert ruling.advice == "m is served at side, third only"


# --- what the user, and the program, asked for -----------------------------------------------------------------------

CALM = {"field": "thinking", "value": False, "asked": ["plain"]}


@pytest.mark.parametrize(
    ("asked", "expected"),
    [("gpt-4o", {"thinking": Effect.ADDED}), ("o3", {}), ("big-1", {}), (UNKNOWN, {"thinking": (0, Effect.ADDED)})],
)
def test_a_default_can_be_for_programs_of_a_plain_model(asked, expected):
    """What keeps the behaviour of a model that does not think is not forced on one that does."""
    made = provider(chat={"defaults": [CALM]}, models=[model("big-1")])

    assert effects(judge(policy(made, asked=asked), {})) == expected


def test_the_kind_of_a_model_is_known_by_its_name():
    """OpenAI's list tells which models reason; a vendor's own ids are told from names of the user's making."""
    vendor = provider(models=[model("big-1")])

    kinds = [asked_kind(vendor, name) for name in ("gpt-4o", "o3", "big-1", "my-alias", UNKNOWN)]

    assert kinds == ["plain", "reasoning", "own", "plain", UNKNOWN]


N = {"effect": "emulate", "how": "n-calls", "advice": "one choice a call"}


def test_calls_that_cost_more_are_made_only_where_the_user_said_so():
    """Several calls for several choices are refused, with the setting that allows them, until it is there."""
    made = provider(chat={"params": {"n": [{"effect": "omit", "values": [1]}, N]}})
    allowed = frozenset({"n-calls"})

    (refused,) = judge(policy(made), {"n": 2})
    (emulated,) = judge(policy(made, emulate=allowed), {"n": 2})
    (streamed,) = judge(policy(made, emulate=allowed), {"n": 2, "stream": True})

    assert (refused.effect, refused.how) == (Effect.REFUSED, None)
    assert 'n = "calls"' in refused.advice
    assert (emulated.effect, emulated.how, emulated.remove) == (Effect.EMULATED, "n-calls", ("n",))
    assert streamed.effect is Effect.REFUSED


# --- texts to embed ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("a", {}),
        (["a", "b"], {}),
        (["a", "b", "c"], {"input": Effect.EMULATED}),
        ([1, 2, 3, 4], {"input": Effect.REFUSED}),
        ([[1], [2]], {"input": Effect.REFUSED}),
        (["a", UNKNOWN], {"input": (Effect.KEPT, Effect.REFUSED)}),
    ],
)
def test_a_long_list_goes_in_pieces_and_token_ids_do_not_go(value, expected):
    """Texts over the vendor's limit are cut into calls; token ids are of another tokenizer, so they are refused."""
    made = provider(apis={"embeddings": {"offered": True, "max_batch": 2}})

    assert effects(judge(policy(made, api="embeddings"), {"input": value})) == expected


def test_token_ids_go_where_they_mean_something():
    """OpenAI's own models take them."""
    made = provider(apis={"embeddings": {"offered": True, "token_input": True, "max_batch": 2}})

    assert judge(policy(made, api="embeddings"), {"input": [1, 2, 3]}) == []


# --- reasoning and system turns ---------------------------------------------------------------------------------------


def test_reasoning_that_is_wanted_back_may_come_back():
    """Nobody can foresee whether it is remembered, unless something stands in for it at a model that always thinks."""
    rules = {"reasoning_content": "restore", "reasoning_filler": " "}
    thinker = {"models": [model("m", always_thinking=True)]}

    assert effects(talk_on([USER, CALLING], **rules)) == {"messages": (Effect.KEPT, Effect.EMULATED)}
    assert effects(talk_on([USER, CALLING], facts=thinker, **rules)) == {"messages.reasoning_content": Effect.EMULATED}
    assert talk_on([USER, {**CALLING, "reasoning_content": "hm"}], **rules) == []


def test_a_model_without_system_turns_gets_their_text_with_the_question():
    """Only the models that the file names; for an unknown one it is possible."""
    rules = {"fold_system": ["old*"]}

    assert effects(talk_on([SYSTEM, USER], "old-1", **rules)) == {"messages.fold_system": Effect.EMULATED}
    assert talk_on([SYSTEM, USER], "new-1", **rules) == []
    assert effects(talk_on([SYSTEM, USER], UNKNOWN, **rules)) == {"messages": (Effect.KEPT, Effect.EMULATED)}
