"""What is said of a file that was held against the books."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import replace

from llm_migrate.config.budgets import NANO, Budget
from llm_migrate.ledger.bill import EVERY_MODEL
from llm_migrate.ledger.books import Adjust, Conflict, Done, Settle, WriteOff
from llm_migrate.ledger.reconcile import Drift, Reconciliation
from llm_migrate.report.reconcile import Reconciled, reconcile_to_json, reconcile_to_text

DAY = dt.date(2024, 7, 9)
DRIFT = Drift(DAY, "glm-4", "tokens", None, 900, 1000, 0, "compared", alarm=True)
SAID = Reconciled(
    "账单.csv",
    Reconciliation(
        (
            DRIFT,
            Drift(DAY, EVERY_MODEL, "money", "CNY", 3 * NANO, None, 2, "open", alarm=False),
            Drift(DAY, "new", "tokens", None, 5, 0, 0, "compared", alarm=True),
        ),
        (
            Adjust("gift", 0, 100, "bill 2024-07-09 glm-4 #0123456789abcdef", 1),
            Settle("call-1", 2, 70, 1, "bill"),
            WriteOff("call-2", 1, 1),
        ),
        1,
        "Asia/Shanghai",
    ),
    (Done(True), Conflict("settled already, at 3"), Done(True)),
    {"gift": Budget("gift", "t", "p", (), "tokens", 1000)},
    False,
)


def test_everything_that_was_booked_is_said():
    """Each operation in words, and what the books refused."""
    text = reconcile_to_text(SAID, 100, colour=False)

    assert "账单.csv against the books, days of Asia/Shanghai" in text
    assert "1 calls were found by their id." in text
    assert "adjust gift: +100 tokens, as bill 2024-07-09 glm-4 #0123456789abcdef" in text
    assert "settle call call-1, attempt 2, by the bill  (refused by the books: settled already, at 3)" in text
    assert "write off call call-2, attempt 1" in text
    assert "2 days and models differ by more than 2 %." in text


def test_the_table_is_in_columns():
    """Amounts stand right, a difference without a percentage has none, and reasons stand behind."""
    lines = reconcile_to_text(SAID, 100, colour=False).splitlines()

    assert lines[3] == "  2024-07-09  glm-4       900 tokens  1,000 tokens  -100 tokens  -10.0 %  ALARM"
    assert lines[4] == "  2024-07-09  all models       3 CNY             -                     -  calls have not ended"
    assert lines[5] == "  2024-07-09  new           5 tokens      0 tokens             +5 tokens  ALARM"


def test_names_out_of_a_file_do_not_act_upon_the_terminal():
    """What would move a cursor is shown as a question mark."""
    drift = replace(DRIFT, model="glm\x1b[2J")
    text = reconcile_to_text(
        replace(SAID, found=replace(SAID.found, drifts=(drift,), operations=()), outcomes=()), 80, colour=True
    )

    assert "glm?[2J" in text
    assert "\x1b[1;31m" in text
    assert "Nothing is to be booked." in text


def test_agreement_is_said():
    """Without an alarm the last line says so."""
    quiet = replace(SAID, found=replace(SAID.found, drifts=(replace(DRIFT, alarm=False),), operations=()), outcomes=())
    assert reconcile_to_text(quiet, 80, colour=False).endswith("within 2 %, where they can be compared.\n")


def test_the_document_has_each_operation():
    """With what the books refused; None for all models."""
    body = json.loads(reconcile_to_json(SAID))

    assert [row["model"] for row in body["drift"]] == ["glm-4", None, "new"]
    assert [row["percent"] for row in body["drift"]] == [-10.0, None, None]
    assert [(row["do"], row["refused"]) for row in body["operations"]] == [
        ("adjust", None),
        ("settle", "settled already, at 3"),
        ("write-off", None),
    ]
    assert body["operations"][1]["amount"] == 70
