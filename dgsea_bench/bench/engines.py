"""Where cases run: each in a fresh process of this machine, with its own number of threads."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Literal

from dgsea_bench.bench.results import RunDirectory
from dgsea_bench.bench.scenario import Case

THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS")
REASON_LENGTH = 500


def run_case(case: Case, directory: RunDirectory) -> dict[str, Any]:
    """Measure one case in a fresh process; whatever happens there becomes an outcome, the fields of a row.

    Without the reference of its problem (see `run_reference`) time and memory are measured and errors are absent.
    """
    return {"status": "skipped", "reason": case.skip} if case.skip else _in_fresh_process("case", case, directory)


def run_reference(case: Case, directory: RunDirectory) -> str | None:
    """Compute the truth of a case's problem unless it is there already; the reason if that failed."""
    if directory.reference(case).is_file():
        return None
    outcome = _in_fresh_process("reference", case, directory)
    return None if outcome["status"] == "done" else f"the truth could not be computed: {outcome['reason']}"


def _in_fresh_process(task: Literal["case", "reference"], case: Case, directory: RunDirectory) -> dict[str, Any]:
    """The worker's result, or status ``failed`` with how it ended."""
    request = {
        "task": task,
        "case": case.model_dump(mode="json"),
        "reference": str(directory.reference(case)),
        "details": str(directory.details(case)),
    }
    with tempfile.TemporaryDirectory(prefix="dgsea_bench-") as folder:
        asked, answered = Path(folder, "request.json"), Path(folder, "result.json")
        asked.write_text(json.dumps(request), encoding="utf-8")
        command = [sys.executable, "-m", "dgsea_bench.bench.worker", str(asked), str(answered)]
        threads = dict.fromkeys(THREAD_VARIABLES, str(case.threads))
        try:
            process = subprocess.run(  # noqa: S603 (our own interpreter and module)
                command,
                env={**os.environ, **threads},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                timeout=case.measure.time_limit,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return {"status": "failed", "reason": f"stopped after the time limit of {case.measure.time_limit:g} s"}
        if answered.is_file():
            result: dict[str, Any] = json.loads(answered.read_text(encoding="utf-8"))
            return result
        last_words = process.stderr.decode(errors="replace").strip().splitlines()[-1:] or ["nothing on stderr"]
        how = f"signal {-process.returncode}" if process.returncode < 0 else f"exit code {process.returncode}"
        return {"status": "failed", "reason": f"{last_words[0][:REASON_LENGTH]} ({how})"}
