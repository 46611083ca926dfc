"""The table of packages that do harm or break each other."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from llm_migrate.catalog.packages import Condition, files_of, find_troubles, load_troubles, packages_of


def ids(installed: dict[str, str], *files: str) -> list[str]:
    return [row.id for row in find_troubles(load_troubles(), installed, frozenset(files))]


@pytest.mark.parametrize(
    ("installed", "found"),
    [
        ({"litellm": "1.82.6"}, []),
        ({"litellm": "1.82.7"}, ["litellm-stolen-release"]),
        ({"litellm": "1.82.8"}, ["litellm-stolen-release"]),
        ({"litellm": "1.83.0"}, []),
        ({"openai": "1.35.7", "httpx": "0.28.1"}, ["openai-proxies-argument"]),
        ({"openai": "1.55.2", "httpx": "0.28"}, ["openai-proxies-argument"]),
        ({"openai": "1.55.3", "httpx": "0.28.1"}, []),
        ({"openai": "1.35.7", "httpx": "0.27.2"}, []),
        ({"openai": "2.54.0", "httpx2": "2.16.2"}, ["openai-without-httpx"]),
        ({"openai": "2.54.0", "httpx": "1.0.0"}, ["openai-new-httpx"]),
        ({"openai": "3.54.0"}, ["openai-without-httpx2"]),
        ({"openai": "3.54.0", "httpx2": "2.11.9"}, ["openai-old-httpx2"]),
        ({"openai": "3.54.0", "httpx2": "3.0"}, ["openai-new-httpx2"]),
        ({"openai": "3.54.0", "httpx2": "2.12"}, []),
        ({"openai": "3.54.0", "httpx2": "2.16.2", "httpx": "0.28.1"}, ["openai-3-beside-httpx"]),
        ({"openai": "1.16.2", "httpx": "0.27.2"}, ["openai-before-transports"]),
        ({"openai": "1.17.0", "httpx": "0.27.2"}, []),
        ({"openai": "0.28.1"}, ["openai-of-0-28"]),
        ({}, []),
    ],
)
def test_a_row_holds_when_all_its_conditions_do(installed: dict[str, str], found: list[str]) -> None:
    """Known-bad releases and versions that clash are found, their neighbours are not."""
    assert ids(installed) == found


def test_a_left_over_file_is_found_without_its_package() -> None:
    """The start file of a stolen release steals on after the package is gone."""
    assert ids({}, "litellm_init.pth") == ["litellm-stolen-start-file"]


def test_the_table_names_what_is_to_be_looked_for() -> None:
    """Packages and files are listed once each."""
    assert set(packages_of(load_troubles())) == {"litellm", "openai", "httpx", "httpx2"}
    assert files_of(load_troubles()) == ("litellm_init.pth",)


def test_every_row_has_a_source_and_an_advice() -> None:
    """A fact without a source, or without what to do, is of no use; ids are told apart."""
    rows = load_troubles()

    assert all(row.source and row.advice and row.problem for row in rows)
    assert len({row.id for row in rows}) == len(rows)


def test_the_installed_sdk_clashes_with_nothing() -> None:
    """What our own tests run with is sound, so the table does not cry wolf."""
    import importlib.metadata

    installed = {name: importlib.metadata.version(name) for name in ("openai", "httpx", "httpx2")}

    assert [row.severity for row in find_troubles(load_troubles(), installed)] == ["note"]


@pytest.mark.parametrize("condition", [{}, {"package": "a", "file": "b"}])
def test_a_condition_is_about_one_thing(condition: dict[str, str]) -> None:
    """A row that names neither a package nor a file, or both, is refused."""
    with pytest.raises(ValidationError, match="a package or a file"):
        Condition.model_validate(condition)
