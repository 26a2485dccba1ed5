"""The command line: train."""

import os
from pathlib import Path
from typing import Annotated, Any

import typer

from dgsea_bench.bench.case import Case
from dgsea_bench.bench.scenario_files import built_in_scenarios, read_scenario
from dgsea_bench.bench.selection import parse_settings, split_backends
from dgsea_bench.bench.sweep import Plan, plan_sweep
from dgsea_bench.core.errors import InputError
from dgsea_bench.show_sweep import run_plans
from dgsea_bench.study.predictors.smiles import get_encoder

DEFAULT = "training-simulated"


def train(
    scenario: Annotated[str, typer.Argument(help="Name of a built-in training scenario, or a .toml file.")] = DEFAULT,
    backends: Annotated[
        str | None, typer.Option(help="Train with these only, such as 'fastsum,nyswin[anchors=128]'.")
    ] = None,
    axes: Annotated[
        list[str] | None,
        typer.Option("--set", help="Other values of an axis, such as seed=0,1 or arm=hybrid. Repeatable."),
    ] = None,
    where: Annotated[
        list[str] | None,
        typer.Option("--filter", help="Only some cases: 'backend=fastsum seed=0,1' (spaces: and; commas: or)."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the cases and write nothing.")] = False,
    output: Annotated[Path | None, typer.Option("--out", help="Directory of results. [default: reports/NAME]")] = None,
    resume: Annotated[
        bool,
        typer.Option("--resume/--fresh", help="Go on where the last one stopped, or remove its results first."),
    ] = True,
    retry: Annotated[str | None, typer.Option(help="'failed': train again what failed or ran out.")] = None,
    time_limit: Annotated[float | None, typer.Option(help="Seconds for one case. [default: the scenario's]")] = None,
    memory_limit: Annotated[
        float | None, typer.Option(help="GiB for the process of one case, from 0.5. [default: 0.9 of what is free]")
    ] = None,
    timing: Annotated[
        str,
        typer.Option(help="together: cases are trained beside others, and flagged as timed so; alone: one at a time."),
    ] = "together",
    engine: Annotated[str, typer.Option(help="local, or dask.")] = "local",
    jobs: Annotated[
        int | None, typer.Option(help="Cases at a time. [default: one for each core; with --timing alone, one]")
    ] = None,
    scheduler: Annotated[
        str | None,
        typer.Option(help="Of a Dask cluster: tcp://HOST:PORT. [default: --jobs workers on this machine]"),
    ] = None,
) -> None:
    """Train models with each backend in their loss, and report whether it matters.

    A model predicts expression from SMILES. It is trained on genes alone, on pathways alone (dGSEA), and on both, with
    each backend, on the paper's pathways and on random ones, over several seeds. Every model is judged in the same
    way, by exact dNES and classical NES of compounds that it has not seen. Cases, rows, limits and going on where it
    stopped are as with sweep; the report answers whether the approximation or the temperature changes the conclusion.

    Encoders of SMILES come with the extra [smiles]: Morgan fingerprints (RDKit), or ChemBERTa (transformers) with
    --set encoder=chemberta:FOLDER, a folder with the model or its name on the hub.

    For example, a quick look:  python -m dgsea_bench train --set seed=0 --backends fastsum

    On real compounds:  python -m dgsea_bench data fetch prnet-demo && python -m dgsea_bench train training-prnet
    """
    if retry not in (None, "failed"):
        raise InputError(f"--retry is {retry!r}; the one thing that can be trained again is 'failed'")
    if backends is not None and not split_backends(backends):
        raise InputError("--backends names none; give some, such as --backends 'fastsum,exact'")
    _check_is_training(scenario)
    limits: dict[str, Any] = {"time_limit": time_limit, "memory_limit": memory_limit}
    plan = plan_sweep(
        scenario,
        backends=split_backends(backends or ""),
        axes=parse_settings(axes or []),
        where=None if where is None else " ".join(where),
        out=output,
        fresh=not resume,
        retry=retry is not None,
        limits={name: value for name, value in limits.items() if value is not None},
        timing=timing,  # type: ignore[arg-type]
    )
    _check_encoders(plan.cases)
    if not run_plans([plan], engine=engine, jobs=_jobs(jobs, plan, scheduler), scheduler=scheduler, dry_run=dry_run):
        raise typer.Exit(1)


def _check_is_training(scenario: str) -> None:
    """Refuse a scenario that trains nothing, and say which ones do."""
    if "training" not in read_scenario(scenario).tasks:
        known = [name for name in built_in_scenarios() if "training" in read_scenario(name).tasks]
        raise InputError(f"scenario {scenario!r} trains nothing: use sweep; scenarios that do: {', '.join(known)}")


def _check_encoders(cases: tuple[Case, ...]) -> None:
    """Whether they are installed, before anything is trained."""
    for name in dict.fromkeys(case.training.encoder for case in cases if case.training):
        get_encoder(name)


def _jobs(jobs: int | None, plan: Plan, scheduler: str | None) -> int:
    if jobs is not None:
        return jobs
    if plan.timing == "alone" or scheduler is not None:
        return 1
    threads = max((case.threads for case in plan.cases), default=1)
    return max(1, (os.cpu_count() or 1) // threads)
