"""The help articles as vectors in one JSON file, and the search in it.

    python -m app.index --rebuild

Vectors of one model mean nothing to another: the file names its model, and a search with another one is refused.
"""

import argparse
import json

from app.clients import make_client
from app.settings import ARTICLES, INDEX

EMBEDDING_MODEL = "text-embedding-3-small"


class StaleIndexError(Exception):
    """The index was built with another model."""


def rebuild(client, path=INDEX):
    """Embed all articles and write the index; returns how many there are."""
    articles = json.loads(ARTICLES.read_text(encoding="utf-8"))
    vectors = embed(client, [f"{a['title']}\n{a['text']}" for a in articles])
    rows = [{"text": a["text"], "vector": v} for a, v in zip(articles, vectors)]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        json.dumps({"model": EMBEDDING_MODEL, "dimensions": len(vectors[0]), "rows": rows}), encoding="utf-8"
    )
    return len(rows)


def search(client, question, path=INDEX, top=2):
    """Return the texts of the nearest articles, nearest first."""
    index = json.loads(path.read_text(encoding="utf-8"))
    if index["model"] != EMBEDDING_MODEL:
        raise StaleIndexError(f"built with {index['model']}, not {EMBEDDING_MODEL}: run  python -m app.index --rebuild")
    [wanted] = embed(client, [question])
    if len(wanted) != index["dimensions"]:
        raise StaleIndexError(f"{index['dimensions']} numbers a vector, not {len(wanted)}: rebuild the index")
    ranked = sorted(index["rows"], key=lambda row: -sum(a * b for a, b in zip(row["vector"], wanted)))
    return [row["text"] for row in ranked[:top]]


def embed(client, texts):
    response = client.embeddings.create(model=EMBEDDING_MODEL, input=texts)
    return [row.embedding for row in response.data]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="The index of the help articles.")
    parser.add_argument("--rebuild", action="store_true", required=True, help="embed all articles again")
    parser.parse_args()
    print(f"{rebuild(make_client())} articles in {INDEX}, embedded with {EMBEDDING_MODEL}")
