"""The unmodified openai SDK 1.x, 2.x and 3.x over our transport against every vendor (R9, R11), and the page of it."""

from __future__ import annotations

from functools import cache

import pytest

from tests.e2e import features
from tests.fakes.served import SERVED

pytestmark = pytest.mark.matrix


@cache
def results(sdk: str) -> dict[str, dict[str, str]]:
    return features.run(sdk)


@pytest.mark.parametrize("sdk", features.SDKS)
def test_nothing_is_broken_at_any_vendor(sdk: str) -> None:
    """Each feature works, or is refused by name before the vendor is asked."""
    broken = {
        f"{vendor}: {feature}": what
        for vendor, found in results(sdk).items()
        for feature, what in found.items()
        if what.startswith("broken")
    }

    assert broken == {}


@pytest.mark.parametrize("sdk", features.SDKS)
def test_errors_are_raised_as_the_vendor_means_them(sdk: str) -> None:
    """Class and code of the SDK's exception, whole and streamed alike, for each documented error."""
    for vendor, found in results(sdk).items():
        for name, sample in SERVED[vendor].module.ERRORS.items():
            if name in features.ERRORS:
                raised, _, code = found[f"error {name}"].partition(" ")
                assert raised == sample.raises, f"{vendor}: {name}"
                assert sample.code in (None, code), f"{vendor}: {name}"


@pytest.mark.parametrize("sdk", features.SDKS[:-1])
def test_every_version_of_the_sdk_sees_the_same(sdk: str) -> None:
    """What works does not depend on the SDK."""
    assert results(sdk) == results(features.SDKS[-1])


def test_the_page_is_true() -> None:
    """docs/features.md is what a run gives: run scripts/feature_docs.py."""
    assert features.PAGE.read_text(encoding="utf-8") == features.page(results(features.SDKS[-1]))
