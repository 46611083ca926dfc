"""Plan a small tree from its files, as the command line does."""

from llm_migrate.rewrite.plan import make_plan
from llm_migrate.rewrite.target import parse_move
from llm_migrate.scan.scan import scan

CLIENT = "from openai import OpenAI\n\nclient = OpenAI()\n"


def plan(folder, files, *, to="zhipu", replace=False, pairs=(), unsafe=False, only=()):
    """Write files (name -> text or bytes) and plan their move."""
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data.encode() if isinstance(data, str) else data)
    move = parse_move(to, replace=replace, pairs=pairs)
    return make_plan(scan([folder]), move, unsafe=unsafe, only=only)


def after(found, name):
    """Return a file's text after the move; None if it would not change."""
    return next((change.new.decode() for change in found.changes if change.path == name), None)


def reasons(found):
    """Return (file, line, reason) of what is left for a person."""
    return [(place.file, place.line, place.reason) for place in found.by_hand]
