"""How a vendor's usage or bill is written as a table: facts for `budget reconcile`, or a user's own mapping file."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Literal, TypeAlias, cast

from pydantic import BeforeValidator, Field, model_validator

from llm_migrate.catalog.strict import Strict

Counted: TypeAlias = Literal["input_tokens", "output_tokens", "total_tokens", "calls", "money", "none"]


def _listed(value: object) -> object:
    return (value,) if isinstance(value, str) else value


Names: TypeAlias = Annotated[tuple[str, ...], BeforeValidator(_listed)]


class BillColumns(Strict):
    """Names of columns, as the file's head spells them. Counts of several columns are added up.

    A file with one line for each thing that is counted has `kind`, which says what the line counts, and `amount`.
    """

    day: str | None = None
    instant: str | None = None  # in place of a day
    model: str | None = None  # absent: lines are of all models together
    request: str | None = None
    input_tokens: Names = ()
    output_tokens: Names = ()
    total_tokens: Names = ()
    calls: Names = ()
    money: Names = ()
    currency: str | None = None
    kind: str | None = None
    amount: str | None = None

    def named(self) -> set[str]:
        """Return all columns that a file must have."""
        single = (self.day, self.instant, self.model, self.request, self.currency, self.kind, self.amount)
        several = (self.input_tokens, self.output_tokens, self.total_tokens, self.calls, self.money)
        return {name for name in single if name} | {name for names in several for name in names}

    @model_validator(mode="after")
    def _whole(self) -> BillColumns:
        if (self.day is None) == (self.instant is None):
            raise ValueError("either day or instant says when")
        if (self.kind is None) != (self.amount is None):
            raise ValueError("kind and amount go together")
        if not (self.amount or self.input_tokens or self.total_tokens or self.calls or self.money):
            raise ValueError("nothing is counted: name a column of tokens, calls or money")
        return self


class BillShape(Strict):
    """A table of usage or money.

    What is not said of numbers and dates is found out: UTF-8 or GB 18030, comma, semicolon or tab, ISO dates or
    Chinese ones, Unix seconds or milliseconds.

    `kinds`: what the column `kind` says -> what that counts; a word that is not there is a fault. `only`: column ->
    globs, one of which its value must match, or the line counts nothing. `models`: glob of the file's names -> the id
    that programs ask the vendor for. `per_tokens`: how many tokens one of the file is: 1000 for thousands. `zone`:
    whose days; the provider's by default. `currency`: where no column says it. `date_format`: as for strptime.
    """

    columns: BillColumns
    kinds: dict[str, Counted] = Field(default_factory=dict[str, Counted])
    only: dict[str, Names] = Field(default_factory=dict[str, Names])
    models: dict[str, str] = Field(default_factory=dict[str, str])
    currency: Literal["CNY", "USD"] | None = None
    per_tokens: Annotated[int, Field(ge=1)] = 1
    zone: str | None = None
    date_format: str | None = None
    encoding: str | None = None
    delimiter: str | None = None

    @model_validator(mode="after")
    def _whole(self) -> BillShape:
        counts_money = bool(self.columns.money) or "money" in self.kinds.values()
        if counts_money and self.currency is None and self.columns.currency is None:
            raise ValueError("money needs its currency: a column, or  currency = ...")
        if (self.columns.kind is not None) != bool(self.kinds):
            raise ValueError("kinds says what each word of the column kind counts")
        return self


class Bill(BillShape):
    """A table that a vendor's site gives out."""

    id: str
    name: str
    note: str = ""
    source: str
    checked: dt.date


class MappingFile(BillShape):
    """A user's own file that says how a table is to be read."""

    provider: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _has_columns(cls, table: object) -> object:
        """Say what to write to somebody who begins with the columns at the top."""
        tables = cast("dict[str, object]", table)  # of a TOML file, so it is one
        if "columns" not in tables:
            raise ValueError("[columns] is lacking: the names of the file's columns")
        return tables
