"""Reading a vendor's table of usage or money."""

from __future__ import annotations

import datetime as dt
import io
import zipfile
from typing import Any

import pytest

from llm_migrate.catalog.bill import Bill, BillShape
from llm_migrate.catalog.load import all_providers, find_provider
from llm_migrate.catalog.schema import Provider
from llm_migrate.errors import UsageError
from llm_migrate.ledger.bill import EVERY_MODEL, BillRead, Line, _find_head, read_bill

DAY = dt.date(2024, 7, 9)
COUNTED = {"day": "day", "model": "model", "input_tokens": "in", "output_tokens": "out"}


def shape(columns: dict[str, Any] | None = None, **more: Any) -> BillShape:
    return BillShape.model_validate({"columns": columns or COUNTED, **more})


def read(text: str | bytes, *shapes: BillShape, zone: str = "Asia/Shanghai") -> BillRead:
    raw = text if isinstance(text, bytes) else text.encode()
    return read_bill("bill.csv", raw, shapes or (shape(),), zone)


def one(text: str | bytes, *shapes: BillShape, zone: str = "Asia/Shanghai") -> Line:
    (line,) = read(text, *shapes, zone=zone).lines
    return line


def archive(**tables: str) -> bytes:
    """A ZIP file of tables in a folder, as export buttons give them out."""
    raw = io.BytesIO()
    with zipfile.ZipFile(raw, "w", zipfile.ZIP_DEFLATED) as file:
        for name, text in tables.items():
            file.writestr(f"usage/{name}.csv", text)
    return raw.getvalue()


def test_a_line_has_a_day_a_model_and_counts():
    """The named columns are read, others are left alone."""
    found = read("day,who,model,in,out\n2024-07-09,me,glm-4,1000,20\n")

    assert found == BillRead((Line("bill.csv:2", DAY, "glm-4", input_tokens=1000, output_tokens=20),), "Asia/Shanghai")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gbk", "utf-16"])
def test_chinese_columns_are_read_in_the_encodings_they_come_in(encoding: str):
    """UTF-8 with and without its mark, GBK and UTF-16 are found out."""
    columns = {"day": "消费日期", "model": "模型名称", "total_tokens": "用量", "money": "应付金额", "currency": "币种"}
    text = "消费日期,模型名称,用量,应付金额,币种\n2024年7月9日,通义千问,300,￥1.50,人民币\n"

    line = one(text.encode(encoding), shape(columns, models={"通义*": "qwen-plus"}))

    assert (line.day, line.model, line.total_tokens) == (DAY, "qwen-plus", 300)
    assert (line.money, line.currency) == (1_500_000_000, "CNY")


@pytest.mark.parametrize("mark", [",", ";", "\t", "|"])
def test_the_delimiter_is_found_out(mark: str):
    """What stands most often in the head divides the cells."""
    assert one(mark.join(COUNTED.values()) + "\n" + mark.join(["2024-07-09", "glm-4", "1", "2"])).output_tokens == 2


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("1234", 1234),
        ("1,234", 1234),
        ("12,345,678", 12_345_678),
        ("1，234", 1234),
        ("1 234", 1234),
        ("1\u00a0234", 1234),
        ("59200.0", 59_200),
        ("1.2E3", 1200),
        ("\t1234\t", 1234),
        ('="1234"', 1234),
    ],
)
def test_numbers_are_read_as_files_write_them(text: str, number: int):
    """Separators of thousands, a useless point, and what keeps spreadsheets from spoiling a number are understood."""
    quoted = text.replace('"', '""')
    assert one(f'day,model,in,out\n2024-07-09,glm-4,"{quoted}",0\n').input_tokens == number


@pytest.mark.parametrize("text", ["1,5", "1.234,56", "12,34", "1.5", "-3", "many", "0x10", "1e30", "NaN", "Infinity"])
def test_a_number_that_is_none_or_two_is_a_fault(text: str):
    """A decimal comma, half a token, a count below zero and words are not guessed at."""
    with pytest.raises(UsageError, match=r"bill\.csv: line 2: in: "):
        read(f'day,model,in,out\n2024-07-09,glm-4,"{text}",0\n')


@pytest.mark.parametrize(
    "text",
    [
        "2024-07-09",
        "2024/7/9",
        "20240709",
        "2024年7月9日",
        "2024-07-09 23:59:59",
        "2024-07-09T16:00:00Z ",
        "2024-07-09 9:05",
        "2024-07-09 00:00:00 GMT+08:00-2024-07-10",
        "2024-07-09 10:00 ~ 2024-07-09 11:00",
        "1720454400",
        "1720454400000",
    ],
)
def test_days_are_read_as_files_write_them(text: str):
    """ISO and Chinese days, instants with and without an offset, spans and Unix time all name a day."""
    zone = "UTC" if text.endswith("Z ") else "Asia/Shanghai"
    if "-2024-07-10" in text:
        text = text.replace("-2024-07-10", " - 2024-07-10")
    assert one(f"day,model,in,out\n{text},glm-4,1,1\n", zone=zone).day == DAY


def test_an_instant_belongs_to_the_day_of_the_files_zone():
    """An hour before midnight in London is the next day in Shanghai."""
    columns = {**COUNTED, "day": None, "instant": "day"}
    text = "day,model,in,out\n2024-07-08T23:00:00+00:00,glm-4,1,1\n"

    assert one(text, shape(columns), zone="Asia/Shanghai").day == DAY
    assert one(text, shape(columns, zone="UTC")).day == dt.date(2024, 7, 8)


@pytest.mark.parametrize("text", ["07/09/2024", "9 July", "2024-07", "2024-13-01", ""])
def test_a_day_that_cannot_be_told_is_a_fault(text: str):
    """Days that another country reads otherwise are not guessed at; the message says what helps."""
    with pytest.raises(UsageError, match=r"line 2: no day.*date_format"):
        read(f"day,model,in,out\n{text},glm-4,1,1\n")


def test_a_day_in_another_format_is_read_as_said():
    """`date_format` decides."""
    assert one("day,model,in,out\n09.07.24,glm-4,1,1\n", shape(date_format="%d.%m.%y")).day == DAY


def test_lines_of_one_kind_each_are_understood():
    """A file that names what a line counts is read by those names, and an unknown one is a fault."""
    columns = {"day": "day", "model": "model", "kind": "type", "amount": "amount"}
    kinds = {"hit": "input_tokens", "miss": "input_tokens", "out": "output_tokens", "n": "calls", "price": "none"}
    head = "day,model,type,amount\n"
    text = "".join(f"2024-07-09,glm-4,{kind},{i + 1}\n" for i, kind in enumerate(kinds))

    lines = read(head + text, shape(columns, kinds=kinds)).lines

    assert [line.input_tokens for line in lines] == [1, 2, None, None]
    assert (lines[2].output_tokens, lines[3].calls) == (3, 4)
    with pytest.raises(UsageError, match="nothing says what 'images' counts"):
        read(head + "2024-07-09,glm-4,images,1\n", shape(columns, kinds=kinds))


def test_thousands_of_tokens_are_made_tokens():
    """`per_tokens` says what the file counts in; calls are calls."""
    columns = {**COUNTED, "calls": "n"}
    line = one("day,model,in,out,n\n2024-07-09,glm-4,12.345,1,7\n", shape(columns, per_tokens=1000))
    assert (line.input_tokens, line.output_tokens, line.calls) == (12_345, 1000, 7)


def test_several_columns_are_added_up():
    """Cached and fresh input are both input."""
    columns = {"day": "day", "model": "model", "input_tokens": ["hit", "miss"], "output_tokens": "out"}
    assert one("day,model,hit,miss,out\n2024-07-09,glm-4,3,4,5\n", shape(columns)).input_tokens == 7


def test_only_the_lines_that_are_meant_count():
    """A bill of a whole cloud has lines of other products, which are left out."""
    text = "day,product,model,in,out\n2024-07-09,Disk,-,x,y\n2024-07-09,LLM chat,glm-4,1,2\n"
    assert one(text, shape(only={"product": "llm*"})).place == "bill.csv:3"


def test_what_stands_before_the_head_is_skipped():
    """Some files say their account and period first."""
    assert one("account,123\nperiod,2024-07\n\nday,model,in,out\n2024-07-09,glm-4,1,1\n").place == "bill.csv:5"


def test_a_line_that_counts_nothing_says_nothing():
    """Days without calls stand in some exports as empty lines."""
    assert read("day,model,in,out\n2024-07-08,,,\n\n2024-07-09,glm-4,1,\n").lines[0].output_tokens is None


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ("2024-07-09,glm-4,1", "3 cells where the head has 4"),
        ("2024-07-09,glm-4,1,234,5", "5 cells where the head has 4"),
        ("2024-07-09,,1,1", "model: empty"),
    ],
)
def test_a_line_of_another_length_is_a_fault(row: str, problem: str):
    """A comma too many would put every number into the wrong column."""
    with pytest.raises(UsageError, match=problem):
        read(f"day,model,in,out\n{row}\n")


def test_all_faults_are_named_with_their_lines():
    """Whoever mends a file sees every line at once, and is told that nothing was booked."""
    with pytest.raises(UsageError) as caught:
        read("day,model,in,out\n2024-07-09,glm-4,x,1\n2024-07-09,glm-4,1,1\nsoon,glm-4,1,1\n" + "a,b,c,d\n" * 30)

    lines = str(caught.value).splitlines()
    assert lines[0].startswith("bill.csv: line 2: in: ")
    assert lines[1].startswith("bill.csv: line 4: ")
    assert lines[-2:] == ["... and 12 more", "Nothing was booked."]


def test_a_cell_over_several_lines_counts_by_its_last():
    """Line numbers are those of the file, not of its records."""
    with pytest.raises(UsageError, match="line 4: in"):
        read('day,model,in,out,note\n2024-07-09,glm-4,1,1,"a\nb"\n2024-07-09,glm-4,x,1,c\n')


@pytest.mark.parametrize("said", ["EUR", ""])
def test_money_is_in_a_currency_that_is_known(said: str):
    """Money of an unknown currency is not taken for any other."""
    columns = {"day": "day", "money": "cost", "currency": "cur"}
    with pytest.raises(UsageError, match="CNY or USD"):
        read(f"day,cost,cur\n2024-07-09,1.00,{said}\n", shape(columns))


def test_what_is_given_back_is_less_money():
    """A refund is below zero, and a line without a model is of all of them."""
    line = one("day,cost\n2024-07-09,-0.000000001\n", shape({"day": "day", "money": "cost"}, currency="USD"))
    assert (line.money, line.currency, line.model) == (-1, "USD", EVERY_MODEL)


def test_the_missing_columns_are_named():
    """Of the known shapes, the nearest says what it lacks."""
    other = shape({"day": "date", "model": "name", "calls": "n", "request": "id"})
    with pytest.raises(UsageError, match=r"lacking: out$"):
        read("day,model,in\n2024-07-09,glm-4,1\n", other, shape())


@pytest.mark.parametrize(
    ("raw", "problem"),
    [
        (b"", "empty"),
        (b"PK\x03\x04 no more", "ZIP file that cannot be read"),
        (b"day,model,in,out\n\xff\xff", "UTF-8 or GB 18030"),
    ],
)
def test_a_file_that_is_no_table_says_so(raw: bytes, problem: str):
    """Wrong files end with a message, not with a trace."""
    with pytest.raises(UsageError, match=problem):
        read(raw)


def test_an_encoding_that_is_said_is_taken():
    """A file of one's own says its encoding, and a wrong name is told."""
    text = "day,model,in,out\n2024-07-09,modèle,1,1\n"
    assert one(text.encode("latin-1"), shape(encoding="latin-1")).model == "modèle"
    with pytest.raises(UsageError, match="no such encoding: latin-99"):
        read(text, shape(encoding="latin-99"))


def test_a_zip_file_without_tables_says_so():
    """A workbook is a ZIP file too: the message says what to do with it."""
    raw = io.BytesIO()
    with zipfile.ZipFile(raw, "w") as file:
        file.writestr("xl/workbook.xml", "<x/>")
    with pytest.raises(UsageError, match=r"no \.csv file.*save the sheet as CSV"):
        read(raw.getvalue())


def test_a_file_that_is_too_large_is_not_read(monkeypatch: pytest.MonkeyPatch):
    """Neither as it is nor by what a ZIP file says that it unpacks to."""
    monkeypatch.setattr("llm_migrate.ledger.bill._MOST_BYTES", 500)
    for raw in (b"a" * 501, archive(a="0" * 501)):
        with pytest.raises(UsageError, match="export a shorter time"):
            read(raw)


def test_a_table_that_breaks_off_says_where():
    """A cell without an end is told with its file and line, as is a column that is not there."""
    with pytest.raises(UsageError, match=r"bill\.csv: line \d+: no table"):
        read('day,model,in,out\n2024-07-09,"' + "x" * 200_000)
    with pytest.raises(UsageError, match="line 2: product: no such column"):
        read("day,model,in,out\n2024-07-09,glm-4,1,1\n", shape(only={"product": "*"}))


def test_the_first_glob_that_fits_names_the_model():
    """Names that none fits stay as they are."""
    text = "day,model,in,out\n2024-07-09,GLM-4,1,1\n2024-07-09,other,1,1\n"
    lines = read(text, shape(models={"x*": "x", "glm-4*": "glm-4"})).lines
    assert [line.model for line in lines] == ["glm-4", "other"]


@pytest.mark.parametrize(
    ("columns", "more", "problem"),
    [
        ({"day": "d", "instant": "i", "calls": "n"}, {}, "either day or instant"),
        ({"calls": "n"}, {}, "either day or instant"),
        ({"day": "d", "kind": "k"}, {}, "kind and amount go together"),
        ({"day": "d"}, {}, "nothing is counted"),
        ({"day": "d", "money": "m"}, {}, "money needs its currency"),
        ({"day": "d", "kind": "k", "amount": "a"}, {}, "kinds says what"),
        ({"day": "d", "calls": "n"}, {"kinds": {"x": "calls"}}, "kinds says what"),
    ],
)
def test_a_shape_that_cannot_be_is_refused(columns: dict[str, str], more: dict[str, Any], problem: str):
    """Facts and mappings are checked when they are read."""
    with pytest.raises(ValueError, match=problem):
        shape(columns, **more)


AMOUNT = "user_id,start_time_iso,end_time_iso,model,api_key_name,api_key,type,price,amount\n"
COST = "user_id,start_time_iso,end_time_iso,model,wallet_type,cost,currency\n"
SPAN = "2026-08-17T00:00:00+08:00,2026-08-18T00:00:00+08:00"


def test_an_export_in_two_tables_is_read_as_one():
    """Tokens of one table and money of the other come from one ZIP file, in days of the vendor."""
    provider = find_provider("deepseek")
    amounts = {"input_cache_miss_tokens": 10_787, "input_cache_hit_tokens": 128, "output_tokens": 50}
    rows = "".join(f"u,{SPAN},deepseek-v4-flash,k,sk-***,{kind},0.000001,{n}\n" for kind, n in amounts.items())
    rows += f"u,{SPAN},deepseek-v4-flash,k,sk-***,request_count,,3\n"
    cost = f"u,{SPAN},deepseek-v4-flash,Paid,0.0161805,CNY\n"

    found = read_bill("x.zip", archive(amount="\ufeff" + AMOUNT + rows, cost=COST + cost), provider.bills, "UTC")

    assert {line.day for line in found.lines} == {dt.date(2026, 8, 16)}  # the zone is the caller's to say
    found = read_bill("x.zip", archive(amount=AMOUNT + rows, cost=COST + cost), provider.bills, provider.zone or "")
    assert {line.day for line in found.lines} == {dt.date(2026, 8, 17)}
    assert sum(line.input_tokens or 0 for line in found.lines) == 10_915
    assert [line.calls for line in found.lines if line.calls] == [3]
    assert [line.money for line in found.lines if line.money] == [16_180_500]


def test_an_older_export_has_days_of_utc():
    """The shape that names UTC decides over the vendor's own zone; two zones in one file are refused."""
    provider = find_provider("deepseek")
    old = "user_id,utc_date,model,wallet_type,cost,currency\nu,2026-05-01,deepseek-v4-pro,Paid,0.25,CNY\n"

    found = read_bill("x.csv", old.encode(), provider.bills, "Asia/Shanghai")

    assert (found.zone, found.lines[0].day) == ("UTC", dt.date(2026, 5, 1))
    cost = f"u,{SPAN},deepseek-v4-flash,Paid,0.01,CNY\n"
    with pytest.raises(UsageError, match="different zones"):
        read_bill("x.zip", archive(a=old, b=COST + cost), provider.bills, "Asia/Shanghai")


def test_an_export_with_days_without_calls_is_read():
    """Floats for counts, and lines that are empty behind their day."""
    provider = find_provider("openai")
    head = "start_time,end_time,start_time_iso,project_id,num_model_requests,model,input_tokens,output_tokens\n"
    rows = "1759622400,1759708800,2025-10-05T00:00:00+00:00,p,10.0,gpt-4o-2024-08-06,59200.0,10646.0\n"

    found = read_bill("u.csv", (head + rows + "1759881600,1759968000,x,,,,,\n").encode(), provider.bills, "UTC")

    (line,) = found.lines
    assert (line.day, line.model) == (dt.date(2025, 10, 5), "gpt-4o-2024-08-06")
    assert (line.input_tokens, line.output_tokens, line.calls) == (59_200, 10_646, 10)


@pytest.mark.parametrize(
    ("provider", "bill"), [(provider, bill) for provider in all_providers() for bill in provider.bills]
)
def test_each_known_file_is_taken_for_what_it_is(provider: Provider, bill: Bill):
    """Of a vendor's shapes, the first that fits a file with the columns of one is that one, in any order of columns."""
    head = ",".join(sorted(bill.columns.named()))

    shape, _, _ = _find_head("f", f"{head}\n".encode(), provider.bills)

    assert shape.id == bill.id  # type: ignore[attr-defined]
