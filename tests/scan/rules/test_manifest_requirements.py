from __future__ import annotations

from tests.scan.rules.asking import ask, kinds

RULE = "manifest_requirements"


def test_requirements_are_found_without_comments_and_hashes():
    """The hit is the requirement: name, extras, version, marker."""
    text = (
        "-r base.txt\n--index-url https://h\n"
        'openai[datalib]>=1.0 ; python_version > "3" # why\r\n'
        "Langchain_OpenAI==0.1 \\\n    --hash=sha256:00\n"
        "-e git+https://github.com/x/y.git#egg=zhipuai\n"
    )

    assert kinds(RULE, text, "requirements") == [
        ("manifest", "openai", 'openai[datalib]>=1.0 ; python_version > "3"'),
        ("manifest", "openai", "Langchain_OpenAI==0.1"),
        ("manifest", "zhipu", "-e git+https://github.com/x/y.git#egg=zhipuai"),
    ]


def test_other_packages_are_not():
    """A name that only begins alike, and a comment, are no dependency."""
    assert kinds(RULE, "openai-whisper\nopenapi\n# openai\nrequests\n", "requirements") == []


def test_a_framework_that_can_hide_the_sdk_is_a_mention():
    """The package langchain itself offers a provider's classes: worth a look, not more."""
    (seen,) = ask(RULE, "langchain==0.0.340\n", "requirements")

    assert seen.hit.confidence == "mention"
