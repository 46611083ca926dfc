"""The switch that a rewrite leaves is recognised."""

import pytest

from llm_migrate.scan.switch import is_switched


@pytest.mark.parametrize(
    ("before", "inside", "switched"),
    [
        ('model="glm-5.3" if LLM_PROVIDER == "zhipu" else ', '"gpt-4o"', True),
        ("model='glm-5.3' if LLM_PROVIDER == 'zhipu' else ", "'gpt-4o'", True),
        ("c = ", 'OpenAI(base_url=URL if LLM_PROVIDER == "zhipu" else None)', True),
        ("model=", '"gpt-4o"', False),
        ('x = 1 if LLM_PROVIDER == "zhipu" else 2\nmodel=', '"gpt-4o"', False),
        ("# LLM_PROVIDER\nmodel=", '"gpt-4o"', False),
    ],
)
def test_a_place_behind_the_switch_is_told_from_others(before, inside, switched):
    """A value right behind the condition is switched, and so is a call with one among its arguments."""
    assert is_switched(before, inside) == switched
