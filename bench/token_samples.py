"""Texts to fit and to test token counts on: sentences, code and Markdown of bench/data; JSON, logs and such, made up.

Every kind has two halves that share no sentence. What is drawn depends on nothing but the seed.
"""

from __future__ import annotations

import hashlib
import json
import random
import string
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

DATA = Path(__file__).with_name("data")
# Kind -> its share among the samples, about as programs send them.
SHARES = {
    "zh": 60,
    "en": 60,
    "mixed": 40,
    "code": 40,
    "json": 30,
    "markdown": 30,
    "ja": 20,
    "european": 20,
    "numbers": 15,
    "logs": 15,
    "zh-hant": 10,
    "ko": 10,
    "scripts": 10,
    "urls": 10,
    "ids": 5,
}
BLOCKS = ("code", "markdown")  # of several lines, between lines of %%
TYPICAL = (150, 2500)  # characters
SHORT = (15, 150)
_NO_SPACES = ("zh", "zh-hant", "ja")
_BARE = str.maketrans(dict.fromkeys("，。、；：？！“”《》（）,.;:?!\"'()", ""))
_FIELDS = (
    "name",
    "user_id",
    "createdAt",
    "temperature",
    "city",
    "items",
    "price",
    "status",
    "isActive",
    "total_amount",
)
_PATHS = (
    "docs",
    "api",
    "v1",
    "users",
    "search",
    "static",
    "images",
    "guide",
    "zh",
    "2024",
    "07",
    "issues",
    "pull",
    "login",
)
_LETTERS = string.ascii_letters + string.digits


@dataclass(frozen=True)
class Sample:
    kind: str
    text: str


def samples(part: int, *, sizes: tuple[int, int] = TYPICAL, times: int = 1, seed: int = 20240709) -> list[Sample]:
    """Return samples of every kind by their shares, drawn from one half (0 or 1) of the sentences."""
    rng = random.Random(f"{seed}/{part}/{sizes}")
    return [
        Sample(kind, _draw(rng, kind, part, round(sizes[0] * (sizes[1] / sizes[0]) ** rng.random())))
        for kind, share in SHARES.items()
        for _ in range(share * times)
    ]


def digest() -> str:
    """Return a fingerprint of all that samples are made of."""
    files = [Path(__file__), *sorted(DATA.glob("*.txt"))]
    return hashlib.sha256(b"\0".join(path.read_bytes() for path in files)).hexdigest()


def _draw(rng: random.Random, kind: str, part: int, size: int) -> str:
    if kind in _MADE:
        pieces: Iterator[str] = _forever(lambda: _MADE[kind](rng, part))
        between = "\n"
    else:
        pool = _half(kind, part)
        pieces = _forever(lambda: rng.choice(pool))
        between = rng.choice(("", "", "\n", "\n\n") if kind in _NO_SPACES else (" ", " ", "\n", "\n\n"))
    text = next(pieces)
    while len(text) < size:
        text += ("\n\n" if kind in BLOCKS else between) + next(pieces)
    if kind in BLOCKS or kind == "json":
        return text
    if rng.random() < 0.15 and kind not in _MADE:
        text = text.translate(_BARE)  # lists of words and titles have no punctuation
    return text[:size]


def _forever(make: Callable[[], str]) -> Iterator[str]:
    while True:
        yield make()


def _half(kind: str, part: int) -> list[str]:
    text = (DATA / f"{kind}.txt").read_text(encoding="utf-8")
    pieces = text.split("%%\n") if kind in BLOCKS else text.splitlines()
    return [piece.strip("\n") for piece in pieces][part::2]


def _json(rng: random.Random, part: int) -> str:
    words = ("active", "pending", "北京", "上海", "user@example.com", "2024-07-09T00:00:00Z", "cn-hangzhou", "")

    def value(depth: int) -> object:
        match rng.randrange(8 if depth < 3 else 6):
            case 0:
                return rng.randrange(10 ** rng.randint(1, 8))
            case 1:
                return round(rng.uniform(-100, 1000), rng.randint(1, 4))
            case 2:
                return rng.choice((True, False, None))
            case 3:
                return rng.choice(_half("en", part))[: rng.randint(8, 60)]
            case 4:
                return rng.choice(_half("zh", part))[: rng.randint(2, 30)]
            case 5:
                return rng.choice(words)
            case 6:
                return [value(depth + 1) for _ in range(rng.randint(1, 4))]
            case _:
                return {name: value(depth + 1) for name in rng.sample(_FIELDS, rng.randint(1, 5))}

    table = {name: value(0) for name in rng.sample(_FIELDS, rng.randint(3, 8))}
    form = rng.choice(((None, (",", ":")), (None, (", ", ": ")), (2, (",", ": ")), (4, (",", ": "))))
    return json.dumps(table, ensure_ascii=False, indent=form[0], separators=form[1])


def _numbers(rng: random.Random, _part: int) -> str:
    def cell() -> str:
        match rng.randrange(4):
            case 0:
                return str(rng.randrange(10 ** rng.randint(1, 9)))
            case 1:
                return f"{rng.uniform(0, 5000):.2f}"
            case 2:
                return _day(rng)
            case _:
                return f"{rng.randrange(1, 10**7):,}"

    between = rng.choice((",", "\t", " | ", " "))
    return "\n".join(between.join(cell() for _ in range(rng.randint(3, 7))) for _ in range(rng.randint(2, 8)))


def _urls(rng: random.Random, _part: int) -> str:
    host = f"{rng.choice(('www', 'api', 'docs', 'cdn'))}.{rng.choice(('example', 'acme', 'contoso', 'openai-proxy'))}"
    path = "/".join(rng.sample(_PATHS, rng.randint(1, 4)))
    ends = ("", f"?page={rng.randint(1, 99)}&q={rng.choice(_PATHS)}", f"#section-{rng.randint(1, 9)}", "/index.html")
    return f"https://{host}.{rng.choice(('com', 'cn', 'org', 'io'))}/{path}{rng.choice(ends)}"


def _logs(rng: random.Random, part: int) -> str:
    at = f"{_day(rng)} {rng.randrange(24):02}:{rng.randrange(60):02}:{rng.randrange(60):02},{rng.randrange(1000):03}"
    level = rng.choice(("INFO", "WARN", "ERROR", "DEBUG"))
    where = rng.choice(("[main] com.acme.OrderService", "[worker-3] app.gateway", "uvicorn.access"))
    return f"{at} {level} {where}: {rng.choice(_half('en', part) + _half('zh', part))[: rng.randint(10, 70)]}"


def _ids(rng: random.Random, _part: int) -> str:
    match rng.randrange(3):
        case 0:
            return f"{rng.getrandbits(128):032x}"
        case 1:
            return "".join(rng.choices(_LETTERS, k=rng.randint(16, 48)))
        case _:
            return "call_" + "".join(rng.choices(_LETTERS, k=24))


def _day(rng: random.Random) -> str:
    return f"{rng.randrange(2020, 2027)}-{rng.randrange(1, 13):02}-{rng.randrange(1, 29):02}"


_MADE: dict[str, Callable[[random.Random, int], str]] = {
    "json": _json,
    "numbers": _numbers,
    "urls": _urls,
    "logs": _logs,
    "ids": _ids,
}
