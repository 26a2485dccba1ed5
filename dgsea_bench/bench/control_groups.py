"""What the control groups of Linux, by which containers and batch jobs are limited, leave to this process."""

import re
from collections.abc import Iterator
from pathlib import Path

OWN_GROUPS, CONTROL_GROUPS = Path("/proc/self/cgroup"), Path("/sys/fs/cgroup")
MEMORY = {
    "": ("memory.max", "memory.current", "memory.stat"),
    "memory": ("memory.limit_in_bytes", "memory.usage_in_bytes", "memory.stat"),
}
"""Limit, use and what is used for, in the second and in the first version of control groups."""
THROTTLED = {"throttled_usec": 1e-6, "throttled_time": 1e-9}
"""The same time in the two versions, in seconds."""


def bytes_left() -> Iterator[int]:
    """Memory left in each group that this process is in, of those that limit it.

    What a group uses counts the files that were read lately, which make way.
    """
    for version, (limit_name, used_name, stat_name) in MEMORY.items():
        for folder in _own(version):
            limit, used = folder / limit_name, folder / used_name
            if limit.is_file() and used.is_file() and (most := limit.read_text().strip()).isdecimal():
                cached = _entry(folder / stat_name, "(?:total_)?inactive_file") or 0
                yield int(most) - int(used.read_text()) + cached


def throttled_seconds() -> float | None:
    """Processor time that the quotas of these groups have withheld so far; None where there is no such quota."""
    found = [
        scale * value
        for version in ("", "cpu")
        for folder in _own(version)
        for name, scale in THROTTLED.items()
        if (value := _entry(folder / "cpu.stat", name)) is not None
    ]
    return max(found, default=None)


def _own(controller: str) -> Iterator[Path]:
    """The folder of the group that this process is in, and those above it."""
    groups = OWN_GROUPS.read_text().splitlines() if OWN_GROUPS.is_file() else []
    for _, controllers, path in (line.split(":", 2) for line in groups):
        if controller in controllers.split(","):
            innermost = CONTROL_GROUPS / controllers / path.lstrip("/")
            yield from (innermost, *innermost.parents)


def _entry(stat: Path, name: str) -> int | None:
    found = re.search(rf"^{name} (\d+)", stat.read_text(), re.MULTILINE) if stat.is_file() else None
    return int(found.group(1)) if found else None
