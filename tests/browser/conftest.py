"""A real Chromium, the system's own."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator

import pytest

_NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")


@pytest.fixture(scope="module")  # an open playwright is a running event loop to others
def chromium() -> Iterator[object]:
    """A browser that reaches no network; skipped where none is installed."""
    found = next((path for name in _NAMES if (path := shutil.which(name))), None)
    if found is None:
        pytest.skip("no Chromium: apt install chromium fonts-noto-cjk")
    from playwright.sync_api import sync_playwright

    # Root has no sandbox of its own; the page is ours.
    flags = ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=found, args=flags)
        yield browser
        browser.close()
