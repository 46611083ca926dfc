from __future__ import annotations

import pytest

from llm_migrate.scan.language import language_of, language_of_script


@pytest.mark.parametrize(
    ("path", "language"),
    [
        ("a/b.py", "python"),
        ("a.mts", "typescript"),
        ("A.TSX", "tsx"),
        (".env", "env"),
        (".env.local", "env"),
        ("prod.env", "env"),
        ("app.env.example", "env"),
        ("dev-requirements.txt", "requirements"),
        ("requirements/base.txt", "requirements"),
        ("notes.txt", "text"),
        ("Dockerfile", "dockerfile"),
        ("api.Dockerfile", "dockerfile"),
        ("config.yaml.example", "yaml"),
        ("settings.json.sample", "json"),
        ("config.py.example", "python"),
        ("Pipfile", "toml"),
        ("run", ""),
        ("x.png", None),
        (".DS_Store", None),
    ],
)
def test_a_name_tells_the_language(path, language):
    """Extensions, well-known names and example suffixes are understood."""
    assert language_of(path) == language


def test_a_first_line_tells_the_language():
    """`#!` lines name the interpreter, others say nothing."""
    assert language_of_script("#!/usr/bin/env -S node --x") == "javascript"
    assert language_of_script("#!/bin/sh") == "bash"
    assert language_of_script("hello") is None
