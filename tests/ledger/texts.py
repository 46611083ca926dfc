"""The texts that bench/fit_tokens.py fits and measures on."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

BENCH = Path(__file__).resolve().parents[2] / "bench"

_spec = importlib.util.spec_from_file_location("token_samples", BENCH / "token_samples.py")
assert _spec is not None and _spec.loader is not None
token_samples = importlib.util.module_from_spec(_spec)
sys.modules["token_samples"] = token_samples  # dataclasses look their module up
_spec.loader.exec_module(token_samples)
