"""Strict models: unknown keys are errors that name the key that was probably meant.

Shared by the provider files and by `llm-migrate.toml`.
"""

from __future__ import annotations

import difflib
import tomllib
from pathlib import Path
from typing import TypeVar, get_args

from pydantic import BaseModel, ConfigDict, ValidationError

from llm_migrate.errors import MigrateError


class Strict(BaseModel):
    """A frozen table whose unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


M = TypeVar("M", bound=Strict)


def load_toml(path: Path, model: type[M], error: type[MigrateError], *, label: str | None = None) -> M:
    """Read and check one TOML file.

    Args:
        path: the file.
        model: the table it must fit.
        error: class to raise for anything wrong in it.
        label: how messages name the file; its file name by default.

    Raises:
        error: unreadable, not TOML, or not fitting; one line a problem, each with its place.
    """
    label = label or path.name
    try:
        raw = tomllib.loads(path.read_bytes().decode("utf-8"))
    except OSError as e:
        raise error(f"{label}: cannot be read: {e.strerror}") from e
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as e:
        raise error(f"{label}: not valid TOML: {e}") from e
    except RecursionError:
        raise error(f"{label}: not valid TOML: nested too deeply") from None
    try:
        return model.model_validate(raw)
    except ValidationError as e:
        raise error("\n".join(f"{label}: {line}" for line in explain(e, model))) from None


def explain(failure: ValidationError, model: type[BaseModel]) -> list[str]:
    """Return one line per problem: `place: problem`, with a suggestion for misspelt keys.

    Values are never repeated: they may be secrets.
    """
    lines: list[str] = []
    for problem in failure.errors(include_input=False, include_url=False, include_context=False):
        place = ".".join(str(p) for p in problem["loc"])
        if problem["type"] == "extra_forbidden":
            word = str(problem["loc"][-1])
            near = difflib.get_close_matches(word, _keys_at(model, problem["loc"][:-1]), n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            lines.append(f"{place}: unknown key {word!r}{hint}")
        else:
            lines.append(f"{place or 'top level'}: {problem['msg']}")
    return lines


def _keys_at(model: type[BaseModel], place: tuple[int | str, ...]) -> list[str]:
    """Return the keys that the table at `place` below `model` may have."""
    here: list[type[BaseModel]] = [model]
    for step in place:
        inner: list[type[BaseModel]] = []
        for table in here:
            for name, field in table.model_fields.items():
                if step in (name, field.alias):
                    inner += _tables(field.annotation)
        # A list index or a free key keeps the tables that its container can hold.
        here = inner or here
    return sorted({field.alias or name for table in here for name, field in table.model_fields.items()})


def _tables(annotation: object) -> list[type[BaseModel]]:
    """Return every model class named anywhere in an annotation."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [table for arg in get_args(annotation) for table in _tables(arg)]
