"""What can be set: config.yaml, and where the article index lies."""

import os
from pathlib import Path

import yaml

HERE = Path(__file__).parent
CONFIG = yaml.safe_load((HERE / "config.yaml").read_text(encoding="utf-8"))
ARTICLES = HERE / "articles.json"
INDEX = Path(os.environ.get("DESK_INDEX") or HERE / "index.json")
