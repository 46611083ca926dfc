"""How the tokens of one model are counted: by which family, exactly or not, and what its images are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from llm_migrate.catalog.schema import ImageTokens, JsonValue, Provider
from llm_migrate.catalog.tokenizer import find_image_tokens, find_tokenizer
from llm_migrate.ledger.counting import Counted, Table, count_events, count_request
from llm_migrate.ledger.exact import Counter, exact_counter
from llm_migrate.ledger.family import Family, find_family


@dataclass(frozen=True, slots=True)
class Meter:
    """Counts requests to a model, and what came of an answer."""

    family: Family
    exact: Counter | None
    images: ImageTokens | None

    def count(self, body: dict[str, JsonValue] | Table) -> Counted:
        """Return the prompt tokens of a request in OpenAI's shape."""
        return count_request(body, self.family, self.exact, images=self.images)

    def count_delivered(self, payloads: Sequence[bytes]) -> int:
        """Return the output tokens in the JSON of chunks, or of a whole answer."""
        return count_events(b"".join(b"data: %b\n\n" % payload for payload in payloads), self.family, self.exact)


def meter_for(provider: Provider, model: str, asked: str = "") -> Meter:
    """Return how a model is counted, by the facts of its vendor.

    Args:
        provider: who serves it.
        model: its id there.
        asked: the id that the program named.
    """
    tokenizer = find_tokenizer(provider, model, asked=asked)
    family = find_family(tokenizer.family if tokenizer is not None else None)
    return Meter(family, exact_counter(family), find_image_tokens(provider, model, asked=asked))
