"""Gene sets from GMT files."""

from pathlib import Path

from dgsea_bench.core.errors import InputError
from dgsea_bench.data.formats.lines import numbered_lines


def read_gmt(path: str | Path) -> dict[str, list[str]]:
    """Gene sets from a GMT file: a line per set, tab-separated: name, description, genes.

    Format: https://docs.gsea-msigdb.org/#GSEA/Data_Formats/. Empty fields and empty lines are ignored.

    Returns:
        name -> genes, in the order of the file.

    Raises:
        InputError: a line without genes or without a name, a name used twice, or a file that is empty or not text.
    """
    sets: dict[str, list[str]] = {}
    for number, line in numbered_lines(path):
        name, *rest = (field.strip() for field in line.split("\t"))
        genes = [gene for gene in rest[1:] if gene]
        if not name or not genes:
            raise InputError(
                f"{path}:{number}: expected name, description and genes, separated by tabs; found {line[:60]!r}"
            )
        if name in sets:
            raise InputError(f"{path}:{number}: the gene set {name!r} was there before")
        sets[name] = genes
    if not sets:
        raise InputError(f"{path}: holds no gene sets")
    return sets
