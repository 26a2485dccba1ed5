"""GCT, the text format of expression matrices: genes in rows, versions 1.2 and 1.3."""

import codecs
import gzip
import itertools
import warnings
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from pathlib import Path

import numpy as np
import pandas as pd

from dgsea_bench.core.errors import InputError, shorten
from dgsea_bench.data.formats.lines import GZIP, damage_told, first_bytes, to_number
from dgsea_bench.data.formats.matrix import MatrixFile, Positions, refuse_repeated
from dgsea_bench.data.formats.metadata import MISSING_TEXT, decode, to_column

VERSIONS = ("#1.2", "#1.3")


class GctFile(MatrixFile):
    """A GCT file, gzipped or not. What is not asked for is read but not kept.

    Format: https://clue.io/connectopedia/gct_format. Version 1.3 has metadata: fields of genes in the first columns,
    fields of samples in the first rows. Of version 1.2 the description is a field of genes.
    """

    def __init__(self, path: str | Path) -> None:
        """Read the head: sizes, ids of samples, metadata; and the ids of all genes.

        Raises:
            InputError: a file that cannot be read or is not GCT, with the line.
        """
        self.path = Path(path)
        with closing(self._lines()) as lines:
            number, version = next(lines, (1, ""))
            if version.strip() not in VERSIONS:
                raise InputError(f"{path}:{number}: expected {' or '.join(VERSIONS)}, found {version[:60]!r}")
            self._sizes = self._read_sizes(*next(lines, (2, "")), version.strip())
            self._head(*next(lines, (3, "")))
            described = self._read_metadata(lines)
        self.gene_ids = pd.Index([fields[0] for fields in described], dtype="object", name="id")
        self._genes = {
            name: to_column([fields[1 + place] for fields in described]) for place, name in enumerate(self.gene_fields)
        }
        refuse_repeated(self.path, self.gene_ids.tolist(), "genes")

    def _read_metadata(self, lines: Iterator[tuple[int, str]]) -> list[list[str]]:
        """Set the metadata of samples; id and metadata of each gene are returned."""
        rows, _, gene_fields, stated = self._sizes
        first = [self._row(number, line) for number, line in itertools.islice(lines, stated)]
        later = [self._row(number, line)[: 1 + gene_fields] for number, line in lines]
        present = len(first) + len(later) - rows
        if present != stated:
            self._check_fields_that_are_there(first, present)
        self._skipped = 3 + present
        self._refuse_repeated_fields([fields[0] for fields in first[:present]], "samples")
        self._samples = {fields[0]: to_column(fields[1 + gene_fields :]) for fields in first[:present]}
        self.sample_fields = tuple(self._samples)
        return [fields[: 1 + gene_fields] for fields in first[present:]] + later

    def _check_fields_that_are_there(self, first: list[list[str]], present: int) -> None:
        """Some files have fewer fields of samples than their sizes say; these rows hold nothing about genes."""
        rows, _, gene_fields, stated = self._sizes
        blank = [all(MISSING_TEXT.fullmatch(text) for text in fields[1 : 1 + gene_fields]) for fields in first]
        wanted = [place < present for place in range(len(first))]
        if not gene_fields or not 0 <= present < stated or blank != wanted:
            raise InputError(
                f"{self.path}: line 2 says {rows} genes and {stated} fields of samples, {rows + stated} lines; "
                f"{rows + present} follow the head; the file may be cut short"
            )
        warnings.warn(
            f"{self.path}: line 2 says {stated} fields of samples, and {present} are there", UserWarning, stacklevel=5
        )

    def _read_sizes(self, number: int, line: str, version: str) -> tuple[int, int, int, int]:
        fields = line.split()
        wanted = 2 if version == VERSIONS[0] else 4
        if len(fields) != wanted or not all(field.isdecimal() for field in fields):
            raise InputError(
                f"{self.path}:{number}: expected {wanted} sizes, as {version} has them; found {line[:60]!r}"
            )
        rows, columns, *more = (int(field) for field in fields)
        return (rows, columns, *(more or [1, 0]))  # type: ignore[return-value]

    def _head(self, number: int, line: str) -> None:
        """Names of the fields of genes, and ids of the samples."""
        fields = self._row(number, line)
        self.gene_fields = tuple(fields[1 : 1 + self._sizes[2]])
        self.sample_ids = pd.Index(fields[1 + self._sizes[2] :], dtype="object", name="id")
        refuse_repeated(self.path, self.sample_ids.tolist(), "samples")
        self._refuse_repeated_fields(self.gene_fields, "genes")

    def _refuse_repeated_fields(self, names: Sequence[str], what: str) -> None:
        repeated = sorted({name for name in names if names.count(name) > 1})
        if repeated:
            raise InputError(
                f"{self.path}: fields of {what} are there more than once: {shorten(repeated)}; rename them"
            )

    def _row(self, number: int, line: str) -> list[str]:
        """The fields of a line, of which there must be as many as the sizes say; more may follow if they are empty."""
        fields = [field.strip() for field in line.split("\t")]
        wanted = 1 + self._sizes[1] + self._sizes[2]
        if len(fields) < wanted or any(fields[wanted:]):
            raise InputError(
                f"{self.path}:{number}: expected {wanted} fields separated by tabs, as line 2 says; found "
                f"{len(fields)} in {line[:60]!r}; the file may be cut short, or line 2 wrong"
            )
        return fields[:wanted]

    def _lines(self) -> Generator[tuple[int, str], None, None]:
        """Numbered lines that are not blank."""
        packed = first_bytes(self.path).startswith(GZIP)
        with damage_told(self.path), gzip.open(self.path) if packed else self.path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                text = decode(line.removeprefix(codecs.BOM_UTF8) if number == 1 else line).rstrip("\r\n")
                if text.strip():
                    yield number, text

    def close(self) -> None:
        """Nothing is open between calls."""

    def sample_metadata(self, fields: Sequence[str] | None = None) -> pd.DataFrame:
        """Metadata of all samples, all fields or those of these names that the file has; the index holds the ids."""
        return _frame(self._samples, self.sample_ids, fields)

    def gene_metadata(self, fields: Sequence[str] | None = None) -> pd.DataFrame:
        """The same of all genes."""
        return _frame(self._genes, self.gene_ids, fields)

    def portions(
        self, samples: Positions | None = None, genes: Positions | None = None
    ) -> Iterator[tuple[Positions, np.ndarray]]:
        """One portion: a file with genes in rows has to be read to its end for any sample."""
        rows = np.arange(self.shape[0]) if samples is None else np.asarray(samples)
        columns = np.arange(self.shape[1]) if genes is None else np.asarray(genes)
        wanted: dict[int, list[int]] = {}
        for place, position in enumerate(columns.tolist()):
            wanted.setdefault(position, []).append(place)
        values = np.empty((len(rows), len(columns)))
        start = 1 + self._sizes[2]
        with closing(self._lines()) as lines:
            for position, (number, line) in enumerate(itertools.islice(lines, self._skipped, None)):
                if position in wanted:
                    texts = self._row(number, line)[start:]
                    values[:, wanted[position]] = self._numbers(number, [texts[row] for row in rows], rows)[:, None]
        yield rows, values

    def _numbers(self, number: int, texts: list[str], samples: Positions) -> np.ndarray:
        """The values of a line; -666 is one, as it is in a GCTX."""
        try:
            if "_" not in "".join(texts):  # which Python reads as a number
                return np.array([float(text) for text in texts])
        except ValueError:
            pass
        values = np.full(len(texts), np.nan)
        for place, text in enumerate(texts):
            found = to_number(text)
            if found is None and not MISSING_TEXT.fullmatch(text):
                raise InputError(
                    f"{self.path}:{number}: value {text[:40]!r} of sample {self.sample_ids[samples[place]]} is not a "
                    "number; give one, or NA if it is missing"
                )
            values[place] = np.nan if found is None else found
        return values


def _frame(columns: "dict[str, pd.Series]", ids: pd.Index, fields: Sequence[str] | None) -> pd.DataFrame:
    names = [name for name in columns if fields is None or name in fields]
    return pd.DataFrame({name: columns[name].array for name in names}, index=ids)
