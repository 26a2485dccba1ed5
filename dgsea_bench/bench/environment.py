"""What a measurement depends on beside the case: machine, versions, commit."""

import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

PACKAGES = ("dgsea-bench", "torch", "numpy", "scipy", "pandas", "numba")


def describe_environment() -> tuple[str, dict[str, Any]]:
    """(environment_id, description) of this machine and installation."""
    description: dict[str, Any] = {
        "machine": platform.machine(),
        "system": platform.platform(),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memory_gib": _memory_gib(),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "python": platform.python_version(),
        "packages": {name: version(name) for name in PACKAGES},
        "commit": _commit(),
    }
    digest = hashlib.sha256(json.dumps(description, sort_keys=True).encode()).hexdigest()[:12]
    return digest, description


def machine_name(environment_id: str, environments: Mapping[str, Any]) -> str:
    """Processor, cores and GPU of an environment: those that differ in versions alone are one machine.

    Times are not compared across machines; one that was not described is told by its environment_id.
    """
    known = environments.get(environment_id)
    if known is None:
        return environment_id
    parts = (known.get("processor"), f"{known.get('cores')} cores", known.get("gpu"))
    return ", ".join(str(part) for part in parts if part)


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        for line in cpuinfo.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or "unknown"


def _memory_gib() -> float | None:
    if sys.platform == "win32":
        return None
    return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1)


def _commit() -> str | None:
    """Commit of the clone that holds the package, ``-dirty`` when changed; None outside a clone or without git."""
    git, top = shutil.which("git"), Path(__file__).parents[2]
    if git is None or not (top / ".git").exists():
        return None
    command = [git, "-C", str(top), "describe", "--always", "--dirty", "--abbrev=12", "--match="]
    described = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 (fixed command)
    return described.stdout.strip() or None
