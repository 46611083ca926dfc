"""Packages, proxies and certificates of the environment."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from llm_migrate.config import Target
from llm_migrate.engine import routes
from llm_migrate.engine.check.surroundings import certificates, judge_packages, proxies, surroundings
from tests.fakes.served import SERVED

PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Which proxy leads to a host is read once a process."""
    for name in PROXIES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    monkeypatch.delenv("SSL_CERT_DIR", raising=False)
    routes._proxy.cache_clear()
    yield
    routes._proxy.cache_clear()


@pytest.fixture
def target() -> Target:
    return SERVED["zhipu"].target()


def judged(installed: dict[str, str], *files: str) -> list[tuple[str, str]]:
    found = judge_packages(installed, frozenset(files), where="here")
    return [(finding.severity, finding.what) for finding in found]


def test_a_stolen_release_is_wrong():
    """Two releases of litellm steal keys: said with version, what to do and the source."""
    [finding] = judge_packages({"litellm": "1.82.8"}, frozenset(), where="here")

    assert (finding.severity, finding.topic, finding.where) == ("wrong", "package", "here")
    assert finding.what.startswith("litellm 1.82.8: ")
    assert "replace every key" in finding.advice
    assert "24521" in finding.source


def test_versions_that_clash_are_named_together():
    """Both packages of a clash stand in its text."""
    [finding] = judge_packages({"openai": "1.35.7", "httpx": "0.28.1"}, frozenset(), where="here")

    assert finding.what.startswith("openai 1.35.7, httpx 0.28.1: ")
    assert "proxies" in finding.what


def test_what_is_sound_is_listed():
    """Without a trouble the versions are shown; a note does not spoil that."""
    assert judged({"openai": "3.54.0", "httpx2": "2.16.2"}) == [("good", "openai 3.54.0, httpx2 2.16.2")]
    assert [s for s, _ in judged({"openai": "3.54.0", "httpx2": "2.16.2", "httpx": "0.28.1"})] == ["good", "note"]
    assert judged({})[0][0] == "good"


def test_a_left_over_start_file_is_wrong():
    """The file is found though its package is not installed."""
    [(severity, what)] = judged({}, "litellm_init.pth")

    assert severity == "wrong"
    assert what.startswith("litellm_init.pth")


def test_a_proxy_is_named_without_its_password(monkeypatch: pytest.MonkeyPatch, target: Target):
    """The proxy that leads to a target is shown, with the variable, and never its user and password (S3)."""
    monkeypatch.setenv("HTTPS_PROXY", "http://user:canary@proxy.example:3128")

    [finding] = proxies([target], {"HTTPS_PROXY": ""})

    assert (finding.severity, finding.where) == ("note", "HTTPS_PROXY")
    assert finding.what == "asked through http://proxy.example:3128"
    assert "canary" not in repr(finding)


def test_a_proxy_of_another_kind_is_wrong(monkeypatch: pytest.MonkeyPatch, target: Target):
    """A SOCKS proxy, as many machines name it in ALL_PROXY, is one that no call gets through."""
    monkeypatch.setenv("ALL_PROXY", "socks5://127.0.0.1:1080")

    [finding] = proxies([target], {"ALL_PROXY": ""})

    assert finding.severity == "wrong"
    assert "NO_PROXY" in finding.advice


def test_a_host_that_needs_no_proxy_says_nothing(monkeypatch: pytest.MonkeyPatch, target: Target):
    """NO_PROXY holds for the check as it does for calls."""
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:3128")
    monkeypatch.setenv("NO_PROXY", "bigmodel.cn")

    assert proxies([target], {}) == []


def test_certificates_that_are_not_there_are_wrong(tmp_path: Path):
    """A file or folder of certificates that is not there breaks every call over TLS; a good one is noted."""
    there = tmp_path / "ca.pem"
    there.touch()

    assert certificates({}) == []
    assert certificates({"SSL_CERT_FILE": str(there)})[0].severity == "note"
    assert certificates({"SSL_CERT_FILE": str(tmp_path / "none.pem")})[0].severity == "wrong"
    assert certificates({"SSL_CERT_DIR": str(tmp_path)})[0].severity == "note"
    assert certificates({"SSL_CERT_DIR": str(there)})[0].severity == "wrong"


def test_this_environment_is_sound(target: Target):
    """What our own tests run in has nothing wrong."""
    assert {finding.severity for finding in surroundings([target])} <= {"good", "note"}
