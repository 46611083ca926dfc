"""Find and read provider files, each only when it is asked for."""

from __future__ import annotations

import difflib
import os
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

from llm_migrate.errors import CatalogError, UsageError

if TYPE_CHECKING:
    from llm_migrate.catalog.schema import Provider

VARIABLE: Final = "LLM_MIGRATE_PROVIDERS"  # folders of provider files of one's own
REFERENCE: Final = "openai"  # the provider whose requests programs send, and whose model ids they name


@cache
def provider_ids() -> tuple[str, ...]:
    """Return the ids of all provider files, sorted."""
    return tuple(sorted({path.stem for folder in _folders() for path in folder.glob("*.toml")}))


@cache
def load_provider(provider_id: str) -> Provider:
    """Read one provider file.

    Raises:
        UsageError: no such provider; the message names the nearest.
        CatalogError: the file breaks the schema.
    """
    if provider_id not in provider_ids():
        near = difflib.get_close_matches(provider_id, provider_ids(), n=1, cutoff=0.5)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise UsageError(f"{provider_id}: unknown provider{hint}; known are: {', '.join(provider_ids())}")
    from llm_migrate.catalog.schema import Provider
    from llm_migrate.catalog.strict import load_toml

    path = next(path for folder in _folders() if (path := folder / f"{provider_id}.toml").is_file())
    provider = load_toml(path, Provider, CatalogError)
    if provider.id != path.stem:
        raise CatalogError(f"{path.name}: id: {provider.id!r} is not the file name")
    return provider


def find_provider(name: str) -> Provider:
    """Return the provider that a person means by an id or an alias, whatever its case.

    Raises:
        UsageError: nothing has that name.
    """
    wanted = name.strip().lower()
    if wanted not in provider_ids():
        for provider_id in provider_ids():
            if wanted in load_provider(provider_id).aliases:
                return load_provider(provider_id)
    return load_provider(wanted)


def all_providers() -> tuple[Provider, ...]:
    """Read every provider file, in the order of their ids."""
    return tuple(load_provider(provider_id) for provider_id in provider_ids())


@cache
def _folders() -> tuple[Path, ...]:
    """Return where provider files are: those of the user's own before ours, so that a file there replaces ours."""
    own = tuple(Path(folder) for folder in os.environ.get(VARIABLE, "").split(os.pathsep) if folder)
    for folder in own:
        if not folder.is_dir():
            raise CatalogError(f"{VARIABLE}: {folder}: no such folder")
    package = Path(__file__).resolve().parent.parent
    # The wheel carries the files; a checkout has them at its top.
    for folder in (package / "_providers", package.parent.parent / "providers"):
        if folder.is_dir():
            return (*own, folder)
    raise CatalogError("no provider files are installed: reinstall the package")
