from __future__ import annotations

import pytest

from llm_migrate.catalog.policy import OPEN, UNKNOWN
from tests.scan.rules.asking import ask

RULE = "openai_call_python"
NEW = "from openai import OpenAI\nclient = OpenAI()\n"


def calls(text, language="python"):
    return [(seen.hit.api, seen.provider, seen.hit.legacy, seen.hit.confidence) for seen in ask(RULE, text, language)]


@pytest.mark.parametrize(
    ("call", "api"),
    [
        ("ChatCompletion.create()", "chat"),
        ("ChatCompletion.acreate()", "chat"),
        ("Completion.create()", "completions"),
        ("Embedding.create()", "embeddings"),
        ("Image.create()", "images"),
        ("Audio.transcribe('w', f)", "audio"),
        ("File.create()", "files"),
        ("FineTune.create()", "fine_tuning"),
        ("Moderation.create()", "moderations"),
        ("Edit.create()", "edits"),
        ("Model.list()", "models"),
    ],
)
def test_calls_of_0_28_are_legacy(call, api):
    """Each resource of openai 0.28 is known under any name of the module."""
    assert calls(f"import openai as oai\noai.{call}\n") == [(api, "openai", True, "certain")]


@pytest.mark.parametrize(
    ("call", "api"),
    [
        ("chat.completions.create()", "chat"),
        ("chat.completions.parse()", "chat"),
        ("beta.chat.completions.stream()", "chat"),
        ("chat.completions.with_raw_response.create()", "chat"),
        ("with_options(timeout=1).chat.completions.create()", "chat"),
        ("responses.create()", "responses"),
        ("embeddings.create()", "embeddings"),
        ("images.generate()", "images"),
        ("audio.speech.with_streaming_response.create()", "audio"),
        ("files.create()", "files"),
        ("batches.create()", "batch"),
        ("fine_tuning.jobs.create()", "fine_tuning"),
        ("beta.assistants.create()", "assistants"),
        ("beta.threads.runs.create_and_poll()", "assistants"),
        ("vector_stores.create()", "vector_stores"),
        ("moderations.create()", "moderations"),
        ("models.list()", "models"),
    ],
)
def test_calls_of_a_client(call, api):
    """Each resource of openai 1.x to 3.x is known, whatever stands between client and resource."""
    assert calls(f"{NEW}client.{call}\n")[-1:] == [(api, "openai", False, "certain")]


@pytest.mark.parametrize(
    "text",
    [
        "import openai\nopenai.chat.completions.create()",
        "import openai as o\nc = o.AsyncOpenAI()\nasync def f(): await c.chat.completions.create()",
        (
            "from openai import OpenAI as O\nclass A:\n def __init__(self): self.c = O()\n"
            " def f(self): self.c.chat.completions.create()"
        ),
        "from openai import OpenAI\ndef make(): return OpenAI()\nmake().chat.completions.create()",
        (
            "from openai import OpenAI\nasync def make():\n return OpenAI()\n"
            "async def f():\n c = await make()\n await c.chat.completions.create()"
        ),
        "from openai import OpenAI\ndef f(c: OpenAI): c.chat.completions.create()",
        "from openai import OpenAI\nwith OpenAI() as c:\n c.chat.completions.create()",
        NEW + "done = client.chat.completions.create\ndone()",
        NEW + "done = client.chat.completions\ndone.create()",
        "from openai import OpenAI, AzureOpenAI\nc = OpenAI() if x else AzureOpenAI()\nc.chat.completions.create()",
        (
            "import openai\nclass A:\n c: Any = Field(None)\n def s(self): self.c = openai.OpenAI()\n"
            " def f(self): self.c.chat.completions.create()"
        ),
    ],
)
def test_the_client_is_followed_through_names(text):
    """Aliases, attributes, functions, annotations, `with`, bound methods and choices lead to the client."""
    assert calls(text) == [("chat", "openai", False, "certain")]


@pytest.mark.parametrize(
    ("setup", "provider"),
    [
        ("client = OpenAI(base_url='https://api.openai.com/v1')", "openai"),
        ("client = OpenAI(base_url='https://open.bigmodel.cn/api/paas/v4')", "zhipu"),
        ("URL = 'https://api.moonshot.cn/v1'\nclient = OpenAI(base_url=URL)", "kimi"),
        ("client = OpenAI(base_url='http://localhost:8000/v1')", "unknown"),
        ("client = OpenAI(base_url=settings.url)", "openai"),
        ("client = OpenAI(base_url=f'https://{name}.openai.azure.com/openai/v1')", "azure-openai"),
    ],
)
def test_the_provider_follows_the_base_url(setup, provider):
    """The SDK pointed at another vendor is that vendor's; at a host the catalog does not know, unknown."""
    text = f"from openai import OpenAI\n{setup}\nclient.chat.completions.create()\n"

    assert [row[1] for row in calls(text)] == [provider]


def test_module_state_makes_legacy_calls_azure():
    """`openai.api_type = "azure"` says who answers openai 0.28."""
    text = 'import openai\nopenai.api_type = "azure"\nopenai.ChatCompletion.create(engine="d")\n'

    assert calls(text) == [("chat", "azure-openai", True, "certain")]


def test_parameters_are_read_as_far_as_they_are_fixed():
    """Literals and single assignments are values, the rest is unknown, a spread is followed or left open."""
    text = (
        f"{NEW}T = 0.2\nbase = {{'n': 1, 'stop': None}}\nbase['seed'] = compute()\n"
        "def f(top, **rest):\n"
        "    client.chat.completions.create(model='gpt-4o', temperature=T, top_p=top, stream=True,\n"
        "        messages=[{'role': 'user', 'content': 'a' 'b'}, turn], max_tokens=-1, **base, **rest)\n"
    )

    (call,) = ask(RULE, text, "python")

    assert call.hit.model == "gpt-4o"
    assert call.hit.parameters == {
        "n": 1,
        "stop": None,
        "seed": UNKNOWN,
        OPEN: UNKNOWN,
        "model": "gpt-4o",
        "temperature": 0.2,
        "top_p": UNKNOWN,
        "stream": True,
        "messages": [{"role": "user", "content": "ab"}, UNKNOWN],
        "max_tokens": -1,
    }


def test_a_name_with_several_values_is_unknown():
    """A variable that is assigned twice, or hidden by a parameter, is not taken for its first value."""
    text = f"{NEW}m = 'a'\nm = 'b'\nt = 1\ndef f(t):\n  client.chat.completions.create(model=m, temperature=t)\n"

    (call,) = ask(RULE, text, "python")

    assert call.hit.parameters == {"model": UNKNOWN, "temperature": UNKNOWN}


@pytest.mark.parametrize(
    "text",
    [
        "from app import llm\nllm.client.chat.completions.create(model='x')",
        "self.openai_client.embeddings.create(input='x')",
    ],
)
def test_an_unmistakable_call_of_an_unknown_client_is_likely(text):
    """Without the client's origin the method's path, or the client's name with it, is evidence."""
    assert [row[3] for row in calls(text)] == ["likely"]


@pytest.mark.parametrize(
    "text",
    [
        "import stripe\nstripe.Image.create()",
        "images.create()",
        "db.embeddings.create(x)",
        "from zhipuai import ZhipuAI\nZhipuAI().files.create()",
        "import openai\nopenai.util.log_info('x')",
        f"{NEW}client.close()",
        "from anthropic import Anthropic\nc = Anthropic()\nc.messages.create()",
    ],
)
def test_other_calls_are_left_alone(text):
    """Like-named methods of other libraries, and helpers of the SDK, are no calls of an API."""
    assert calls(text) == []


def test_a_call_of_another_vendors_own_sdk_is_that_vendors():
    """SDKs that copy OpenAI's method names are told by where the client comes from."""
    text = "from zai import ZhipuAiClient\nclass A:\n def __init__(self):\n  self.client = ZhipuAiClient(api_key='k')\n"
    text += " def f(self):\n  return self.client.chat.completions.create(messages=[])\n"

    assert [(seen.kind, seen.provider) for seen in ask("openai_call_python", text, "python")] == [("api-call", "zhipu")]
