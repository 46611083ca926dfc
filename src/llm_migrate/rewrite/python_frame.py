"""What a rewritten Python file defines once, after its imports: the switch, and what depends on it.

The form, in every file that has a client, a call or a model name:

    # LLM_PROVIDER chooses who answers: "zhipu", or "openai" as before.
    LLM_PROVIDER = os.environ.get("LLM_PROVIDER", "zhipu")

and where the providers differ `NEW if LLM_PROVIDER == "zhipu" else OLD`, the old code standing as it was. Each file
carries the line itself, so that it stays runnable alone and no file is added.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Mapping, Sequence
from typing import Final

from llm_migrate.rewrite.proposal import Need
from llm_migrate.rewrite.python_source import PythonSource
from llm_migrate.rewrite.splice import Edit
from llm_migrate.rewrite.target import Move
from llm_migrate.scan.finding import SWITCH

MODEL_FUNCTION: Final = "llm_model"
_BLANK: Final = re.compile(r"(?:[ \t]*(?:\r\n|\r|\n))*")


def frame_edits(
    source: PythonSource, move: Move, needs: frozenset[Need], models: Mapping[str, str]
) -> tuple[Edit, ...]:
    """Return the edits that define what a file lacks of `needs`."""
    section = _leading(source.tree)
    bound = _bound_in(source.tree)
    edits: list[Edit] = []
    after = _after(source, section)
    imports = [s for s in section if isinstance(s, ast.Import | ast.ImportFrom) and source.span(s)[0] < after]
    top = ""
    if needs & {"os", "switch", "url"} and not _imports(imports, "os"):
        place = _place_for_os(source, [s for s in imports if not _is_future(s)])
        if place is not None:
            edits.append(place)
        else:
            top += "import os\n"
    if "not-given" in needs and not _imports(imports, "openai") and "NOT_GIVEN" not in bound:
        named = next(
            (s for s in imports if isinstance(s, ast.ImportFrom) and s.module == "openai" and not s.level), None
        )
        if named is not None:
            at = source.span(named.names[0])[0]
            edits.append(Edit(at, at, source.encode("NOT_GIVEN, ")))
        else:
            top += "from openai import NOT_GIVEN\n"
    lines = _definitions(source, move, needs, bound, models)
    if top or lines:
        edits.append(Edit(after, after, source.encode(_layout(source, after, section, top, lines))))
    return tuple(edits)


def clash(source: PythonSource, move: Move) -> str | None:
    """Return a name that the file uses for something of its own and that a frame would need; None if free."""
    if _has_switch(source.tree):
        return None
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Name) and node.id in (SWITCH, move.url_env, MODEL_FUNCTION):
            return node.id
        if isinstance(node, ast.Constant) and node.value == SWITCH:
            return SWITCH
    return None


def mentions_switch(node: ast.AST) -> bool:
    """Say whether code depends on the switch already."""
    return any(isinstance(inner, ast.Name) and inner.id in (SWITCH, MODEL_FUNCTION) for inner in ast.walk(node))


def _has_switch(tree: ast.Module) -> bool:
    return any(
        isinstance(s, ast.Assign)
        and isinstance(s.targets[0], ast.Name)
        and s.targets[0].id == SWITCH
        and any(isinstance(n, ast.Constant) and n.value == SWITCH for n in ast.walk(s.value))
        for s in tree.body
    )


def _place_for_os(source: PythonSource, imports: Sequence[ast.Import | ast.ImportFrom]) -> Edit | None:
    """Return where `import os` goes: in its order among imports of the standard library, else before all others."""
    if not imports or not all(_begins_line(source, s) for s in imports):
        return None
    first = imports[0]
    if _module(first) not in sys.stdlib_module_names:
        return Edit(source.span(first)[0], source.span(first)[0], source.encode("import os\n\n"))
    group = [first]
    for statement in imports[1:]:
        if statement.lineno != (group[-1].end_lineno or group[-1].lineno) + 1:
            break
        group.append(statement)
    later = next((s for s in group if isinstance(s, ast.ImportFrom) or s.names[0].name > "os"), None)
    at = source.span(later)[0] if later is not None else source.line_start((group[-1].end_lineno or 0) + 1)
    return Edit(at, at, source.encode("import os\n"))


def _module(statement: ast.Import | ast.ImportFrom) -> str:
    name = (
        statement.names[0].name
        if isinstance(statement, ast.Import)
        else "." * statement.level + (statement.module or "")
    )
    return name.partition(".")[0]


def _definitions(
    source: PythonSource, move: Move, needs: frozenset[Need], bound: frozenset[str], models: Mapping[str, str]
) -> str:
    quote = source.quote
    new, old = f"{quote}{move.target.id}{quote}", f"{quote}{move.source.id}{quote}"
    lines = ""
    if needs & {"switch", "url", "models"} and SWITCH not in bound:
        lines += f"# {SWITCH} chooses who answers: {new}, or {old} as before.\n"
        lines += f"{SWITCH} = os.environ.get({quote}{SWITCH}{quote}, {new})\n"
    if "url" in needs and move.url_env not in bound:
        lines += f"{move.url_env} = {address(move, quote)}\n"
    if "models" in needs and MODEL_FUNCTION not in bound:
        rows = "".join(f"            {quote}{a}{quote}: {quote}{b}{quote},\n" for a, b in sorted(models.items()))
        lines += (
            f"\n\ndef {MODEL_FUNCTION}(name):\n"
            f'    """Return what the provider in use calls a model."""\n'
            f"    if {SWITCH} == {new}:\n"
            f"        return {{\n{rows}        }}.get(name, name)\n"
            f"    return name\n"
        )
    return lines


def address(move: Move, quote: str) -> str:
    """Return the expression for the target's address, which its variable may override."""
    return f"os.environ.get({quote}{move.url_env}{quote}, {quote}{move.base_url}{quote})"


def _layout(source: PythonSource, at: int, section: Sequence[ast.stmt], top: str, lines: str) -> str:
    """Set definitions off by blank lines from what stands before and behind."""
    data = source.document.data
    text = top
    behind = data[at:].decode(source.document.encoding)
    if lines:
        text += ("\n" if section or top else "") + lines
        blank = _BLANK.match(behind)
        missing = (2 if "def " in lines else 1) - len(re.findall(r"\r\n|\r|\n", blank[0] if blank else ""))
        if behind.strip():
            text += "\n" * max(missing, 0)
    if at and not data[:at].endswith((b"\n", b"\r")) and at > source.document.bom:
        text = "\n" + text.rstrip("\n")
    return text


def _leading(tree: ast.Module) -> list[ast.stmt]:
    """Return the statements that a file begins with: docstring, imports, and the loading of `.env`."""
    section: list[ast.stmt] = []
    for index, statement in enumerate(tree.body):
        doc = index == 0 and isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
        if not (doc or isinstance(statement, ast.Import | ast.ImportFrom) or _loads_env(statement)):
            break
        section.append(statement)
    return section


def _loads_env(statement: ast.stmt) -> bool:
    if not (isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call)):
        return False
    called = statement.value.func
    name = called.attr if isinstance(called, ast.Attribute) else called.id if isinstance(called, ast.Name) else ""
    return name == "load_dotenv"


def _after(source: PythonSource, section: Sequence[ast.stmt]) -> int:
    """Return where definitions go: behind the leading section, or before the line that it shares with code."""
    body = source.tree.body
    rest = body[len(section) :]
    if section:
        end_line = section[-1].end_lineno or section[-1].lineno
        if rest and rest[0].lineno == end_line:
            return source.line_start(min(s.lineno for s in body if (s.end_lineno or s.lineno) >= end_line))
        return source.line_start(end_line + 1)
    line = 1
    while source.line_text(line).startswith("#!") or ("coding" in source.line_text(line) and line <= 2):
        line += 1
    return source.line_start(line)


def _begins_line(source: PythonSource, statement: ast.stmt) -> bool:
    return source.span(statement)[0] == source.line_start(statement.lineno)


def _imports(statements: Sequence[ast.stmt], module: str) -> bool:
    return any(
        isinstance(s, ast.Import) and any(a.asname in (None, module) and a.name == module for a in s.names)
        for s in statements
    )


def _is_future(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.ImportFrom) and statement.module == "__future__"


def _bound_in(tree: ast.Module) -> frozenset[str]:
    """Return the names that the top level of a file binds."""
    names: set[str] = set()
    for statement in tree.body:
        match statement:
            case ast.Assign(targets=targets):
                names |= {t.id for t in targets if isinstance(t, ast.Name)}
            case ast.AnnAssign(target=ast.Name(id=name)) | ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                names.add(name)
            case ast.Import(names=aliases) | ast.ImportFrom(names=aliases):
                names |= {a.asname or a.name for a in aliases}
            case _:
                pass
    return frozenset(names)
