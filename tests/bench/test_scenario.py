"""Scenario files expand to cases; what cannot be understood is one line that names the place."""

import itertools
import json

import pytest

from dgsea_bench import Exact, InputError, Nyswin
from dgsea_bench.backends import backends
from dgsea_bench.bench.case import Case, case_backend
from dgsea_bench.bench.scenario_files import built_in_scenarios, read_scenario

HEAD = 'name = "mine"\nsummary = "A test."\n'
GRID = '[[grids]]\nsource = "synthetic"\n'
EXACT = '[[backends]]\nname = "exact"\n'


@pytest.fixture
def scenario(tmp_path):
    """Reads a scenario from its text."""
    numbers = itertools.count()

    def scenario(text):
        path = tmp_path / f"scenario{next(numbers)}.toml"
        path.write_text(text)
        return read_scenario(path)

    return scenario


@pytest.fixture
def refusal(scenario):
    """The one line with which a scenario is refused, when it is read or when it is expanded."""

    def refusal(text):
        with pytest.raises(InputError) as error:
            scenario(text).cases()
        assert "\n" not in str(error.value)
        return str(error.value)

    return refusal


@pytest.fixture
def files(tmp_path):
    """Writes a ranking and gene sets; returns their paths."""

    def files(folder, scores="A\t3\nB\t2\nC\t1\n", sets="one\t\tA\tB\n"):
        (tmp_path / folder).mkdir(exist_ok=True)
        ranking, gene_sets = tmp_path / folder / "a.rnk", tmp_path / folder / "a.gmt"
        ranking.write_text(scores)
        gene_sets.write_text(sets)
        return str(ranking), str(gene_sets)

    return files


def on_files(ranking, gene_sets, more=""):
    return f'{HEAD}[[grids]]\nsource = "ranking"\nranking = "{ranking}"\ngene_sets = "{gene_sets}"\n{more}\n{EXACT}'


def only(cases):
    assert len(cases) == 1
    return cases[0]


ON_FILES = ("real-ranking", "l1000-landmark", "l1000-full", "training-prnet")
"""Scenarios that read public files."""


# --- built in ---------------------------------------------------------------------------------------------------------


def test_the_documented_scenarios_are_built_in():
    assert {"default", "scaling", "synthetic", *ON_FILES} <= set(built_in_scenarios())


@pytest.mark.parametrize("name", [name for name in built_in_scenarios() if name not in ON_FILES])
def test_a_built_in_scenario_expands_without_any_data(name, monkeypatch):
    monkeypatch.delenv("DGSEA_BENCH_DATA", raising=False)
    scenario = read_scenario(name)
    cases = scenario.cases()
    assert scenario.name == name
    assert len({case.case_id for case in cases}) == len(cases) >= 4
    on_genes_alone = ["none"] if "training" in scenario.tasks else []
    entries = [entry.name for entry in scenario.backends]
    assert {case.backend for case in cases} == {*entries, *scenario.witnesses, *on_genes_alone}


def test_the_real_ranking_expands_with_the_data(data):
    cases = read_scenario("real-ranking").cases()
    assert [case.label for case in cases] == [
        "fastsum",
        "exact",
        "nyswin[anchors=128]",
        "nyswin[anchors=512]",
        "nyswin[window=fixed]",
        "hard",
    ]


def test_an_unknown_scenario_lists_the_known_ones_and_the_nearest():
    with pytest.raises(InputError, match=r"unknown scenario 'defualt'; known: .*default.*did you mean 'default'\?"):
        read_scenario("defualt")


def test_a_scenario_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(InputError, match=r"absent\.toml: no such scenario file"):
        read_scenario(tmp_path / "absent.toml")


# --- expansion --------------------------------------------------------------------------------------------------------


def test_axes_and_knobs_are_crossed(scenario):
    text = f"""{HEAD}
[axes]
seed = [0, 1]
tau_rank = [0.8, 1.2]
{GRID}
genes = [100, 200, 300]
{EXACT}
[[backends]]
name = "nyswin"
anchors = [16, 32]
self_term = [true, false]
"""
    cases = scenario(text).cases()
    assert len(cases) == 3 * 2 * 2 * (1 + 2 * 2)
    points = {(case.source.genes, case.source.seed, case.params.tau_rank, case.label) for case in cases}
    assert len(points) == len(cases)


def test_a_point_that_two_grids_share_is_one_case(scenario):
    grids = f"{GRID}genes = [100, 200]\n{GRID}genes = [200, 300]\n"
    cases = scenario(HEAD + grids + EXACT).cases()
    assert [case.source.genes for case in cases] == [100, 200, 300]


def test_a_grid_comes_before_the_shared_axes(scenario):
    cases = scenario(f"{HEAD}[axes]\ngenes = [100, 200]\nsets = 7\n{GRID}genes = 300\n{EXACT}").cases()
    assert [(case.source.genes, case.source.sets) for case in cases] == [(300, 7)]


def test_knobs_become_options_of_the_backend(scenario):
    text = HEAD + GRID + '[[backends]]\nname = "nyswin"\nanchors = [16, 32]\nfrac = 0.5\n' + EXACT
    cases = scenario(text).cases()
    assert [case_backend(case) for case in cases] == [
        Nyswin(anchors=16, frac=0.5),
        Nyswin(anchors=32, frac=0.5),
        Exact(),
    ]
    assert [case.label for case in cases] == ["nyswin[anchors=16,frac=0.5]", "nyswin[anchors=32,frac=0.5]", "exact"]


def test_a_case_survives_json(scenario):
    text = HEAD + GRID + 'tau_abs = "adaptive"\n[[backends]]\nname = "nyswin"\nself_term = false\n'
    case = only(scenario(text).cases())
    again = Case.model_validate(json.loads(json.dumps(case.model_dump(mode="json"))))
    assert (again, again.case_id, again.reference_id) == (case, case.case_id, case.reference_id)


def test_more_genes_than_a_backend_may_have_is_a_skip_with_its_reason(scenario):
    cases = scenario(f"{HEAD}{GRID}genes = [500, 501, 2000]\n{EXACT}max_genes = 500\n").cases()
    assert [case.skip for case in cases] == [None, *["the scenario limits exact to 500 genes"] * 2]


def test_max_genes_holds_for_the_default_number_of_genes_too(scenario):
    case = only(scenario(f"{HEAD}{GRID}{EXACT}max_genes = 500\n").cases())
    assert (case.source.genes, case.skip) == (978, "the scenario limits exact to 500 genes")


def test_choosing_backends_keeps_their_knobs_and_adds_the_others_with_defaults(scenario):
    text = HEAD + GRID + EXACT + '[[backends]]\nname = "nyswin"\nanchors = [16, 32]\n'
    cases = scenario(text).with_backends(["nyswin", "hard"]).cases()
    assert [case.label for case in cases] == ["nyswin[anchors=16]", "nyswin[anchors=32]", "hard"]
    with pytest.raises(InputError, match=r"unknown backend 'exat'.*did you mean 'exact'"):
        scenario(text).with_backends(["exat"])


def test_files_of_the_user_take_the_place_of_the_scenarios(scenario, files):
    theirs, mine = files("theirs"), files("mine", scores="A\t1\nB\t2\n")
    replaced = scenario(on_files(*theirs, "min_size = 1")).with_ranking(*mine, duplicates="mean")
    source = only(replaced.cases()).source
    assert (source.ranking, source.gene_sets, source.duplicates, source.min_size) == (*mine, "mean", 1)


def test_a_scenario_without_a_ranking_has_none_to_replace(scenario):
    with pytest.raises(InputError, match="scenario 'mine' has no ranking to replace; use real-ranking"):
        scenario(HEAD + GRID + EXACT).with_ranking("a", "b")


# --- identity ---------------------------------------------------------------------------------------------------------

AXES = {
    "generator": "null",
    "genes": 979,
    "sets": 51,
    "set_size": 31,
    "profiles": 2,
    "planted_share": 0.3,
    "seed": 1,
    "exponent": 0,
    "tau_rank": 1.3,
    "tau_prefix": 1.1,
    "tau_abs": "adaptive",
    "dtype": "float32",
    "threads": 2,
    "device": "cuda",
}


def test_each_axis_alone_changes_the_identity(scenario):
    texts = ["", *(f"{axis} = {json.dumps(value)}\n" for axis, value in AXES.items())]
    cases = [only(scenario(HEAD + GRID + text + EXACT).cases()) for text in texts]
    cases.append(only(scenario(HEAD + GRID + EXACT.replace("exact", "hard")).cases()))
    cases.append(only(scenario(HEAD + GRID + EXACT + "memory_mib = 64.0\n").cases()))
    assert len({case.case_id for case in cases}) == len(cases)


def test_where_it_runs_does_not_change_the_truth_but_the_problem_does(scenario):
    plain = only(scenario(HEAD + GRID + EXACT).cases())
    for axis, value in AXES.items():
        other = only(scenario(f"{HEAD}{GRID}{axis} = {json.dumps(value)}\n{EXACT}").cases())
        assert (other.reference_id == plain.reference_id) == (axis in ("threads", "device")), axis


def test_how_carefully_it_is_measured_does_not_change_the_identity(scenario):
    one = only(scenario(HEAD + GRID + EXACT).cases())
    two = only(scenario(f"{HEAD}{GRID}{EXACT}[measure]\nrepeats = 9\nmin_seconds = 0\ntime_limit = 5\n").cases())
    assert two.measure.repeats == 9
    assert (one.case_id, one.reference_id) == (two.case_id, two.reference_id)


def test_writing_a_default_out_does_not_change_the_identity(scenario):
    one = only(scenario(HEAD + GRID + EXACT).cases())
    two = only(scenario(HEAD + GRID + "genes = 978\ntau_prefix = 1\nexponent = 1\ndtype = 'float64'\n" + EXACT).cases())
    assert one.case_id == two.case_id


def test_a_file_counts_by_its_content_and_not_by_its_place(scenario, files):
    here, there, other = files("here"), files("there"), files("other", scores="A\t3\nB\t2\nC\t1.5\n")
    one, two, three = (only(scenario(on_files(*paths)).cases()) for paths in (here, there, other))
    assert (one.case_id, one.reference_id) == (two.case_id, two.reference_id)
    assert one.case_id != three.case_id
    assert one.reference_id != three.reference_id


def test_other_gene_sets_make_another_case(scenario, files):
    one = only(scenario(on_files(*files("here"))).cases())
    two = only(scenario(on_files(*files("there", sets="one\t\tA\tC\n"))).cases())
    assert one.case_id != two.case_id


def test_a_file_among_the_data_is_the_same_as_that_file_itself(scenario, files, monkeypatch, tmp_path):
    paths = files("data")
    monkeypatch.setenv("DGSEA_BENCH_DATA", str(tmp_path / "data"))
    named, placed = (only(scenario(on_files(*place)).cases()) for place in (("a.rnk", "a.gmt"), paths))
    assert named.case_id == placed.case_id


# --- what is refused --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            HEAD + GRID + "gene = 5\n" + EXACT,
            "grid 1: unknown key 'gene' for source 'synthetic'; did you mean 'genes'?",
        ),
        (HEAD + "[axes]\ntau_rnak = 1\n" + GRID + EXACT, "unknown key 'tau_rnak'"),
        (HEAD + GRID + EXACT + "[measure]\nrepeat = 9\n", "[measure]: unknown key 'repeat'; did you mean 'repeats'?"),
        (HEAD + "[axess]\nsets = 1\n" + GRID + EXACT, "unknown key 'axess'; did you mean 'axes'?"),
        (HEAD + GRID + "[[backends]]\nname = 'nyswn'\n", "unknown backend 'nyswn'"),
        (HEAD + GRID + "[[backends]]\nname = 'nyswn'\n", "did you mean 'nyswin'?"),
        (
            HEAD + GRID + "[[backends]]\nname = 'nyswin'\nanchor = 5\n",
            "backend 'nyswin' has no option 'anchor'; it has:",
        ),
        (
            HEAD + GRID + "[[backends]]\nname = 'nyswin'\nanchors = 'many'\n",
            "anchors is 'many'; it must be of type int",
        ),
        (HEAD + GRID + "[[backends]]\nname = 'nyswin'\nanchors = [16, 0]\n", "anchors is 0; it must be 1 or more"),
        (HEAD + GRID + "[[backends]]\nanchors = 5\n", "backends.0.name is missing"),
        (
            HEAD + "[[grids]]\nsource = 'synthetc'\n" + EXACT,
            "source is 'synthetc'; known: synthetic, ranking, l1000, compounds, simulated-compounds; did you",
        ),
        (HEAD + "[[grids]]\ngenes = 5\n" + EXACT, "grid 1: source is None"),
        (HEAD + GRID + EXACT + GRID + "tau_rank = -1\n", "grid 2: tau_rank is -1.0; a temperature must be"),
        (HEAD + GRID + "tau_prefix = [1, 0]\n" + EXACT, "tau_prefix is 0.0; a temperature must be"),
        (HEAD + GRID + "genes = 'many'\n" + EXACT, "source.genes: Input should be a valid integer"),
        (
            HEAD + GRID + "genes = 20\nset_size = '15-20'\n" + EXACT,
            "a set of 20 genes does not fit into a ranking of 20",
        ),
        (HEAD + GRID + "generator = 'plantd'\n" + EXACT, "unknown generator 'plantd'"),
        (HEAD + GRID + "threads = 0\n" + EXACT, "threads: Input should be greater than or equal to 1 (found 0)"),
        (
            HEAD + GRID + "dtype = 'float16'\n" + EXACT,
            "dtype: Input should be 'float32' or 'float64' (found 'float16')",
        ),
        (HEAD + GRID + EXACT + "[measure]\nrepeats = 4\n", "repeats: Input should be greater than or equal to 5"),
        (HEAD + EXACT, "grids is missing"),
        (HEAD + GRID, "backends is missing"),
        (GRID + EXACT, "name is missing"),
        (HEAD + "genes = [5,\n", "is not valid TOML"),
        (HEAD + HEAD, "is not valid TOML"),
    ],
)
def test_a_mistake_is_one_line_that_names_it(refusal, text, expected):
    assert expected in refusal(text)


def test_a_number_of_genes_that_is_no_number_is_refused_also_beside_max_genes(refusal):
    assert "source.genes" in refusal(f"{HEAD}{GRID}genes = 'many'\n{EXACT}max_genes = 500\n")


@pytest.mark.parametrize("text", [GRID + "genes = []\n" + EXACT, GRID + '[[backends]]\nname="nyswin"\nanchors = []\n'])
def test_an_empty_list_is_refused_rather_than_measuring_nothing(refusal, text):
    assert "[]" in refusal(HEAD + text) or "empty" in refusal(HEAD + text)


@pytest.mark.parametrize("setting", ["min_seconds = inf", "time_limit = inf"])
def test_a_measurement_that_would_never_end_is_refused(refusal, setting):
    assert setting.split()[0] in refusal(f"{HEAD}{GRID}{EXACT}[measure]\n{setting}\n")


def test_a_field_called_like_its_source_is_named_in_the_error(refusal):
    assert "source.ranking" in refusal(HEAD + "[[grids]]\nsource = 'ranking'\nranking = 3\ngene_sets = 'x'\n" + EXACT)


def test_a_file_that_is_not_text_is_no_scenario(tmp_path):
    path = tmp_path / "a.toml"
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(InputError, match="is not valid TOML"):
        read_scenario(path)


def test_a_missing_data_file_is_refused_before_any_work(refusal):
    assert refusal(on_files("absent.rnk", "absent.gmt")).startswith("absent.rnk: no such file")


@pytest.mark.parametrize("name", backends())
def test_every_backend_can_be_named_in_a_scenario(scenario, name):
    assert only(scenario(HEAD + GRID + EXACT.replace("exact", name)).cases()).backend == name
