"""How a sweep is announced, watched and summed up in the terminal."""

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import asdict

import typer
from pydantic import ValidationError
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Column, Table

from dgsea_bench.bench.case import Case
from dgsea_bench.bench.cores import are_claimed
from dgsea_bench.bench.engines import PATIENCE, Engine, check_engine, make_engine
from dgsea_bench.bench.results import Row
from dgsea_bench.bench.spec import FAILURES
from dgsea_bench.bench.sweep import Observer, Plan, run_plan
from dgsea_bench.bench.training import Training
from dgsea_bench.core.errors import InputError
from dgsea_bench.core.params import EnrichmentParams, NullParams
from dgsea_bench.data.profiles import in_words
from dgsea_bench.data.sources import DIRECTIONAL, SyntheticSource
from dgsea_bench.report import render_report, wording
from dgsea_bench.terminal import Bar, ended_by_the_system, err, out, say, waiting

MOST_TOLD = 5


def show_plan(plan: Plan, *, list_cases: bool) -> None:
    """What a sweep is going to do, with a line per case if asked for."""
    finished = len(plan.cases) - len(plan.pending)
    say(f"{plan.scenario.name}: {plan.scenario.summary}")
    for remark in plan.remarks:
        say(f"  {remark}")
    already = f", {finished} of them measured before (--fresh measures anew)" if finished else ""
    say(f"  {wording.plural(len(plan.cases), 'case')}{already}; results in {plan.directory.path}")
    if list_cases:
        common, names = _apart([_parts(case) for case in plan.cases])
        columns = (Column("case", no_wrap=True), Column("backend", no_wrap=True), "problem", "threads", "state")
        title = escape(f"all on {common}") if common and any(names) else None
        table = Table(*columns, title=title, title_justify="left")
        pending = {case.case_id for case in plan.pending}
        for case, name in zip(plan.cases, names):
            state = case.skip or ("" if case.case_id in pending else "measured before")
            table.add_row(case.case_id, escape(case.label), escape(name or common), str(case.threads), escape(state))
        out.print(table)


def run_plans(plans: Sequence[Plan], *, engine: str, jobs: int, scheduler: str | None, dry_run: bool) -> bool:
    """Show plans and run them one after the other, on one engine; whether no case failed."""
    check_engine(engine, jobs=jobs, scheduler=scheduler)
    folders = [plan.directory.path.resolve() for plan in plans]
    for folder in folders:
        if folders.count(folder) > 1:
            raise InputError(f"{folder}: several of these scenarios would be written there; sweep them one by one")
    if any(plan.isolation == "none" for plan in plans) and (engine != "local" or jobs != 1):
        raise InputError("--isolation none measures in this process, one case at a time: leave out --engine and --jobs")
    if dry_run:
        for plan in plans:
            show_plan(plan, list_cases=True)
        return True
    with waiting(f"connecting to Dask, for up to {PATIENCE:g} s") if engine == "dask" else nullcontext():
        place = make_engine(engine, jobs=jobs, scheduler=scheduler)
    with place, ended_by_the_system():
        failed = False
        for plan in plans:
            show_plan(plan, list_cases=False)
            if jobs > 1 and plan.timing == "alone" and any(case.measure.timed for case in plan.pending):
                say("  timed cases run one at a time on a machine, whatever --jobs says; see --timing")
            if plan.pending and plan.timing == "alone" and are_claimed():
                say("  another sweep measures on this machine: cases that are timed wait for one another, alone each")
            failed |= run_and_report(plan, place)
    return not failed


def run_and_report(plan: Plan, engine: Engine) -> bool:
    """Run a plan with progress and print the summary; whether a case failed."""
    try:
        watcher = _Watcher(plan)
        with watcher:
            rows = run_plan(plan, engine=engine, observer=watcher)
    except KeyboardInterrupt:
        text = f"stopped; what is measured is in {plan.directory.path}, and the same command goes on from there"
        if not engine.is_here:
            text += "; on another machine a case that had begun goes on to its end"
        err.print(text, markup=False, soft_wrap=True)
        raise typer.Exit(130) from None
    for task in dict.fromkeys(row.task for row in rows):
        out.print(summary([row for row in rows if row.task == task]))
    _say_what_is_amiss(rows)
    failed = [row for row in rows if row.status in FAILURES]
    if len(failed) > len(watcher.failed):
        say("What failed in an earlier sweep is not measured again unless --retry failed asks for it.")
    with waiting("drawing the report"):
        page = render_report(plan.directory.path)
    say(f"report: {page}")
    return bool(failed)


def _say_what_is_amiss(rows: Sequence[Row]) -> None:
    """Why cases failed, and what is flagged: the first of many, since the report lists them all."""
    failed = [(row, f"{row.status}: {row.reason}") for row in rows if row.status in FAILURES]
    flagged = [(row, f"flagged: {flag}") for row in rows if row.status == "done" for flag in row.flags]
    for told in (failed, flagged):
        by_text: dict[str, list[Row]] = {}
        for row, text in told:
            by_text.setdefault(text, []).append(row)
        for text, alike in list(by_text.items())[:MOST_TOLD]:
            where = f"{alike[0].label} on {describe(Case.model_validate(alike[0].case))}"
            say(f"{where if len(alike) == 1 else f'{len(alike):,} cases'}: {text}")
        if len(by_text) > MOST_TOLD:
            say(f"… and {sum(len(rows) for rows in list(by_text.values())[MOST_TOLD:]):,} more, in the report")


class _Watcher(Bar, Observer):
    """Progress of a sweep: a bar in a terminal, plain lines elsewhere."""

    def __init__(self, plan: Plan) -> None:
        what = TextColumn("{task.description}", table_column=Column(ratio=1, no_wrap=True, overflow="ellipsis"))
        columns = (BarColumn(20), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn(), what)
        super().__init__(*columns, expand=True)
        self.total = len(plan.pending)
        self.count = 0
        self.failed: list[Row] = []
        self.told = ""
        if self.bar:
            self.task = self.bar.add_task("", total=self.total)

    def started(self, case: Case, what: str) -> None:
        """Say what is being worked on."""
        if self.bar:
            doing = "truth of" if what == "truth" else case.label + " on"
            self.bar.update(self.task, description=escape(f"{doing} {describe(case)}"))

    def stalled(self, why: str) -> None:
        """Say it in the bar, or once."""
        if self.bar:
            self.bar.update(self.task, description=escape(why))
        elif why != self.told:
            say(why)
        self.told = why

    def finished(self, row: Row) -> None:
        """Count a row."""
        self.count += 1
        if row.status in FAILURES:
            self.failed.append(row)
        if self.bar:
            self.bar.advance(self.task)
        else:
            tail = f": {row.reason}" if row.reason else ""
            problem = describe(Case.model_validate(row.case))
            say(f"[{self.count}/{self.total}] {row.label} on {problem}: {row.status}{tail}")


def describe(case: Case) -> str:
    """A problem in a few words: ``planted, 978 genes, 50 sets``."""
    return ", ".join(_parts(case))


def _parts(case: Case) -> list[str]:
    """What was measured on, then whatever is not as by default."""
    source = case.source
    if isinstance(source, SyntheticSource):
        parts = [source.generator, f"{source.genes:,} genes", f"{source.sets} sets of {source.set_size}"]
        told = {"generator", "genes", "sets", "set_size"}
    else:
        parts, told = [source.title], {"ranking", "matrix", "gene_sets", "select", "compounds", "signal"}
    changed = source.model_dump(exclude_defaults=True, exclude={"kind", *told}) | case.model_dump(
        exclude_defaults=True, include={"dtype", "device", "threads"}
    )
    usual = EnrichmentParams()
    if case.training is not None:
        parts += _of_training(case.training)
        usual = case.params if case.training.arm == "gene-mse" else EnrichmentParams.preset("training")
        if case.dtype == "float32":
            del changed["dtype"]
    for given, default in ((case.params, usual), (case.null, NullParams())):
        for key, value in (asdict(given) if given is not None else {}).items():
            if value != getattr(default, key):
                changed["null seed" if key == "seed" else key] = value
    texts = {key: in_words(value) if isinstance(value, dict) else value for key, value in changed.items()}
    return [*parts, *(f"{key} {text}" for key, text in texts.items())]


def _of_training(training: Training) -> list[str]:
    """``hybrid``, ``on random pathways``, ``seed 3``, what is not as by default."""
    arm = {"gene-mse": "genes alone", "dgsea": "dGSEA alone"}.get(training.arm, training.arm)
    on = [] if training.pathways == training.judged_by else [f"on {training.pathways} pathways"]
    judged = [] if training.judged_by == DIRECTIONAL else [f"judged by {training.judged_by}"]
    encoder = [] if training.encoder == "morgan" else [training.encoder]
    return [arm, *on, *judged, *encoder, f"seed {training.seed}"]


def told_apart(rows: Sequence[Row]) -> tuple[str, list[str]]:
    """What the problems of all rows have in common, and of each row what they have not."""
    return _apart([_parts_of_row(row) for row in rows])


def _apart(problems: Sequence[list[str]]) -> tuple[str, list[str]]:
    """What all have in common, and of each what they have not."""
    common = [part for part in problems[0] if all(part in other for other in problems)]
    return ", ".join(common), [", ".join(part for part in problem if part not in common) for problem in problems]


def _parts_of_row(row: Row) -> list[str]:
    try:
        return _parts(Case.model_validate(row.case))
    except ValidationError:  # a row of another version of this program
        return [f"case {row.case_id}"]


def summary(rows: list[Row]) -> Table:
    """A line per case of one task; what all problems have in common is the title."""
    common, names = told_apart(rows)
    several = any(names)
    all_done = all(row.status == "done" for row in rows)
    header, caption, cells = SUMMARIES[rows[0].task]
    table = Table(
        *([Column("problem", min_width=12)] if several else []),
        Column("backend", overflow="fold"),
        *([] if all_done else ["status"]),
        *header,
        title=escape(common),
        title_justify="left",
        caption=caption,
        caption_justify="left",
    )
    for row, name in zip(rows, names):
        problem = [escape(name)] if several else []
        status = [] if all_done else [row.status]
        table.add_row(*problem, escape(row.label), *status, *cells(row.metrics))
    return table


def _enrichment_cells(metrics: dict[str, float]) -> list[str]:
    return [
        _known(wording.error, metrics.get("value_error_mean")),
        _known(wording.error, metrics.get("gradient_error")),
        _known(wording.seconds, metrics.get("step_seconds", metrics.get("forward_seconds"))),
        _known(wording.mebibytes, metrics.get("step_peak_mib", metrics.get("forward_peak_mib"))),
    ]


def _significance_cells(metrics: dict[str, float]) -> list[str]:
    return [
        _known(wording.share, metrics.get("nes_spearman")),
        _known(wording.share, metrics.get("nes_slope")),
        _known(wording.share, metrics.get("p_below")),
        _known(wording.seconds, metrics.get("null_seconds")),
        _known(wording.mebibytes, metrics.get("null_peak_mib")),
    ]


def _training_cells(metrics: dict[str, float]) -> list[str]:
    ends = [metrics.get(f"gain_pathway_correlation_{end}") for end in ("low", "high")]
    interval = " to ".join(wording.change(end) for end in ends if end is not None)
    gain = _known(wording.change, metrics.get("gain_pathway_correlation"))
    return [
        _known(wording.share, metrics.get("gene_correlation")),
        _known(wording.share, metrics.get("pathway_correlation")),
        f"{gain} ({interval})" if interval else gain,
        _known(lambda weight: f"{weight:g}", metrics.get("chosen_weight")),
        _known(wording.seconds, metrics.get("epoch_seconds")),
    ]


SUMMARIES: dict[str, tuple[tuple[str, ...], str, Callable[[dict[str, float]], list[str]]]] = {
    "enrichment": (
        ("error", "gradient error", "time", "memory"),
        "Mean relative error of the score. Time of forward and backward pass; of hard, forward only.",
        _enrichment_cells,
    ),
    "significance": (
        ("Spearman", "slope", "p < 0.05", "time", "memory"),
        "Spearman, slope: of dNES on NES, medians over profiles. p < 0.05: share, where nothing is enriched. "
        "time: of a profile's NES with its null distribution.",
        _significance_cells,
    ),
    "training": (
        ("gene r", "pathway r", "gain (95 %)", "λ", "epoch"),
        "Of the test compounds. gene r: correlation across genes, mean over compounds. pathway r: of exact dNES across "
        "compounds, mean over pathways; its gain over the loss on genes alone, with the interval of a paired "
        "bootstrap. λ: chosen on the validation set. epoch: wall time.",
        _training_cells,
    ),
}
"""Task -> header, caption and cells of the table that ends a sweep."""


def _known(form: Callable[[float], str], value: float | None) -> str:
    return "" if value is None else form(value)
