"""Curves over commits: what asv wrote is what is read, and steps are those that asv finds."""

import math
import random
from itertools import pairwise, product

import pytest
from asv._stats import get_weight
from asv.graph import Graph
from asv.results import Results
from asv_suite import FAILED, SKIPPED, Suite, benchmark, commit, date
from hypothesis import given
from hypothesis import strategies as st

from dgsea_bench.bench.history import Point, better_way, find_steps, read_history
from dgsea_bench.bench.metrics import METRICS
from dgsea_bench.core.errors import InputError

NAME = "suite.time_forward"
VALUES = st.lists(st.floats(1e-6, 1e3), min_size=1, max_size=30)
GAPPED = st.lists(st.one_of(st.floats(1e-6, 1e3), st.none()), min_size=1, max_size=30)
WAYS = st.sampled_from(["lower", "higher", None])


@pytest.fixture
def suite(tmp_path):
    return Suite(tmp_path / "project", benchmark(backend=["exact", "fastsum"], genes=[100, 1000]))


def only(history):
    (curve,) = history.curves
    return curve


def points(values):
    return [
        Point(commit(number), date(number), value, "failed" if value is None else "measured")
        for number, value in enumerate(values)
    ]


# --- values -----------------------------------------------------------------------------------------------------------


def test_a_curve_has_its_values_by_date(suite):
    for number in (2, 0, 1):
        suite.add(number, {NAME: [number + 1.0, 2.0, 3.0, 10.0 - number]})
    history = read_history(suite.config)
    assert [dict(curve.parameters) for curve in history.curves] == [
        {"backend": backend, "genes": genes} for backend, genes in product(["exact", "fastsum"], ["100", "1000"])
    ]
    rising, falling = history.curves[0], history.curves[3]
    assert [(point.commit, point.date, point.value) for point in rising.points] == [
        (commit(number), date(number), number + 1.0) for number in range(3)
    ]
    assert (rising.first.value, rising.last.value, rising.best.commit, rising.ratio) == (1.0, 3.0, commit(0), 3.0)
    assert (falling.best.commit, falling.ratio) == (commit(2), 0.8)
    assert rising.name == "suite.time_forward(backend=exact, genes=100)"
    assert (rising.unit, rising.title, rising.better) == ("seconds", NAME, "lower")
    assert [each.hash for each in history.commits] == [commit(number) for number in range(3)]


def test_the_title_is_the_pretty_name(tmp_path):
    suite = Suite(tmp_path, {**benchmark(), "pretty_name": "Forward pass"}).series([1.0])
    assert only(read_history(suite.config)).title == "Forward pass"


def test_a_tracked_metric_says_what_it_is(tmp_path):
    suite = Suite(tmp_path, benchmark("track_null_seconds", unit="unit")).series([1.0], "track_null_seconds")
    curve = only(read_history(suite.config))
    assert (curve.metric, curve.title, curve.unit) == ("null_seconds", METRICS["null_seconds"].title, "s")


@given(VALUES, WAYS)
def test_no_value_is_better_than_the_best(tmp_path_factory, values, better):
    name = {"lower": "track_nes_missing", "higher": "track_nes_spearman", None: "track_nes_slope"}[better]
    suite = Suite(tmp_path_factory.mktemp("suite"), benchmark(name)).series(values, name)
    curve = only(read_history(suite.config))
    assert (curve.better, [point.value for point in curve.points]) == (better, values)
    assert (curve.first.value, curve.last.value) == (values[0], values[-1])
    if better is None:
        assert curve.best is None
    else:
        best = min(values) if better == "lower" else max(values)
        assert (curve.best.value, curve.best.commit) == (best, commit(values.index(best)))


@pytest.mark.parametrize(
    ("name", "better"),
    [
        ("suite.time_x", "lower"),
        ("suite.Kind.peakmem_x", "lower"),
        ("suite.Kind.track_nes_spearman", "higher"),
        ("track_gradient_cosine", "higher"),
        ("suite.track_gradient_error", "lower"),
        ("suite.track_nes_slope", None),
        ("suite.track_something", "lower"),
        ("track_nes_spearman.time_x", "lower"),
        ("suite.nes_spearman", "lower"),
    ],
)
def test_which_way_is_better(name, better):
    assert better_way(name) == better


def test_skipped_and_failed_are_no_values_and_are_told(suite):
    suite.add(0, {NAME: [1.0, SKIPPED, FAILED, 1.0]})
    suite.add(1, {NAME: [2.0, SKIPPED, FAILED, FAILED]})
    suite.add(2, {NAME: [FAILED, SKIPPED, FAILED, SKIPPED]})
    works, skipped, never, unsure = read_history(suite.config).curves
    assert [point.outcome for point in works.points] == ["measured", "measured", "failed"]
    assert (works.last.commit, works.fails) == (commit(1), True)
    assert (skipped.first, skipped.last, skipped.best, skipped.ratio, skipped.fails) == (None, None, None, None, False)
    assert {point.outcome for point in skipped.points} == {"skipped"}
    assert (never.last, never.fails, never.steps) == (None, True, ())
    assert unsure.fails, "it failed when it was run last; skipped is not run"


def test_a_failure_of_all_is_a_failure_of_each(suite):
    suite.add(0, {NAME: [FAILED] * 4})
    assert [curve.points[0].outcome for curve in read_history(suite.config).curves] == ["failed"] * 4


def test_infinity_is_no_value(tmp_path):
    curve = only(read_history(Suite(tmp_path, benchmark()).series([1.0, math.inf]).config))
    assert [point.outcome for point in curve.points] == ["measured", "failed"]


def test_what_was_never_run_is_told(suite):
    suite.describe(*suite.benchmarks.values(), benchmark("suite.time_backward"))
    suite.add(0, {NAME: [1.0, 2.0, 3.0, 4.0]})
    assert read_history(suite.config).unmeasured == ("suite.time_backward",)


def test_parameters_that_are_new_have_no_past(suite):
    suite.add(0, {NAME: [1.0, 2.0, 3.0, 4.0]})
    suite.describe(benchmark(backend=["hard", "exact"], genes=[1000]))
    suite.add(1, {NAME: [5.0, 6.0]})
    hard, exact = read_history(suite.config).curves
    assert [point.value for point in hard.points] == [5.0]
    assert [point.value for point in exact.points] == [2.0, 6.0]


def test_results_of_an_older_version_do_not_count(tmp_path):
    suite = Suite(tmp_path, benchmark(version="1")).series([1.0, 2.0])
    suite.describe(benchmark(version="2"))
    history = read_history(suite.config)
    assert (history.curves, dict(history.outdated), history.unmeasured) == ((), {NAME: 2}, (NAME,))
    suite.add(2, {NAME: 3.0})
    history = read_history(suite.config)
    assert [point.value for point in only(history).points] == [3.0]
    assert (dict(history.outdated), history.unmeasured) == ({NAME: 2}, ())


def test_results_without_a_version_count_as_they_do_for_asv(tmp_path):
    suite = Suite(tmp_path, benchmark(version=None)).series([1.0])
    suite.describe(benchmark(version="2"))
    assert only(read_history(suite.config)).last.value == 1.0


# --- places -----------------------------------------------------------------------------------------------------------


def test_places_are_never_mixed(tmp_path):
    suite = Suite(tmp_path, benchmark())
    suite.series([1.0, 2.0]).series([10.0], machine="server").series([100.0], environment="other")
    suite.add(2, {NAME: 1000.0}, ram="64 GB")
    history = read_history(suite.config)
    found = [(each.place.machine, each.place.environment, [p.value for p in each.points]) for each in history.curves]
    assert found == [
        ("box", "env", [1.0, 2.0]),
        ("box", "env", [1000.0]),
        ("box", "other", [100.0]),
        ("server", "env", [10.0]),
    ]
    assert len(history.places) == 4
    assert [len(curve.points) for curve in read_history(suite.config, machine="server").curves] == [1]


def test_the_same_commit_twice_in_one_place_is_refused(tmp_path):
    suite = Suite(tmp_path, benchmark()).series([1.0])
    copy = suite.file(0).with_name("copy.json")
    copy.write_bytes(suite.file(0).read_bytes())
    with pytest.raises(InputError, match=r"holds the commit and the environment of .* again"):
        read_history(suite.config)


def test_a_machine_without_results_is_refused(tmp_path):
    suite = Suite(tmp_path, benchmark()).series([1.0], machine="server")
    with pytest.raises(InputError, match=r"--machine sever: no results of it; .*'server'; did you mean 'server'"):
        read_history(suite.config, machine="sever")


def test_the_order_of_files_does_not_matter(tmp_path, monkeypatch):
    suite = Suite(tmp_path, benchmark()).series([1.0, 2.0, 4.0]).series([3.0], machine="server")
    before = read_history(suite.config)
    files = sorted(suite.results.rglob("*.json"), reverse=True)
    monkeypatch.setattr("pathlib.Path.rglob", lambda *_: files)
    assert read_history(suite.config) == before


# --- steps ------------------------------------------------------------------------------------------------------------


@given(GAPPED, WAYS, st.data())
def test_steps_are_those_of_asv(values, better, data):
    weight = st.one_of(st.none(), st.floats(1e-3, 1e6))
    weights = [None if value is None else data.draw(weight) for value in values]
    graph = Graph("benchmark", {})
    for number, (value, weight) in enumerate(zip(values, weights)):
        graph.add_data_point(number, [value, 1.0], [weight, None])  # with parameters, as publish does
    pieces = graph.get_steps()[0]
    steps = find_steps(points(values), weights, better)
    assert [(step.commit, step.before, step.after) for step in steps] == [
        (commit(right[0]), left[2], right[2]) for left, right in pairwise(pieces)
    ]
    assert [step.previous for step in steps] == [commit(piece[1] - 1) for piece in pieces[:-1]]
    for step in steps:
        up = step.after > step.before
        if better is None or step.after == step.before:
            assert step.verdict == "changed"
        else:
            assert step.verdict == ("worse" if up == (better == "lower") else "better")


@given(st.integers(4, 16), st.integers(4, 16), st.booleans(), st.integers(0, 10**6))
def test_a_planted_step_is_found_at_its_commit(before, after, up, seed):
    noise = random.Random(seed)  # noqa: S311 (noise)
    levels = [1.0] * before + [2.0 if up else 0.5] * after
    values = [level * noise.uniform(0.995, 1.005) for level in levels]
    steps = [step for step in find_steps(points(values), [None] * len(values), "lower") if step.size > 0.05]
    (step,) = steps
    assert (step.commit, step.previous) == (commit(before), commit(before - 1))
    assert (step.date, step.verdict) == (date(before), "worse" if up else "better")
    assert step.size == pytest.approx(1.0 if up else 0.5, rel=0.02)


def test_weights_are_asv_s_own(tmp_path):
    suite = Suite(tmp_path, benchmark())
    values = [1.0, 1.3, 0.9, 1.6, 1.5, 1.7, 1.4]
    for number, value in enumerate(values):
        suite.add(number, {NAME: value}, spread=0.001 * 4**number)
    weights = []
    for number in range(len(values)):
        (stats,) = Results.load(str(suite.file(number))).get_result_stats(NAME, [])
        weights.append(get_weight(stats))
    curve = only(read_history(suite.config))
    assert len(set(weights)) == len(values)
    assert curve.steps == find_steps(curve.points, weights, "lower")


def test_levels_lie_between_the_steps(tmp_path):
    curve = only(read_history(Suite(tmp_path, benchmark()).series([FAILED, *[1.0] * 5, SKIPPED, *[3.0] * 5]).config))
    assert [(level.first.commit, level.last.commit, level.value) for level in curve.levels] == [
        (commit(1), commit(5), 1.0),
        (commit(7), commit(11), 3.0),
    ]


def test_a_value_has_the_interval_that_asv_derived(tmp_path):
    suite = Suite(tmp_path, benchmark()).add(0, {NAME: 2.0}, spread=0.1).add(1, {NAME: 2.0})
    known, unknown = only(read_history(suite.config)).points
    assert known.interval[0] < 2.0 < known.interval[1]
    assert unknown.interval is None


@pytest.mark.parametrize(("last", "stays"), [(2.0, True), (1.5, True), (1.02, False), (0.5, False)])
def test_a_step_stays_until_the_curve_comes_back(tmp_path, last, stays):
    values = [1.0] * 6 + [3.0] * 6 + [last] * 6
    curve = only(read_history(Suite(tmp_path, benchmark()).series(values).config))
    assert [step.verdict for step in curve.news] == ["worse", "better"]
    assert curve.stays(curve.news[0]) is stays
    assert curve.stays(curve.news[1])


def test_a_gap_does_not_hide_a_step(tmp_path):
    suite = Suite(tmp_path, benchmark()).series([1.0, 1.0, FAILED, SKIPPED, 2.0, 2.0, 2.0])
    (step,) = only(read_history(suite.config)).steps
    assert (step.previous, step.commit, step.before, step.after) == (commit(1), commit(4), 1.0, 2.0)


def test_small_steps_are_no_news(tmp_path):
    values = [1.0] * 5 + [1.03] * 5
    suite = Suite(tmp_path, benchmark()).series(values)
    curve = only(read_history(suite.config))
    assert (len(curve.steps), curve.news, curve.tolerance) == (1, (), 0.05)
    assert len(only(read_history(suite.config, tolerance=0.02)).news) == 1
    suite = Suite(tmp_path, benchmark(), regressions_thresholds={"suite.*": 0.01, ".*forward": 0.02, "other": 1})
    assert len(only(read_history(suite.config)).news) == 1
    assert only(read_history(suite.config)).tolerance == 0.02


def test_turns_count_what_stepped_where(suite):
    for number in range(8):
        late = 2.0 if number >= 4 else 1.0
        suite.add(number, {NAME: [late, late, 1 / late, 2.0 if number >= 6 else 1.0]})
    turns = read_history(suite.config).turns()
    assert [(turn.commit, turn.count("worse"), turn.count("better")) for turn in turns] == [
        (commit(4), 2, 1),
        (commit(6), 1, 0),
    ]
    assert turns[0].date == date(4)
