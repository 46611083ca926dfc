from __future__ import annotations

import pytest

from llm_migrate.report.first_steps import first_steps
from llm_migrate.report.scan_text import scan_to_text
from tests.scan.scanning import scan_tree

PROGRAM = """import openai
client = openai.OpenAI()
client.beta.threads.create()
client.beta.threads.create()
client.chat.completions.create(model="gpt-3.5-turbo-0301", messages=m)
"""


def report(tmp_path, files, *, terminal=False, **options):
    return scan_to_text(scan_tree(tmp_path, files, **options), terminal=terminal)


def test_places_are_grouped_by_file_with_their_verdict(tmp_path):
    """A file's name stands over its places; each has place, kind, text and verdict on one line."""
    lines = report(tmp_path, {"b.py": PROGRAM}, targets=["zhipu"]).splitlines()

    at = lines.index("b.py")
    assert lines[at + 1].split() == ["1:1", "sdk-import", "import", "openai", "as-is"]
    assert lines[at + 3].split()[:3] == ["3:1", "api-call", "client.beta.threads.create()"]
    assert lines[at + 3].endswith("blocked")


def test_a_reason_is_given_once_a_file(tmp_path):
    """A second place with the same reasons points to the first."""
    text = report(tmp_path, {"b.py": PROGRAM}, targets=["zhipu"])

    assert text.count("does not offer the assistants API") == 1
    assert "└ as line 3" in text


def test_long_runs_are_shortened(tmp_path):
    """Of many neighbours that say the same only the ends are printed; the count says how many there are."""
    models = "MODELS = [\n" + "".join(f"    'gpt-4-{n:04}',\n" for n in range(20)) + "]\n"

    text = report(tmp_path, {"m.py": models})

    assert "… 18 more of model, lines 3 to 20" in text
    assert "gpt-4-0010" not in text


def test_the_summary_counts_kinds_by_verdict(tmp_path):
    """The table has a row for each kind, a column for each verdict, and a sum."""
    lines = report(tmp_path, {"b.py": PROGRAM}, targets=["zhipu"]).splitlines()

    at = lines.index("Summary")
    assert lines[at + 1].split() == ["zhipu", "as-is", "adapted", "lossy", "blocked"]
    rows = {row[0]: row[1:] for row in (line.split() for line in lines[at:]) if row}
    assert rows["api-call"] == ["·", "1", "·", "2"]
    assert rows["all"] == ["1", "3", "·", "2"]


def test_the_first_steps_come_in_order_of_harm(tmp_path):
    """Leaked keys come before dead models, dead models before blocked calls, each with its places."""
    key = "sk-" + "CANARY" * 5
    files = {"a.py": PROGRAM, "k.py": f"import openai\nopenai.api_key = '{key}'\n"}

    steps = first_steps(scan_tree(tmp_path, files, targets=["zhipu"]))

    assert [step.what.split()[0] for step in steps] == ["Revoke", "Replace", "Rework"]
    assert [step.where for step in steps] == ["k.py:2", "a.py:5", "a.py:3, a.py:4"]


def test_old_sdk_calls_are_a_first_step(tmp_path):
    """Calls of the SDK before 1.0 must be moved before anything else can be."""
    files = {"a.py": "import openai\nopenai.ChatCompletion.create(model='gpt-4o', messages=m)\n"}

    assert first_steps(scan_tree(tmp_path, files, targets=["zhipu"]))[0].what.startswith("Move 1 call")


def test_without_a_target_the_next_step_is_to_name_one(tmp_path):
    """A scan without --to says how to learn more."""
    assert "--to PROVIDER" in report(tmp_path, {"a.py": "import openai\n"})


def test_nothing_found_is_said_in_one_line(tmp_path):
    """An empty result is one sentence."""
    assert report(tmp_path, {"a.py": "x = 1\n"}) == "No dependency on an LLM provider found in 1 file.\n"


def test_skipped_files_are_listed_with_their_reason(tmp_path):
    """What was not scanned is said at the end."""
    assert "nul.py  holds NUL bytes: not a text" in report(tmp_path, {"nul.py": b"openai\0"})


def test_a_pipe_gets_no_colours_and_a_terminal_does(tmp_path, monkeypatch):
    """Plain text in a pipe, colours on a terminal, none with NO_COLOR; the words are the same."""
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    files = {"a.py": "import openai\n"}

    assert "\x1b[" not in report(tmp_path, files)
    assert "\x1b[35m" in report(tmp_path, files, terminal=True)
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[35m" not in report(tmp_path, files, terminal=True)


@pytest.mark.parametrize("terminal", [True, False])
def test_escape_sequences_of_the_source_do_not_reach_the_terminal(tmp_path, terminal):
    """A name or a literal of a stranger cannot drive the reader's terminal."""
    text = report(tmp_path, {"a\x1b[31m.py": "m = dict(model='gpt-4\x1b]0;pwned\x07')\n"}, terminal=terminal)

    assert "\x1b[31m" not in text
    assert "\x07" not in text


def test_ignored_files_are_marked(tmp_path):
    """Findings of a file that git ignores say so."""
    text = report(tmp_path, {".gitignore": ".env\n", ".env": "OPENAI_API_KEY=x\n"})

    assert ".env  (ignored by git)" in text


def test_what_messages_hold_at_run_time_is_said_once(tmp_path):
    """Arguments that are filled at run time widen no line's verdict; one line below the summary counts such calls."""
    program = (
        "import openai\nclient = openai.OpenAI()\n"
        'client.chat.completions.create(model="gpt-4o", messages=history)\n'
        'client.chat.completions.create(model="gpt-4o", messages=history, temperature=heat)\n'
    )

    lines = report(tmp_path, {"a.py": program}, targets=["zhipu"]).splitlines()

    verdicts = [line.split()[-1] for line in lines if "api-call" in line][:2]
    assert verdicts == ["adapted", "adapted–lossy"]
    assert sum("Not counted: 2 calls with arguments filled at run time" in line for line in lines) == 1
