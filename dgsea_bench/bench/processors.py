"""What Linux tells of processors: how busy each is, how fast it may become, and which share a physical core."""

from pathlib import Path

STAT, DEVICES = Path("/proc/stat"), Path("/sys/devices/system/cpu")


def busy_ticks() -> dict[int, int]:
    """Core -> clock ticks that it has been busy since the start of the system; empty where the system does not tell."""
    found = {}
    for name, numbers in _counters():
        if name != "cpu":
            user, nice, system, _, _, interrupts, soft, *_ = numbers
            found[int(name.removeprefix("cpu"))] = user + nice + system + interrupts + soft
    return found


def stolen_ticks() -> int:
    """Clock ticks that the host of a virtual machine has taken from all its cores."""
    return sum(numbers[7] for name, numbers in _counters() if name == "cpu" and len(numbers) > 7)


def largest_frequency(core: int) -> int:
    """kHz; 0 where the system does not tell. Machines may have faster and slower cores."""
    file = DEVICES / f"cpu{core}" / "cpufreq" / "cpuinfo_max_freq"
    return int(file.read_text()) if file.is_file() else 0


def is_second_thread(core: int) -> bool:
    """Whether a core of a lower number is the same physical one."""
    file = DEVICES / f"cpu{core}" / "topology" / "thread_siblings_list"
    return file.is_file() and int(file.read_text().replace("-", ",").split(",")[0]) != core


def _counters() -> list[tuple[str, list[int]]]:
    lines = STAT.read_text().splitlines() if STAT.is_file() else []
    words = [line.split() for line in lines if line.startswith("cpu")]
    return [(name, [int(number) for number in numbers]) for name, *numbers in words]
