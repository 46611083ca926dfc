from __future__ import annotations

import pytest

from tests.scan.rules.asking import kinds

RULE = "manifest_jvm"
POM = """\
<dependencies>
  <!-- <dependency><groupId>com.openai</groupId><artifactId>openai-java</artifactId></dependency> -->
  <dependency>
    <groupId>org.springframework.ai</groupId>
    <!-- <artifactId>spring-ai-vector-store</artifactId> -->
    <artifactId>spring-ai-starter-model-openai</artifactId>
    <version>1</version>
  </dependency>
  <dependency>
    <groupId>org.springframework.ai</groupId>
    <artifactId>spring-ai-vector-store</artifactId>
  </dependency>
</dependencies>
"""


def test_maven_dependencies_are_found_but_for_comments():
    """The hit goes from the group to the artifact; what is commented out does not count."""
    ((kind, provider, text),) = kinds(RULE, POM, "xml")

    assert (kind, provider) == ("manifest", "openai")
    assert text.startswith("<groupId>") and text.endswith("spring-ai-starter-model-openai</artifactId>")


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("implementation 'com.openai:openai-java:4.0.0'", True),
        ('implementation("org.springframework.ai:spring-ai-starter-model-openai")', True),
        ("implementation group: 'com.openai', name: 'openai-java', version: '1'", True),
        ("// implementation 'com.openai:openai-java:4.0.0'", False),
        ("implementation 'org.springframework.ai:spring-ai-vector-store'", False),
    ],
)
def test_gradle_coordinates(line: str, found: bool):
    """All notations of a dependency; comments are passed over."""
    assert bool(kinds(RULE, f"dependencies {{\n  {line}\n}}\n", "gradle")) is found


def test_dotnet_package_references_are_found():
    """A package that is named after the vendor."""
    text = (
        '<ItemGroup><PackageReference Include="Azure.AI.OpenAI" Version="2.0.0" />\n<PackageReference Include="Moq" />'
    )

    assert kinds(RULE, text, "xml") == [
        ("manifest", "openai", '<PackageReference Include="Azure.AI.OpenAI" Version="2.0.0" />')
    ]


@pytest.mark.parametrize(
    "text", ["<dependency>" * 30_000, "<!--" * 60_000, "<plugin>" * 30_000, "<PackageReference " * 9_000]
)
def test_hostile_text_ends_soon(text: str):
    """Elements and comments that never close take linear time."""
    assert kinds(RULE, text, "xml") == []
