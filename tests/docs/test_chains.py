"""docs/chains.md says what chains take and do."""

from __future__ import annotations

import contextlib
import re
from pathlib import Path

from llm_migrate.config import load_config
from llm_migrate.config.file import ChainTable
from llm_migrate.engine.health import Health
from llm_migrate.engine.steps import Failure, Limits, Read, Reply, Result, Send, Sleep
from llm_migrate.taps.tap import _limits
from tests.engine.script import JSON, STOP, STREAM, WORD, Play, completion, refusal, two_targets

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "chains.md").read_text(encoding="utf-8")


def test_the_example_loads(tmp_path: Path) -> None:
    """The file on the page is a configuration, whose chains are those of the page."""
    [example] = re.findall(r"^```toml\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    file = tmp_path / "llm-migrate.toml"
    file.write_text(example, encoding="utf-8")

    config = load_config(file)

    assert {name: chain.order for name, chain in config.chains.items()} == {
        "default": "ordered",
        "canary": "weighted",
        "cheap": "cheapest",
    }
    assert config.model_for(config.chain("default").targets[2], "gpt-4o") == "qwen3.6-plus"


def test_every_key_of_a_chain_is_explained() -> None:
    """Each key that a chain takes is named on the page."""
    assert set(ChainTable.model_fields) <= set(re.findall(r"\b[a-z_]+\b", PAGE))


def walk(play: Play, *, silent: str = "a") -> list[tuple[str, float]]:
    """Make a call one of whose targets is silent; return (target, seconds since the call began) for each request."""
    began, asked, body = play.clock.now_s, list[tuple[str, float]](), [b"", STOP, WORD]
    result: Result = None
    with contextlib.suppress(StopIteration):
        while True:
            command = play.steps.send(result)
            result = None
            if isinstance(command, Send):
                asked.append((command.attempt.target, round(play.clock.now_s - began)))
                if command.attempt.target == silent:
                    play.clock.now_s = command.until
                    result = Failure("ambiguous", "silence", timed_out=True)
                else:
                    result = STREAM
            elif isinstance(command, Read):
                result = body.pop()
            elif isinstance(command, Sleep):
                play.clock.now_s += command.seconds
            elif isinstance(command, Reply):
                play.reply = command
    return asked


def limits(**timeout: float) -> Limits:
    """The limits of a call by a program that sets this `timeout`, or none."""
    return _limits({"timeout": timeout})


def test_a_silent_target_takes_the_time_of_a_whole_answer(tmp_path: Path) -> None:
    """0.95 times the program's `timeout`, 570 s without one; nobody else is asked."""
    for wanted, until_s in ((limits(), 570), (limits(read=30), 28.5)):
        play = Play(two_targets(tmp_path), limits=wanted)
        assert walk(play) == [("a", 0)]
        assert play.clock.now_s - 1000 == until_s
        assert play.error["code"] == "upstream_timeout"


def test_a_stream_goes_on_when_its_first_content_is_late(tmp_path: Path) -> None:
    """After 30 s with `timeout=30`; without one after 240 s, for the first target is asked twice."""
    config = two_targets(tmp_path)

    assert walk(Play(config, stream=True, limits=limits(read=30))) == [("a", 0), ("b", 30)]
    assert walk(Play(config, stream=True, limits=limits())) == [("a", 0), ("a", 120), ("b", 240)]


def test_after_five_silent_calls_the_next_begins_elsewhere(tmp_path: Path) -> None:
    """The breaker opens; the next call asks the second target at once."""
    config, health = two_targets(tmp_path), Health()
    for _ in range(5):
        assert walk(Play(config, limits=limits(), health=health)) == [("a", 0)]

    play = Play(config, limits=limits(), health=health)
    play.clock.now_s += 570
    assert walk(play, silent="b")[0] == ("b", 0)


def test_a_rate_limit_rests_one_target(tmp_path: Path) -> None:
    """Another target with the same key is asked; all models of the one that is limited are left alone."""
    two_targets(tmp_path)
    file = tmp_path / "llm-migrate.toml"
    file.write_text(file.read_text(encoding="utf-8").replace("key-of-b", "key-of-a"), encoding="utf-8")
    config, health = load_config(file), Health()
    first, second = config.chain("default").targets

    Play(config, health=health).against(refusal(429, **{"retry-after": "30"}), [JSON, completion()])

    assert health.hindrance(first, 1001.0) == "benched"
    assert health.hindrance(second, 1001.0) is None
    other_model = Play(config, health=health, model="gpt-4o-mini").against([JSON, completion()])
    assert [send.attempt.target for send in other_model.sent] == ["b"]
