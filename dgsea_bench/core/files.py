"""Files that are complete or not there."""

from pathlib import Path


def write_whole(file: Path, content: bytes) -> None:
    """Write a file, renamed into place when complete; one that cannot be completed leaves nothing."""
    partial = file.with_name(file.name + ".partial")
    try:
        partial.write_bytes(content)
        partial.replace(file)
    except OSError:
        partial.unlink(missing_ok=True)
        raise
