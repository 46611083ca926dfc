"""Read a vendor's usage or bill out of a table: lines with a day, a model, tokens, calls and money.

Nothing is guessed that changes an amount: a number or a day that can be read in two ways is a fault, and one fault
spoils the whole file, so that half a file is never booked.
"""

from __future__ import annotations

import codecs
import csv
import datetime as dt
import io
import re
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fnmatch import fnmatchcase
from typing import Final

from llm_migrate.catalog.bill import BillShape, Counted
from llm_migrate.config.budgets import NANO
from llm_migrate.errors import UsageError
from llm_migrate.ledger.zone import load_zone

EVERY_MODEL: Final = "*"  # of lines that are of all models together

_MOST_BYTES: Final = 256 * 1024 * 1024
_MOST_FAULTS: Final = 20
_HEAD_WITHIN: Final = 50  # lines: some files say their period and account first
_SAMPLE: Final = 64 * 1024
_BOMS: Final = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_CURRENCIES: Final = {"RMB": "CNY", "人民币": "CNY", "元": "CNY", "¥": "CNY", "￥": "CNY", "美元": "USD", "$": "USD"}
_GROUPED: Final = re.compile(r"[+-]?\d{1,3}([,，' \u00a0\u202f]\d{3})+(\.\d+)?")
_PLAIN: Final = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?")
_SEPARATORS: Final = re.compile(r"[,，' \u00a0\u202f]")
_DAY: Final = re.compile(r"(\d{4})[-/.年](\d{1,2})[-/.月](\d{1,2})日?(?:[T ]*(.*))?")
_BLANKS: Final = frozenset({"", "-", "--", "N/A", "n/a", "null", "NULL", "None"})


@dataclass(frozen=True, slots=True)
class Line:
    """What one line of a file says; None for what it does not.

    Attributes:
        place: file and number of the line.
        day: in the zone of the file.
        model: the id that programs ask the vendor for; `EVERY_MODEL` where the file has none.
        request: id of one call; "" if the line is of several.
        input_tokens: count.
        output_tokens: count.
        total_tokens: count.
        calls: count.
        money: billionths of the currency; below zero for what is given back.
        currency: of the money.
    """

    place: str
    day: dt.date
    model: str
    request: str = ""
    input_tokens: int | None = None
    output_tokens: int | None = None
    total_tokens: int | None = None
    calls: int | None = None
    money: int | None = None
    currency: str | None = None


@dataclass(frozen=True, slots=True)
class BillRead:
    """A file that was read.

    Attributes:
        lines: those that count something.
        zone: whose days they have.
    """

    lines: tuple[Line, ...]
    zone: str


class _FaultError(Exception):
    """A line cannot be read as it stands."""


def read_bill(name: str, raw: bytes, shapes: Sequence[BillShape], usual_zone: str) -> BillRead:
    """Return what a file says; of a ZIP file, what all the tables in it say.

    Args:
        name: of the file, for messages.
        raw: its bytes.
        shapes: how it may be written; the first is taken whose columns it has.
        usual_zone: whose days it has, unless the shape says so.

    Raises:
        UsageError: it is none of these, or lines in it cannot be read; names each of them.
        ConfigError: no such zone.
    """
    lines: list[Line] = []
    faults: list[str] = []
    zones: set[str] = set()
    for member, content in _tables(name, raw):
        shape, head, rows = _find_head(member, content, shapes)
        zones.add(shape.zone or usual_zone)
        _read_rows(member, shape, head, rows, usual_zone, lines, faults)
    if faults:
        more = f"\n... and {len(faults) - _MOST_FAULTS} more" if len(faults) > _MOST_FAULTS else ""
        raise UsageError("\n".join(faults[:_MOST_FAULTS]) + more + "\nNothing was booked.")
    if len(zones) != 1:
        raise UsageError(f"{name}: its tables have days of different zones: take them one by one")
    return BillRead(tuple(lines), zones.pop())


def _tables(name: str, raw: bytes) -> Iterator[tuple[str, bytes]]:
    """Return the tables in a file, by name."""
    if len(raw) > _MOST_BYTES:
        raise UsageError(f"{name}: larger than {_MOST_BYTES >> 20} MiB: export a shorter time")
    if not raw.startswith(b"PK\x03\x04"):
        yield name, raw
        return
    try:
        with zipfile.ZipFile(io.BytesIO(raw)) as archive:
            members = [item for item in archive.infolist() if item.filename.lower().endswith((".csv", ".tsv", ".txt"))]
            if sum(item.file_size for item in members) > _MOST_BYTES:
                raise UsageError(f"{name}: larger than {_MOST_BYTES >> 20} MiB: export a shorter time")
            tables = [(item.filename.rpartition("/")[2], archive.read(item)) for item in members]
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, OSError, ValueError) as e:
        raise UsageError(f"{name}: a ZIP file that cannot be read: {e}") from None
    if not tables:
        raise UsageError(f"{name}: no .csv file in it; of a workbook, save the sheet as CSV first")
    yield from tables


def _find_head(
    name: str, raw: bytes, shapes: Sequence[BillShape]
) -> tuple[BillShape, list[str], Iterator[tuple[int, list[str]]]]:
    """Return the shape whose columns a table has, its head, and its rows with the numbers of their lines."""
    best: tuple[int, list[str], BillShape] | None = None
    for shape in shapes:
        text = _decode(name, raw, shape.encoding)
        rows = _rows(name, text, shape.delimiter or _delimiter(text))
        for _, row in zip(range(_HEAD_WITHIN), rows, strict=False):
            head = [cell.strip().strip("\ufeff") for cell in row[1]]
            lacking = sorted(shape.columns.named() - set(head))
            if not lacking:
                return shape, head, rows
            if best is None or len(lacking) < best[0]:
                best = len(lacking), lacking, shape
    if best is None:
        raise UsageError(f"{name}: empty, or nothing says how it is written: give a --mapping")
    lacking = best[1]
    raise UsageError(f"{name}: no line has the columns that are looked for; lacking: {', '.join(lacking)}")


def _decode(name: str, raw: bytes, encoding: str | None) -> str:
    marked = next((found for bom, found in _BOMS if raw.startswith(bom)), None)
    for tried in (marked or encoding,) if marked or encoding else ("utf-8", "gb18030"):
        try:
            return raw.decode(tried or "utf-8")
        except LookupError:
            raise UsageError(f"{name}: no such encoding: {tried}") from None
        except UnicodeDecodeError:
            continue
    raise UsageError(f"{name}: not in {encoding or marked or 'UTF-8 or GB 18030'}: say  encoding = ...  in a mapping")


def _delimiter(text: str) -> str:
    """Return what stands most often in the fullest line at the beginning."""
    lines = text[:_SAMPLE].splitlines()[:_HEAD_WITHIN]
    return max(",\t;|", key=lambda mark: max((line.count(mark) for line in lines), default=0))


def _rows(name: str, text: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    try:
        for row in reader:
            yield reader.line_num, row
    except csv.Error as e:
        raise UsageError(f"{name}: line {reader.line_num}: no table: {e}") from None


def _read_rows(
    name: str,
    shape: BillShape,
    head: list[str],
    rows: Iterator[tuple[int, list[str]]],
    usual_zone: str,
    lines: list[Line],
    faults: list[str],
) -> None:
    for number, cells in rows:
        if not any(cell.strip() for cell in cells):
            continue
        row = dict(zip(head, (_clean(cell) for cell in cells), strict=False))
        try:
            if not shape.columns.named() <= row.keys() or any(cell.strip() for cell in cells[len(head) :]):
                raise _FaultError(f"{len(cells)} cells where the head has {len(head)}")
            line = _line(f"{name}:{number}", shape, row, usual_zone)
        except _FaultError as e:
            faults.append(f"{name}: line {number}: {e}")
            continue
        if line is not None:
            lines.append(line)


def _clean(cell: str) -> str:
    """Return a cell as it is meant: exports put tabs or quotes around what a spreadsheet would spoil."""
    return cell.strip().strip("`'\t ").removeprefix("=").strip('"').strip()


def _line(place: str, shape: BillShape, row: Mapping[str, str], usual_zone: str) -> Line | None:
    columns = shape.columns
    if not _counts(shape, row):
        return None
    amounts = _amounts(shape, row)
    if all(amount is None for amount in amounts.values()):
        return None
    currency: str | None = shape.currency
    if amounts["money"] is not None and columns.currency:
        currency = _currency(columns.currency, row[columns.currency])
    model = EVERY_MODEL
    if columns.model:
        model = _model(shape, row[columns.model])
        if not model:
            raise _FaultError(f"{columns.model}: empty, but something is counted")
    return Line(
        place,
        _day(row[columns.day or columns.instant or ""], shape, usual_zone),
        model,
        row[columns.request] if columns.request else "",
        amounts["input_tokens"],
        amounts["output_tokens"],
        amounts["total_tokens"],
        amounts["calls"],
        amounts["money"],
        currency if amounts["money"] is not None else None,
    )


def _currency(column: str, said: str) -> str:
    found = _CURRENCIES.get(said.upper(), said.upper())
    if found not in ("CNY", "USD"):
        raise _FaultError(f"{column}: CNY or USD is expected, not {said[:20]!r}")
    return found


def _counts(shape: BillShape, row: Mapping[str, str]) -> bool:
    """Say whether a line is one of those that are meant."""
    for column, globs in shape.only.items():
        value = row.get(column)
        if value is None:
            raise _FaultError(f"{column}: no such column")
        if not any(fnmatchcase(value.lower(), glob.lower()) for glob in globs):
            return False
    return True


def _amounts(shape: BillShape, row: Mapping[str, str]) -> dict[Counted, int | None]:
    columns = shape.columns
    found: dict[Counted, int | None] = dict.fromkeys(
        ("input_tokens", "output_tokens", "total_tokens", "calls", "money")
    )
    named: dict[Counted, tuple[str, ...]] = {
        "input_tokens": columns.input_tokens,
        "output_tokens": columns.output_tokens,
        "total_tokens": columns.total_tokens,
        "calls": columns.calls,
        "money": columns.money,
    }
    if columns.kind and columns.amount:
        counted = shape.kinds.get(row[columns.kind])
        if counted is None:
            raise _FaultError(f"{columns.kind}: nothing says what {row[columns.kind][:40]!r} counts")
        if counted != "none":
            named[counted] = (*named[counted], columns.amount)
    for counted, names in named.items():
        amounts = [_amount(name, row[name], counted, shape.per_tokens) for name in names]
        said = [amount for amount in amounts if amount is not None]
        found[counted] = sum(said) if said else None
    return found


def _amount(column: str, text: str, counted: Counted, per_tokens: int) -> int | None:
    """Return a number in units; None for an empty cell."""
    if text in _BLANKS:
        return None
    number = text.removesuffix("元").lstrip("¥￥$").strip()
    if _GROUPED.fullmatch(number):
        number = _SEPARATORS.sub("", number)
    elif not _PLAIN.fullmatch(number):
        raise _FaultError(f"{column}: no number, or one that can be read in two ways: {text[:40]!r}")
    value = Decimal(number)
    if value.adjusted() > 18:
        raise _FaultError(f"{column}: too large: {text[:40]!r}")
    if counted == "money":
        return round(value * NANO)
    value *= per_tokens if counted != "calls" else 1
    if value < 0 or (value != value.to_integral_value() and per_tokens == 1):
        raise _FaultError(f"{column}: a count is a whole number, not {text[:40]!r}")
    return round(value)


def _model(shape: BillShape, name: str) -> str:
    for glob, model in shape.models.items():
        if fnmatchcase(name.lower(), glob.lower()):
            return model
    return name


def _day(text: str, shape: BillShape, usual_zone: str) -> dt.date:
    """Return the day of a line; that of an instant with an offset in the zone of the file."""
    zone = load_zone(shape.zone or usual_zone)
    try:
        if shape.date_format:
            moment = dt.datetime.strptime(text, shape.date_format)
        elif text.isdecimal() and len(text) in (10, 13):
            return dt.datetime.fromtimestamp(int(text[:10]), zone).date()
        elif text.isdecimal() and len(text) == 8:
            return dt.date(int(text[:4]), int(text[4:6]), int(text[6:]))
        else:
            moment = _moment(text)
    except (ValueError, OverflowError, OSError):
        raise _FaultError(f"no day: {text[:40]!r}; say  date_format = ...  in a mapping") from None
    return moment.date() if moment.tzinfo is None else moment.astimezone(zone).date()


def _moment(text: str) -> dt.datetime:
    found = _DAY.fullmatch(text)
    if found is None:
        raise ValueError(text)
    year, month, day, clock = found.groups()
    stamp = f"{year}-{month:0>2}-{day:0>2}"
    # A span of time begins with the instant that counts.
    begin = re.split(r"\s*[~至]\s*|\s+-\s+", clock or "")[0]
    begin = begin if ":" not in begin[:2] else f"0{begin}"
    begin = re.sub(r"(UTC|GMT)(?=[+-])", "", re.sub(r"(UTC|GMT)$", "Z", begin)).replace(" ", "")
    return dt.datetime.fromisoformat(f"{stamp}T{begin}" if begin else stamp)
