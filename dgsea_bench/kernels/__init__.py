"""Compiled loops: numpy arrays in, numpy arrays filled, float64 inside. They trust their arguments.

Each file holds one idea with its formula; `backends` puts them together.
"""

from pathlib import Path

from dgsea_bench.core.compiled import forget_outdated

forget_outdated(Path(__file__).parent)
