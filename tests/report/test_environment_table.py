"""The table of environments: everything that was recorded, in a width that a page has."""

from pathlib import Path

from synthetic_run import make_row

from dgsea_bench.bench.environment import describe_environment
from dgsea_bench.report.rows import Run
from dgsea_bench.report.tables import LONGEST_TEXT, environment_table, machines

OLD = {"processor": "slow", "cores": 2, "gpu": None, "packages": {"torch": "2.6"}, "commit": "abc-dirty"}
NEW = {
    "processor": "fast",
    "usable_cores": 4,
    "dirty": True,
    "cuda": {"gpus": ["one", "two"]},
    "packages": {"torch": "2.13", "dask": "2026.8"},
    "torch": {"version": "2.13+cpu", "build_settings": "-O2 " * 500},
    "variables": {"OMP_NUM_THREADS": "1"},
}


def run_on(**environments):
    rows = [make_row("exact").model_copy(update={"environment_id": name}) for name in environments]
    return Run(Path(), tuple(rows), environments)


def lines(table):
    """(heading, name) -> texts of a line."""
    found, heading = {}, ""
    for cells in table.body:
        if len(cells) == 1:
            heading = cells[0].text
        else:
            found[heading, cells[0].text] = [cell.text for cell in cells[1:]]
    return found


def test_older_and_newer_descriptions_stand_side_by_side():
    table = environment_table(run_on(old=OLD, new=NEW))
    found = lines(table)
    assert table.header == ["environment", "old", "new"]
    assert found["", "processor"] == ["slow", "fast"]
    assert found["", "usable cores"] == ["–", "4"]
    assert found["", "gpu"] == ["none", "–"]
    assert found["", "dirty"] == ["–", "yes"]
    assert found["packages", "torch"] == ["2.6", "2.13"]
    assert found["packages", "dask"] == ["–", "2026.8"]
    assert found["torch", "version"] == ["–", "2.13+cpu"], "of the same name, below another heading"
    assert found["cuda", "gpus"] == ["–", "one; two"]
    assert found["variables", "OMP_NUM_THREADS"] == ["–", "1"]


def test_long_texts_are_shortened_and_that_is_said():
    table = environment_table(run_on(new=NEW))
    assert max(len(cell.text) for cells in table.body for cell in cells) == LONGEST_TEXT
    assert "environment.json, beside this page, has them in full" in table.caption
    assert "shortened" not in environment_table(run_on(old=OLD)).caption


def test_this_machine_can_be_shown():
    name, description = describe_environment()
    run = run_on(**{name: description})
    assert lines(environment_table(run))["", "processor"] == [description["processor"]]
    assert machines(run)[0].startswith(f"{description['processor']}, {description['cores']} cores")
    assert f"{description['cores']} cores" in dict(run.problem(run.rows[0]).settings)["machine"]


def test_a_machine_that_was_not_recorded_has_a_column_too():
    run = Run(Path(), (make_row("exact"),), {})
    assert lines(environment_table(run)) == {("", "cases"): ["1"]}
