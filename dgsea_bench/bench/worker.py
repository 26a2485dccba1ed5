"""What is done in a fresh process: read the request in a folder, work, and leave the outcome there as files."""

import json
import traceback
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import torch

from dgsea_bench.bench.case import MEASUREMENT_VERSION
from dgsea_bench.bench.measure import measure_case
from dgsea_bench.bench.measure_significance import measure_significance
from dgsea_bench.bench.memory import limit_gpu_memory
from dgsea_bench.bench.reference import Reference, compute_reference
from dgsea_bench.bench.spec import Outcome, Spec
from dgsea_bench.core.errors import InputError
from dgsea_bench.core.files import write_whole

REASON_LENGTH = 500
REQUEST, TRUTH, RESULT, FILES = "request.json", "truth", "result.json", "files"
STUDY = "dgsea_bench.study.measure"
"""What measures the task ``"training"``. By name: it stands above, and no other case should wait for its import."""
MEMORY_RAN_OUT = (
    "MemoryError",
    "bad_alloc",
    "can't allocate memory",
    "Cannot allocate memory",
    "Unable to allocate",
    "not enough memory",
    "out of memory",
    "can't start new thread",
    "Thread creation failed",
    "failed to map segment",
    "cannot map zero-fill pages",
    "Memory allocation still failed",
)
"""How torch, numpy, numba, C++ and the system say it."""


def main(folder: Path) -> None:
    """Work; an exception becomes an outcome too."""
    told: dict[str, Any] = {}
    try:
        spec, told = _prepare(folder)
        result = _measure(spec, folder)
    except BaseException as error:  # a backend may call sys.exit
        status = "out of memory" if _is_for_memory(error) else "failed"
        result = {"status": status, "reason": describe_error(error)}
    _write_result(folder, result, told)


def work(folder: Path) -> None:
    """Do what the request says, in this process."""
    spec, told = _prepare(folder)
    _write_result(folder, _measure(spec, folder), told)


def _prepare(folder: Path) -> tuple[Spec, dict[str, Any]]:
    """The request, and what to tell of the process, which is limited and has its threads after this."""
    request = json.loads((folder / REQUEST).read_text(encoding="utf-8"))
    if request["measurement_version"] != MEASUREMENT_VERSION:
        raise RuntimeError(f"asked for version {request['measurement_version']} of the measurement")
    spec = Spec.model_validate(request)
    _check_inputs(spec)
    torch.set_num_threads(spec.case.threads)
    told: dict[str, Any] = {"isolation": spec.isolation, "threads": torch.get_num_threads()}
    if spec.is_timed:
        told["timing"] = "alone" if spec.alone else "together"
    return spec, told | limit_gpu_memory(spec.device, spec.case.measure.memory_limit, spec.share)


def _measure(spec: Spec, folder: Path) -> dict[str, Any]:
    case, truth = spec.case, folder / TRUTH
    if case.task == "training":
        return _train(spec, folder)
    if spec.task == "reference":
        compute_reference(case).save(folder / FILES / TRUTH)
        return {"status": "done"}
    known = Reference.load(truth) if truth.is_file() else Reference()
    measure = measure_significance if case.task == "significance" else measure_case
    return measure(case, known, folder / FILES)


def _train(spec: Spec, folder: Path) -> dict[str, Any]:
    """An arm of a study; in the place of a truth it has the model trained on genes alone."""
    study, baseline = import_module(STUDY), folder / TRUTH
    if spec.task == "reference":
        study.compute_baseline(spec.case).save(folder / FILES / TRUTH)
        return {"status": "done"}
    if not baseline.is_file():
        raise InputError("there is no model trained on genes alone to begin with and to compare with")
    measured: dict[str, Any] = study.measure_arm(spec.case, baseline, folder / FILES)
    return measured


def write_request(folder: Path, spec: Spec) -> None:
    """Leave a spec for `work`."""
    (folder / REQUEST).write_text(spec.model_dump_json(exclude={"truth"}), encoding="utf-8")
    if spec.truth is not None:
        (folder / TRUTH).write_bytes(spec.truth)


def read_outcome(folder: Path) -> Outcome | None:
    """What `work` or `main` left; None if it came to no end."""
    if not (folder / RESULT).is_file():
        return None
    fields = json.loads((folder / RESULT).read_text(encoding="utf-8"))
    status, reason = fields.pop("status"), fields.pop("reason", None)
    files = {path.name: path.read_bytes() for path in sorted((folder / FILES).glob("*"))} if status == "done" else {}
    return Outcome(status, reason, fields, files)


def plain(lines: Sequence[str]) -> str:
    """Lines of somebody else's as one of ours: no control characters, which a terminal would obey, and not too long."""
    text = " ".join(" ".join(lines).split())
    return "".join(character if character.isprintable() else "?" for character in text)[-REASON_LENGTH:]


def speaks_of_memory(text: str) -> bool:
    """Whether last words say that memory ran out."""
    return any(words in text for words in MEMORY_RAN_OUT)


def describe_error(error: BaseException) -> str:
    """``ValueError: what it says (file.py:12 in rank)``; what we say ourselves without the place."""
    told = plain(f"{type(error).__name__}: {error}".splitlines()) if not isinstance(error, InputError) else str(error)
    frames = traceback.extract_tb(error.__traceback__)
    if not frames or isinstance(error, InputError):
        return told
    return f"{told} ({Path(frames[-1].filename).name}:{frames[-1].lineno} in {frames[-1].name})"


def _is_for_memory(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, (MemoryError, torch.OutOfMemoryError)):
            return True
        if isinstance(error, (RuntimeError, OSError)) and speaks_of_memory(str(error)):
            return True
        error = error.__cause__
    return False


def _check_inputs(spec: Spec) -> None:
    """On another machine a file of that name may be another file."""
    for name, digest in spec.case.inputs.items():
        if spec.inputs.get(name) != digest:
            raise InputError(f"{name}: is not the file that the sweep was planned with, or not so on this machine")


def _write_result(folder: Path, result: dict[str, Any], told: dict[str, Any]) -> None:
    complete = {**result, "process": {**told, **result.get("process", {})}}
    write_whole(folder / RESULT, json.dumps(complete, allow_nan=False).encode())
