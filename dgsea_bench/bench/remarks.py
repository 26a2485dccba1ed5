"""What is worth saying before a sweep begins: of its inputs, and of the directory that it writes into."""

from collections.abc import Sequence

from dgsea_bench.bench.case import COMPOUNDS, Case
from dgsea_bench.bench.environment import describe_environment
from dgsea_bench.bench.results import Row, RunDirectory
from dgsea_bench.data.compounds import Compounds
from dgsea_bench.data.named_pathways import named_pathways
from dgsea_bench.data.sources import SyntheticSource
from dgsea_bench.scoring import describe_compounds, describe_problem


def about_directory(directory: RunDirectory, kept: Sequence[Row], others: int, *, fresh: bool) -> list[str]:
    """What is there already, and what becomes of it."""
    if fresh:
        lines = directory.count_lines()
        return [f"{directory.path}: {lines:,} rows of earlier sweeps are removed first"] if lines else []
    told = [directory.torn_line] if directory.torn_line else []
    if others:
        told.append(f"{directory.path} holds {others:,} other cases; they stay in its report (--fresh removes them)")
    elsewhere = sum(row.environment_id != describe_environment()[0] for row in kept if row.status == "done")
    if elsewhere:
        told.append(
            f"{elsewhere:,} finished cases were measured by another version of the program, or on another machine; "
            "they are kept (--fresh measures anew)"
        )
    return told


def about_inputs(cases: Sequence[Case]) -> list[str]:
    """A line per problem that is read from files: its size, ties, and the sets that were left out."""
    sources = {repr(case.source): case.source for case in cases}.values()
    told = []
    for source in sources:
        if isinstance(source, COMPOUNDS):
            compounds = source.load()
            told.append(f"{source.title}: {'; '.join(describe_compounds(compounds))}")
            told += _about_pathways(compounds, [case for case in cases if case.source == source])
        elif not isinstance(source, SyntheticSource):
            told.append(f"{source.title}: {'; '.join(describe_problem(source.load()))}")
    return told


def _about_pathways(compounds: Compounds, cases: Sequence[Case]) -> list[str]:
    """The pathways that cannot be used, by name; reading them early tells what is wrong with a file of theirs."""
    wanted = {
        (name, case.training.min_size): None
        for case in cases
        if case.training
        for name in (case.training.pathways, case.training.judged_by)
    }
    told = []
    for name, min_size in wanted:
        found = named_pathways(name, compounds.genes, min_size=min_size)
        reasons = [f"{pathway!r}: {reason}" for pathway, reason in found.dropped.items()]
        if reasons:
            told.append(f"{name}: {len(found):,} pathways used, {len(reasons):,} left out: {'; '.join(reasons[:5])}")
    return told
