"""Recognise the switch that a rewrite leaves: what stands behind it is no longer the only provider.

In Python the old value follows `NEW if LLM_PROVIDER == "zhipu" else ` directly, and a switched call holds such a
condition among its arguments. In configuration, the section that holds an old entry holds `LLM_PROVIDER` too.
"""

from __future__ import annotations

import re
from typing import Final

SWITCH: Final = "LLM_PROVIDER"
_CONDITION: Final = re.compile(r"""\bif LLM_PROVIDER == (["'])[\w.-]{1,80}\1 else """)
_BEFORE: Final = re.compile(_CONDITION.pattern + r"\Z")


def is_switched(before: str, inside: str) -> bool:
    """Say whether a place in Python code is behind the switch.

    Args:
        before: the text in front of the place; its last hundred characters are enough.
        inside: the text of the place.
    """
    return _BEFORE.search(before[-120:]) is not None or _CONDITION.search(inside) is not None
