"""Where a key comes from, and a wrapper that keeps it out of everything printed."""

from __future__ import annotations

import logging
import os
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, TypeAlias, final

from llm_migrate.errors import CredentialError

_log = logging.getLogger(__name__)

SourceKind: TypeAlias = Literal["env", "file", "plain", "ask"]
# Gives a token whenever it is called, or an awaitable of one.
TokenProvider: TypeAlias = Callable[[], str | Awaitable[str]]

_KINDS: Final[dict[str, SourceKind]] = {"env": "env", "file": "file", "plain": "plain"}

FORMS: Final = "write env:NAME, file:PATH or plain:..."
_PAIR: Final = ":"  # stands between an id and its secret; no vendor's id holds one


@final
class Secret:
    """A key. `repr`, `str` and `format` never show it; `reveal` does."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """Return the key itself."""
        return self._value

    @property
    def is_pair(self) -> bool:
        """Whether it is an id and its secret."""
        key_id, _, secret = self._value.partition(_PAIR)
        return bool(key_id and secret)

    def pair(self) -> tuple[str, str]:
        """Return an id and its secret, written `ID:SECRET`.

        Raises:
            CredentialError: there are no two parts.
        """
        key_id, _, secret = self._value.partition(_PAIR)
        if not self.is_pair:
            raise CredentialError("this way to sign takes two keys: write ID:SECRET, or env:NAME+NAME")
        return key_id, secret

    def __repr__(self) -> str:
        return "Secret('***')"

    __str__ = __repr__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash((Secret, self._value))

    def __reduce__(self) -> str:
        raise TypeError("a Secret is not to be written anywhere")


@dataclass(frozen=True, slots=True, repr=False)
class CredentialSource:
    """Where a key is found; read only when it is needed.

    Attributes:
        kind: environment, file, the configuration itself, or a function of the program.
        names: variables to try in order, the path, or the key.
        pairs: variables that hold an id and its secret, tried after `names`; they make a key `ID:SECRET`.
        provider: the function, asked anew for each request.
    """

    kind: SourceKind
    names: tuple[str, ...]
    pairs: tuple[tuple[str, str], ...] = ()
    provider: TokenProvider | None = None

    @property
    def is_ambient(self) -> bool:
        """Whether the key belongs to the machine, not to the configuration file that points at it."""
        return self.kind != "plain"

    def __repr__(self) -> str:
        return f"CredentialSource({self.kind!r})"

    def read(self, target: str, environ: Mapping[str, str]) -> Secret:
        """Return the key.

        Raises:
            CredentialError: absent or not usable in a header; names the target and the variable or file.
        """
        match self.kind:
            case "ask":
                raise CredentialError(f"{target}: the key comes from a function, which is asked when a request is made")
            case "plain":
                value = self.names[0]
            case "env":
                value = _from_environment(target, self.names, self.pairs, environ)
            case "file":
                value = _from_file(target, Path(self.names[0]).expanduser())
        return checked_secret(value, target, self._origin())

    def _origin(self) -> str:
        return "api_key" if self.kind == "plain" else " or ".join(_spoken(self.names, self.pairs))


def checked_secret(value: str, target: str, origin: str) -> Secret:
    """Return a key that can stand in a header.

    Raises:
        CredentialError: it cannot; names the target and where the key is from.
    """
    if not value or not value.isascii() or not value.isprintable() or " " in value:
        # Such a value would break the header or smuggle a second one in.
        raise CredentialError(f"{target}: the key is empty or has a character that no key can have (from {origin})")
    return Secret(value)


def parse_source(text: str) -> CredentialSource:
    """Read the `api_key` of a target.

    Raises:
        ValueError: not one of the three forms; the message does not repeat the text, for it may be a key.
    """
    word, colon, rest = text.partition(":")
    kind = _KINDS.get(word)
    if not colon or kind is None:
        raise ValueError(f"a key does not stand in this file as it is: {FORMS}")
    if not rest.strip():
        raise ValueError(f"nothing after {kind}:")
    if kind == "env" and "+" in rest:
        key_id, _, secret = (part.strip() for part in rest.partition("+"))
        if not (key_id and secret):
            raise ValueError("two names are needed around the + of env:NAME+NAME")
        return CredentialSource("env", (), ((key_id, secret),))
    return CredentialSource(kind, (rest if kind == "plain" else rest.strip(),))


def _from_environment(
    target: str, names: tuple[str, ...], pairs: tuple[tuple[str, str], ...], environ: Mapping[str, str]
) -> str:
    if not names and not pairs:
        raise CredentialError(f'{target}: no key: the catalog knows no variable for it; add  api_key = "env:NAME"')
    values = {name: environ.get(name, "").strip() for name in (*names, *(name for pair in pairs for name in pair))}
    for name in names:
        if values[name]:
            return values[name]
    for pair in pairs:
        key_id, secret = (values[name] for name in pair)
        if key_id and secret:
            return f"{key_id}{_PAIR}{secret}"
    for pair in pairs:
        lacking = [name for name in pair if not values[name]]
        if len(lacking) == 1:
            raise CredentialError(f"{target}: half a key: set {lacking[0]} as well")
    first, *others = _spoken(names, pairs)
    more = f" (or {', '.join(others)})" if others else ""
    raise CredentialError(f"{target}: no key: set {first}{more}")


def _spoken(names: tuple[str, ...], pairs: tuple[tuple[str, str], ...]) -> list[str]:
    return [*names, *(" and ".join(pair) for pair in pairs)]


def _from_file(target: str, path: Path) -> str:
    try:
        text = path.read_text(encoding="utf-8").strip()
        others_may_read = os.name == "posix" and path.stat().st_mode & 0o077
    except (OSError, UnicodeDecodeError) as e:
        reason = e.strerror if isinstance(e, OSError) else "not UTF-8"
        raise CredentialError(f"{target}: key file {path}: {reason}") from None
    if not text:
        raise CredentialError(f"{target}: key file {path}: empty")
    if others_may_read:
        _log.warning("%s: key file %s: other users may read it: chmod 600", target, path)
    return text
