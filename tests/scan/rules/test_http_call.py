from __future__ import annotations

import pytest

from tests.scan.rules.asking import ask, kinds


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ('U = "https://api.openai.com/v1/chat/completions"\nrequests.post(U, json=b)', "python"),
        ('U = "https://api.openai.com/v1"\nhttpx.post(U + "/chat/completions")', "python"),
        ('U = "https://api.openai.com/v1"\nsession.request("POST", url=f"{U}/chat/completions")', "python"),
        ("const u = 'https://api.openai.com/v1/chat/completions'; fetch(u, { method: 'POST' });", "typescript"),
        ("const u = 'https://api.openai.com/v1'; axios.post(`${u}/chat/completions`, b);", "typescript"),
    ],
)
def test_an_address_in_a_variable_is_followed(text, language):
    """The call is found where its address is a constant, or put together from one."""
    (seen,) = ask("http_call", text, language)

    assert (seen.kind, seen.provider, seen.hit.api) == ("raw-http", "openai", "chat")


@pytest.mark.parametrize(
    "text",
    [
        'U = "https://api.openai.com/v1"\nprices.get(U)',
        'U = "https://example.com"\nrequests.get(U)',
        "requests.post(url)",
        'U = "https://api.openai.com/v1"\nU = other()\nrequests.get(U)',
    ],
)
def test_other_calls_are_left_alone(text):
    """A dictionary's `get`, other hosts and addresses from outside are no calls to a vendor."""
    assert kinds("http_call", text, "python") == []
