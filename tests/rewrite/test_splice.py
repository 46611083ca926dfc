"""The splice function: the only place where new contents are made."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llm_migrate.errors import RewriteError
from llm_migrate.rewrite.splice import Edit, in_order, splice


@st.composite
def edited(draw):
    data = draw(st.binary(max_size=60))
    cuts = sorted(draw(st.lists(st.integers(0, len(data)), max_size=8)))
    pairs = list(zip(cuts[::2], cuts[1::2], strict=False))
    return data, [Edit(a, b, draw(st.binary(max_size=5))) for a, b in pairs]


@given(edited())
def test_untouched_bytes_stay_in_order(case):
    """The result is the original's untouched pieces with the texts between them (W3)."""
    data, edits = case

    result = splice(data, edits)

    expected = data
    for edit in reversed(edits):
        expected = expected[: edit.start] + edit.text + expected[edit.end :]
    assert result == expected


def test_insertions_at_one_place_keep_their_order():
    """Two insertions at one offset appear in the order given."""
    assert splice(b"ab", in_order([Edit(1, 1, b"1"), Edit(1, 1, b"2")])) == b"a12b"


@pytest.mark.parametrize(
    "edits",
    [
        [Edit(0, 2, b""), Edit(1, 3, b"")],
        [Edit(2, 3, b""), Edit(0, 1, b"")],
        [Edit(2, 1, b"")],
        [Edit(0, 9, b"")],
        [Edit(-1, 0, b"")],
    ],
)
def test_overlap_and_disorder_are_refused(edits):
    """Edits that overlap, run backwards or leave the file raise instead of guessing."""
    with pytest.raises(RewriteError):
        splice(b"abcd", edits)
