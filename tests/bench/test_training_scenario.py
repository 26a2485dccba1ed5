"""Training scenarios: what they expand to, what cases share, and what is refused in a line."""

import pytest

from dgsea_bench import InputError
from dgsea_bench.bench.case import Case, case_backend, contestant
from dgsea_bench.bench.scenario_files import read_scenario
from dgsea_bench.bench.selection import select
from dgsea_bench.bench.spec import Spec
from dgsea_bench.bench.sweep import plan_sweep

HEAD = 'name = "mine"\nsummary = "A test."\ntask = "training"\n'
GRID = '[[grids]]\nsource = "simulated-compounds"\n'
FASTSUM = '[[backends]]\nname = "fastsum"\n'


@pytest.fixture
def scenario(tmp_path):
    def scenario(text):
        path = tmp_path / "scenario.toml"
        path.write_text(HEAD + text)
        return read_scenario(path)

    return scenario


@pytest.fixture
def refusal(scenario):
    def refusal(text):
        with pytest.raises(InputError) as error:
            scenario(text).cases()
        assert "\n" not in str(error.value)
        return str(error.value)

    return refusal


def test_arms_are_crossed_with_backends_but_the_loss_on_genes_has_none(scenario):
    text = f'{GRID}arm = ["gene-mse", "dgsea", "hybrid"]\nseed = [0, 1]\n{FASTSUM}[[backends]]\nname = "exact"\n'
    found = {(case.training.arm, case.backend, case.training.seed) for case in scenario(text).cases()}
    assert found == {
        *(("gene-mse", "none", seed) for seed in (0, 1)),
        *((arm, backend, seed) for arm in ("dgsea", "hybrid") for backend in ("fastsum", "exact") for seed in (0, 1)),
    }


def test_the_loss_on_genes_is_one_case_whatever_pathways_and_temperatures_stand_beside(scenario):
    text = f'{GRID}arm = ["gene-mse", "hybrid"]\npathways = ["directional", "random"]\ntau_rank = [0.5, 0.8]\n{FASTSUM}'
    cases = scenario(text).cases()
    assert [case.backend for case in cases].count("none") == 1
    assert len(cases) == 1 + 4


def test_temperatures_and_precision_are_those_for_training_where_nothing_is_said(scenario):
    usual, other = scenario(f'{GRID}arm = "hybrid"\ntau_rank = [0.8, 0.5]\n{FASTSUM}').cases()
    assert (usual.params.tau_rank, usual.params.tau_prefix, usual.params.tau_abs) == (0.8, 1.1, 0.7)
    assert (other.params.tau_rank, other.params.tau_prefix) == (0.5, 1.1)
    assert usual.dtype == "float32"


def test_a_backend_limited_to_some_seeds_is_skipped_beyond_them_and_says_so(scenario):
    text = f'{GRID}arm = "hybrid"\nseed = [3, 1, 4]\n[[backends]]\nname = "exact"\nseeds = 2\n'
    found = {case.training.seed: case.skip for case in scenario(text).cases()}
    assert found == {3: None, 1: None, 4: "the scenario limits exact to 2 seeds"}


def test_a_limit_of_seeds_stays_when_a_backend_is_asked_for_with_knobs(scenario):
    limited = scenario(f'{GRID}arm = "hybrid"\nseed = [0, 1]\n[[backends]]\nname = "nyswin"\nseeds = 1\n')
    for label in ("nyswin", "nyswin[anchors=128]"):
        assert [case.skip is None for case in limited.with_backends([label]).cases()] == [True, False]


def test_models_are_trained_where_their_cases_run(scenario):
    (case,) = scenario(f'{GRID}arm = "gene-mse"\ndevice = "cuda:1"\n{FASTSUM}').cases()
    assert Spec(task="reference", case=case).device == Spec(case=case).device == "cuda:1"


def test_a_grid_may_have_backends_of_its_own(scenario):
    text = f'{GRID}arm = "hybrid"\nbackends = ["exact"]\n{GRID}arm = "dgsea"\n{FASTSUM}[[backends]]\nname = "exact"\n'
    found = {(case.training.arm, case.backend) for case in scenario(text).cases()}
    assert found == {("hybrid", "exact"), ("dgsea", "fastsum"), ("dgsea", "exact")}


def test_settings_are_those_of_every_case(scenario):
    text = f'{GRID}arm = ["hybrid", "dgsea"]\n{FASTSUM}[training]\nweights = [0, 0.5]\nbatch = 16\n'
    assert {(case.training.weights, case.training.batch) for case in scenario(text).cases()} == {((0.0, 0.5), 16)}


def test_arms_of_a_split_share_the_model_on_genes_and_nothing_else_does(scenario):
    text = f"""{GRID}arm = ["gene-mse", "hybrid", "dgsea"]
{GRID}arm = "hybrid"
pathways = "random"
{GRID}arm = "hybrid"
tau_rank = 0.3
{FASTSUM}[[backends]]
name = "nyswin"
"""
    cases = scenario(text).cases()
    assert len({case.case_id for case in cases}) == len(cases) == 9
    assert len({case.reference_id for case in cases}) == 1
    assert {case.training.seed for case in cases} == {0}
    for changed in ("seed = 1", "compounds = 900", 'encoder = "chemberta:x"', "threads = 2"):
        (other,) = scenario(f'{GRID}arm = "hybrid"\n{changed}\n{FASTSUM}').cases()
        assert other.reference_id != cases[0].reference_id
    (longer,) = scenario(f'{GRID}arm = "hybrid"\n{FASTSUM}[training]\nepochs = 50\n').cases()
    assert longer.reference_id != cases[0].reference_id


def test_who_is_judged_by_other_sets_of_a_file_shares_no_model(scenario, tmp_path):
    (tmp_path / "mine.gmt").write_text("few\t\tTP53\tCDKN1A\nmany\t\tTP53\tCDKN1A\tCCNB2\n")
    by_file = f'judged_by = "{tmp_path / "mine.gmt"}"\n'
    for judged_by, references in ((by_file, 2), ("", 1)):
        text = f'{GRID}arm = "hybrid"\nmin_size = [2, 3]\n{judged_by}{FASTSUM}'
        assert len({case.reference_id for case in scenario(text).cases()}) == references


def test_an_encoder_in_a_folder_counts_by_its_files_not_by_where_they_lie(scenario, tmp_path):
    def identity(folder, weights):
        (tmp_path / folder).mkdir(exist_ok=True)
        (tmp_path / folder / "model.safetensors").write_text(weights)
        (tmp_path / folder / "notes.md").write_text(folder)
        text = f'{GRID}arm = "hybrid"\nencoder = "chemberta:{tmp_path / folder}"\n{FASTSUM}'
        (case,) = scenario(text).cases()
        return case.case_id, case.reference_id

    before = identity("here", "1, 2")
    assert identity("there", "1, 2") == before
    changed = identity("here", "1, 2, 3")
    assert changed[0] != before[0]
    assert changed[1] != before[1]


def test_a_case_of_scores_is_what_it_was():
    """Rows that were measured before there was training are not measured again."""
    case = Case.model_validate({"source": {"kind": "synthetic"}, "params": {}, "backend": "exact"})
    assert "training" not in Case.model_validate_json(case.model_dump_json()).model_dump(exclude_none=True)
    assert case.case_id == "7d2abc2b7d5024bf"
    assert case.reference_id == "c687f0d801f24081"


def test_a_foil_is_a_contestant_of_training_alone(scenario):
    (case,) = scenario(f'{GRID}arm = "hybrid"\n[[backends]]\nname = "straight-through"\n').cases()
    assert contestant(case).name == case_backend(case).name == "straight-through"
    content = case.model_dump(mode="json") | {"task": "enrichment", "training": None, "source": {"kind": "synthetic"}}
    with pytest.raises(ValueError, match='straight-through is for task = "training" only'):
        Case.model_validate(content)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('arm = "hybird"', "arm is 'hybird'; known: gene-mse, dgsea, hybrid; did you mean 'hybrid'?"),
        ('arm = "hybrid"\nlambda = 0.1', "unknown key 'lambda'"),
        ('arm = "hybrid"\njudged_by = "random"', "random pathways are a control to train with, not to judge by"),
        ('arm = "hybrid"\ngenes = 100', "unknown key 'genes'"),
        ('arm = "hybrid"\npathways = "nothing.gmt"', "nothing.gmt"),
        ('arm = "hybrid"\nbackends = ["exakt"]', "'exakt' is not among [[backends]]: fastsum"),
        ('arm = "hybrid"\nbackends = []', "backends is []"),
        ("seed = 0", "arm is missing"),
        ('arm = "hybrid"\ndtype = "float64"', "dtype is float64; models are trained in float32"),
    ],
)
def test_what_makes_no_sense_is_one_line(refusal, text, said):
    assert said in refusal(f"{GRID}{text}\n{FASTSUM}")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("weights = [0.1, 0.1]", "they must be different finite numbers"),
        ("weights = [-1]", "0 or larger"),
        ("test_share = 0.8", "leave less than a tenth"),
        ("patience = 0", "patience"),
        ("epocs = 4", "unknown key"),
    ],
)
def test_settings_that_make_no_sense_are_one_line(refusal, text, said):
    assert said in refusal(f'{GRID}arm = "hybrid"\n{FASTSUM}[training]\n{text}\n')


def test_a_source_of_problems_is_nothing_to_train_on(refusal):
    assert "source 'synthetic' is not one for task = \"training\"" in refusal(
        f'[[grids]]\nsource = "synthetic"\narm = "hybrid"\n{FASTSUM}'
    )


def test_compounds_are_nothing_to_score(tmp_path):
    file = tmp_path / "mine.toml"
    file.write_text(f'name = "mine"\nsummary = "A test."\n{GRID}{FASTSUM}')
    with pytest.raises(InputError, match="source 'simulated-compounds' is not one for task = \"enrichment\""):
        read_scenario(file).cases()


def test_cases_are_chosen_by_what_is_trained(scenario):
    text = f'{GRID}arm = ["gene-mse", "hybrid"]\nseed = [0, 1]\npathways = ["directional", "random"]\n{FASTSUM}'
    cases = scenario(text).cases()
    (chosen,) = select(cases, "seed=1 arm=hybrid pathways=random")
    assert (chosen.training.seed, chosen.training.arm, chosen.training.pathways) == (1, "hybrid", "random")
    assert len(select(cases, "backend=none")) == 2
    with pytest.raises(InputError, match="none of the 6 cases has seed=7; there: 0, 1"):
        select(cases, "seed=7")


def test_a_plan_tells_what_is_trained_on_and_which_pathways_are_left_out(tmp_path, scenario):
    (tmp_path / "mine.gmt").write_text("real\t\tTP53\tCDKN1A\tCCNB2\tCDK1\tGADD45A\nforeign\t\tNOGENE\n")
    text = f'{GRID}arm = "hybrid"\npathways = "{tmp_path / "mine.gmt"}"\ncompounds = 60\n{FASTSUM}'
    scenario(text)
    plan = plan_sweep(tmp_path / "scenario.toml", out=tmp_path / "out")
    told = "\n".join(plan.remarks)
    assert "60 compounds × 978 genes" in told
    assert "1 pathways used, 1 left out: 'foreign'" in told
