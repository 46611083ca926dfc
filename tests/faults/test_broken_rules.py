"""The list of broken rules is one of this source."""

from __future__ import annotations

import pytest

from tests.faults.broken_rules import RULES, Broken, place


@pytest.mark.parametrize("broken", RULES, ids=lambda broken: broken.change)
def test_every_rule_can_still_be_broken(broken: Broken) -> None:
    """What a change takes away stands in the source once, and tests went red when it was last made."""
    assert place(broken).is_file()
    assert broken.red > 0
