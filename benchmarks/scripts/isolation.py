"""What a process of its own costs a case that does nothing, beside ``python -c "import torch"``, the least it could.

Run with ``python benchmarks/scripts/isolation.py [pairs]``: medians of pairs taken alternately, three by default, after
one that warms the caches of files. The case is that of the backend `noop`, a plug-in of the tests, which is not timed.
"""

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter

TESTS = Path(__file__).parents[2] / "tests" / "bench"
PAIRS = 3
ALLOWED = 1.0
"""Seconds more than importing torch that were asked for."""


def install_plugin(site):
    """The backends of `misbehaving`, for this process and those that it starts."""
    information = site / "misbehaving-1.0.dist-info"
    information.mkdir(parents=True)
    shutil.copy(TESTS / "misbehaving.py", site)
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: misbehaving\nVersion: 1.0\n")
    (information / "entry_points.txt").write_text("[dgsea_bench.backends]\nnoop = misbehaving:Noop\n")
    os.environ["PYTHONPATH"] = os.pathsep.join([str(site), str(TESTS.parents[1])])
    sys.path[:0] = os.environ["PYTHONPATH"].split(os.pathsep)


def noop():
    """A case of the backend that does nothing, and how to measure it."""
    from dgsea_bench.bench.case import Case, MeasureSettings
    from dgsea_bench.bench.isolation import run_case  # not before the plug-in is there
    from dgsea_bench.bench.spec import Spec
    from dgsea_bench.core.params import EnrichmentParams
    from dgsea_bench.data.sources import SyntheticSource

    case = Case(
        source=SyntheticSource(genes=40, sets=12, set_size=5),
        params=EnrichmentParams(),
        backend="noop",
        measure=MeasureSettings(timed=False),
    )

    def run():
        outcome = run_case(Spec(case=case))
        assert outcome.status == "done", outcome.reason

    return run


def import_torch():
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    subprocess.run([sys.executable, "-c", "import torch"], check=True, env=environment)


def seconds(call):
    start = perf_counter()
    call()
    return perf_counter() - start


def compare(pairs):
    calls = {"import torch": import_torch, "a case that does nothing": noop()}
    times = {name: [] for name in calls}
    for _ in range(pairs + 1):
        for name, call in calls.items():
            times[name].append(seconds(call))
    least, whole = (statistics.median(values[1:]) for values in times.values())
    for name, values in times.items():
        each = ", ".join(f"{value:.2f}" for value in values[1:])
        print(f"{name}: median {statistics.median(values[1:]):.2f} s ({each})")
    verdict = "within" if whole - least <= ALLOWED else "beyond"
    print(f"isolation adds {whole - least:+.2f} s, {verdict} the {ALLOWED:g} s that were allowed")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        os.environ["TMPDIR"], tempfile.tempdir = folder, None  # a sweep on this machine does not hold it up
        install_plugin(Path(folder, "site"))
        compare(int(sys.argv[1]) if sys.argv[1:] else PAIRS)
