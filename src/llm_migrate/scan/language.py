"""Say from its name (and, without a telling name, its first line) what language a file is in."""

from __future__ import annotations

import fnmatch
import re
from typing import Final

_BY_EXTENSION: Final = {
    "py": "python",
    "pyi": "python",
    "pyw": "python",
    "js": "javascript",
    "mjs": "javascript",
    "cjs": "javascript",
    "jsx": "javascript",
    "ts": "typescript",
    "mts": "typescript",
    "cts": "typescript",
    "tsx": "tsx",
    "go": "go",
    "java": "java",
    "kt": "kotlin",
    "kts": "kotlin",
    "cs": "csharp",
    "rb": "ruby",
    "php": "php",
    "rs": "rust",
    "sh": "bash",
    "bash": "bash",
    "zsh": "bash",
    "ksh": "bash",
    "bats": "bash",
    "ps1": "powershell",
    "cmd": "batch",
    "bat": "batch",
    "yaml": "yaml",
    "yml": "yaml",
    "toml": "toml",
    "json": "json",
    "jsonc": "json",
    "json5": "json",
    "ini": "ini",
    "cfg": "ini",
    "conf": "ini",
    "env": "env",
    "envrc": "env",
    "properties": "properties",
    "ipynb": "notebook",
    "xml": "xml",
    "csproj": "xml",
    "gradle": "gradle",
    "tf": "hcl",
    "hcl": "hcl",
    "tfvars": "env",
    "bicep": "bicep",
    "bicepparam": "bicep",
    "tpl": "template",
    "md": "markdown",
    "mdx": "markdown",
    "rst": "markdown",
    "html": "html",
    "vue": "html",
    "svelte": "html",
    "sql": "sql",
    "txt": "text",
}
# The first pattern that fits the lower-cased base name decides; these go before extensions.
_BY_NAME: Final = (
    (".env*", "env"),
    ("*.env", "env"),
    ("*.env.*", "env"),
    ("env.example", "env"),
    ("env.sample", "env"),
    ("env.template", "env"),
    (".envrc*", "env"),
    (".flaskenv", "env"),
    (".dev.vars*", "env"),
    ("*requirements*.txt", "requirements"),
    ("*requirements*.in", "requirements"),
    ("constraints*.txt", "requirements"),
    ("pipfile", "toml"),
    ("dockerfile", "dockerfile"),
    ("dockerfile.*", "dockerfile"),
    ("*.dockerfile", "dockerfile"),
    ("containerfile*", "dockerfile"),
    ("go.mod", "gomod"),
    ("makefile", "makefile"),
    ("gnumakefile", "makefile"),
    ("*.mk", "makefile"),
    ("procfile*", "text"),
    ("*.gradle.kts", "gradle"),
    ("*.yaml.*", "yaml"),
    ("*.yml.*", "yaml"),
    ("*.json.*", "json"),
    ("*.toml.*", "toml"),
    (".*rc", "json"),
)
_ANY_NAME: Final = re.compile("|".join(fnmatch.translate(pattern) for pattern, _ in _BY_NAME))
# Programs: whatever else their name says, it is not what they are written in.
_SURE: Final = frozenset({"py", "pyi", "js", "mjs", "cjs", "jsx", "ts", "mts", "cts", "tsx", "go", "java", "rs", "md"})
_BY_INTERPRETER: Final = (("python", "python"), ("node", "javascript"), ("bash", "bash"), ("sh", "bash"))


def language_of(path: str) -> str | None:
    """Return the language that a file's name tells; "" when only its first line can tell; None for no text."""
    name = path.rpartition("/")[2].lower()
    stem, dot, extension = name.rpartition(".")
    if extension in _SURE and stem:
        return _BY_EXTENSION[extension]
    if path.rpartition("/")[0].lower().endswith("requirements") and extension in ("txt", "in"):
        return "requirements"
    if _ANY_NAME.match(name):
        return next(language for pattern, language in _BY_NAME if fnmatch.fnmatchcase(name, pattern))
    if not dot or not stem:
        return "" if not name.startswith(".") else None
    if extension in ("example", "sample", "template", "dist", "tmpl", "default"):
        return language_of(path[: -len(extension) - 1])
    return _BY_EXTENSION.get(extension)


def language_of_script(first_line: str) -> str | None:
    """Return the language of a script by its `#!` line."""
    if not first_line.startswith("#!"):
        return None
    return next((language for word, language in _BY_INTERPRETER if word in first_line), None)
