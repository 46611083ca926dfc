"""Strategy `endpoint` for configuration, by text before and after."""

import pytest

from tests.rewrite.moving import CLIENT, after, plan, reasons

URL = "https://open.bigmodel.cn/api/paas/v4"
BESIDE = {
    "env": (
        ".env",
        "OPENAI_API_KEY=sk-secret-of-mine\nOPENAI_BASE_URL=https://api.openai.com/v1\n",
        (
            "OPENAI_API_KEY=sk-secret-of-mine\nZHIPUAI_API_KEY=\nLLM_PROVIDER=zhipu\n"
            f"OPENAI_BASE_URL=https://api.openai.com/v1\nZHIPUAI_BASE_URL={URL}\n"
        ),
    ),
    "env, CRLF, no end, exported": (
        "prod.env",
        "A=1\r\nexport OPENAI_API_KEY='sk-x' # mine",
        "A=1\r\nexport OPENAI_API_KEY='sk-x' # mine\r\nexport ZHIPUAI_API_KEY=''\r\nexport LLM_PROVIDER='zhipu'",
    ),
    "compose map": (
        "docker-compose.yml",
        "services:\n  a:\n    environment:\n      OPENAI_API_KEY: ${OPENAI_API_KEY:-}\n      B: 1\n",
        (
            "services:\n  a:\n    environment:\n      OPENAI_API_KEY: ${OPENAI_API_KEY:-}\n"
            "      ZHIPUAI_API_KEY: ${ZHIPUAI_API_KEY:-}\n      LLM_PROVIDER: ${LLM_PROVIDER:-zhipu}\n      B: 1\n"
        ),
    ),
    "compose list": (
        "docker-compose.yml",
        'services:\n  a:\n    environment:\n    - "OPENAI_API_KEY=sk-x"\n',
        (
            'services:\n  a:\n    environment:\n    - "OPENAI_API_KEY=sk-x"\n    - "ZHIPUAI_API_KEY="\n'
            '    - "LLM_PROVIDER=zhipu"\n'
        ),
    ),
    "workflow": (
        ".github/workflows/ci.yml",
        "env:\n  OPENAI_API_KEY: ${{ secrets.OPENAI_API_KEY }}\n",
        (
            "env:\n  OPENAI_API_KEY: ${{ secrets.OPENAI_API_KEY }}\n"
            "  ZHIPUAI_API_KEY: ${{ secrets.ZHIPUAI_API_KEY }}\n  LLM_PROVIDER: zhipu\n"
        ),
    ),
    "yaml with a secret": (
        "c.yaml",
        "OPENAI_API_KEY: sk-x\n",
        'OPENAI_API_KEY: sk-x\nZHIPUAI_API_KEY: ""\nLLM_PROVIDER: zhipu\n',
    ),
    "toml": (
        "c.toml",
        '[env]\nOPENAI_API_KEY = "sk-x"\n',
        '[env]\nOPENAI_API_KEY = "sk-x"\nZHIPUAI_API_KEY = ""\nLLM_PROVIDER = "zhipu"\n',
    ),
    "json": (
        "local.settings.json",
        '{\n  "Values": {\n    "OPENAI_API_KEY": "sk-x"\n  }\n}\n',
        (
            '{\n  "Values": {\n    "OPENAI_API_KEY": "sk-x",\n    "ZHIPUAI_API_KEY": "",\n'
            '    "LLM_PROVIDER": "zhipu"\n  }\n}\n'
        ),
    ),
    "dockerfile": (
        "Dockerfile",
        "FROM x\nARG OPENAI_API_KEY\nENV OPENAI_API_KEY=$OPENAI_API_KEY\n",
        (
            "FROM x\nARG OPENAI_API_KEY\nARG ZHIPUAI_API_KEY\nARG LLM_PROVIDER\nENV OPENAI_API_KEY=$OPENAI_API_KEY\n"
            "ENV ZHIPUAI_API_KEY=$ZHIPUAI_API_KEY\nENV LLM_PROVIDER=zhipu\n"
        ),
    ),
}


@pytest.mark.parametrize("case", BESIDE, ids=str)
def test_the_targets_variables_stand_beside_the_old_ones(tmp_path, case):
    """Old entries stay; the target's follow in the same form and indentation, without any secret."""
    name, old, new = BESIDE[case]

    found = plan(tmp_path, {name: old, "m.py": CLIENT})

    assert after(found, name) == new


@pytest.mark.parametrize("case", BESIDE, ids=str)
def test_a_second_time_adds_nothing(tmp_path, case):
    """What stands there already is not added again."""
    name, _, new = BESIDE[case]

    assert after(plan(tmp_path, {name: new, "m.py": CLIENT}), name) is None


IN_PLACE = {
    "env": (
        ".env",
        "OPENAI_API_KEY=sk-secret-of-mine-0123456789\nOPENAI_BASE_URL=https://api.openai.com/v1/\nOPENAI_MODEL=gpt-4o\n",
        f"ZHIPUAI_API_KEY=\nZHIPUAI_BASE_URL={URL}/\nOPENAI_MODEL=glm-5.3-flash\n",
    ),
    "yaml": (
        "c.yaml",
        "openai:\n  model: 'gpt-4o' # keep\n  base_url: https://api.openai.com/v1\n  api_key: ${OPENAI_API_KEY}\n",
        f"openai:\n  model: 'glm-5.3-flash' # keep\n  base_url: {URL}\n  api_key: ${{ZHIPUAI_API_KEY}}\n",
    ),
}


@pytest.mark.parametrize("case", IN_PLACE, ids=str)
def test_in_place_names_and_values_change(tmp_path, case):
    """With replace, variables are renamed, addresses and models changed, and no secret changes hands."""
    name, old, new = IN_PLACE[case]

    found = plan(tmp_path, {name: old, "m.py": CLIENT}, replace=True)

    assert after(found, name) == new


def test_a_setting_without_a_switch_stays_and_is_listed(tmp_path):
    """An address or model in an application's own configuration stays by default, and a person is told."""
    files = {"c.yaml": "openai:\n  model: gpt-4o\n  base_url: https://api.openai.com/v1\n", "m.py": CLIENT}

    found = plan(tmp_path, files)

    assert after(found, "c.yaml") is None
    assert [line for file, line, why in reasons(found) if file == "c.yaml" and "stays" in why] == [2, 3]


def test_entries_that_share_a_line_are_listed(tmp_path):
    """Where a line holds several entries nothing is inserted; a person is told what to add."""
    found = plan(tmp_path, {"Dockerfile": "FROM x\nENV A=1 OPENAI_API_KEY=x\n", "m.py": CLIENT})

    assert after(found, "Dockerfile") is None
    assert any("shares its line" in why for _, _, why in reasons(found))


@pytest.mark.parametrize("replace", [False, True])
def test_a_reference_to_a_secret_is_left_to_a_person(tmp_path, replace):
    """A variable that Kubernetes fills from a secret is not renamed: it would carry the old provider's key along."""
    text = (
        "env:\n  - name: OPENAI_API_KEY\n    valueFrom:\n      secretKeyRef:\n        name: s\n        key: k\n"
        "  - name: OPENAI_BASE_URL\n    value: https://api.openai.com/v1\n"
    )

    found = plan(tmp_path, {"values.yaml": text}, replace=replace)

    assert ("values.yaml", 2, "OPENAI_API_KEY takes its value from elsewhere") in reasons(found)
    assert found.left == ()
    assert "  - name: OPENAI_API_KEY\n    valueFrom:" in (after(found, "values.yaml") or text)
