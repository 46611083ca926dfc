"""The catalog's names of all providers, ready to be looked up: hosts, variables, packages, classes, models, keys.

Knows no vendor: every word comes from `names` in `providers/*.toml`. Matching ignores case.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final, Literal, TypeAlias

from llm_migrate.catalog.load import all_providers
from llm_migrate.catalog.schema import Provider

Role: TypeAlias = Literal["key", "url", "model", "other"]
Ecosystem: TypeAlias = Literal["pypi", "npm", "go", "maven"]

_WORD: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_HOST: Final = re.compile(r"(?:https?|wss?)://(?:[^\s/@\"'`]{1,200}@)?([^\s/:?#\"'`<>|\\)]{1,300})", re.I)
_RARE: Final = 7  # letters; a shorter plain word is in too many files that have nothing to do with models
_ROLE_WORDS: Final[dict[Role, frozenset[str]]] = {
    "key": frozenset({"key", "keys", "token", "secret", "apikey", "credential", "credentials", "password", "sk"}),
    "url": frozenset({"url", "uri", "base", "endpoint", "host", "baseurl", "resource", "proxy", "server", "address"}),
    "model": frozenset({"model", "models", "deployment", "engine", "deploymentid"}),
}


@dataclass(frozen=True, slots=True)
class NameRole:
    """What a variable, key or field name stands for.

    Attributes:
        provider: whose it is.
        role: what it holds.
        exact: the catalog lists the name (or a glob for it); otherwise it was understood from its words.
    """

    provider: str
    role: Role
    exact: bool


class Table:
    """Names, some with `*`, each with the provider it stands for; the plain ones are looked up in a dictionary."""

    __slots__ = ("_exact", "_globs")

    def __init__(self, rows: Iterable[tuple[str, str]]) -> None:
        self._exact: dict[str, str] = {}
        self._globs: list[tuple[re.Pattern[str], str]] = []
        for pattern, owner in rows:
            pattern = pattern.lower()
            if "*" in pattern:
                self._globs.append((re.compile(fnmatch.translate(pattern)), owner))
            else:
                self._exact.setdefault(pattern, owner)

    def find(self, name: str) -> str | None:
        """Return the provider of a name."""
        name = name.lower()
        if name in self._exact:
            return self._exact[name]
        return next((owner for pattern, owner in self._globs if pattern.match(name)), None)


class Vocabulary:
    """All look-ups. Where two providers list one name, the one with the shorter id (the more general) wins."""

    def __init__(self, providers: Sequence[Provider]) -> None:
        self.providers = tuple(sorted(providers, key=lambda p: (len(p.id), p.id)))
        each = [(p.id, p.names) for p in self.providers]
        self._hosts = Table((host, owner) for owner, names in each for host in names.hosts)
        self._models = Table((glob, owner) for owner, names in each for glob in names.models)
        self._python = {module.lower(): owner for owner, names in reversed(each) for module in names.python}
        self._packages: dict[Ecosystem, Table] = {
            "pypi": Table((normal_pypi(name), owner) for owner, names in each for name in names.pypi),
            "npm": Table((name, owner) for owner, names in each for name in names.npm),
            "go": Table((name, owner) for owner, names in each for name in names.go),
            "maven": Table((name, owner) for owner, names in each for name in names.maven),
        }
        self._env: dict[Role, Table] = {
            "key": Table((name, owner) for owner, names in each for name in names.env_key),
            "url": Table((name, owner) for owner, names in each for name in names.env_url),
            "model": Table((name, owner) for owner, names in each for name in names.env_model),
            "other": Table((name, owner) for owner, names in each for name in names.env_other),
        }
        self._prefixes = sorted(
            ((prefix, owner) for owner, names in each for prefix in names.key_prefixes), key=lambda row: -len(row[0])
        )
        self.wrappers = {
            (row.module.lower(), name): owner
            for owner, names in reversed(each)
            for row in names.wrappers
            for name in row.names
        }
        self._frameworks = frozenset(module for module, _ in self.wrappers)
        self._classes: dict[str, list[tuple[str, str]]] = {}
        for (module, name), owner in self.wrappers.items():
            self._classes.setdefault(name, []).append((module, owner))
        self._vendors = _by_word((p.id, (p.id, *p.aliases)) for p in self.providers)
        self._words = _by_word((p.id, _words_of(p)) for p in self.providers)

    def host(self, host: str) -> str | None:
        """Return the provider of a host name (`api.example.com`)."""
        return self._hosts.find(host.strip().rstrip("."))

    def site(self, host: str) -> str | None:
        """Return the provider whose own domain a host is in, though the catalog does not list it as an API."""
        labels = host.strip().rstrip(".").lower().split(".")
        # example.com, example.com.cn
        own = labels[-3] if len(labels) > 2 and labels[-2] in ("com", "co", "net", "org") else labels[-2:][0]
        return self._words.get(_squash(own)) if len(labels) > 1 else None

    def url(self, text: str) -> str | None:
        """Return the provider of the first URL in a text whose host the catalog knows."""
        return next((owner for owner in map(self.host, hosts_in(text)) if owner is not None), None)

    def python_module(self, dotted: str) -> str | None:
        """Return the provider of a Python module or of one of its parents."""
        parts = dotted.lower().split(".")
        return next((o for n in range(len(parts), 0, -1) if (o := self._python.get(".".join(parts[:n])))), None)

    def sdk_path(self, path: str) -> str | None:
        """Return the provider of the SDK that a symbol's path begins in (`module.Class().attribute`)."""
        head = path.partition("(")[0]
        return self.python_module(head) or self.npm_of(head)

    def package(self, ecosystem: Ecosystem, name: str) -> str | None:
        """Return the provider of a package of a registry."""
        return self._packages[ecosystem].find(normal_pypi(name) if ecosystem == "pypi" else name)

    def wrapper(self, module: str, name: str) -> str | None:
        """Return the provider that a framework's class hides; a parent or child of its module will do."""
        module = module.lower()
        rows = self._classes.get(name, ())
        return next((owner for known, owner in rows if known == module or _related(known, module)), None)

    def wrapper_module(self, module: str) -> str | None:
        """Return the provider of a framework's module that is all about one vendor."""
        if self._vendor_in(split_words(module)) is None:
            return None
        module = module.lower()
        return next((owner for (known, _), owner in self.wrappers.items() if known == module), None)

    def is_framework(self, module: str) -> bool:
        """Say whether a module, one above or one below it holds a framework's class for some vendor."""
        module = module.lower()
        return any(known == module or _related(known, module) for known in self._frameworks)

    def model(self, name: str) -> str | None:
        """Return the provider of a model id."""
        return self._models.find(name.strip())

    def secret(self, text: str) -> str | None:
        """Return the provider whose literal keys begin like a text; short texts are no keys."""
        return next((owner for prefix, owner in self._prefixes if text.startswith(prefix) and len(text) >= 16), None)

    def name_role(self, name: str) -> NameRole | None:
        """Say what a variable, config key or field name stands for: exactly listed, or by a vendor's word in it."""
        for role, table in self._env.items():
            owner = table.find(name)
            if owner is not None:
                return NameRole(owner, _refine(role, name), exact=True)
        vendor = self._vendor_in(split_words(name)) if name.isascii() else None
        if vendor is None:
            return None
        owner, rest = vendor
        return NameRole(owner, role_of(rest), exact=False)

    def vendor(self, text: str) -> str | None:
        """Return the provider whose id or alias a text is ("openai", "azure_openai"), whatever its writing."""
        return self._vendors.get(_squash(text))

    def vendor_word(self, text: str) -> str | None:
        """Return the provider that a text means wherever it stands; unlike `vendor` not by a company's bare name."""
        return self._words.get(_squash(text))

    def model_pattern(self, text: str) -> str | None:
        """Return the provider whose model ids begin with a text (`gpt-`, `o1`), as it stands in a test by prefix."""
        text = text.strip().lower()
        if len(text) < 2:
            return None
        for provider in self.providers:
            if any(glob.lower().startswith(text) for glob in provider.names.models):
                return provider.id
        return self.model(text)

    def words(self) -> list[bytes]:
        """Return the lower-case words one of which every file with a finding must hold."""
        found: set[str] = set()
        for provider in self.providers:
            names = provider.names
            plain = [*names.hosts, *names.env_key, *names.env_url, *names.env_model, *names.env_other, *names.pypi]
            plain += [*names.npm, *names.go, *names.python, *names.key_prefixes]
            plain += [glob for glob in names.models if len(glob) >= _RARE or not glob.strip("*").isalpha()]
            plain += [artifact.rpartition(":")[2] for artifact in names.maven]
            plain += [name for row in names.wrappers for name in row.names]
            plain += [word for word in _words_of(provider) if len(_squash(word)) > 5]
            for word in plain:
                found.update(_literal_parts(word.lower()))
        return sorted(word.encode() for word in _minimal(found))

    def npm_of(self, path: str) -> str | None:
        """Return the provider of an npm package, of a file in it (`package/file`) or of a name (`package.Name`)."""
        while path:
            owner = self._packages["npm"].find(path)
            if owner is not None:
                return owner
            path = path[: max(path.rfind("."), path.rfind("/"), 0)]
        return None

    def _vendor_in(self, words: Sequence[str]) -> tuple[str, list[str]] | None:
        for length in range(min(len(words), 4), 0, -1):
            for start in range(len(words) - length + 1):
                owner = self._words.get("".join(words[start : start + length]))
                if owner is not None:
                    return owner, [*words[:start], *words[start + length :]]
        return None


@cache
def load_vocabulary() -> Vocabulary:
    """Return the vocabulary of the whole catalog."""
    return Vocabulary(all_providers())


def hosts_in(text: str) -> Iterator[str]:
    """Yield the host of each URL in a text."""
    for match in _HOST.finditer(text):
        yield match.group(1)


def split_words(name: str) -> list[str]:
    """Split a name into lower-case words at case changes and signs: `AzureOpenAI_apiKey` -> azure open ai api key."""
    return [word.lower() for word in _WORD.findall(name)]


def role_of(words: Iterable[str]) -> Role:
    """Say from its words what a name holds."""
    held = set(words)
    for role in ("key", "url", "model"):
        if held & _ROLE_WORDS[role]:
            return role
    return "other"


def normal_pypi(name: str) -> str:
    """Return a PyPI name in the form that is compared (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _refine(role: Role, name: str) -> Role:
    # A glob such as EXAMPLE_* says whose a name is; its words say what it holds.
    return role_of(split_words(name)) if role == "other" else role


def _related(known: str, module: str) -> bool:
    return module.startswith((known + ".", known + "/")) or known.startswith(module + ".")


def _squash(text: str) -> str:
    """Leave of a name only its letters and digits; what has others than ASCII's is a text for people, no name."""
    return re.sub(r"[^a-z0-9]", "", text.lower()) if text.isascii() else ""


def _by_word(rows: Iterable[tuple[str, tuple[str, ...]]]) -> dict[str, str]:
    found: dict[str, str] = {}
    for owner, words in rows:
        for word in words:
            if len(_squash(word)) > 3:
                found.setdefault(_squash(word), owner)
    return found


def _words_of(provider: Provider) -> tuple[str, ...]:
    """Return what means a provider inside longer names; an id that is an ordinary word need not be among it.

    Of the aliases only those that mean the product: a part of a compound id is only the company that sells it.
    """
    aliases = (alias for alias in provider.aliases if alias not in provider.id.split("-"))
    return provider.names.words or (provider.id, *aliases)


def _literal_parts(pattern: str) -> Iterator[str]:
    """Yield the longest run between the stars of a glob; what is in every other file by chance is left out."""
    part = max(pattern.split("*"), key=len).strip("/_.@{}:")
    if len(part) >= 5 or (len(part) >= 4 and not part.isalpha()):
        yield part


def _minimal(words: set[str]) -> list[str]:
    """Drop words that contain another: whoever holds them holds the other."""
    kept: list[str] = []
    for word in sorted(words, key=len):
        if not any(other in word for other in kept):
            kept.append(word)
    return kept
