"""Strategy `endpoint` for Python, by text before and after."""

import pytest

from tests.rewrite.moving import CLIENT, after, plan, reasons

HEAD = """\
import os

from openai import OpenAI

# LLM_PROVIDER chooses who answers: "zhipu", or "openai" as before.
LLM_PROVIDER = os.environ.get("LLM_PROVIDER", "zhipu")
ZHIPUAI_BASE_URL = os.environ.get("ZHIPUAI_BASE_URL", "https://open.bigmodel.cn/api/paas/v4")

client = OpenAI(
    api_key=os.environ["ZHIPUAI_API_KEY"] if LLM_PROVIDER == "zhipu" else None,
    base_url=ZHIPUAI_BASE_URL if LLM_PROVIDER == "zhipu" else None,
)
"""


def moved(tmp_path, text, **options):
    return after(plan(tmp_path, {"m.py": text}, **options), "m.py")


def body(text):
    """What stands below the client of a moved file."""
    return text.removeprefix(HEAD)


def test_a_client_gets_a_second_provider_behind_the_switch(tmp_path):
    """A bare client keeps its old way and gets key and address of the target, with the switch after the imports."""
    assert moved(tmp_path, CLIENT) == HEAD


def test_in_place_a_client_knows_only_the_target(tmp_path):
    """With replace there is no switch."""
    text = moved(tmp_path, CLIENT, replace=True)

    assert "LLM_PROVIDER" not in text
    assert 'api_key=os.environ["ZHIPUAI_API_KEY"],\n' in text
    assert 'base_url=os.environ.get("ZHIPUAI_BASE_URL", "https://open.bigmodel.cn/api/paas/v4"),\n' in text


def test_a_key_read_by_name_is_read_by_the_other_name(tmp_path):
    """Where the key's variable is named in the call, only its name is switched."""
    text = moved(tmp_path, 'import os\nfrom openai import OpenAI\nc = OpenAI(api_key=os.environ["OPENAI_API_KEY"])\n')

    assert 'api_key=os.environ["ZHIPUAI_API_KEY" if LLM_PROVIDER == "zhipu" else "OPENAI_API_KEY"]' in text


def test_a_literal_key_stays_behind_the_switch_only(tmp_path):
    """A secret in the code is not copied and not used for the target."""
    text = moved(tmp_path, "from openai import OpenAI\nc = OpenAI(api_key='sk-x')\n")

    assert "api_key=os.environ['ZHIPUAI_API_KEY'] if LLM_PROVIDER == 'zhipu' else 'sk-x'" in text
    assert text.count("sk-x") == 1


def test_an_address_of_the_programs_own_stays_for_the_old_provider(tmp_path):
    """A base_url that the program computes is kept behind the switch, and its parts are not edited."""
    old = 'import os\nfrom openai import OpenAI\nc = OpenAI(base_url=os.environ.get("OPENAI_BASE_URL"))\n'

    text = moved(tmp_path, old)

    assert 'base_url=ZHIPUAI_BASE_URL if LLM_PROVIDER == "zhipu" else os.environ.get("OPENAI_BASE_URL")' in text


CALLS = {
    "plain": (
        'r = client.chat.completions.create(model="gpt-4o", messages=[])\n',
        ['model="glm-5.3-flash" if LLM_PROVIDER == "zhipu" else "gpt-4o"'],
    ),
    "clamped": (
        'r = client.chat.completions.create(model="gpt-4o", messages=[], temperature=1.5)\n',
        ['temperature=1.0 if LLM_PROVIDER == "zhipu" else 1.5'],
    ),
    "dropped": (
        'r = client.chat.completions.create(model="gpt-4o", messages=[], presence_penalty=0.5)\n',
        ['presence_penalty=NOT_GIVEN if LLM_PROVIDER == "zhipu" else 0.5', "from openai import NOT_GIVEN, OpenAI"],
    ),
    "renamed": (
        'r = client.chat.completions.create(model="gpt-4o", messages=[], user=name)\n',
        ['user=NOT_GIVEN if LLM_PROVIDER == "zhipu" else name', '"user_id": name}'],
    ),
    "renamed to what the SDK knows": (
        'r = client.chat.completions.create(model="gpt-4o", messages=[], max_completion_tokens=9)\n',
        [
            'max_completion_tokens=NOT_GIVEN if LLM_PROVIDER == "zhipu" else 9',
            'max_tokens=9 if LLM_PROVIDER == "zhipu" else NOT_GIVEN',
        ],
    ),
    "hint refused": (
        'r = client.chat.completions.create(model="gpt-4o", messages=[], tools=t, tool_choice="required")\n',
        ['tool_choice=NOT_GIVEN if LLM_PROVIDER == "zhipu" else "required"'],
    ),
    "extra_body of its own": (
        'r = client.chat.completions.create(model="gpt-4o", messages=[], user="me", extra_body={"a": 1})\n',
        ['extra_body={**{"a": 1}, ', '} if LLM_PROVIDER == "zhipu" else {"a": 1}'],
    ),
    "constant": (
        'MODEL = "gpt-4o"\nr = client.chat.completions.create(model=MODEL, messages=[])\n',
        ['MODEL = "glm-5.3-flash" if LLM_PROVIDER == "zhipu" else "gpt-4o"', "model=MODEL,"],
    ),
    "default of a parameter": (
        'def f(model="gpt-4o"):\n    return client.chat.completions.create(model=model, messages=[])\n',
        ['def f(model="glm-5.3-flash" if LLM_PROVIDER == "zhipu" else "gpt-4o"):'],
    ),
    "fallback": (
        'import os\nm = os.getenv("M") or "gpt-4o"\nr = client.chat.completions.create(model=m, messages=[])\n',
        ['or ("glm-5.3-flash" if LLM_PROVIDER == "zhipu" else "gpt-4o")'],
    ),
}


@pytest.mark.parametrize("case", CALLS, ids=str)
def test_a_call_says_what_the_target_takes(tmp_path, case):
    """Model and parameters follow the catalog's rulings, the old values standing behind the switch."""
    old, expected = CALLS[case]

    text = moved(tmp_path, CLIENT + old)

    compile(text, "m.py", "exec")
    assert [part for part in expected if part not in text] == []


REPLACED = {
    "first goes": ("temperature=1.5, model='gpt-4o', messages=m", "temperature=1.0, model='glm-5.3-flash', messages=m"),
    "last goes": ("model='gpt-4o', messages=m, presence_penalty=1", "model='glm-5.3-flash', messages=m"),
    "two at the end go": (
        "model='gpt-4o', messages=m, presence_penalty=1, logit_bias={}",
        "model='glm-5.3-flash', messages=m",
    ),
    "one in between goes": (
        "model='gpt-4o', presence_penalty=1, messages=m",
        "model='glm-5.3-flash', messages=m",
    ),
    "name changes": (
        "model='gpt-4o', messages=m, max_completion_tokens=n",
        "model='glm-5.3-flash', messages=m, max_tokens=n",
    ),
}


@pytest.mark.parametrize("case", REPLACED, ids=str)
def test_in_place_arguments_change_and_go(tmp_path, case):
    """With replace, arguments are changed, renamed and removed where they stand."""
    old, expected = REPLACED[case]

    text = moved(tmp_path, f"{CLIENT}r = client.chat.completions.create({old})\n", replace=True)

    compile(text, "m.py", "exec")
    assert f"create({expected}" in text.replace("\n    ", " ").replace("( ", "(")


def test_lines_with_one_argument_each_stay_so(tmp_path):
    """New arguments of a call over several lines get lines of their own, comments stay where they were."""
    old = CLIENT + (
        "r = client.chat.completions.create(\n"
        '    model="gpt-4o",  # the good one\n'
        "    messages=[],\n"
        '    user="me"  # who\n'
        ")\n"
    )

    text = moved(tmp_path, old)

    assert '"gpt-4o",  # the good one\n' in text
    assert 'else "me",  # who\n    extra_body=' in text


def test_an_embedding_model_is_never_switched_unasked(tmp_path):
    """Embeddings stay and are listed as blocked; an explicit mapping switches them."""
    files = {"m.py": CLIENT + 'r = client.embeddings.create(model="text-embedding-3-small", input=["a"])\n'}

    unasked = plan(tmp_path, files)
    asked = plan(tmp_path, files, pairs=["text-embedding-3-small=embedding-3"])

    assert 'create(model="text-embedding-3-small", input=["a"])' in after(unasked, "m.py")
    assert any(place.blocked and "--map text-embedding-3-small=NEW" in place.advice for place in unasked.by_hand)
    assert '"embedding-3" if LLM_PROVIDER == "zhipu" else "text-embedding-3-small"' in after(asked, "m.py")
    assert not asked.by_hand


def test_a_named_model_serves_all_chats(tmp_path):
    """PROVIDER:MODEL takes the place of every chat model, not of embeddings."""
    text = moved(
        tmp_path, CLIENT + 'r = client.chat.completions.create(model="gpt-4o", messages=[])\n', to="zhipu:glm-5.3"
    )

    assert '"glm-5.3" if LLM_PROVIDER == "zhipu" else "gpt-4o"' in text


def test_a_model_from_configuration_is_translated_at_the_call(tmp_path):
    """Configuration has no switch: its model names are translated where the program passes them on."""
    code = CLIENT + 'r = client.chat.completions.create(model=config["model"], messages=[])\n'

    found = plan(tmp_path, {"m.py": code, "c.yaml": "openai:\n  model: gpt-4o\n"})

    text = after(found, "m.py")
    assert 'model=llm_model(config["model"])' in text
    assert '"gpt-4o": "glm-5.3-flash",' in text
    assert after(found, "c.yaml") is None


LEFT = {
    "comparison": ('if m == "gpt-4o":\n    pass\n', "compares or finds things by"),
    "list": ('MODELS = ["gpt-4o", "gpt-4o-mini"]\n', "stands in a list"),
    "key of a table": ('LIMITS = {"gpt-4o": 128000}\n', "compares or finds things by"),
    "used as a key": ('LIMITS = {"gpt-4o": 1}\nmake(model="gpt-4o")\n', "compares or finds things by"),
}


@pytest.mark.parametrize("case", LEFT, ids=str)
def test_a_model_in_the_programs_logic_is_left_to_a_person(tmp_path, case):
    """A name that is compared, listed or looked up is not a choice of a model: it is listed."""
    code, reason = LEFT[case]

    found = plan(tmp_path, {"m.py": CLIENT + code})

    assert code in after(found, "m.py")
    assert any(reason in why for _, _, why in reasons(found))


def test_a_name_that_is_looked_up_is_translated_at_the_call(tmp_path):
    """Names in the program's own tables stay true, and the call that gets one from a variable translates it."""
    code = CLIENT + (
        'KINDS = {"gpt-4o": 1}\n'
        "def f(model):\n"
        "    return KINDS[model], client.chat.completions.create(model=model, messages=[])\n"
        'f("gpt-4o")\n'
    )

    text = moved(tmp_path, code)

    assert "create(model=llm_model(model)," in text.replace("\n        ", "")
    assert 'KINDS = {"gpt-4o": 1}\n' in text
    assert text.endswith('f("gpt-4o")\n')


def test_a_key_is_not_given_to_what_stays(tmp_path):
    """A key read outside of a client stays if something that is not moved may use it."""
    files = {
        "m.py": CLIENT,
        "keys.py": 'import os\n\nKEY = os.environ["OPENAI_API_KEY"]\n',
        "old.py": "import openai\nopenai.ChatCompletion.create(model='gpt-4', messages=[])\n",
    }

    with_old = plan(tmp_path, files)
    (tmp_path / "old.py").unlink()
    without = plan(tmp_path, {})

    assert after(with_old, "keys.py") is None
    assert any(file == "keys.py" and "stays with the old provider" in why for file, _, why in reasons(with_old))
    assert 'os.environ["ZHIPUAI_API_KEY" if LLM_PROVIDER' in after(without, "keys.py")


BY_HAND = {
    "framework": (
        'from langchain_openai import ChatOpenAI\nm = ChatOpenAI(model="gpt-4o")\n',
        "framework's class",
    ),
    "arguments from elsewhere": ("from openai import OpenAI\nc = OpenAI(**options)\n", "arguments from elsewhere"),
    "another provider's client": (
        CLIENT + 'from openai import AzureOpenAI\na = AzureOpenAI(azure_endpoint="https://x.openai.azure.com")\n',
        "leads to another provider",
    ),
    "API that is not offered": (CLIENT + 'client.responses.create(model="gpt-4o", input="a")\n', "the responses API"),
    "model without counterpart": (
        CLIENT + 'client.chat.completions.create(model="text-davinci-003", messages=[])\n',
        "take the place of text-davinci-003",
    ),
    "model chosen at run time": (
        CLIENT + "client.chat.completions.create(model=pick(), messages=[])\n",
        "chooses its model at run time: pick()",
    ),
    "value chosen at run time": (
        CLIENT + 'client.chat.completions.create(model="gpt-4o", messages=[], temperature=t)\n',
        "temperature cannot be kept",
    ),
    "renamed and computed": (
        CLIENT + 'client.chat.completions.create(model="gpt-4o", messages=[], user=who())\n',
        "user cannot be kept",
    ),
    "extra_body that is computed": (
        CLIENT + 'client.chat.completions.create(model="gpt-4o", messages=[], user="me", extra_body=more())\n',
        "extra_body cannot be kept",
    ),
    "role": (
        CLIENT + 'client.chat.completions.create(model="gpt-4o", messages=[{"role": "developer", "content": "a"}])\n',
        "messages.role.developer cannot be kept",
    ),
    "f-string": (
        CLIENT + 'MODEL = "gpt-4o"\nprint(f"{ask(model=\'gpt-4o-mini\')}")\n',
        "stands inside an f-string",
    ),
}


@pytest.mark.parametrize("case", BY_HAND, ids=str)
def test_what_no_edit_cures_is_listed(tmp_path, case):
    """What cannot be moved safely is listed with its reason, and its code stays."""
    code, reason = BY_HAND[case]

    found = plan(tmp_path, {"m.py": code})

    assert [why for _, _, why in reasons(found) if reason in why] != []
    assert code.splitlines()[-1].split("(")[0] in (after(found, "m.py") or code)


def test_a_raw_address_keeps_its_path(tmp_path):
    """A literal URL below the old address leads to the same path at the new one."""
    code = (
        "import os\nimport requests\n"
        'url = "https://api.openai.com/v1/chat/completions"\n'
        'requests.post(url, headers={"Authorization": "Bearer " + os.environ["OPENAI_API_KEY"]})\n'
    )

    text = moved(tmp_path, code)

    assert (
        '"https://open.bigmodel.cn/api/paas/v4/chat/completions" if LLM_PROVIDER == "zhipu" else "https://api' in text
    )
    assert 'os.environ["ZHIPUAI_API_KEY" if LLM_PROVIDER == "zhipu" else "OPENAI_API_KEY"]' in text


def test_a_variable_that_is_set_is_left_to_a_person(tmp_path):
    """`os.environ["OPENAI_API_KEY"] = ...` hands a key on: where to is not known."""
    found = plan(tmp_path, {"m.py": CLIENT, "set.py": 'import os\n\nos.environ["OPENAI_API_KEY"] = read()\n'})

    assert after(found, "set.py") is None


def test_code_before_1_0_is_listed_as_needing_the_sdk_upgrade(tmp_path):
    """Calls of openai 0.28 are not edited, nor is anything else in their file."""
    code = 'import openai\nopenai.api_key = "k"\nopenai.ChatCompletion.create(model="gpt-4o", messages=[])\n'

    found = plan(tmp_path, {"old.py": code, "m.py": CLIENT})

    assert after(found, "old.py") is None
    assert any(file == "old.py" and "0.28" in why for file, _, why in reasons(found))


def test_the_modules_own_client_is_listed(tmp_path):
    """openai.chat.completions.create() has no client to point elsewhere: it is listed, its file is left."""
    code = 'import openai\nopenai.chat.completions.create(model="gpt-4o", messages=[])\n'

    found = plan(tmp_path, {"m.py": code})

    assert found.changes == ()
    assert any("module-level client" in why for _, _, why in reasons(found))


def test_without_a_client_no_model_is_switched(tmp_path):
    """When nothing in the tree leads to the target, its model names would go to the old provider: listed instead."""
    found = plan(tmp_path, {"m.py": 'MODEL = "gpt-4o"\n'})
    forced = plan(tmp_path, {}, unsafe=True)

    assert found.changes == ()
    assert any("no client" in why for _, _, why in reasons(found))
    assert after(forced, "m.py") is not None


def test_what_alters_the_answer_needs_unsafe(tmp_path):
    """A refused parameter that changes what the program gets back is only left out by --unsafe."""
    code = CLIENT + 'r = client.chat.completions.create(model="gpt-4o", messages=[], logprobs=True)\n'

    safe = plan(tmp_path, {"m.py": code})
    unsafe = plan(tmp_path, {}, unsafe=True)

    assert "logprobs=True" in after(safe, "m.py")
    assert any("logprobs is refused" in why for _, _, why in reasons(safe))
    assert 'logprobs=NOT_GIVEN if LLM_PROVIDER == "zhipu" else True' in after(unsafe, "m.py")


def test_tests_are_left_to_a_person(tmp_path):
    """What a test expects is not rewritten unless asked."""
    files = {"app.py": CLIENT, "tests/test_app.py": 'def test_a():\n    check(model="gpt-4o")\n'}

    found = plan(tmp_path, files)

    assert after(found, "tests/test_app.py") is None
    assert any("belongs to a test" in why for _, _, why in reasons(found))


def test_a_name_of_the_programs_own_is_not_taken(tmp_path):
    """A file that already uses the switch's name for something else is left alone."""
    found = plan(tmp_path, {"m.py": CLIENT + "LLM_PROVIDER = pick()\n"})

    assert found.changes == ()
    assert any("LLM_PROVIDER of its own" in why for _, _, why in reasons(found))


def test_only_some_kinds_are_edited_when_asked(tmp_path):
    """`only` keeps the other kinds as they are."""
    code = CLIENT + 'r = client.chat.completions.create(model="gpt-4o", messages=[])\n'

    text = moved(tmp_path, code, only=["model"])

    assert "client = OpenAI()\n" in text
    assert '"glm-5.3-flash" if LLM_PROVIDER' in text


@pytest.mark.parametrize("replace", [False, True])
def test_a_second_rewrite_changes_nothing(tmp_path, replace):
    """The tree as a rewrite leaves it holds nothing more to change."""
    code = CLIENT + (
        'M = "gpt-4o"\n'
        "r = client.chat.completions.create(model=M, messages=[], temperature=0, user=u, stop=['a', 'b'])\n"
        'e = client.embeddings.create(model="text-embedding-3-small", input=["a"])\n'
    )
    options = {"replace": replace, "pairs": ["text-embedding-3-small=embedding-3"]}
    once = moved(tmp_path, code, **options)

    assert moved(tmp_path, once, **options) is None


SHAPES = {
    "docstring and future": ('"""Doc."""\nfrom __future__ import annotations\n', "import os\n"),
    "standard library first": ("import json\nimport sys\n\n", "import json\nimport os\nimport sys\n"),
    "shebang": ("#!/usr/bin/env python3\n# -*- coding: utf-8 -*-\n", "coding: utf-8 -*-\nimport os\n"),
    "one line": ("import json; import re\n", ""),
    "env file": ("from dotenv import load_dotenv\nload_dotenv()\n", "load_dotenv()\n"),
}


@pytest.mark.parametrize("case", SHAPES, ids=str)
def test_the_switch_finds_its_place(tmp_path, case):
    """Whatever a file begins with, the result compiles and the switch is bound before it is used."""
    head, expected = SHAPES[case]

    text = moved(tmp_path, head + CLIENT)

    compile(text, "m.py", "exec")
    assert expected in text
    assert text.index("LLM_PROVIDER = ") < text.index("OpenAI(")
    assert text.index("import os") < text.index("LLM_PROVIDER = ")


def test_the_switch_stands_before_code_on_an_import_line(tmp_path):
    """`import openai; client = ...` on one line gets the switch above it."""
    text = moved(tmp_path, "import openai; client = openai.OpenAI(); m = client\n")

    compile(text, "m.py", "exec")
    assert text.startswith("import os\n")


@pytest.mark.parametrize(
    ("end", "encoding"),
    # Python itself finds no coding line in a file that ends its lines with CR alone.
    [
        (end, code)
        for end in ("\n", "\r\n", "\r")
        for code in ("utf-8", "utf-8-sig", "gbk")
        if (end, code) != ("\r", "gbk")
    ],
)
def test_encoding_and_line_ends_are_kept(tmp_path, end, encoding):
    """Line ends, BOM and encoding of a file are those of every inserted line (W3)."""
    cookie = "# coding: gbk\n" if encoding == "gbk" else ""
    old = (
        cookie + CLIENT + "s = '注释'; r = client.chat.completions.create(model='gpt-4o', messages=[])  # 注释"
    ).replace("\n", end)

    found = plan(tmp_path, {"m.py": old.encode(encoding)})

    new = found.changes[0].new
    text = new.decode(encoding)
    assert new.startswith(b"\xef\xbb\xbf") == (encoding == "utf-8-sig")
    assert text.replace(end, "\n").count("\r") == 0
    assert end == "\n" or "\n" not in text.replace(end, "")
    assert text.endswith("# 注释")
    assert "model='glm-5.3-flash' if LLM_PROVIDER == 'zhipu' else 'gpt-4o'" in text


OPTIONS = (
    CLIENT
    + 'options = {"model": "gpt-4o", "temperature": 0.2}\nclient.chat.completions.create(messages=[], **options)\n'
)


def test_what_a_table_behind_stars_brings_is_listed(tmp_path):
    """An argument that comes in a `**` table and must change is named; what is to be added goes into the call."""
    found = plan(tmp_path, {"m.py": OPTIONS}, to="kimi:kimi-k2.6", replace=True)

    (place,) = [place for place in found.by_hand if place.line == 5]
    assert place.reason == "takes temperature from a ** argument"
    assert place.blocked
    text = after(found, "m.py")
    assert "temperature" in text
    assert '    **options,\n    extra_body={"thinking": {"type": "disabled"}' in text
    assert '"model": "kimi-k2.6"' in text


def test_what_a_table_of_unknown_content_lacks_is_told(tmp_path):
    """Where nobody knows what the stars bring, nothing is put beside them that could be there twice."""
    text = CLIENT + "def ask(**more):\n    return client.chat.completions.create(model='gpt-4o', messages=[], **more)\n"

    found = plan(tmp_path, {"m.py": text}, to="kimi:kimi-k2.6")

    (place,) = [place for place in found.by_hand if place.line == 5]
    assert "run time" in place.reason
    assert "'thinking': {'type': 'disabled'}" in place.advice
    assert "extra_body" not in after(found, "m.py")


def test_a_model_behind_stars_that_stays_is_told_to_break_the_call(tmp_path):
    """The call goes to the target, but its table's model may be another client's: a person must decide."""
    files = {"m.py": OPTIONS, "other.py": 'from langchain_openai import ChatOpenAI\nllm = ChatOpenAI(model="gpt-4o")\n'}

    found = plan(tmp_path, files)

    told = [place for place in found.by_hand if place.file == "m.py" and place.line == 5]
    assert [(place.reason, place.blocked) for place in told] == [("takes its model from a ** argument", True)]


def test_in_place_a_second_move_adds_nothing_beside_a_model_that_stays(tmp_path):
    """Where the old model's name could not be changed, what was added to the call is not added again."""
    files = {"m.py": OPTIONS, "other.py": 'from langchain_openai import ChatOpenAI\nllm = ChatOpenAI(model="gpt-4o")\n'}
    once = after(plan(tmp_path, files, to="kimi:kimi-k2.6", replace=True), "m.py")

    again = plan(tmp_path, {"m.py": once}, to="kimi:kimi-k2.6", replace=True)

    assert "extra_body" in once
    assert after(again, "m.py") is None


CALL = 'import httpx\nhttpx.post("https://api.openai.com/v1/{path}", headers={{"Authorization": {key}}}, json={body})\n'
PLAIN_KEY = '"Bearer sk-proj-abcdefghijklmnop0123456789"'
READ_KEY = "KEY"


@pytest.mark.parametrize("replace", [False, True])
@pytest.mark.parametrize(
    ("path", "key", "why"),
    [
        ("chat/completions", PLAIN_KEY, "a key that is written into this file (line 2) would be sent along"),
        ("embeddings", READ_KEY, "embeddings are never switched unasked"),
        ("assistants", READ_KEY, "Zhipu AI (GLM, Z.ai) does not offer the assistants API"),
    ],
)
def test_a_raw_address_stays_where_the_request_may_not_go(tmp_path, path, key, why, replace):
    """A request that would carry the old key, or an unmapped embedding, or has no counterpart keeps its address."""
    text = CALL.format(path=path, key=key, body='{"input": "x"}' if key is READ_KEY else '{"model": "gpt-4o"}')

    found = plan(tmp_path, {"m.py": text}, replace=replace)

    assert ("m.py", 2, why) in reasons(found)
    assert after(found, "m.py") is None


def test_a_raw_address_of_mapped_embeddings_moves(tmp_path):
    """With a model chosen the vectors' address and model move together."""
    text = CALL.format(path="embeddings", key=READ_KEY, body='{"model": "text-embedding-3-small"}')

    new = moved(tmp_path, text, replace=True, pairs=("text-embedding-3-small=embedding-3",))

    assert "https://open.bigmodel.cn/api/paas/v4/embeddings" in new
    assert '{"model": "embedding-3"}' in new


BOT = (
    CLIENT
    + "class Bot:\n    model = 'gpt-4o'\n\n    def ask(self):\n"
    + "        return client.chat.completions.create(model=self.model, messages=[], presence_penalty=0.5)\n"
)


def test_a_run_time_model_is_judged_by_the_one_that_all_names_become(tmp_path):
    """A call whose model is an attribute loses what the only possible model refuses, and gets what that one needs."""
    text = moved(tmp_path, BOT, to="kimi", replace=True)

    assert "presence_penalty" not in text
    assert '"thinking": {"type": "disabled"}' in text or "'thinking': {'type': 'disabled'}" in text


def test_a_run_time_model_that_may_be_one_of_two_is_not_guessed(tmp_path):
    """Where the names of the tree become several models, what not all of them take is listed."""
    files = {"m.py": BOT, "other.py": CLIENT + "client.chat.completions.create(model='gpt-4', messages=[])\n"}

    found = plan(tmp_path, files, to="kimi", replace=True, pairs=("gpt-4=moonshot-v1-8k",))

    assert "presence_penalty=0.5" in after(found, "m.py")
    assert ("m.py", 8, "presence_penalty cannot be kept") in reasons(found)
