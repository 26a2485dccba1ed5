"""What a fresh process runs first: ``python -P launch.py FOLDER``, before torch is loaded and without the package.

Limits must be there before anything is allocated, and threads stay on the cores that their process had when they began.
"""

import ctypes
import gc
import importlib.util
import json
import os
import signal
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

PR_SET_PDEATHSIG = 1
"""Of prctl(2)."""


def main(folder: Path) -> None:
    """Apply ``launch.json`` (parent, cores, memory_limit, package), then do what ``request.json`` asks for."""
    settings = json.loads((folder / "launch.json").read_text(encoding="utf-8"))
    die_with(settings["parent"])
    if settings["cores"] and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, settings["cores"])
    if settings["memory_limit"] is not None:
        limit_memory(settings["memory_limit"])
    _make_importable(Path(settings["package"]))
    gc.disable()
    from dgsea_bench.bench import worker

    gc.freeze()  # what was imported stays: looking through it takes a fifth of a second each time
    gc.enable()
    worker.main(folder)


def die_with(parent: int) -> None:
    """End this process when its parent does: at once on Linux, within a second elsewhere."""
    if sys.platform == "linux":
        with suppress(OSError):
            Path("/proc/self/oom_score_adj").write_text("1000")  # should memory run out, this process and not the sweep
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it was faster
            os._exit(1)
    else:
        threading.Thread(target=leave_orphaned, args=(parent,), daemon=True).start()


def leave_orphaned(parent: int) -> None:
    """Look once a second whether the parent is still there; end the process when it is not."""
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)


def limit_memory(size: int) -> None:
    """Let this process have at most so many bytes of private memory: RLIMIT_DATA, which Linux alone heeds for all."""
    import resource  # not on Windows

    resource.setrlimit(resource.RLIMIT_DATA, (size, resource.getrlimit(resource.RLIMIT_DATA)[1]))


def _make_importable(package: Path) -> None:
    """The package that the parent has: a clone need not be installed, and may lie beside another that is."""
    found: Any = importlib.util.find_spec(package.name)
    # No origin: a folder of that name, such as one that holds a clone, is somewhere on the path.
    if found is None or found.origin is None or Path(found.origin).parent != package:
        sys.path.insert(0, str(package.parent))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
