import itertools

import pytest

from dgsea_bench.report import wording
from dgsea_bench.report.figures import spread
from dgsea_bench.report.ticks import log_ticks


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0123, "12.3 ms"), (4.2e-7, "0.420 µs"), (1.5e-5, "15.0 µs"), (2.0, "2.00 s"), (600, "10.0 min"), (None, "–")],
)
def test_seconds(value, text):
    assert wording.seconds(value).replace("\u00a0", " ") == text


@pytest.mark.parametrize(
    ("value", "text"), [(0.5, "512 KiB"), (2.44, "2.4 MiB"), (41.3, "41 MiB"), (2048.0, "2.00 GiB"), (0.0, "0.0 MiB")]
)
def test_mebibytes(value, text):
    assert wording.mebibytes(value).replace("\u00a0", " ") == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (1e-15, "same to rounding"),
        (1.3e-6, "1.3e-6"),
        (0.0013, "0.13 %"),
        (0.1254, "12.5 %"),
        (9.0, "900 %"),
    ],
)
def test_error(value, text):
    assert wording.error(value).replace("\u00a0", " ") == text


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        *[(0.0123, "seconds", "12.3 ms"), (-0.0123, "seconds", "−12.3 ms")],
        *[(36696064, "bytes", "35 MiB"), (2048, "bytes", "2 KiB"), (64, "bytes", "64 B"), (0, "bytes", "0 B")],
        *[(1234.5, "unit", "1,234"), (0.05, "", "0.0500"), (1.3e-6, "unit", "1.30e-6"), (3, "rows", "3.00 rows")],
        *[(0, "unit", "0"), (None, "seconds", "–")],
    ],
)
def test_values_in_units_of_asv(value, unit, text):
    assert wording.tracked(value, unit).replace("\u00a0", " ") == text


def test_lists_and_spans():
    assert [wording.listed(list("abc")[:n]) for n in range(4)] == ["", "a", "a and b", "a, b and c"]
    assert wording.span([0.2, None, 0.1], wording.share) == "0.100 to 0.200"
    assert wording.span([0.1, 0.1], wording.share) == "0.100"
    assert wording.span([None], wording.share) == wording.UNKNOWN


def test_long_names_keep_their_ends():
    assert wording.shortened("REACTOME_SOMETHING_VERY_LONG_INDEED_1", 20) == "REACTOME_…G_INDEED_1"


def test_a_share_on_an_axis_is_not_rounded_to_another():
    assert [wording.share_tick(share) for share in (0.875, 0.9, -0.25, 1.0)] == ["0.875", "0.90", "−0.25", "1.00"]


@pytest.mark.parametrize(("low", "high"), [(1.0, 1.2), (0.3, 40.0), (1e-14, 1.0), (5e-3, 7e-3), (1.0, 1.0001)])
def test_ticks_lie_inside_and_are_few(low, high):
    ticks = log_ticks(low, high)
    assert 1 <= len(ticks) <= 7
    assert all(low <= tick <= high for tick in ticks)
    assert ticks == sorted(ticks)


def test_labels_are_moved_apart_and_stay_inside():
    places = spread([50.0, 51.0, 52.0, 99.0], [10.0] * 4, 100.0)
    assert places == sorted(places)
    assert all(b - a >= 10 - 1e-9 for a, b in itertools.pairwise(places))
    assert min(places) >= 5
    assert max(places) <= 95
