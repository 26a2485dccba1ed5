"""How far times of the same case lie apart in ten sweeps, and how often `compare` would cry wolf.

Run with ``python benchmarks/scripts/spread_of_sweeps.py``, or with another number of sweeps behind it.
"""

import sys
import tempfile
from itertools import combinations
from pathlib import Path
from statistics import fmean, median, stdev

from dgsea_bench.bench.compare import FASTER, SLOWER, TOLERANCE, compare_runs, read_side
from dgsea_bench.bench.results import Row, RunDirectory
from dgsea_bench.bench.sweep import run_sweep

WHERE = "generator=planted genes=978 backend=fastsum,exact,hard"
"""Cases of the scenario `default`."""


def main(sweeps: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        runs = [Path(folder, str(number)) for number in range(sweeps)]
        for number, run in enumerate(runs):
            run_sweep("default", where=WHERE, out=run)
            print(f"sweep {number + 1} of {sweeps} is done", file=sys.stderr)
        by_label: dict[str, list[Row]] = {}
        for run in runs:
            for row in RunDirectory(run).rows():
                by_label.setdefault(row.label, []).append(row)
        for label, rows in by_label.items():
            show_spread(label, rows)
        show_false_alarms(runs)


def show_spread(label: str, rows: list[Row]) -> None:
    """Medians of the sweeps beside the interval that one sweep gives for its own."""
    name = "step_seconds" if "step_seconds" in rows[0].metrics else "forward_seconds"
    times = [row.metrics[name] for row in rows]
    widths = [(row.metrics[f"{name}_high"] - row.metrics[f"{name}_low"]) / row.metrics[name] for row in rows]
    inside = [
        row.metrics[f"{name}_low"] <= other.metrics[name] <= row.metrics[f"{name}_high"]
        for row in rows
        for other in rows
        if other is not row
    ]
    print(
        f"{label:8} {name}: median {1e3 * median(times):.3f} ms of {len(times)} sweeps, from {1e3 * min(times):.3f} to "
        f"{1e3 * max(times):.3f}: largest / smallest {max(times) / min(times):.3f}, coefficient of variation "
        f"{stdev(times) / fmean(times):.1%}; width of one sweep's interval {median(widths):.1%} (median), which holds "
        f"{sum(inside) / len(inside):.0%} of the medians of the others; flagged: {sum(bool(row.flags) for row in rows)}"
    )


def show_false_alarms(runs: list[Path]) -> None:
    """Nothing changed between these sweeps: whatever `compare` finds is a false alarm."""
    sides = [read_side(run) for run in runs]
    for tolerance in sorted({0.0, 0.05, 0.1, TOLERANCE, 0.3}):
        verdicts = [
            change.time
            for before, after in combinations(sides, 2)
            for change in compare_runs(before, after, tolerance=tolerance).changes
        ]
        alarms = sum(verdict in (SLOWER, FASTER) for verdict in verdicts)
        print(f"tolerance {tolerance:.2f}: {alarms} of {len(verdicts)} comparisons say slower or faster")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10)
