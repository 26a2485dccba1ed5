"""What a measurement depends on beside the case: machine, versions, commit."""

import hashlib
import json
import os
import platform
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.utils import collect_env

from dgsea_bench.bench.cores import usable_cores
from dgsea_bench.data.places import DATA_VARIABLE

PACKAGES = (
    *("dgsea-bench", "torch", "numpy", "scipy", "pandas", "numba", "llvmlite", "gseapy", "pyarrow", "pydantic"),
    *("seaborn", "matplotlib", "jinja2", "typer", "rich", "jaxtyping", "filelock", "dask", "distributed"),
    *("h5py", "pooch", "requests", "urllib3", "asv", "triton"),
)
VARIABLES = (
    *("OMP_NUM_THREADS", "OMP_DYNAMIC", "OMP_PLACES", "OMP_PROC_BIND", "OMP_SCHEDULE", "OMP_STACKSIZE"),
    *("OMP_MAX_ACTIVE_LEVELS", "OMP_THREAD_LIMIT", "OMP_WAIT_POLICY", "GOMP_CPU_AFFINITY", "GOMP_SPINCOUNT"),
    *("KMP_AFFINITY", "KMP_BLOCKTIME", "KMP_DUPLICATE_LIB_OK", "KMP_HW_SUBSET", "KMP_LIBRARY", "KMP_STACKSIZE"),
    *("MKL_NUM_THREADS", "MKL_CBWR", "MKL_DEBUG_CPU_TYPE", "MKL_DYNAMIC", "MKL_ENABLE_INSTRUCTIONS"),
    *("MKL_INTERFACE_LAYER", "MKL_THREADING_LAYER", "OPENBLAS_NUM_THREADS", "OPENBLAS_CORETYPE"),
    *("BLIS_NUM_THREADS", "GOTO_NUM_THREADS", "NUMEXPR_NUM_THREADS", "VECLIB_MAXIMUM_THREADS", "TBB_NUM_THREADS"),
    *("NUMBA_NUM_THREADS", "NUMBA_THREADING_LAYER", "NUMBA_THREADING_LAYER_PRIORITY", "NUMBA_DISABLE_JIT"),
    *("NUMBA_CPU_NAME", "NUMBA_CPU_FEATURES", "NUMBA_ENABLE_AVX", "NUMBA_OPT", "NUMBA_LOOP_VECTORIZE"),
    *("NUMBA_SLP_VECTORIZE", "NUMBA_BOUNDSCHECK", "NUMBA_DEBUG", "ATEN_CPU_CAPABILITY", "DNNL_MAX_CPU_ISA"),
    *("TORCH_ALLOW_TF32_CUBLAS_OVERRIDE", "TORCH_COMPILE_DISABLE", "TORCHDYNAMO_DISABLE", "PYTORCH_ALLOC_CONF"),
    *("PYTORCH_CUDA_ALLOC_CONF", "PYTORCH_NO_CUDA_MEMORY_CACHING", "NVIDIA_TF32_OVERRIDE", "CUDA_DEVICE_ORDER"),
    *("CUDA_LAUNCH_BLOCKING", "CUDA_MODULE_LOADING", "CUDA_VISIBLE_DEVICES", "CUBLAS_WORKSPACE_CONFIG"),
    *("TRITON_INTERPRET", "TRITON_DEBUG", "TRITON_DEFAULT_FP_FUSION", "TRITON_PTXAS_PATH", "DISABLE_PTXAS_OPT"),
    *("MALLOC_ARENA_MAX", "MALLOC_TRIM_THRESHOLD_"),
)
"""Environment variables that change times or results. Never by a pattern: others may hold secrets."""
COLLECTED = {
    "os": "distribution",
    "libc_version": "libc",
    "gcc_version": "gcc",
    "is_debug_build": "debug_build",
    "is_xnnpack_available": "xnnpack",
    "cuda_compiled_version": "cuda_build",
    "cuda_runtime_version": "cuda_toolkit",
    "nvidia_driver_version": "nvidia_driver",
    "hip_compiled_version": "hip_build",
}
"""What is taken of torch's own description -> name here. Lists of packages may hold addresses with passwords."""
CPU_FACTS = (
    "Thread(s) per core",
    "Socket(s)",
    "NUMA node(s)",
    "Hypervisor vendor",
    "L1d cache",
    "L2 cache",
    "L3 cache",
)
THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS")
"""Set for every case anew."""
SUSPECT = (
    r"(?:token|passw|passphrase|secret|credential|cookie|signature|bearer|authori[sz]ation|api_?key"
    r"|(?<![a-z])(?:key|pass|pwd|auth|sig)(?![a-z]))[\w.-]*"
)
"""Names of what nobody else may read."""
SUSPECT_OPTION = re.compile(rf"--?[\w.-]*{SUSPECT}", re.IGNORECASE)
SUSPECT_VALUE = re.compile(rf"({SUSPECT}[\"']?\s*[=:]\s*|(?:bearer|basic)\s+).+", re.IGNORECASE | re.DOTALL)
USER_OF_ADDRESS = re.compile(r"(?:(?<=://)|(?<![^\s=,;\"']))[^\s/:@=]*:(?!//)\S*@|(?<=://)[^/\s]*@")
HIDDEN = "***"


@cache
def describe_environment() -> tuple[str, dict[str, Any]]:
    """(environment_id, description) of this machine and installation; looked up once in a process.

    The id is that of all that can change times or results. Of environment variables only known names are read.
    """
    commit, dirty = _commit()
    collected = _collected()
    description: dict[str, Any] = {
        "machine": platform.machine(),
        "system": platform.platform(),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "usable_cores": len(usable_cores()),
        "memory_gib": _memory_gib(),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "python": f"{platform.python_version()} ({platform.python_implementation()}, {platform.python_compiler()})",
        "commit": commit,
        "dirty": dirty,
        "program": program_digest(),
        "data_folder_set": bool(os.environ.get(DATA_VARIABLE)),
        "processor_details": _processor_details(collected.pop("cpu_info", None)),
        "packages": _packages(),
        "torch": _torch() | collected,
        "numpy": {"blas": _numpy_blas()},
        "numba": _numba(),
        "cuda": _cuda(),
        "variables": {name: redacted(os.environ[name]) for name in VARIABLES if name in os.environ},
    }
    return _digest(description), description


def _digest(description: dict[str, Any]) -> str:
    """Of what can change results: without what is set for every case anew."""
    lasting = {key: value for key, value in description.items() if key not in ("data_folder_set", "usable_cores")}
    variables = {name: value for name, value in description["variables"].items() if name not in THREAD_VARIABLES}
    numba = {name: value for name, value in description["numba"].items() if name != "threads"}
    content = json.dumps({**lasting, "variables": variables, "numba": numba}, sort_keys=True)
    return hashlib.sha256(content.encode()).hexdigest()[:12]


def program_digest() -> str:
    """Of the files of this package as they are now, whatever its commit says."""
    package = Path(__file__).parents[1]
    digest = hashlib.sha256()
    for path in sorted(package.rglob("*.py")):
        digest.update(str(path.relative_to(package)).encode() + path.read_bytes())
    return digest.hexdigest()[:12]


def command_line() -> str:
    """How this process was started, as one would type it, without credentials."""
    program, *arguments = sys.argv or [""]
    path = Path(program)
    if path == Path(__file__).parents[1] / "__main__.py" or path.stem == "dgsea-bench":
        words = ["python", "-m", "dgsea_bench"]
    elif path.suffix == ".py" or program in ("", "-c"):
        words = ["python", program] if program else ["python"]
    else:
        words = [path.name]
    return shlex.join([*words, *_without_secrets(arguments)])


def redacted(text: str) -> str:
    """A text without the user in addresses, and without what follows ``token=`` and the like."""
    return SUSPECT_VALUE.sub(rf"\1{HIDDEN}", USER_OF_ADDRESS.sub(f"{HIDDEN}@", text))


def _without_secrets(arguments: list[str]) -> list[str]:
    shown: list[str] = []
    secret_follows = False
    for argument in arguments:
        shown.append(HIDDEN if secret_follows and not argument.startswith("--") else redacted(argument))
        secret_follows = SUSPECT_OPTION.fullmatch(argument) is not None
    return shown


def with_commands(earlier: Mapping[str, Any], later: Mapping[str, Any]) -> dict[str, Any]:
    """The later description of an environment, with the commands of both: how often it was used is no part of it."""
    commands = [*earlier.get("commands", []), *later.get("commands", [])]
    return {**later, "commands": list(dict.fromkeys(commands))}


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


def _packages() -> dict[str, str]:
    found = {}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _collected() -> dict[str, Any]:
    """The useful part of what torch's own script finds out; nothing where it fails."""
    try:
        found = collect_env.get_env_info()
    except Exception:  # it reads what a dozen programs print, and a sweep does not depend on it
        return {}
    known = {ours: getattr(found, name, None) for name, ours in COLLECTED.items()}
    return {
        **{
            name: redacted(str(value))
            for name, value in known.items()
            if value not in (None, "N/A", "Could not collect")
        },
        "cpu_info": getattr(found, "cpu_info", None),
    }


def _processor_details(cpu_info: str | None) -> dict[str, str]:
    """Caches and the like, of what lscpu prints, and what torch makes of the processor."""
    lines = (line.partition(":") for line in (cpu_info or "").splitlines())
    found = {name.strip(): value.strip() for name, _, value in lines}
    return {"capability": torch.backends.cpu.get_cpu_capability()} | {
        name: found[name] for name in CPU_FACTS if name in found
    }


def _torch() -> dict[str, Any]:
    """Version, libraries and settings that torch was built with."""
    built = [line.strip().removeprefix("- ") for line in torch.__config__.show().splitlines()]

    def line(word: str) -> str | None:
        return next((text for text in built if word in text and not text.startswith("Build settings")), None)

    settings = next((text for text in built if text.startswith("Build settings")), "")
    return {
        "version": torch.__version__,
        "git": torch.version.git_version,
        "blas": line("Math Kernel Library")
        or (match[1] if (match := re.search(r"BLAS_INFO=(\w+)", settings)) else None),
        "mkldnn": line("MKL-DNN"),
        "openmp": line("OpenMP"),
        "compiler": built[1] if len(built) > 1 else None,
        "build_settings": settings.removeprefix("Build settings:").strip(" ,"),
    }


def _numpy_blas() -> str | None:
    """Name, version and configuration of what numpy multiplies matrices with."""
    shown: Any = np.show_config(mode="dicts")
    blas = shown.get("Build Dependencies", {}).get("blas", {})
    parts = (blas.get("name"), blas.get("version"), blas.get("openblas configuration"))
    return ", ".join(part for part in parts if part) or None


def _numba() -> dict[str, Any]:
    """What compiled loops are compiled by and for; the layer of threads as configured, since none may run yet."""
    from llvmlite import binding
    from numba.core import config

    return {
        "threading_layer": config.THREADING_LAYER,
        "threading_layer_priority": " ".join(config.THREADING_LAYER_PRIORITY),
        "threads": config.NUMBA_NUM_THREADS,
        "llvm": ".".join(map(str, binding.llvm_version_info)),
        "compiled_for": binding.get_host_cpu_name(),
    }


def _cuda() -> dict[str, Any] | None:
    """The GPUs that this process sees; None without one."""
    if not torch.cuda.is_available():
        return None
    gpus = [torch.cuda.get_device_properties(number) for number in range(torch.cuda.device_count())]
    return {
        "gpus": [
            f"{gpu.name}, {gpu.total_memory / 2**30:.1f} GiB, compute capability {gpu.major}.{gpu.minor}"
            for gpu in gpus
        ],
        "version": torch.version.cuda,
        "cudnn": torch.backends.cudnn.version(),
    }


def _commit() -> tuple[str | None, bool | None]:
    """Commit of the clone that holds the package, and whether it was changed, reports aside; None outside of one."""
    top = Path(__file__).parents[2]
    if not (top / ".git").exists():
        return None, None
    commit = _git(top, "rev-parse", "--short=12", "HEAD")
    changed = _git(top, "status", "--porcelain", "--untracked-files=no", "--", ".", ":(exclude)reports")
    return commit or None, None if changed is None else changed != ""


def _git(top: Path, *arguments: str) -> str | None:
    """What git prints; None without git, or where it fails."""
    git = shutil.which("git")
    if git is None:
        return None
    command = [git, "--no-optional-locks", "-C", str(top), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 (fixed commands)
    return done.stdout.strip() if done.returncode == 0 else None
