"""Rows of numbers as lines of text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dgsea_bench.report.bars import BARS, bars

NUMBERS = st.lists(st.one_of(st.none(), st.floats(-1e300, 1e300)), max_size=40)


@given(NUMBERS)
def test_a_larger_value_has_no_lower_bar(values):
    drawn = bars(values, blank="x")
    assert [bar == "x" for bar in drawn] == [value is None for value in values]
    known = sorted((value, BARS.index(bar)) for value, bar in zip(values, drawn) if value is not None)
    heights = [height for _, height in known]
    assert heights == sorted(heights)
    if known and known[0][0] < 0 < known[-1][0]:
        assert (heights[0], heights[-1]) == (0, len(BARS) - 1)


@given(st.lists(st.floats(0.99, 1.01), min_size=1))
def test_noise_is_flat(values):
    assert set(bars(values)) <= set("▄▅")


@pytest.mark.parametrize(
    ("values", "drawn"),
    [([], ""), ([None], " "), ([0.0], "▅"), ([1, 2], "▁█"), ([2, None, 1], "█ ▁"), ([1, 2, 3, 4, 5, 6, 7, 8], BARS)],
)
def test_examples(values, drawn):
    assert bars(values) == drawn
