"""What runs in a fresh process: ``python -m dgsea_bench.bench.worker REQUEST RESULT``, both files of JSON."""

import json
import sys
from pathlib import Path

import torch

from dgsea_bench.bench.measure import measure_case
from dgsea_bench.bench.measure_significance import measure_significance
from dgsea_bench.bench.reference import Reference, compute_reference
from dgsea_bench.bench.scenario import Case


def main(request_file: str, result_file: str) -> None:
    """Do what the request says and write the result, renamed into place when complete."""
    request = json.loads(Path(request_file).read_text(encoding="utf-8"))
    case = Case.model_validate(request["case"])
    torch.set_num_threads(case.threads)
    reference = Path(request["reference"])
    if request["task"] == "reference":
        compute_reference(case).save(reference)
        result = {"status": "done"}
    else:
        known = Reference.load(reference) if reference.is_file() else Reference()
        measure = measure_significance if case.task == "significance" else measure_case
        result = measure(case, known, Path(request["details"]))
    partial = Path(result_file + ".partial")
    partial.write_text(json.dumps(result, allow_nan=False), encoding="utf-8")
    partial.replace(result_file)


if __name__ == "__main__":
    main(*sys.argv[1:])
