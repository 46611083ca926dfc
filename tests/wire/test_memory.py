"""What a model thought before it called tools comes back when the program sends the calls again without it."""

from __future__ import annotations

import orjson
import pytest

from llm_migrate.config import Secret
from llm_migrate.wire.exchange import Done, Manner, Outgoing, Reasoning, StreamReader, prepare, read_answer
from tests.wire.streams import chunk, sse
from tests.wire.vendors import KEY, SCHEMA_NOW, make_call, make_target

ASK = {"role": "user", "content": "what is the weather?"}
CALL = {"id": "call_1", "type": "function", "function": {"name": "get_weather", "arguments": '{"city": "Paris"}'}}
TURN = {"role": "assistant", "content": None, "tool_calls": [CALL]}
RESULT = {"role": "tool", "tool_call_id": "call_1", "content": "21"}
RESTORE = {"messages": {"reasoning_content": "restore", "reasoning_filler": "."}}


def ask(memory: Reasoning, *messages: dict, thinks: bool = False, rules: dict | None = None) -> Outgoing:
    models = [{"id": "acme-1", "always_thinking": thinks, "source": "invented", "checked": "2026-11-22"}]
    target = make_target(chat=rules or RESTORE, models=models)
    call = make_call(messages=list(messages))
    return prepare(target, call, model="acme-1", secret=Secret(KEY), now_s=SCHEMA_NOW, manner=Manner(memory=memory))


def answered(memory: Reasoning, thought: str = "I look it up.", question: dict = ASK) -> None:
    """Have the vendor answer a question with a thought and a call."""
    message = {"role": "assistant", "content": None, "reasoning_content": thought, "tool_calls": [CALL]}
    body = orjson.dumps({"choices": [{"index": 0, "message": message, "finish_reason": "tool_calls"}]})
    read_answer(make_target(chat=RESTORE), make_call(messages=[question]), ask(memory, question), 200, {}, body)


def thoughts(out: Outgoing) -> list[str | None]:
    return [turn.get("reasoning_content") for turn in orjson.loads(out.body)["messages"]]


def test_a_thought_comes_back_and_is_reported():
    """The next request carries it beside the call, and the report says that it was put there."""
    memory = Reasoning()
    answered(memory)

    out = ask(memory, ASK, TURN, RESULT)

    assert thoughts(out) == [None, "I look it up.", None]
    assert out.adapted == "messages.reasoning_content=emulated"


def test_a_streamed_thought_comes_back_whole():
    """Pieces of thoughts and calls are put together."""
    memory = Reasoning()
    function = {"name": "get_weather", "arguments": '{"city": '}
    first = chunk(
        {"role": "assistant", "tool_calls": [{"index": 0, "id": "call_1", "type": "function", "function": function}]}
    )
    rest = chunk({"tool_calls": [{"index": 0, "function": {"arguments": '"Paris"}'}}]})
    thought = [chunk({"reasoning_content": "I look "}), chunk({"reasoning_content": "it up."})]
    call = make_call(messages=[ASK], stream=True)
    reader = StreamReader(make_target(chat=RESTORE), call, ask(memory, ASK))

    events = reader.feed(sse(*thought, first, rest, chunk(None, "tool_calls")))

    assert isinstance(events[-1], Done)
    assert thoughts(ask(memory, ASK, TURN, RESULT))[1] == "I look it up."


@pytest.mark.parametrize(
    "question",
    [{"role": "user", "content": "something else"}, {"role": "user", "content": [{"type": "text", "text": "x"}]}],
)
def test_another_conversation_gets_nothing(question):
    """Vendors number their calls, so the same id under another question is another call."""
    memory = Reasoning()
    answered(memory)

    assert thoughts(ask(memory, question, TURN, RESULT)) == [None, None, None]


def test_what_the_program_sends_stands():
    """A thought that came along is not replaced."""
    memory = Reasoning()
    answered(memory)

    assert thoughts(ask(memory, ASK, {**TURN, "reasoning_content": "mine"}, RESULT))[1] == "mine"


def test_a_filler_stands_in_where_the_vendor_would_refuse():
    """Only at a model that always thinks, and only for a turn that called tools."""
    bare, thinker = ask(Reasoning(), ASK, TURN, RESULT), ask(Reasoning(), ASK, TURN, RESULT, thinks=True)

    assert thoughts(bare) == [None, None, None]
    assert thoughts(thinker) == [None, ".", None]
    assert thinker.adapted == "messages.reasoning_content=emulated"


def test_nothing_is_kept_for_a_vendor_that_does_not_want_it():
    """No memory is spent where no rule asks for it."""
    memory = Reasoning()

    out = ask(memory, ASK, TURN, RESULT, rules={"messages": {"reasoning_content": "keep"}})

    assert out.memory is None
    assert thoughts(out) == [None, None, None]


def test_the_memory_is_bounded():
    """The oldest thoughts go first, by number and by size; asking for one keeps it."""
    memory = Reasoning(entries=2, size=25)
    for i, thought in enumerate(["first", "second", "third"]):
        memory.keep([ASK], [{**CALL, "id": f"c{i}"}], thought)
        memory.find([ASK], [{**CALL, "id": "c0"}])

    found = [memory.find([ASK], [{**CALL, "id": f"c{i}"}]) for i in range(3)]
    memory.keep([ASK], [{**CALL, "id": "c3"}], "x" * 24)

    assert found == ["first", None, "third"]
    assert memory.find([ASK], [{**CALL, "id": "c2"}]) is None
    assert memory.find([ASK], [{**CALL, "id": "c3"}]) == "x" * 24
    assert memory.find([ASK], [{"function": {}}]) is None
