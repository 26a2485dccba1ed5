"""Scenarios on L1000: they expand, say what to fetch, keep their identity, and mix with other sources and tasks."""

import json

import h5py
import numpy as np
import pytest
from l1000_files import make_world, write_gctx

from dgsea_bench import InputError
from dgsea_bench.bench.case import Case
from dgsea_bench.bench.scenario import Scenario
from dgsea_bench.bench.scenario_files import read_scenario
from dgsea_bench.bench.selection import parse_settings, select

WORLD = make_world(0)


@pytest.fixture
def matrix(tmp_path):
    return str(write_gctx(tmp_path / "a.gctx", WORLD))


@pytest.fixture
def sets(tmp_path):
    (tmp_path / "a.gmt").write_text("\t".join(["a", "", *WORLD.symbols[:10]]) + "\n")
    return str(tmp_path / "a.gmt")


def scenario(*grids, **changes):
    content = {"name": "mine", "summary": "A test.", "grids": list(grids), "backends": [{"name": "hard"}]}
    return Scenario.model_validate({**content, **changes})


def l1000(matrix, sets, **settings):
    return {"source": "l1000", "matrix": matrix, "gene_sets": sets, "names": "landmark", "min_size": 2, **settings}


SYNTHETIC = {"source": "synthetic", "genes": 60, "sets": 4, "set_size": 10}


def refusal(scenario):
    with pytest.raises(InputError) as error:
        scenario().cases()
    assert "\n" not in str(error.value)
    return str(error.value)


# --- built in ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "sources"), [("l1000-landmark", {"l1000", "synthetic"}), ("l1000-full", {"l1000"})])
def test_a_built_in_scenario_expands_and_its_problems_load(data, name, sources):
    found = read_scenario(name)
    cases = found.cases()
    assert {case.source.kind for case in cases} == sources
    assert {case.backend for case in cases} == {"fastsum", "exact", "nyswin", "hard"}
    assert len({case.case_id for case in cases}) == len(cases)
    assert {case.task for case in cases} == set(found.tasks)
    for problem in {case.reference_id: case for case in cases if case.source.kind == "l1000"}.values():
        loaded = problem.source.load()
        assert len(loaded.profiles) == problem.source.profiles
        assert len(loaded.gene_sets.names) >= 5


def test_both_of_its_tasks_are_in_the_landmark_scenario(data):
    cases = read_scenario("l1000-landmark").cases()
    assert {case.task for case in cases if case.source.kind == "l1000"} == {"enrichment", "significance"}


@pytest.mark.parametrize(("name", "dataset"), [("l1000-landmark", "l1000-plate"), ("l1000-full", "l1000-full-sample")])
def test_without_the_files_it_says_what_to_fetch(cache, name, dataset):
    with pytest.raises(
        InputError, match=rf"{dataset}: no such file.*run: python -m dgsea_bench data fetch {dataset} \("
    ):
        [case.case_id for case in read_scenario(name).cases()]


# --- identity ---------------------------------------------------------------------------------------------------------


def test_a_case_survives_json(matrix, sets):
    grid = l1000(matrix, sets, select={"cell_id": ["A375", "MCF7"], "pert_itime": "24 h", "id": 3}, profiles=2)
    for case in scenario(grid, {**grid, "task": "significance"}).cases():
        again = Case.model_validate(json.loads(json.dumps(case.model_dump(mode="json"))))
        assert (again, again.case_id, again.reference_id) == (case, case.case_id, case.reference_id)


SETTINGS = {
    "select": {"cell_id": "A375"},
    "names": "auto",
    "genes_by": "id",
    "only_landmarks": True,
    "transform": "center",
    "profiles": 3,
    "missing": "drop-genes",
    "duplicates": "mean",
    "min_size": 3,
    "max_size": 100,
}


def test_each_setting_alone_changes_the_identity(matrix, sets):
    grid = l1000(matrix, sets)
    grids = [grid, *({**grid, name: value} for name, value in SETTINGS.items())]
    assert len({case.case_id for case in scenario(*grids).cases()}) == len(grids)
    assert len({case.reference_id for case in scenario(*grids).cases()}) == len(grids)


def test_a_file_counts_by_its_content_and_not_by_its_place(matrix, sets, tmp_path):
    copy = write_gctx(tmp_path / "b.gctx", WORLD)
    copy.write_bytes((tmp_path / "a.gctx").read_bytes())
    (one,), (two,) = scenario(l1000(matrix, sets)).cases(), scenario(l1000(str(copy), sets)).cases()
    assert one.case_id == two.case_id == scenario(l1000(matrix, sets)).cases()[0].case_id
    with h5py.File(copy, "r+") as file:
        file["0/DATA/0/matrix"][0, 0] += np.float32(1)
    (changed,) = scenario(l1000(str(copy), sets)).cases()
    assert changed.case_id != one.case_id
    assert changed.reference_id != one.reference_id


# --- axes -------------------------------------------------------------------------------------------------------------


def test_settings_are_axes_and_selections_too(matrix, sets):
    selections = [{"cell_id": "A375"}, {"cell_id": ["A375", "MCF7"]}]
    cases = scenario(l1000(matrix, sets, transform=["none", "center"], select=selections)).cases()
    assert [(case.source.transform, case.source.select) for case in cases] == [
        (how, chosen) for how in ("none", "center") for chosen in selections
    ]


def test_cases_are_found_by_what_is_said_of_them(matrix, sets):
    grid = l1000(matrix, sets, select=[{"cell_id": "A375"}, {"cell_id": ["A375", "MCF7"]}], profiles=[2, 3])
    cases = scenario(grid, SYNTHETIC).cases()
    assert len(select(cases, "source=l1000 profiles=2")) == 2
    assert len(select(cases, "select='cell_id A375 or MCF7'")) == 2
    assert len(select(cases, f"matrix='{matrix}' gene_sets='{sets}'")) == 4
    assert len(select(cases, "source=synthetic")) == 1


def test_a_matrix_can_be_set_where_there_is_one(matrix, sets, tmp_path):
    other = str(write_gctx(tmp_path / "b.gctx", make_world(1)))
    changed = scenario(l1000(matrix, sets), SYNTHETIC).with_axes(parse_settings([f"matrix={other}", "profiles=2"]))
    one, two = changed.cases()
    assert (one.source.matrix, one.source.profiles) == (other, 2)
    assert (two.source.kind, two.source.profiles) == ("synthetic", 2)


def test_an_unknown_key_names_the_nearest(matrix, sets):
    complaint = refusal(lambda: scenario(l1000(matrix, sets, transfrom="center")))
    assert "grid 1: unknown key 'transfrom' for source 'l1000'; did you mean 'transform'?" in complaint
    assert "transform" in refusal(lambda: scenario(l1000(matrix, sets, transform="log")))
    assert "matrix" in refusal(lambda: scenario({"source": "l1000", "gene_sets": sets}))


def test_backends_can_be_kept_from_large_matrices(matrix, sets):
    limited = [{"name": "hard", "max_genes": 30}]
    large, small = scenario(l1000(matrix, sets, only_landmarks=[False, True]), backends=limited).cases()
    assert (large.skip, small.skip) == ("the scenario limits hard to 30 genes", None)


# --- tasks of grids ---------------------------------------------------------------------------------------------------


def test_a_grid_may_have_a_task_of_its_own(matrix, sets):
    grids = [l1000(matrix, sets), l1000(matrix, sets, task="significance", permutations=[20, 30])]
    mixed = scenario(*grids, witnesses=["gseapy"])
    assert mixed.tasks == ["enrichment", "significance"]
    cases = mixed.cases()
    assert [(case.task, case.backend) for case in cases] == [
        ("enrichment", "hard"),
        *[("significance", "hard"), ("significance", "gseapy")] * 2,
    ]
    assert [case.null.permutations for case in cases if case.null] == [20, 20, 30, 30]


def test_the_task_of_the_scenario_holds_where_a_grid_says_none(matrix, sets):
    mixed = scenario(l1000(matrix, sets), {**SYNTHETIC, "task": "enrichment"}, task="significance")
    assert [case.task for case in mixed.cases()] == ["significance", "enrichment"]


def test_permutations_belong_to_significance(matrix, sets):
    complaint = refusal(lambda: scenario(l1000(matrix, sets, permutations=10), {**SYNTHETIC, "task": "significance"}))
    assert "grid 1: unknown key 'permutations'" in complaint
    changed = scenario(l1000(matrix, sets), {**SYNTHETIC, "task": "significance"}).with_axes({"permutations": [21]})
    assert [case.null and case.null.permutations for case in changed.cases()] == [None, 21]


def test_an_unknown_task_names_the_nearest(matrix, sets):
    with pytest.raises(
        ValueError, match=r"grid 2: unknown task 'significanse'; known: .*did you mean 'significance'\?"
    ):
        scenario(SYNTHETIC, l1000(matrix, sets, task="significanse"))


def test_witnesses_need_a_grid_of_significance(matrix, sets):
    with pytest.raises(ValueError, match=r"witnesses are measured .* with task = .significance. only"):
        scenario(l1000(matrix, sets), witnesses=["gseapy"])
