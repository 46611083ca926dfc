"""The names of a file in any language that has a collector, and what of them other files may use."""

from __future__ import annotations

from collections.abc import Iterator

from llm_migrate.scan.project import Exported
from llm_migrate.scan.rule import FileContext
from llm_migrate.scan.symbols import HOLE, Symbols

_PYTHON = frozenset({"python", "notebook"})
_SCRIPT = frozenset({"javascript", "typescript", "tsx"})


def names_of(context: FileContext) -> Symbols | None:
    """Return the names of a file, joined with what other files export; None without a collector."""
    return context.analysis(_joined if context.project.names else local_names)


def local_names(context: FileContext) -> Symbols | None:
    """Return the names of a file as it stands alone; ask through `FileContext.analysis`."""
    language = context.document.language
    if language in _PYTHON:
        from llm_migrate.scan.python_names import python_names

        names = python_names(context)
    elif language in _SCRIPT:
        from llm_migrate.scan.script_names import script_names

        names = script_names(context)
    else:
        return None
    vocabulary = context.vocabulary
    for path in names.imports.values():
        if vocabulary.sdk_path(path) is not None or vocabulary.is_framework(path.rpartition(".")[0] or path):
            names.sdk_heads += (path,)
    return names


def exported_names(context: FileContext) -> Iterator[Exported]:
    """Yield what a file binds at its top or on an object, and what its functions return, if it matters elsewhere."""
    names = context.analysis(local_names)
    if names is None:
        return
    path = context.document.path
    for name, bindings in names.bindings.items():
        for binding in bindings[:4]:
            if binding.value is None or (binding.scope != -1 and "." not in name):
                continue
            text = names.text(binding.value)
            if text is not None and context.vocabulary.url(text.replace(HOLE, "x")):
                yield Exported(path, name, text=text)
            elif text is None and names.uses_sdk:
                symbol = names.resolve(binding.value)
                if symbol is not None and "()" in symbol.path and context.vocabulary.sdk_path(symbol.path):
                    yield Exported(path, name, symbol=symbol.path)
    for name, nodes in names.returns.items() if names.uses_sdk else ():
        symbol = names.resolve(nodes[0])
        if symbol is not None and context.vocabulary.sdk_path(symbol.path):
            yield Exported(path, name + "()", symbol=symbol.path)


def _joined(context: FileContext) -> Symbols | None:
    """Point imported names of other files to what these bind there."""
    names = context.analysis(local_names)
    if names is None:
        return None
    for path in names.imports.values():
        module, _, name = path.replace("/", ".").rpartition(".")
        stem = module.rpartition(".")[2]
        for suffix in ("", "()"):
            for row in context.project.names.get(name + suffix, ()):
                if row.symbol is not None and row.file != context.document.path and _stem(row.file) == stem:
                    names.foreign[path + suffix] = row.symbol
                    names.sdk_heads += (row.symbol.partition("(")[0],)
    return names


def _stem(path: str) -> str:
    folder, _, name = path.rpartition("/")
    stem = name.partition(".")[0]
    return folder.rpartition("/")[2] if stem in ("__init__", "index") else stem
