"""Tables from rows."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from dgsea_bench.bench.metrics import METRICS
from dgsea_bench.bench.results import Row
from dgsea_bench.bench.spec import FAILURES
from dgsea_bench.data.profiles import in_words
from dgsea_bench.report import plots, wording
from dgsea_bench.report.answers import clearly, how_sure
from dgsea_bench.report.content import Cell, Table
from dgsea_bench.report.rows import FILES, SCORES_FILES, Problem, Result, Run
from dgsea_bench.report.verdict import CLOSE, EXACT, Group, Need, Recommendation

SIZES_HEADER = "genes × sets × profiles"
LONGEST_TEXT = 150
"""Of an environment, so that the table fits into a page."""
LONG = 24
"""Longer tables scroll in a box of their own."""
CASE_TABLES = (
    ("enrichment", "Accuracy of every finished case", "Cost of every finished case: medians, with quartiles"),
    ("significance", "Significance in every finished case", "Cost of significance in every finished case"),
    ("training", "Every trained model, on test compounds", "Cost of every training"),
)
"""Task, title of the table of accuracy, title of that of cost."""
COST_UNITS = ("s", "MiB", "steps", "of a step")
OF_A_TRAINED_MODEL = {"step_seconds": "; of training, of a whole step with the pathway loss"}
TRAINED_HEADER = "genes × pathways × compounds"


def verdict_table(run: Run, groups: Sequence[Group]) -> Table:
    """For this problem size and this need, use this backend."""
    needs = [each[0].need for each in groups[0].by_need if any(_measured(group, each[0].need) for group in groups)]
    body = [
        [_problem_cell(run, group, number), *[_verdict_cell(run, group, need, needs[0]) for need in needs]]
        for number, group in enumerate(groups)
    ]
    caption = (
        "The fastest backend (forward and backward pass) within the need, or the one with the least memory; "
        "of several that are as good within noise, the most accurate. A need bounds both the largest error / "
        "largest true score, and the relative error of the gradient, on every seed. Sure: nothing is flagged, "
        "and even at the ends of both intervals of the times the next best takes longer. Where kinds of "
        "scores share a line, numbers go from the least to the largest."
    )
    header = ["problem", *[need.title for need in needs]]
    return Table("For this problem and need, use this backend", header, body, caption, stacked=True)


def _of_need(group: Group, need: Need) -> tuple[Recommendation, ...]:
    return next(each for each in group.by_need if each[0].need is need)


def _measured(group: Group, need: Need) -> bool:
    return any(item.measured for each in group.by_need if each[0].need is need for item in each)


def _problem_cell(run: Run, group: Group, number: int) -> Cell:
    names = [name for name in run.varying if name not in SCORES_FILES]
    notes = [wording.listed(group.kinds) + " scores", group.problem.differing(names)]
    return Cell(size_in_words(group.problem), "\n".join(note for note in notes if note), place=number)


def _verdict_cell(run: Run, group: Group, need: Need, strictest: Need) -> Cell:
    """What to use, what it takes, what is lost, and how sure that is."""
    members = _of_need(group, need)
    chosen = [item.chosen for item in members if item.chosen]
    if not chosen:
        return Cell("nothing", members[0].why)
    quantity, form = (
        ("step_seconds", wording.seconds) if need.least == "step_seconds" else ("step_peak_mib", wording.mebibytes)
    )
    costs = [item.typical(quantity) for item in chosen]
    pairs = zip(members, _of_need(group, strictest), strict=True)
    same = need is not strictest and all(mine.chosen is other.chosen for mine, other in pairs)
    if same and need.least == strictest.least:
        lines = [f"the same: nothing less exact is {clearly('faster', members)}"]
    else:
        lines = [wording.span(costs, form), *([] if same else [lost(chosen)]), *_sureness(members)]
    lines += [where] if (where := _elsewhere(chosen[0].problem, group.problem)) else []
    colour = plots.look_of(run)[chosen[0].label].colour
    return Cell(chosen[0].label, "\n".join(lines), strong=True, place=costs[0], colour=colour)


def _elsewhere(problem: Problem, other: Problem) -> str:
    """The machine and threads that a number is of, where they are not those that its row is on."""
    theirs = dict(other.settings)
    return problem.differing([name for name in ("threads", "machine") if name in theirs], theirs)


def lost(chosen: Sequence[Result]) -> str:
    """What is lost in accuracy: ``error 0.12 %, gradient 0.70 %``."""
    value, gradient = (
        wording.span([item.worst(name) for item in chosen], wording.error)
        for name in ("value_error_mean", "gradient_error")
    )
    return f"error and gradient {value}" if value == gradient else f"error {value}, gradient {gradient}"


def _sureness(members: Sequence[Recommendation]) -> list[str]:
    """How sure a recommendation is, in a few words, and what speaks against it."""
    tied = any(item.rivals or (item.margin and item.margin.low <= 1) for item in members)
    alone = all(item.alone for item in members)
    told = how_sure(members)
    flagged = any(item.flagged for item in members)
    said = told if tied or alone or flagged else f"sure: {told}"
    return [said, *(["flagged: see All cases"] if flagged else [])]


def baseline_sentence(run: Run) -> str:
    """What classical GSEA takes, which is no contender."""
    results = [item for item in run.results if item.target == "gsea" and item.typical("forward_seconds") is not None]
    if not results:
        return ""
    seconds = wording.span([item.typical("forward_seconds") for item in results], wording.seconds)
    names = wording.listed(list(dict.fromkeys(item.label for item in results)))
    return f"Classical GSEA ({names}) has no gradient and is no contender; its forward pass takes {seconds}."


def size_in_words(problem: Problem) -> str:
    """``4,000 genes × 50 sets × 1 profile``."""
    sizes = ((axis, getattr(problem, axis)) for axis in ("genes", "sets", "profiles"))
    return " × ".join(f"{wording.count(size)} {axis.removesuffix('s') if size == 1 else axis}" for axis, size in sizes)


def size_text(problem: Problem) -> str:
    """``4,000 × 50 × 1``."""
    return " × ".join(wording.count(size) for size in (problem.genes, problem.sets, problem.profiles))


def case_tables(run: Run) -> list[Table]:
    """Every finished case: of each task one table of accuracy, one of cost."""
    done = sorted((row for row in run.rows if row.status == "done"), key=lambda row: run.problem(row).order)
    found = []
    for task, accuracy, cost in CASE_TABLES:
        rows = [row for row in done if row.task == task]
        known = [name for name in METRICS if any(name in row.metrics for row in rows)]
        costs = [name for name in known if METRICS[name].unit in COST_UNITS]
        for title, names in ((accuracy, [name for name in known if name not in costs]), (cost, costs)):
            if names:
                found.append(_case_table(run, rows, title, names))
    return found


def _case_table(run: Run, rows: Sequence[Row], title: str, metrics: Sequence[str]) -> Table:
    numbers = {problem: number for number, problem in enumerate(run.problems)}
    body = []
    for row in rows:
        problem = run.problem(row)
        notes = [_scores(row, problem), problem.differing(run.varying), _seed(run, row)]
        where = Cell(size_text(problem), ", ".join(note for note in notes if note), place=numbers[problem])
        body.append([where, plots.backend_cell(run, row.label), *[_metric_cell(row, name) for name in metrics]])
    sizes = TRAINED_HEADER if rows[0].task == "training" else SIZES_HEADER
    header = [sizes, "backend", *[name.replace("_", " ") for name in metrics]]
    without = sorted({row.without_truth for row in rows if row.without_truth})
    caption = "What each column says is told at the end, in How to read this."
    if without:
        caption += f" No errors where there is no truth: {'; '.join(without)}."
    return Table(title, header, body, caption, numeric_from=2, wide=True)


def _metric_cell(row: Row, name: str) -> Cell:
    low, high = row.metrics.get(f"{name}_q1"), row.metrics.get(f"{name}_q3")
    quartiles = f"{wording.metric(name, low)} to {wording.metric(name, high)}" if low is not None else ""
    value = row.metrics.get(name)
    return Cell(wording.metric(name, value), quartiles or _gain(row, name), value=value)


def _gain(row: Row, name: str) -> str:
    """Of a trained model what it gains over genes alone, with its interval."""
    gain, low, high = (row.metrics.get(f"gain_{name}{end}") for end in ("", "_low", "_high"))
    ends = wording.interval(low, high, wording.change)
    return "" if gain is None else f"{wording.change(gain)}{f' ({ends})' if ends else ''}"


def _scores(row: Row, problem: Problem) -> str:
    return problem.scores if row.task == "training" else f"{problem.scores} scores"


def _seed(run: Run, row: Row) -> str:
    if row.task == "training":
        return f"seed {(row.case.get('training') or {}).get('seed', 0)}"
    seed = row.case["source"].get("seed")
    return f"seed {seed}" if len(run.seeds) > 1 and seed is not None else ""


def _settings_and_seed(run: Run, row: Row) -> str:
    """What tells a case from others; of trained models also which repetition it is."""
    seed = _seed(run, row) if row.task == "training" else ""
    return ", ".join(note for note in (run.problem(row).differing(run.varying), seed) if note)


def unfinished_table(run: Run) -> Table | None:
    """Skipped and failed cases with their reasons."""
    rows = [row for row in run.rows if row.status != "done"]
    if not rows:
        return None
    body = []
    for row in rows:
        problem = run.problem(row)
        what = Cell(f"{problem.scores}, {size_text(problem)}", _settings_and_seed(run, row))
        status = Cell(row.status, warn=row.status in FAILURES)
        body.append([status, plots.backend_cell(run, row.label), what, Cell(row.reason or "no reason was given")])
    header = ["status", "backend", _what_header(rows), "reason"]
    return Table("Skipped and failed cases", header, body, wide=len(body) > LONG, stacked=True)


def _what_header(rows: Sequence[Row]) -> str:
    trained = all(row.task == "training" for row in rows)
    return f"data, {TRAINED_HEADER}" if trained else f"scores, {SIZES_HEADER}"


def flagged_table(run: Run) -> Table | None:
    """Finished cases with what to know before believing their numbers."""
    rows = [row for row in run.rows if row.status == "done" and row.flags]
    if not rows:
        return None
    body = []
    for row in rows:
        problem = run.problem(row)
        what = Cell(f"{problem.scores}, {size_text(problem)}", _settings_and_seed(run, row))
        body.append([plots.backend_cell(run, row.label), what, Cell("; ".join(row.flags), warn=True)])
    header = ["backend", _what_header(rows), "flagged"]
    return Table("Know before you believe these numbers", header, body, wide=len(body) > LONG, stacked=True)


def inputs_table(run: Run) -> Table | None:
    """Sizes of sets, ties, sets that were left out, and files that were read, for each problem."""
    measured = {run.problem(row): row for row in run.rows if row.problem and row.task != "training"}
    if not measured:
        return None
    body = []
    for problem in sorted(measured, key=lambda problem: problem.order):
        fact = measured[problem].problem
        dropped = "; ".join(f"{number:,}: {reason}" for reason, number in fact.get("dropped", {}).items())
        sizes = f"{fact['smallest_set']:,} to {fact['largest_set']:,}" if "smallest_set" in fact else wording.UNKNOWN
        ties = f"{fact['tied_share']:.1%}".replace("%", " %") if "tied_share" in fact else wording.UNKNOWN
        name = Cell(f"{problem.scores}, {size_text(problem)}", problem.differing(run.varying))
        genes = Cell(sizes, place=fact.get("smallest_set"))
        tied = Cell(ties, value=fact.get("tied_share"))
        body.append([name, genes, tied, Cell(dropped or "none"), _source_cell(measured[problem])])
    header = ["scores, genes × sets × profiles", "genes per set", "tied genes", "sets left out", "read from"]
    if not any(cells[-1].text for cells in body):
        header, body = header[:-1], [cells[:-1] for cells in body]
    return Table("What was measured on", header, body, wide=len(body) > LONG)


def _source_cell(row: Row) -> Cell:
    """What was read, which of its profiles, and what tells the content of the files."""
    source = row.case["source"]
    read = ", ".join(str(source[name]) for name in FILES if name in source)
    profiles = f"profiles: {in_words(source['select']) or 'all'}; " if "select" in source else ""
    hashes = ", ".join(f"{Path(path).name} {digest[:12]}" for path, digest in row.inputs.items())
    return Cell(read, f"{profiles}sha256: {hashes}" if hashes else profiles.removesuffix("; "))


def machines(run: Run) -> list[str]:
    """Each machine in a few words."""
    used = dict.fromkeys(row.environment_id for row in run.rows)
    found = []
    for known in (run.environments.get(name, {}) for name in used):
        parts = [known.get("processor"), f"{known['cores']} cores" if known.get("cores") else None, known.get("gpu")]
        memory = f"{known['memory_gib']:g} GiB memory" if known.get("memory_gib") else None
        found.append(", ".join(str(part) for part in (*parts, memory) if part) or "a machine that was not recorded")
    return list(dict.fromkeys(found))


def environment_table(run: Run) -> Table:
    """A column per environment, entries that belong together below a heading."""
    used = list(dict.fromkeys(row.environment_id for row in run.rows))
    described = {name: entries_of_environment(run.environments.get(name, {})) for name in used}
    entries = list(dict.fromkeys(entry for known in described.values() for entry in known))
    body = [[Cell("cases"), *[Cell(f"{sum(row.environment_id == name for row in run.rows):,}") for name in used]]]
    for group in dict.fromkeys(["", *(group for group, _ in entries)]):
        body += [[Cell(group)]] if group else []
        for entry in (entry for entry in entries if entry[0] == group):
            texts = [described[name].get(entry, wording.UNKNOWN) for name in used]
            body.append([Cell(entry[1]), *[Cell(wording.shortened(text, LONGEST_TEXT)) for text in texts]])
    versions = sorted({row.measurement_version for row in run.rows})
    caption = f"Measurement version {wording.listed([str(version) for version in versions])}."
    if any(len(text) > LONGEST_TEXT for known in described.values() for text in known.values()):
        caption += " Long texts are shortened; environment.json, beside this page, has them in full."
    return Table("Environments", ["environment", *used], body, caption, sortable=False)


def entries_of_environment(content: Mapping[str, object]) -> dict[tuple[str, str], str]:
    """(heading or nothing, name) -> text of each entry; those without a value are ``none``."""
    found: dict[tuple[str, str], str] = {}
    for key, value in content.items():
        if isinstance(value, dict):
            found |= {(_named(key), _named(str(name))): _in_words(item) for name, item in value.items()}
        else:
            found["", _named(key)] = _in_words(value)
    return found


def _named(key: str) -> str:
    """Names of variables stay as they are."""
    return key if key.isupper() else key.replace("_", " ")


def _in_words(value: object) -> str:
    if value is None or isinstance(value, bool):
        return {None: "none", True: "yes", False: "no"}[value]
    return "; ".join(map(str, value)) if isinstance(value, list) else str(value)


def metrics_table(run: Run) -> Table:
    """Each metric that this run has: what it says, unit, which way is better."""
    present = [name for name in METRICS if any(name in row.metrics for row in run.rows)]
    trained = any(row.task == "training" for row in run.rows)
    body = []
    for name in present:
        metric = METRICS[name]
        title = f"{metric.title}{OF_A_TRAINED_MODEL.get(name, '') if trained else ''}"
        texts = (name.replace("_", " "), title, metric.unit or "ratio", metric.better or "see title")
        body.append([Cell(text) for text in texts])
    caption = f"“{EXACT.accuracy}” and “{CLOSE.accuracy}” bound value error scaled and gradient error."
    if not run.of_task("enrichment").rows and trained:
        caption = "With “baseline” before it: of the model of genes alone; with “gain”: the value minus that."
    return Table("Metrics", ["metric", "what it says", "unit", "better"], body, caption)
