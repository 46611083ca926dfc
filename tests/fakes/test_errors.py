"""What the fakes say of their vendors' errors can be used: by a server, and by a program that waits for a class."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import Any

import openai
import pytest

from tests.fakes.server import RefusalError, Request, Sample, load_vendor

FILES = sorted(path.stem for path in Path(__file__).parent.glob("*_like.py"))
NAMES = [stem.removesuffix("_like") for stem in FILES if not stem.startswith("test_")]
MODULES = {name: importlib.import_module(f"tests.fakes.{name}_like") for name in NAMES}
SAMPLES = {f"{v}: {n}": s for v, module in MODULES.items() for n, s in getattr(module, "ERRORS", {}).items()}
CLASSES = {
    "content_filter": "BadRequestError",
    "context_length_exceeded": "BadRequestError",
    "insufficient_quota": "RateLimitError",
    "model_not_found": "NotFoundError",
}


@pytest.mark.parametrize("sample", SAMPLES.values(), ids=SAMPLES)
def test_a_sample_is_an_error(sample: Sample) -> None:
    """Its body can be sent, and its class is one of the SDK's that has a status."""
    body: Any = sample.fault.body

    assert isinstance(body, bytes) or json.dumps(body)
    assert issubclass(getattr(openai, sample.raises), openai.APIStatusError)


@pytest.mark.parametrize("sample", SAMPLES.values(), ids=SAMPLES)
def test_the_four_names_stand_with_their_class(sample: Sample) -> None:
    """A code that programs ask for belongs to one class."""
    assert CLASSES.get(sample.code or "", sample.raises) == sample.raises


@pytest.mark.parametrize("name", ["openai", "azure", "zhipu", "kimi"])
def test_a_key_named_wrong_is_refused(name: str) -> None:
    """So that a program can meet its vendor's 401."""
    vendor = load_vendor(name)
    with pytest.raises(RefusalError) as caught:
        vendor.answer(Request("POST", f"{vendor.root}/chat/completions", {}, {"authorization": "Bearer wrong"}, b"{}"))

    assert caught.value.reply.status == 401
