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


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("base = conf().get('x') or 'https://api.openai.com/v1'\nrequests.post(f'{base}/embeddings')", "python"),
        (
            "import os\nb = os.getenv('B', 'https://api.openai.com/v1')\nu = b.rstrip('/') + '/x'\nhttpx.post(u)",
            "python",
        ),
        (
            "const b = (env.B || 'https://api.openai.com').trim().replace(/x/, '')\nfetch(`${b}/v1/models`)",
            "typescript",
        ),
    ],
)
def test_the_address_that_is_fallen_back_to_tells_whose_request_it_is(text: str, language: str):
    """A base address that may be overridden is the vendor's as long as nobody does."""
    assert [(kind, provider) for kind, provider, _ in kinds("http_call", text, language)] == [("raw-http", "openai")]


@pytest.mark.parametrize(
    "text",
    [
        "base = conf().get('x') or 'https://a.test/v1'\nrequests.post(f'{base}/embeddings')",
        "base = on and 'https://api.openai.com/v1'\nrequests.post(f'{base}/embeddings')",
        "base = pick('https://a.test', 'https://api.openai.com/v1')\nrequests.post(f'{base}/x')",
    ],
)
def test_an_address_that_is_no_fallback_tells_nothing(text: str):
    """Another host, a condition or an argument of any other function is not what a request goes to."""
    assert kinds("http_call", text, "python") == []
