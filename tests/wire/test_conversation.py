"""Messages in the form that a vendor takes."""

from __future__ import annotations

import pytest

from llm_migrate.wire.exchange import RefusedError
from tests.wire.vendors import make_target, sent_body

TEXT = {"type": "text", "text": "one"}
IMAGE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,QUJD", "detail": "low"}}
LINK = {"type": "image_url", "image_url": {"url": "https://x.test/a.png"}}


def turns(rules: dict, *messages: tuple[str, object] | dict) -> list[dict]:
    given = [m if isinstance(m, dict) else {"role": m[0], "content": m[1]} for m in messages]
    return sent_body(make_target(chat={"messages": rules}), messages=given)["messages"]


def short(messages: list[dict]) -> list[tuple[str, object]]:
    return [(m["role"], m.get("content")) for m in messages]


def test_a_role_is_renamed():
    """`developer` becomes what the vendor calls it."""
    assert short(turns({"roles": {"developer": "system"}}, ("developer", "a"), ("user", "b"))) == [
        ("system", "a"),
        ("user", "b"),
    ]


def test_system_turns_move_to_the_front():
    """With system = first the order among themselves stays."""
    sent = turns({"system": "first"}, ("user", "a"), ("system", "b"), ("assistant", "c"), ("system", "d"))

    assert short(sent) == [("system", "b"), ("system", "d"), ("user", "a"), ("assistant", "c")]


def test_system_turns_are_joined_into_one():
    """With system = merge one system turn stands at the front, renamed roles and lists of parts included."""
    rules = {"system": "merge", "roles": {"developer": "system"}}

    sent = turns(rules, ("user", "a"), ("system", [TEXT, TEXT]), ("developer", "b"))

    assert short(sent) == [("system", "one\none\nb"), ("user", "a")]


def test_neighbours_of_one_role_are_joined_but_not_tool_answers():
    """With alternate, texts are joined by lines, lists by appending, and answers of tools stay apart."""
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    sent = turns(
        {"alternate": True},
        ("user", "a"),
        ("user", "b"),
        ("user", [IMAGE]),
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c", "content": "1"},
        {"role": "tool", "tool_call_id": "d", "content": "2"},
    )

    assert sent[0] == {"role": "user", "content": [{"type": "text", "text": "a\nb"}, IMAGE]}
    assert sent[1]["tool_calls"] == [call]
    assert short(sent[2:]) == [("tool", "1"), ("tool", "2")]


def test_joined_assistant_turns_keep_all_tool_calls():
    """Calls of both turns are in the joined one."""
    sent = turns(
        {"alternate": True},
        {"role": "assistant", "content": "x", "tool_calls": [{"id": "1"}]},
        {"role": "assistant", "content": None, "tool_calls": [{"id": "2"}]},
    )

    assert sent == [{"role": "assistant", "content": "x", "tool_calls": [{"id": "1"}, {"id": "2"}]}]


def test_text_parts_become_one_string():
    """Where a vendor takes strings only, a list of texts becomes lines; a list with an image stays."""
    sent = turns({"text_parts": "join"}, ("user", [TEXT, {"type": "text", "text": "two"}]), ("user", [TEXT, IMAGE]))

    assert short(sent) == [("user", "one\ntwo"), ("user", [TEXT, IMAGE])]


def test_data_urls_lose_their_prefix_and_links_do_not():
    """A vendor that wants bare base64 gets it; other fields of the part stay."""
    sent = turns({"image_data_url": "strip-prefix"}, ("user", [TEXT, IMAGE, LINK]))

    assert sent[0]["content"] == [TEXT, {"type": "image_url", "image_url": {"url": "QUJD", "detail": "low"}}, LINK]


def test_only_the_parts_that_a_rule_drops_are_dropped():
    """A rule that tells links from inline data takes only the ones that it means."""
    rules = {"parts": {"image_url": [{"effect": "drop", "values": ["url"]}]}}

    assert turns(rules, ("user", [TEXT, IMAGE, LINK]))[0]["content"] == [TEXT, IMAGE]


def test_empty_content_is_left_out():
    """With empty_content = omit a tool-call turn has no content key at all."""
    sent = turns({"empty_content": "omit"}, ("user", "a"), {"role": "assistant", "content": None, "tool_calls": [{}]})

    assert sent[1] == {"role": "assistant", "tool_calls": [{}]}


def test_earlier_reasoning_is_left_out():
    """With reasoning_content = strip it is not sent back."""
    sent = turns({"reasoning_content": "strip"}, {"role": "assistant", "content": "a", "reasoning_content": "r"})

    assert sent == [{"role": "assistant", "content": "a"}]


def test_a_history_of_tool_calls_passes_as_it_is():
    """Without a rule that speaks of them, calls and their answers are sent as they were."""
    history = [
        {"role": "user", "content": "q"},
        {"role": "assistant", "content": None, "tool_calls": [{"id": "c", "type": "function", "function": {}}]},
        {"role": "tool", "tool_call_id": "c", "content": "1"},
    ]

    assert turns({"roles": {"developer": "system"}}, *history) == history


@pytest.mark.parametrize("rules", [{"needs_user": True}, {"last": ["user"]}, {"empty_content": "refuse"}])
def test_a_conversation_that_the_vendor_refuses_is_not_sent(rules):
    """No user turn, a wrong last turn or an empty one is refused before it costs anything."""
    with pytest.raises(RefusedError):
        turns(rules, ("system", "a"), ("assistant", ""))
