"""The rules of a call, each with a change to the source that breaks it: what tests are worth shows when they go red.

`scripts/break_rules.py` makes each change in a copy and counts; the counts are kept here and shown in docs/faults.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
# Of the ways in only one: what is broken here is broken in all of them.
TESTS: Final = (
    *("tests/engine/test_breaker.py", "tests/engine/test_call.py", "tests/engine/test_call_breaks.py"),
    *("tests/engine/test_call_properties.py", "tests/engine/test_drivers.py", "tests/engine/test_health.py"),
    *("tests/engine/test_outcome.py", "tests/engine/test_waits.py", "tests/faults/test_faults.py"),
    *("-k", "engine or (ends_well and drop-in and not async)"),
)
ENOUGH: Final = 20  # red tests; then a run stops


@dataclass(frozen=True, slots=True)
class Broken:
    """One rule, and one change that breaks it.

    Attributes:
        rule: what holds.
        change: what the change makes of it.
        old: text that is in one place of the source.
        new: what stands there instead.
        red: tests that failed when the change was last made, as far as they were counted.
    """

    rule: str
    change: str
    old: str
    new: str
    red: int = 0


RULES: Final = (
    Broken(
        "Nothing of a stream goes out before its first content",
        "the role opens the gate",
        "            if content:\n                return held\n",
        "            if held:\n                return held\n",
        red=20,
    ),
    Broken(
        "After the first content nothing is asked again",
        "a break is a failure like any other",
        "        if emit is not None:\n            yield emit\n        return None\n",
        "        if emit is not None:\n            yield emit\n"
        '        return None if source.fault is None else broken(target, "cut")\n',
        red=9,
    ),
    Broken(
        "A stream is whole when its finish was there",
        "any end of the bytes will do",
        "        return bool(self._finished) and all(self._finished.values())",
        "        return bool(self._finished)",
        red=20,
    ),
    Broken(
        "A break after the first content is said by an error event",
        "the stream just ends",
        "        events.append(DONE if source.fault is None else error_event(source.fault))",
        '        events.append(DONE if source.fault is None else b"")',
        red=20,
    ),
    Broken(
        "A stream that broke off has no `[DONE]`",
        "it follows the error",
        "        events.append(DONE if source.fault is None else error_event(source.fault))",
        "        events.append(DONE if source.fault is None else error_event(source.fault) + DONE)",
        red=5,
    ),
    Broken(
        "A break is `stream_interrupted`, whatever it was",
        "the error keeps the code that it had",
        'replace(error, type="upstream_error", param=None, code="stream_interrupted", outcome="cut")',
        'replace(error, outcome="cut")',
        red=18,
    ),
    Broken(
        "Each attempt ends once in the books",
        "it ends again when the call is over",
        "        if not attempt.over:\n            attempt.over = True\n",
        "        if True:\n            attempt.over = True\n",
        red=4,
    ),
    Broken(
        "An attempt that its caller leaves is no longer counted as open",
        "nobody is told",
        "            self.left(self.target)\n",
        "            pass\n",
        red=2,
    ),
    Broken(
        "`Retry-After` is kept",
        "the usual wait instead",
        "    if error.retry_after_s is not None:\n        return waits.stretched_s(",
        "    if error.retry_after_s is not None and at.chance < 0:\n        return waits.stretched_s(",
        red=6,
    ),
    Broken(
        "A `Retry-After` is never cut short",
        "chance takes off instead of adding",
        "retry_after * (1 + 0.1 * chance)",
        "retry_after * (1 - 0.1 * chance)",
        red=4,
    ),
    Broken(
        "Nobody waits longer than a minute for a target",
        "the wait is as long as the vendor says",
        " or (error.retry_after_s or 0) > waits.LONGEST_RETRY_AFTER_S:",
        ":",
        red=3,
    ),
    Broken(
        "Three requests to one target at most",
        "one more",
        "    if at.tries >= allowed or",
        "    if at.tries > allowed or",
        red=20,
    ),
    Broken(
        "Five requests for one call at most",
        "one more",
        "    if at.total >= limits.call_attempts or",
        "    if at.total > limits.call_attempts or",
        red=3,
    ),
    Broken(
        "A quota that is used up is not asked again",
        "once more",
        "_SAME_AGAIN.get(error.outcome, 1)",
        "_SAME_AGAIN.get(error.outcome, 2)",
        red=20,
    ),
    Broken(
        "Repeats are at most a tenth of the calls to a target",
        "no limit",
        "            return len(place.retries) < max(_RETRY_FLOOR, _RETRY_SHARE * len(place.firsts))",
        "            return True",
        red=1,
    ),
    Broken(
        "A whole answer ends within its deadline",
        "twice the time",
        " + plan.limits.total_s",
        " + 2 * plan.limits.total_s",
        red=4,
    ),
    Broken(
        "A stream waits for its first content until the limit for it, then the next target is asked",
        "until the read limit",
        "            gate = min(gate, self._now() + self._limits.first_token_s)\n",
        "            pass\n",
        red=1,
    ),
    Broken(
        "A request that is wrong goes to nobody else",
        "to the next target",
        "    return Next() if at.more_targets and error.code in _ELSEWHERE else Fail()",
        "    return Next() if at.more_targets else Fail()",
        red=20,
    ),
    Broken(
        "A prompt that is too long goes to a larger context only",
        "to the next target",
        "        return Next() if at.larger_targets else Fail()",
        "        return Next() if at.more_targets else Fail()",
        red=1,
    ),
    Broken(
        "Content that is not allowed goes to nobody else",
        "to the next target",
        'frozenset({"policy", "cut"})',
        'frozenset({"cut"})',
        red=3,
    ),
    Broken(
        "A target that asks to be left alone is left alone",
        "it is asked by the next call",
        "            if rest > 0:\n",
        "            if rest < 0:\n",
        red=5,
    ),
    Broken(
        "The SDK does not repeat what the chain has repeated",
        "no `x-should-retry`",
        ', ("x-should-retry", "false")]',
        "]",
        red=20,
    ),
    Broken(
        "An answer is at most 32 MiB, unpacked",
        "no limit",
        "                if left < 0:\n",
        "                if left is None:\n",
        red=4,
    ),
    Broken(
        "A tool call that is held back is passed on only if it parses",
        "passed on as it is",
        "            if event.finish and calls and not calls_are_whole(calls):\n",
        "            if event.finish and calls and calls is None:\n",
        red=2,
    ),
)


def place(broken: Broken, root: Path = ROOT) -> Path:
    """Return the only file of a project's source that has what a change takes away, and has it once."""
    files = sorted((root / "src" / "llm_migrate").rglob("*.py"))
    counts = {file: file.read_text(encoding="utf-8").count(broken.old) for file in files}
    [file] = [file for file, count in counts.items() for _ in range(count)]
    return file
