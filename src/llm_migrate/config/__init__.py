"""`llm-migrate.toml`: which targets there are, what models are called there, and in which order they are asked."""

from __future__ import annotations

from llm_migrate.config.load import load_config
from llm_migrate.config.secret import Secret
from llm_migrate.config.target import Chain, Config, Target

__all__ = ["Chain", "Config", "Secret", "Target", "load_config"]
