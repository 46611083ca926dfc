"""Run the command line in this process and look at what a person would see."""

import contextlib
import io
import os
from dataclasses import dataclass

from llm_migrate.cli.main import main

PROGRAM = (
    'from openai import OpenAI\n\nclient = OpenAI()\nr = client.chat.completions.create(model="gpt-4o", messages=[])\n'
)


@dataclass
class Ran:
    """Exit code and both streams of a command."""

    code: int
    out: str
    err: str


def run(folder, *words):
    """Run `llm-migrate` with some words in a folder."""
    out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True, newline="") for _ in range(2))
    before, code = os.getcwd(), 0
    os.chdir(folder)
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            main([str(word) for word in words])
    except SystemExit as e:
        code = int(e.code or 0)
    finally:
        os.chdir(before)
    return Ran(code, *(stream.buffer.getvalue().decode() for stream in (out, err)))  # type: ignore[attr-defined]
