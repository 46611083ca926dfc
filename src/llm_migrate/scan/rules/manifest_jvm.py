"""Finds a provider's artifacts in pom.xml, Gradle scripts and .NET project files."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from llm_migrate.scan.finding import Confidence, Document, Hit
from llm_migrate.scan.rule import FileContext, TextRule
from llm_migrate.scan.rules.manifest_names import manifest_hit, provider_of

NAME: Final = "manifest_jvm"

_DEPENDENCY: Final = re.compile(
    r"<(?:dependency|plugin)>((?:[^<]|<(?!/?(?:dependency|plugin)>))*+)</(?:dependency|plugin)>"
)
_COMMENT: Final = re.compile(r"<!--(?:[^-<]|-(?!->)|<(?!!--))*+-->")
_GROUP: Final = re.compile(r"<groupId>\s*([\w.-]+)\s*</groupId>")
_ARTIFACT: Final = re.compile(r"<artifactId>\s*([\w.-]+)\s*</artifactId>")
_PACKAGE: Final = re.compile(r"<PackageReference\s[^<>]{0,200}?\b(?:Include|Update)=\"([\w.-]{1,100})\"[^<>]{0,300}>")
_COORDINATE: Final = re.compile(r"[\"']([\w.-]{1,100}):([\w.-]{1,100})(?::[^\"'\r\n]{0,100})?[\"']")
_NAMED: Final = re.compile(
    r"group[ \t]*[:=][ \t]*[\"']([\w.-]{1,100})[\"'][ \t]*,[ \t]*"
    r"(?:name|module)[ \t]*[:=][ \t]*[\"']([\w.-]{1,100})[\"']"
)
_GRADLE_COMMENT: Final = re.compile(r"[ \t]*(?://|\*|/\*)")


def find(document: Document, context: FileContext) -> Iterator[Hit]:
    """Yield a hit for each dependency on a provider's artifact."""
    find_in = _in_gradle if document.language == "gradle" else _in_xml
    for start, end, owner in find_in(document.text, context):
        yield manifest_hit(NAME, owner, context.byte(start), context.byte(end))


RULE: Final = TextRule(NAME, frozenset({"gradle", "xml"}), find)

_Place = tuple[int, int, tuple[str, Confidence]]


def _in_xml(text: str, context: FileContext) -> Iterator[_Place]:
    plain = _COMMENT.sub(lambda match: " " * len(match.group()), text)
    for match in _DEPENDENCY.finditer(plain):
        group, artifact = _GROUP.search(match.group(1)), _ARTIFACT.search(match.group(1))
        if group and artifact:
            owner = provider_of(context.vocabulary, "maven", f"{group.group(1)}:{artifact.group(1)}")
            if owner is not None:
                start = match.start(1)
                yield start + min(group.start(), artifact.start()), start + max(group.end(), artifact.end()), owner
    for match in _PACKAGE.finditer(plain):
        role = context.vocabulary.name_role(match.group(1))
        if role is not None:
            yield match.start(), match.end(), (role.provider, "likely")


def _in_gradle(text: str, context: FileContext) -> Iterator[_Place]:
    for pattern in (_COORDINATE, _NAMED):
        for match in pattern.finditer(text):
            if _GRADLE_COMMENT.match(text, text.rfind("\n", 0, match.start()) + 1):
                continue
            owner = provider_of(context.vocabulary, "maven", f"{match.group(1)}:{match.group(2)}")
            if owner is not None:
                yield match.start(), match.end(), owner
