"""What a vendor's own counts teach about our estimates of one model: a ratio that is learned from reported usage.

Pure: who keeps it says where. It is two integers, so any store can hold it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

MILLION: Final = 1_000_000
LOWEST_PPM: Final = MILLION // 2
HIGHEST_PPM: Final = 2 * MILLION
LEAST_TOKENS: Final = 50  # of a request that teaches something: in a smaller one the template is most of it
MOST_TOKENS: Final = 4_096  # that one request counts for, so that none decides alone
MEMORY_TOKENS: Final = 131_072  # the mean over so many; from then on the older the less


@dataclass(frozen=True, slots=True)
class Correction:
    """What a model's estimates are multiplied by.

    Attributes:
        ratio_ppm: actual to estimated, in millionths, between a half and two.
        seen_tokens: from how many tokens it was learned, up to `MEMORY_TOKENS`.
    """

    ratio_ppm: int = MILLION
    seen_tokens: int = 0

    def __post_init__(self) -> None:
        if not (LOWEST_PPM <= self.ratio_ppm <= HIGHEST_PPM and 0 <= self.seen_tokens <= MEMORY_TOKENS):
            raise ValueError(f"no correction: {self.ratio_ppm} millionths from {self.seen_tokens} tokens")

    def correct(self, tokens: int) -> int:
        """Return an estimate as it should have been, rounded up."""
        return -(-tokens * self.ratio_ppm // MILLION)


NONE: Final = Correction()


def updated(correction: Correction, estimated: int, actual: int) -> Correction:
    """Return what is known after one more request.

    A request counts by its size, since sums are what budgets are about. It moves the ratio by its share only, and one
    that is far off counts as if it were at a bound: a vendor that reports nonsense now and then does little harm, and
    one that always does leaves the ratio at a bound.

    Args:
        correction: what was known.
        estimated: our estimate of the request, not corrected.
        actual: what the vendor reported.
    """
    if estimated < LEAST_TOKENS or actual <= 0:
        return correction
    ratio = min(max(actual * MILLION // estimated, LOWEST_PPM), HIGHEST_PPM)
    size = min(estimated, MOST_TOKENS)
    total = correction.seen_tokens + size
    moved = correction.ratio_ppm + _nearest((ratio - correction.ratio_ppm) * size, total)
    return Correction(moved, min(total, MEMORY_TOKENS))


def _nearest(number: int, divisor: int) -> int:
    """Return a quotient rounded half away from zero, so that neither direction is favoured."""
    size = (2 * abs(number) + divisor) // (2 * divisor)
    return size if number >= 0 else -size
