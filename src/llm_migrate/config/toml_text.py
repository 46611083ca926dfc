"""Write a table as TOML, for `llm-migrate.toml`. Only what such a table can hold; reading is the library's work."""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Final, TypeAlias

Value: TypeAlias = "str | int | bool | Decimal | dt.date | tuple[str, ...] | Mapping[str, Decimal]"

_BARE: Final = re.compile(r"[A-Za-z0-9_-]+")


def table_lines(path: tuple[str, ...], values: Mapping[str, Value]) -> Iterator[str]:
    """Yield the lines of a table, without line ends.

    Args:
        path: keys down to it.
        values: in the order of writing.
    """
    yield f"[{'.'.join(key_text(key) for key in path)}]"
    for key, value in values.items():
        yield f"{key_text(key)} = {value_text(value)}"


def key_text(key: str) -> str:
    """Return a key, in quotes where it needs them."""
    return key if _BARE.fullmatch(key) else value_text(key)


def value_text(value: Value) -> str:
    """Return a value as TOML."""
    match value:
        case bool():
            return "true" if value else "false"
        case int():
            return f"{value:_}"
        case Decimal():
            text = f"{value:f}"
            return text if "." in text else f"{text}.0"
        case dt.date():  # an instant, too
            return value.isoformat()
        case str():
            # JSON's text is TOML's, but for one character that TOML does not want to see.
            return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
        case tuple():
            return f"[{', '.join(value_text(part) for part in value)}]"
        case _:
            return f"{{ {', '.join(f'{key_text(key)} = {value_text(part)}' for key, part in value.items())} }}"
