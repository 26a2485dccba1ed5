"""Parts of a scenario are named as people think of them; what cannot be understood is one line that says why."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dgsea_bench import InputError
from dgsea_bench.bench.axes import AXES, NULL_AXES
from dgsea_bench.bench.case import Case
from dgsea_bench.bench.scenario import Scenario
from dgsea_bench.bench.scenario_files import read_scenario
from dgsea_bench.bench.selection import KEYS, parse_settings, select, split_backends
from dgsea_bench.bench.spelling import parse_label, parse_value

DEFAULT = read_scenario("default")
AGREEMENT = read_scenario("agreement")
CASES = DEFAULT.cases()
SIGNIFICANCE = AGREEMENT.cases()
TWO_GRIDS = {
    "name": "mine",
    "summary": "A test.",
    "axes": {"sets": 7, "tau_rank": [0.8, 1.2]},
    "grids": [
        {"source": "synthetic", "genes": [100, 200], "generator": "null"},
        {"source": "ranking", "ranking": "a.rnk", "gene_sets": "a.gmt"},
    ],
    "backends": [{"name": "nyswin", "anchors": [16, 32], "max_genes": 150}, {"name": "hard"}],
}


def scenario(**changes):
    return Scenario.model_validate({**TWO_GRIDS, **changes})


def synthetic(**changes):
    """A scenario that reads no files."""
    return scenario(**{"grids": TWO_GRIDS["grids"][:1], **changes})


def refusal(function, *arguments):
    with pytest.raises(InputError) as error:
        function(*arguments)
    assert "\n" not in str(error.value)
    return str(error.value)


def typed(value):
    """A value as a user would write it."""
    return str(value).lower() if value is None or isinstance(value, bool) else str(value)


def conditions(case: Case) -> list[str]:
    """All that can be said of a case."""
    content = case.model_dump()
    source, null = content["source"], content["null"] or {}
    said = {"source": source["kind"], "backend": case.backend, "task": case.task, "case_id": case.case_id[:9]}
    said |= {name: value for name, value in source.items() if name != "kind"}
    said |= content["params"] | {name: content[name] for name in ("dtype", "device", "threads")}
    said |= {axis: null[field] for axis, field in NULL_AXES.items() if field in null} | case.options
    return [*(f"{name}={typed(value)}" for name, value in said.items()), f"backend={case.label}"]


# --- filters ----------------------------------------------------------------------------------------------------------


@given(st.data(), st.sampled_from([CASES, SIGNIFICANCE]))
def test_a_case_is_found_by_all_that_can_be_said_of_it(data, cases):
    case = data.draw(st.sampled_from(cases))
    for condition in conditions(case):
        assert case in select(cases, condition), condition
    assert select(cases, " ".join(conditions(case))) == [case]


@given(st.data(), st.sampled_from([CASES, SIGNIFICANCE]))
def test_conditions_together_select_what_each_of_them_selects(data, cases):
    case = data.draw(st.sampled_from(cases))
    one, two = data.draw(st.lists(st.sampled_from(conditions(case)), min_size=2, max_size=2))
    both = select(cases, f"{one} {two}")
    assert both == [other for other in select(cases, one) if other in select(cases, two)]
    positions = [cases.index(chosen) for chosen in both]
    assert positions == sorted(positions), "the order of the scenario is kept"


def test_one_value_of_several_is_enough():
    either = select(CASES, "genes=400,2000")
    assert either == [case for case in CASES if case.source.genes in (400, 2000)]


@pytest.mark.parametrize(
    ("text", "alike"),
    [
        ("genes=4e2", "genes=400"),
        ("tau_abs=0.60", "tau_abs=0.6"),
        ("genes=400.0", "genes=400"),
        ('generator="null"', "generator=null"),
        ("set_size='15-200'", "set_size=15-200"),
        ("generator=heavy\\-tailed", "generator=heavy-tailed"),
        ("self_term=TRUE", "self_term=true"),
        ("backend=nyswin[anchors=1_28]", "backend=nyswin[anchors=128]"),
        ("genes=400,400", "genes=400"),
        ("  genes=400\t", "genes=400"),
    ],
)
def test_values_compare_as_values(text, alike):
    assert select(CASES, text) == select(CASES, alike) != []


def test_a_backend_is_meant_with_all_its_knobs_or_with_these():
    assert {case.label for case in select(CASES, "backend=nyswin")} == {"nyswin[anchors=128]", "nyswin[anchors=512]"}
    assert {case.label for case in select(CASES, "backend=nyswin[anchors=128],hard")} == {"nyswin[anchors=128]", "hard"}
    two = synthetic(backends=[{"name": "nyswin", "anchors": 128, "frac": [0.1, 0.2]}]).cases()
    found = select(two, "backend=nyswin[anchors=128,frac=0.2]")
    assert {case.label for case in found} == {"nyswin[anchors=128,frac=0.2]"}
    assert select(two, "backend=nyswin[frac=0.20, anchors=128]") == found, "whatever the order of the knobs"


def test_a_knob_that_a_scenario_leaves_out_has_its_default():
    assert select(SIGNIFICANCE, "anchors=512") == select(SIGNIFICANCE, "backend=nyswin")
    assert select(SIGNIFICANCE, "backend=nyswin[anchors=512]") == select(SIGNIFICANCE, "backend=nyswin")


def test_the_null_distribution_can_be_asked_for():
    assert select(SIGNIFICANCE, "split=0.5 null_seed=0 calibrate=false permutations=1e3") == SIGNIFICANCE
    without = AGREEMENT.with_axes({"split": ["none"]}).cases()
    assert select(without, "split=none") == without


def test_true_is_no_number():
    assert "there: True" in refusal(select, CASES, "self_term=1")


def test_a_value_with_spaces_is_quoted(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my, file.rnk").write_text("A\t3\nB\t2\nC\t1\n")
    (tmp_path / "a.gmt").write_text("one\t\tA\tB\n")
    grid = {"source": "ranking", "ranking": "my, file.rnk", "gene_sets": "a.gmt"}
    cases = scenario(grids=[grid], axes={}).cases()
    for text in ("ranking='my, file.rnk'", 'ranking="my, file.rnk" max_size=500', r"ranking=my\,\ file.rnk"):
        assert select(cases, text) == cases


def test_nothing_is_selected_from_nothing():
    assert select([], "genes=5") == []


@pytest.mark.parametrize("key", sorted({"backend", "case_id", "task", "source", *AXES["synthetic"], *AXES["ranking"]}))
def test_every_axis_is_a_known_key(key):
    assert key in KEYS


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "--filter is empty; expected conditions key=value[,value…]"),
        ("genes", "--filter: found 'genes', expected conditions"),
        ("genes = 400", "such as --filter 'backend=fastsum genes=400,978'"),
        ("genes=", "found 'genes='"),
        ("genes=400,,978", "found 'genes=400,,978'"),
        ("=400", "found '=400'"),
        ("genes==400", "found 'genes==400'"),
        ("genes>400", "found 'genes>400'"),
        ("genes!=400", "found 'genes!=400'"),
        ("generator='null", "a quote is missing"),
        ("backend=nyswin[anchors=128", "a bracket is missing"),
        ("backend=nyswin]", "a bracket is missing"),
        ("backend=nyswin[]", "'' is not key=value; expected such as nyswin[anchors=128,window=fixed]"),
        ("backend=nyswin[anchors]", "'anchors' is not key=value"),
        ("backend=nyswin[anchors=1,anchors=2]", "anchors is given twice"),
        ("backend=nyswin[anchor=128]", "has no option 'anchor'; it has: "),
        ("backend=nyswin[anchors=128]x", "cannot be read; expected a name, or one with knobs such as nyswin["),
        ("gene=400", "--filter: unknown key 'gene'; they have: backend, case_id, task, source, generator, genes,"),
        ("gene=400", "did you mean 'genes'?"),
        ("tau-rank=1.2", "did you mean 'tau_rank'?"),
        ("permutations=1000", "--filter: none of the cases has 'permutations'; they have: "),
        ("genes=979", "--filter: none of the {count} cases has genes=979; there: 400, 978, 2000, 4000"),
        ("genes=400,979", "none of the {count} cases has genes=979"),
        ("backend=fastsm", "there: 'fastsum', 'exact', 'nyswin[anchors=128]', 'nyswin[anchors=512]', 'hard'"),
        ("backend=fastsm", "did you mean 'fastsum'?"),
        ("backend=hard,nywsin", "has backend=nywsin; there: "),
        ("backend=hard,nywsin", "did you mean 'nyswin'?"),
        ("backend=nyswin[anchors=64]", "none of the {count} cases has backend=nyswin[anchors=64]; there:"),
        ('case_id=""', 'none of the {count} cases has case_id=""'),
        (
            "generator=tied backend=hard genes=400",
            "leaves no case: none of the 1 that meet the conditions before has genes=400; there: 978",
        ),
        ("genes=400 genes=978", "none of the 5 that meet the conditions before has genes=978; there: 400"),
    ],
)
def test_a_filter_that_selects_nothing_says_why(text, expected):
    assert expected.format(count=len(CASES)) in refusal(select, CASES, text)


# --- backends ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("", []),
        ("exact", ["exact"]),
        (" exact , hard,,exact ", ["exact", "hard"]),
        ("nyswin[anchors=128],exact", ["nyswin[anchors=128]", "exact"]),
        ("nyswin[anchors=128,frac=0.2], hard", ["nyswin[anchors=128,frac=0.2]", "hard"]),
        ("nyswin[anchors=128, frac=0.2]", ["nyswin[anchors=128, frac=0.2]"]),
    ],
)
def test_commas_in_brackets_do_not_split(text, parts):
    assert split_backends(text) == parts


knobs = st.fixed_dictionaries(
    {},
    optional={
        "anchors": st.integers(1, 10**9),
        "self_term": st.booleans(),
        "window": st.sampled_from(["released", "fixed"]),
        "frac": st.floats(1e-9, 0.5),
        "memory_mib": st.floats(1e-3, 1e18) | st.integers(1, 10**6),
    },
)


@given(st.lists(knobs, min_size=1, max_size=3))
def test_a_label_names_the_variant_that_it_is_the_label_of(several):
    entries = [{"name": "nyswin", **chosen} for chosen in several]
    labels = list(dict.fromkeys(case.label for case in synthetic(backends=entries).cases()))
    again = synthetic().with_backends(split_backends(",".join(labels))).cases()
    named = [label for label in labels if "[" in label]  # a bare name means all variants of the scenario
    assert set(named) <= {case.label for case in again}
    for label in named:
        only = synthetic().with_backends([label]).cases()
        assert {case.label for case in only} == {label}
        assert {parse_label(case.label)[1] == case.options for case in only} == {True}


def test_a_label_makes_the_case_of_the_same_scenario_written_by_hand():
    by_hand = synthetic(backends=[{"name": "nyswin", "anchors": 64, "frac": 0.2, "self_term": False}])
    chosen = synthetic().with_backends(["nyswin[anchors=64,frac=0.2,self_term=false]"])
    assert [case.case_id for case in chosen.cases()] == [case.case_id for case in by_hand.cases()]


def test_a_bare_name_means_every_variant_and_a_label_one():
    labels = {name: {case.label for case in synthetic().with_backends([name]).cases()} for name in ("nyswin", "exact")}
    assert labels == {"nyswin": {"nyswin[anchors=16]", "nyswin[anchors=32]"}, "exact": {"exact"}}
    both = synthetic().with_backends(["nyswin[anchors=16]", "nyswin"]).cases()
    assert len({case.case_id for case in both}) == len(both) == 2 * 2 * 2, "named twice is measured once"


@pytest.mark.parametrize("label", ["nyswin[anchors=16]", "nyswin[anchors=99]"])
def test_a_limit_of_genes_holds_for_labels_too(label):
    skipped = {case.source.genes: case.skip for case in synthetic().with_backends([label]).cases()}
    assert skipped == {100: None, 200: "the scenario limits nyswin to 150 genes"}


def test_the_limit_is_that_of_the_variant_where_the_scenario_has_it():
    entries = [
        {"name": "nyswin", "anchors": 16},
        {"name": "nyswin", "window": "fixed", "max_genes": 150},
        {"name": "nyswin", "anchors": 64, "max_genes": 120},
    ]
    limits = {}
    for label in ("nyswin[anchors=16]", "nyswin[window=fixed]", "nyswin[anchors=5]"):
        limits[label] = synthetic(backends=entries).with_backends([label]).backends[0].max_genes
    assert limits == {"nyswin[anchors=16]": None, "nyswin[window=fixed]": 150, "nyswin[anchors=5]": 120}


def test_an_outside_program_can_be_named_in_scenarios_of_significance():
    quiet = AGREEMENT.model_copy(update={"witnesses": []})
    assert {case.label for case in quiet.with_backends(["gseapy", "hard"]).cases()} == {"gseapy", "hard"}


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        (["exat"], "unknown backend 'exat'; known: "),
        (["exat"], "did you mean 'exact'?"),
        (["nyswin[anchor=5]"], "backend 'nyswin' has no option 'anchor'; it has: "),
        (["nyswin[anchors=many]"], "anchors is 'many'; it must be of type int"),
        (["nyswin[anchors=0]"], "anchors is 0; it must be 1 or more"),
        (["nyswin[max_genes=5]"], "has no option 'max_genes'"),
        (["nyswin[anchors=5"], "backend 'nyswin[anchors=5' cannot be read; expected a name, or one with knobs such as"),
        (["nyswin[a[b]=5]"], "'a[b]=5' is not key=value"),
        (["nyswin[anchors 5]"], "'anchors 5' is not key=value; expected such as nyswin[anchors=128,window=fixed]"),
        (["nyswin anchors=5"], "cannot be read"),
        (["gseapy"], 'gseapy is measured in scenarios with task = "significance" only'),
        (["gseapy[seed=1]"], "gseapy is an outside program and has no knobs; write gseapy alone"),
    ],
)
def test_a_backend_that_cannot_be_meant_is_refused(labels, expected):
    assert expected in refusal(synthetic().with_backends, labels)


@pytest.mark.parametrize("text", ["nyswin[anchors=5,exact", "nyswin]", "nyswin[[anchors=5]]"])
def test_brackets_that_do_not_match_are_refused(text):
    assert "a bracket is missing; expected such as nyswin[anchors=128,window=fixed]" in refusal(split_backends, text)


# --- axes -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("978", 978),
        ("-3", -3),
        ("1e3", 1000.0),
        ("0.60", 0.6),
        ("true", True),
        ("False", False),
        ("none", None),
        ("null", "null"),
        ("15-200", "15-200"),
        ("cuda:0", "cuda:0"),
        ("'978'", "978"),
        ("adaptive", "adaptive"),
    ],
)
def test_values_are_typed_as_they_look(text, expected):
    assert (parse_value(text), type(parse_value(text))) == (expected, type(expected))


@given(st.integers() | st.floats(allow_nan=False) | st.booleans() | st.none())
def test_a_value_is_read_as_it_is_printed(value):
    assert (parse_value(str(value)), type(parse_value(str(value)))) == (value, type(value))


def test_settings_are_axes_with_their_values():
    texts = ["genes=512,1024", "set_size=15-200", "split=none", "ranking='my, file.rnk'", " tau_abs = adaptive, 0.6"]
    assert parse_settings(texts) == {
        "genes": [512, 1024],
        "set_size": ["15-200"],
        "split": [None],
        "ranking": ["my, file.rnk"],
        "tau_abs": ["adaptive", 0.6],
    }


values = {
    "genes": st.integers(60, 9000),
    "sets": st.integers(1, 500),
    "set_size": st.sampled_from(["15-50", 7, "9-9"]),
    "generator": st.sampled_from(["planted", "null", "tied"]),
    "seed": st.integers(0, 100),
    "tau_rank": st.sampled_from([0.5, 1, 2.0]),
    "tau_abs": st.sampled_from(["adaptive", 0.6]),
    "dtype": st.sampled_from(["float32", "float64"]),
    "threads": st.integers(1, 4),
    "permutations": st.integers(20, 2000),
    "null_seed": st.integers(0, 9),
    "split": st.sampled_from(["none", 0.5]),
    "calibrate": st.booleans(),
}
overrides = st.fixed_dictionaries(
    {}, optional={axis: st.lists(value, min_size=1, max_size=2, unique=True) for axis, value in values.items()}
)


@given(overrides)
def test_an_overridden_axis_is_as_if_written_by_hand(chosen):
    plain = synthetic(task="significance", axes={**TWO_GRIDS["axes"], "set_size": 5})
    by_hand = plain.model_dump(exclude={"axes", "grids", "backends"})
    grid = TWO_GRIDS["grids"][0]
    written = Scenario.model_validate(
        {**by_hand, "axes": {}, "grids": [{**plain.axes, **grid, **chosen}], "backends": TWO_GRIDS["backends"]}
    )
    texts = [f"{axis}={','.join(map(str, found))}" for axis, found in chosen.items()]
    overridden = plain.with_axes(parse_settings(texts)).cases()
    assert {case.case_id for case in overridden} == {case.case_id for case in written.cases()}
    assert len(overridden) == len(written.cases())


def test_a_grid_whose_source_does_not_have_the_axis_stays():
    changed = scenario(axes={}).with_axes({"genes": [300], "min_size": 3, "threads": [1, 2]})
    assert changed.grids == [
        {"source": "synthetic", "genes": [300], "generator": "null", "threads": [1, 2]},
        {"source": "ranking", "ranking": "a.rnk", "gene_sets": "a.gmt", "min_size": 3, "threads": [1, 2]},
    ]


def test_a_shared_axis_is_replaced_for_every_grid():
    changed = synthetic().with_axes({"sets": [3], "tau_rank": [2.0]})
    assert changed.axes == {"sets": [3], "tau_rank": [2.0]}
    assert {(case.source.sets, case.params.tau_rank) for case in changed.cases()} == {(3, 2.0)}


def test_overriding_leaves_the_scenario_itself_as_it_is():
    before = json.dumps(DEFAULT.model_dump())
    DEFAULT.with_axes({"genes": [400], "sets": 3}).with_backends(["nyswin[anchors=16]"]).cases()
    assert json.dumps(DEFAULT.model_dump()) == before


def test_values_are_checked_as_those_of_a_file():
    assert "source.genes: Input should be a valid integer" in refusal(DEFAULT.with_axes({"genes": ["many"]}).cases)
    assert "tau_rank is -1.0" in refusal(DEFAULT.with_axes({"tau_rank": [-1]}).cases)


@pytest.mark.parametrize(
    ("axes", "expected"),
    [
        ({"gene": [5]}, "scenario 'default' has no axis 'gene'; known: generator, genes, sets, set_size"),
        ({"gene": [5]}, "did you mean 'genes'?"),
        ({"min_size": [5]}, "has no axis 'min_size'; known: "),
        ({"source": ["synthetic"]}, "has no axis 'source'; known: "),
        ({"permutations": [50]}, "has no axis 'permutations' with task = \"enrichment\"; known: "),
        ({"anchors": [5]}, "has no axis 'anchors', which is a knob; write --backends 'nyswin[anchors=…]'"),
        ({"genes": []}, "scenario 'default': genes is an empty list; give at least one value"),
    ],
)
def test_an_axis_that_no_grid_has_is_refused(axes, expected):
    assert expected in refusal(DEFAULT.with_axes, axes)


def test_a_grid_without_a_source_is_still_refused():
    assert "grid 1: source is None" in refusal(scenario(grids=[{"genes": 5}]).with_axes, {"genes": 5})


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (["genes"], "--set: found 'genes', expected an axis with its values, such as --set genes=512,1024"),
        (["genes="], "found 'genes='"),
        (["genes=1,,2"], "found 'genes=1,,2'"),
        (["=5"], "found '=5'"),
        (["genes==5"], "found 'genes==5'"),
        (["my genes=5"], "found 'my genes=5'"),
        ([""], "found ''"),
        (["genes=5", "genes=6"], "genes is given twice; write all its values at once, as --set genes=512,1024"),
        (["genes=5 sets=6"], "--set 'genes=5 sets=6' holds a second axis; give --set sets=… beside it"),
        (["ranking='a.rnk"], "a quote is missing"),
        (["ranking=a.rnk\\"], "the character after a backslash is missing"),
    ],
)
def test_a_setting_that_cannot_be_read_is_refused(texts, expected):
    assert expected in refusal(parse_settings, texts)
