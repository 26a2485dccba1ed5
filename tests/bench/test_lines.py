"""Lines: what is smaller than a case, and what the end of a smaller one says of it."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from dgsea_bench.bench.case import Case
from dgsea_bench.bench.lines import AXES, RAN_OUT, Lines
from dgsea_bench.bench.spelling import parse_label
from dgsea_bench.core.params import EnrichmentParams, NullParams
from dgsea_bench.data.sources import SyntheticSource

STATUSES = ["done", "skipped", "failed", *RAN_OUT]
SIZES = {"genes": [50, 60, 90], "sets": [2, 4], "profiles": [1, 3], "permutations": [None, 20, 100]}
OTHERS = {
    "seed": [0, 1],
    "backend": ["exact", "nyswin[anchors=8]", "nyswin[anchors=16]"],
    "tau_rank": [1.0, 0.5],
    "threads": [1, 2],
}
POINTS = list(itertools.product(*SIZES.values(), *OTHERS.values()))


def case_at(point):
    genes, sets, profiles, permutations, seed, label, tau_rank, threads = point
    backend, options = parse_label(label)
    return Case(
        task="enrichment" if permutations is None else "significance",
        source=SyntheticSource(genes=genes, sets=sets, profiles=profiles, seed=seed),
        params=EnrichmentParams(tau_rank=tau_rank),
        null=None if permutations is None else NullParams(permutations=permutations, seed=seed),
        backend=backend,
        options=options or {},
        threads=threads,
    )


CASES = {point: case_at(point) for point in POINTS}
SOME = st.lists(st.sampled_from(POINTS), min_size=2, max_size=12, unique=True)


@st.composite
def near_each_other(draw):
    """Points that differ in few things, so that lines have several members."""
    first = draw(st.sampled_from(POINTS))
    columns = [*SIZES.values(), *OTHERS.values()]
    free = draw(st.sets(st.integers(0, len(columns) - 1), min_size=1, max_size=3))
    grid = itertools.product(*(values if n in free else [first[n]] for n, values in enumerate(columns)))
    return draw(st.permutations([*grid]))


GRIDS = near_each_other() | SOME


def smaller_by_one_axis(other, point):
    """The axis in which `other` is smaller if all else is the same, without looking at lines."""
    apart = [n for n, (theirs, mine) in enumerate(zip(other, point)) if theirs != mine]
    if len(apart) != 1 or apart[0] >= len(AXES):
        return None
    theirs, mine = other[apart[0]], point[apart[0]]
    return AXES[apart[0]] if theirs is not None and mine is not None and theirs < mine else None


def test_the_axes_here_are_those_of_lines():
    assert tuple(SIZES) == AXES


@given(GRIDS)
def test_smaller_are_those_that_differ_in_the_size_of_one_axis_alone(points):
    lines = Lines([CASES[point] for point in points])
    for point in points:
        assert lines.smaller(CASES[point]) == {
            CASES[other].case_id for other in points if smaller_by_one_axis(other, point)
        }


@given(GRIDS, st.data())
def test_exactly_what_is_larger_on_a_line_of_one_that_ran_out_is_skipped_and_says_where(points, data):
    lines = Lines([CASES[point] for point in points])
    ends = {point: data.draw(st.sampled_from([None, *STATUSES])) for point in points}
    for point, status in ends.items():
        if status:
            lines.record(CASES[point].case_id, status)
    for point in points:
        expected = {
            f"{ends[other]} at {other[AXES.index(axis)]:,} {axis} already"
            for other in points
            if ends[other] in RAN_OUT and (axis := smaller_by_one_axis(other, point))
        }
        reason = lines.reason_to_skip(CASES[point])
        assert reason in expected if expected else reason is None


@given(GRIDS, st.lists(st.sampled_from(STATUSES), min_size=1, max_size=4))
def test_the_last_word_on_a_case_counts(points, statuses):
    lines, fresh = (Lines([CASES[point] for point in points]) for _ in range(2))
    for status in statuses:
        lines.record(CASES[points[0]].case_id, status)
    fresh.record(CASES[points[0]].case_id, statuses[-1])
    for point in points:
        assert lines.reason_to_skip(CASES[point]) == fresh.reason_to_skip(CASES[point])


def test_a_case_that_could_be_measured_after_all_takes_back_what_its_failure_said():
    small, large = (point for point in POINTS if point[1:] == POINTS[0][1:] and point[0] in (50, 90))
    lines = Lines([CASES[small], CASES[large]])
    lines.record(CASES[small].case_id, "out of memory")
    assert lines.reason_to_skip(CASES[large]) == "out of memory at 50 genes already"
    assert lines.reason_to_skip(CASES[small]) is None
    lines.record(CASES[small].case_id, "done")
    assert lines.reason_to_skip(CASES[large]) is None


def test_large_sizes_are_written_with_commas():
    cases = [
        Case(source=SyntheticSource(genes=genes), params=EnrichmentParams(), backend="exact") for genes in (2000, 4000)
    ]
    lines = Lines(cases)
    lines.record(cases[0].case_id, "out of time")
    assert lines.reason_to_skip(cases[1]) == "out of time at 2,000 genes already"


def test_how_carefully_a_case_is_measured_and_whether_it_is_left_out_do_not_part_a_line():
    one, other = (point for point in POINTS if point[1:] == POINTS[0][1:] and point[0] in (50, 90))
    careful = CASES[other].model_copy(
        update={"measure": CASES[other].measure.model_copy(update={"repeats": 9}), "skip": "a test"}
    )
    assert Lines([CASES[one], careful]).smaller(careful) == {CASES[one].case_id}
