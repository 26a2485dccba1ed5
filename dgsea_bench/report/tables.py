"""Tables from rows."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from dgsea_bench.bench.metrics import METRICS
from dgsea_bench.bench.results import Row
from dgsea_bench.bench.spec import FAILURES
from dgsea_bench.data.profiles import in_words
from dgsea_bench.report import wording
from dgsea_bench.report.content import Cell, Table
from dgsea_bench.report.rows import FILES, SCORES_FILES, Problem, Result, Run
from dgsea_bench.report.verdict import CLOSE, EXACT, Group, Recommendation

NOTABLE_GRADIENT_ERROR = 0.01
LONGEST_TEXT = 150
"""Of an environment, so that the table fits into a page."""
CASE_TABLES = (
    ("enrichment", "Accuracy of every finished case", "Cost of every finished case: medians, with quartiles"),
    ("significance", "Significance in every finished case", "Cost of significance in every finished case"),
)
"""Task, title of the table of accuracy, title of that of cost."""


def verdict_table(run: Run, groups: Sequence[Group]) -> Table:
    """For this problem size, use this backend."""
    header = ["need", "use", "mean error", "gradient error", "time", "memory", "growth with genes"]
    body: list[list[Cell]] = []
    for group in groups:
        body.append([_problem_cell(run, group)])
        strict, *others = group.by_need
        body.append(_verdict_cells(run, strict))
        body += [_verdict_cells(run, members) for members in others if not _same(strict, members)]
    caption = (
        "To use: the fastest backend (forward and backward pass) within the need; of several as fast within noise the "
        "most accurate. A need bounds both the scaled error, which is largest error / largest true score, and the "
        "relative error of the gradient. Where kinds of scores share a line, numbers go from the least to the largest. "
        "Growth: fitted exponent of time with its 95 % interval, and the order that the backend claims (G genes, P "
        "sets). One line for a size: nothing less exact is faster."
    )
    return Table("For this problem size, use this backend", header, body, caption, numeric_from=2)


def _problem_cell(run: Run, group: Group) -> Cell:
    names = [name for name in run.varying if name not in SCORES_FILES]
    notes = [wording.listed(group.kinds) + " scores", group.problem.differing(names)]
    return Cell(size_in_words(group.problem), ", ".join(note for note in notes if note))


def _verdict_cells(run: Run, members: Sequence[Recommendation]) -> list[Cell]:
    """Need, use, error, gradient error, time, memory, growth."""
    need = Cell(members[0].need.title)
    chosen = [item.chosen for item in members if item.chosen]
    if not chosen:
        return [need, Cell("nothing", members[0].why), *[Cell(wording.UNKNOWN)] * 5]
    shared = [rival.label for rival in members[0].rivals if all(rival.label in _rivals(item) for item in members)]
    as_fast = f"{wording.listed(shared)} as fast within noise" if shared else ""
    gradient = [item.worst("gradient_error") for item in chosen]
    scaled = f"scaled {_worst(chosen, 'value_error_scaled')}"
    marked = any(value is not None and value > NOTABLE_GRADIENT_ERROR for value in gradient)
    return [
        need,
        Cell(chosen[0].label, as_fast, strong=True),
        Cell(
            _worst(chosen, "value_error_mean"),
            scaled if any(item.worst("value_error_scaled") for item in chosen) else "",
        ),
        Cell(wording.span(gradient, wording.error), warn=marked),
        Cell(wording.span([item.typical("step_seconds") for item in chosen], wording.seconds)),
        Cell(wording.span([item.typical("step_peak_mib") for item in chosen], wording.mebibytes)),
        _growth_cell(run, chosen),
    ]


def _same(mine: Sequence[Recommendation], others: Sequence[Recommendation]) -> bool:
    """Whether the same backends were chosen, so that one line says it."""
    return all(a.chosen is b.chosen for a, b in zip(mine, others, strict=True)) and mine[0].chosen is not None


def _worst(chosen: Sequence[Result], name: str) -> str:
    return wording.span([item.worst(name) for item in chosen], wording.error)


def _rivals(item: Recommendation) -> list[str]:
    return [rival.label for rival in item.rivals]


def _growth_cell(run: Run, chosen: Sequence[Result]) -> Cell:
    """Of time with genes, on a line that one of these results lies on."""
    for lines in run.lines("genes").values():
        for line in lines:
            if any(result in line.results for result in chosen) and (fitted := line.growth("step_seconds")):
                return Cell(wording.slope(fitted), f"claimed {line.results[0].cost}")
    return Cell(wording.UNKNOWN, f"claimed {chosen[0].cost}")


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
        costs = [name for name in known if METRICS[name].unit in ("s", "MiB")]
        for title, names in ((accuracy, [name for name in known if name not in costs]), (cost, costs)):
            if names:
                found.append(_case_table(run, rows, title, names))
    return found


def _case_table(run: Run, rows: Sequence[Row], title: str, metrics: Sequence[str]) -> Table:
    body: list[list[Cell]] = []
    previous = None
    for row in rows:
        problem = run.problem(row)
        if problem != previous:
            notes = [f"{problem.scores} scores", problem.differing(run.varying)]
            body.append([Cell(size_in_words(problem), ", ".join(note for note in notes if note))])
        body.append([Cell(row.label, _seed(run, row)), *[_metric_cell(row, name) for name in metrics]])
        previous = problem
    header = ["backend", *[name.replace("_", " ") for name in metrics]]
    without = sorted({row.without_truth for row in rows if row.without_truth})
    caption = f"No errors where there is no truth: {'; '.join(without)}." if without else ""
    return Table(title, header, body, caption, numeric_from=1, wide=True)


def _metric_cell(row: Row, name: str) -> Cell:
    low, high = row.metrics.get(f"{name}_q1"), row.metrics.get(f"{name}_q3")
    quartiles = f"{wording.metric(name, low)} to {wording.metric(name, high)}" if low is not None else ""
    return Cell(wording.metric(name, row.metrics.get(name)), quartiles)


def _seed(run: Run, row: Row) -> str:
    seeds = {other.case["source"]["seed"] for other in run.rows if "seed" in other.case["source"]}
    return f"seed {row.case['source']['seed']}" if len(seeds) > 1 and "seed" in row.case["source"] else ""


def unfinished_table(run: Run) -> Table | None:
    """Skipped and failed cases with their reasons."""
    rows = [row for row in run.rows if row.status != "done"]
    if not rows:
        return None
    body = []
    for row in rows:
        problem = run.problem(row)
        what = Cell(f"{problem.scores}, {size_text(problem)}", problem.differing(run.varying))
        status = Cell(row.status, warn=row.status in FAILURES)
        body.append([status, Cell(row.label), what, Cell(row.reason or "no reason was given")])
    header = ["status", "backend", "scores, genes × sets × profiles", "reason"]
    return Table("Skipped and failed cases", header, body)


def flagged_table(run: Run) -> Table | None:
    """Finished cases with what to know before believing their numbers."""
    rows = [row for row in run.rows if row.status == "done" and row.flags]
    if not rows:
        return None
    body = []
    for row in rows:
        problem = run.problem(row)
        what = Cell(f"{problem.scores}, {size_text(problem)}", problem.differing(run.varying))
        body.append([Cell(row.label), what, Cell("; ".join(row.flags), warn=True)])
    header = ["backend", "scores, genes × sets × profiles", "flagged"]
    return Table("Know before you believe these numbers", header, body)


def inputs_table(run: Run) -> Table | None:
    """Sizes of sets, ties, sets that were left out, and files that were read, for each problem."""
    measured = {run.problem(row): row for row in run.rows if row.problem}
    if not measured:
        return None
    body = []
    for problem in sorted(measured, key=lambda problem: problem.order):
        fact = measured[problem].problem
        dropped = "; ".join(f"{number:,}: {reason}" for reason, number in fact.get("dropped", {}).items())
        sizes = f"{fact['smallest_set']:,} to {fact['largest_set']:,}" if "smallest_set" in fact else wording.UNKNOWN
        ties = f"{fact['tied_share']:.1%}".replace("%", " %") if "tied_share" in fact else wording.UNKNOWN
        name = Cell(f"{problem.scores}, {size_text(problem)}", problem.differing(run.varying))
        body.append([name, Cell(sizes), Cell(ties), Cell(dropped or "none"), _source_cell(measured[problem])])
    header = ["scores, genes × sets × profiles", "genes per set", "tied genes", "sets left out", "read from"]
    if not any(cells[-1].text for cells in body):
        header, body = header[:-1], [cells[:-1] for cells in body]
    return Table("What was measured on", header, body)


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
    return Table("Environments", ["environment", *used], body, caption)


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
    body = []
    for name in present:
        metric = METRICS[name]
        texts = (name.replace("_", " "), metric.title, metric.unit or "ratio", metric.better or "see title")
        body.append([Cell(text) for text in texts])
    caption = f"“{EXACT.title}” and “{CLOSE.title}” bound value error scaled and gradient error."
    return Table("Metrics", ["metric", "what it says", "unit", "better"], body, caption)
