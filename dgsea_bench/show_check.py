"""How the self-test is shown in the terminal: contracts of backends, promises of the paper's release."""

from collections.abc import Callable, Sequence

import torch
from rich.markup import escape
from rich.table import Table

from dgsea_bench.backends import backends as known_backends
from dgsea_bench.backends import get_backend
from dgsea_bench.bench import promises
from dgsea_bench.core.errors import InputError
from dgsea_bench.terminal import out, say, waiting
from dgsea_bench.testing import ContractError, check_backend, measured_tolerance


def show_contracts() -> list[str]:
    """Check every backend and show a line for each; what is broken, in words."""
    table = Table("backend", "contract", "value error", "promised", "gradient error", "promised")
    broken = []
    for name in known_backends():
        with waiting(f"checking {name}"):
            try:
                device = _device_for(name)
                count = len(check_backend(name, device=device))
                table.add_row(name, f"holds ({count} checks)", *_promised_and_measured(name, device))
            except ContractError as failure:
                table.add_row(name, "[red]broken[/red], see below")
                broken.append(str(failure))
            except InputError as error:
                table.add_row(name, f"not checked: {escape(str(error))}")
    say("Does each backend do what it declares?")
    out.print(table)
    return broken


def show_promises(broken: int) -> None:
    """Measure what the release promises and show it, then sum up; `broken` contracts were found before."""
    with waiting("measuring what the release of the paper promises"):
        errors, agreements = promises.nyswin_error(), promises.nyswin_agreement()
    say(f"Does nyswin's mean relative error hold? (planted set of 30, 512 anchors, {promises.ERROR_SEEDS} seeds)")
    limit = f"mean < {promises.PROMISED_ERROR:.2%}"
    out.print(_promise_table(errors, limit, ("mean", "highest"), "{:.3%}".format))
    say(
        f"Does its dNES rank gene sets as NES does? (Spearman correlation, {promises.SETS} sets of "
        f"{promises.SET_SIZE}, {promises.PERMUTATIONS} permutations, {promises.AGREEMENT_SEEDS} seeds)"
    )
    limit = f"> {promises.PROMISED_AGREEMENT}"
    out.print(_promise_table(agreements, limit, ("median", "lowest"), "{:.3f}".format))
    kept = sum(each.holds for each in (*errors, *agreements))
    say(
        f"{broken or 'no'} contract{'' if broken == 1 else 's'} of backends broken; the release's promises "
        f"hold in {kept} of {len(errors) + len(agreements)} cases (usually: in the median, but not for every seed)"
    )


def _promise_table(
    found: Sequence[promises.Promise], limit: str, headings: tuple[str, str], form: Callable[[float], str]
) -> Table:
    table = Table("problem", "genes", "promised", *headings, "holds")
    for each in found:
        holds = "yes" if each.always else "usually" if each.holds else "no"
        table.add_row(each.generator, f"{each.genes:,}", limit, form(each.typical), form(each.worst), holds)
    return table


def _device_for(name: str) -> str:
    """A GPU for what runs there and not on a CPU, if there is one."""
    backend = get_backend(name)
    return "cuda" if backend.unavailable("cpu") and not backend.unavailable("cuda") else "cpu"


def _promised_and_measured(name: str, device: str) -> list[str]:
    """Value error measured and promised, gradient error measured and promised, in float64."""
    measured, promised = measured_tolerance(name, device=device), get_backend(name).tolerance(torch.float64)
    cells = [f"{measured.value:.1e}", f"{promised.value:.1e}", f"{measured.gradient:.1e}", f"{promised.gradient:.1e}"]
    return cells if known_backends()[name].differentiable else [*cells[:2], "no gradient", ""]
