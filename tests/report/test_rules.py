"""Rules are said in words."""

from __future__ import annotations

import pytest

from llm_migrate.catalog.schema import Default, Rule
from llm_migrate.report.rules import default_row, rule_rows


def said(*rules: Rule) -> str:
    ((_, _, text),) = rule_rows({"p": rules})
    return text


@pytest.mark.parametrize(
    ("rules", "text"),
    [
        ((Rule(effect="drop", advice="no such thing"),), "dropped; no such thing"),
        ((Rule(effect="omit", values=(1,)), Rule(effect="refuse")), "refused unless 1"),
        (
            (Rule(effect="keep", values=("auto",)), Rule(effect="omit", values=("none",)), Rule(effect="refuse")),
            "refused unless auto or none",
        ),
        ((Rule(effect="keep", values=("a",)), Rule(effect="refuse", values=("b",))), "a: as it is\nb: refused"),
        ((Rule(effect="clamp", low=0.01, high=1),), "limited to 0.01 to 1"),
        ((Rule(effect="clamp", max_items=1, as_list=True),), "limited to one entry"),
        (
            (Rule(effect="clamp", to="max_tokens", limit="max_output_tokens", low=1),),
            "limited to the model's longest output, renamed to max_tokens",
        ),
        (
            (Rule(effect="map", map={"none": "low", "minimal": "low", "xhigh": "max"}, models=("m-*",)),),
            "on m-*: none and minimal to low, xhigh to max",
        ),
        (
            (Rule(effect="map", values=(0,), map={"0": 0.01, "0.0": 0.01}, set={"do_sample": False}),),
            "0: becomes 0.01, adds do_sample = false",
        ),
        (
            (Rule(effect="rename", to="user_id", chars=(6, 128)), Rule(effect="drop")),
            "6 to 128 characters: renamed to user_id\nelse: dropped",
        ),
        (
            (Rule(effect="refuse", when={"effort": ("low", "high"), "tools": ("present",)}, lacks="vision"),),
            "on models without vision, effort is low, high, tools present: refused",
        ),
    ],
)
def test_rules_read_as_sentences(rules: tuple[Rule, ...], text: str):
    """Each kind of rule says when it applies, what it does and why."""
    assert said(*rules) == text


def test_the_worst_comes_first_and_what_passes_is_left_out():
    """Whoever reads only the top reads what blocks."""
    rows = rule_rows(
        {
            "a": (Rule(effect="keep"),),
            "b": (Rule(effect="rename", to="c"),),
            "d": (Rule(effect="drop"),),
            "e": (Rule(effect="omit"),),
            "z": (Rule(effect="refuse"),),
        }
    )

    assert [row[:2] for row in rows] == [("z", "blocked"), ("d", "lossy"), ("b", "adapted")]


def test_parameters_with_the_same_rules_share_a_row():
    """The same sentence is not said twice, whatever the sources."""
    rows = rule_rows({"a": (Rule(effect="drop", source="x"),), "b": (Rule(effect="drop", source="y"),)})

    assert rows == [("a\nb", "lossy", "dropped")]


def test_a_default_says_when_and_why():
    """A field that is added names its conditions."""
    default = Default(
        field="thinking", value={"type": "disabled"}, models=("m-1",), unless=("effort",), advice="saves money"
    )

    assert default_row(default) == ("thinking", '{"type": "disabled"}', "on m-1, without effort: saves money")
