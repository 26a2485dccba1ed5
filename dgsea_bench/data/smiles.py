"""Whether a text is a SMILES, and one text per molecule: by RDKit where it is installed, else by the text alone."""

import re
from collections.abc import Callable
from dataclasses import dataclass

TOKEN = re.compile(
    r"(?P<atom>Br?|Cl?|[NOPSFI]|[bcnops]|\*|\[\d*(?:[A-Z][a-z]?|[a-z]{1,2}|\*|#\d+)[^\[\]\s]*\])"
    r"|(?P<ring>\d|%\d\d|%\(\d+\))|(?P<open>\()|(?P<close>\))|(?P<dot>\.)|(?P<bond>->|<-|[-=#$:/\\~])"
)
"""Atoms of the organic subset or in brackets, and what stands between them (http://opensmiles.org/opensmiles.html),
with what RDKit reads beside: atomic numbers, dative bonds, rings beyond 99 (https://rdkit.org/docs/RDKit_Book.html)."""

PROBLEMS = {
    "SANITIZE_PROPERTIES": "valence",
    "SANITIZE_KEKULIZE": "aromatic bonds",
    "SANITIZE_SETAROMATICITY": "aromatic bonds",
}
"""What RDKit calls the step that fails -> what is wrong."""


@dataclass(frozen=True)
class SmilesCheck:
    """A way to check SMILES.

    Attributes:
        reason: says why a text is no valid SMILES; None if it is one.
        how: the way in words, with its version.
        complete: whether chemistry is checked too, not the syntax alone.
    """

    reason: Callable[[str], str | None]
    how: str
    complete: bool


def smiles_check() -> SmilesCheck:
    """By RDKit, or by syntax if it is not installed (the extra ``[smiles]`` brings it)."""
    try:
        from rdkit import Chem, rdBase
    except ImportError:
        return SmilesCheck(syntax_error, "syntax alone", complete=False)

    def reason(smiles: str) -> str | None:
        with rdBase.BlockLogs():
            molecule = Chem.MolFromSmiles(smiles)
            if molecule is not None:
                return None if molecule.GetNumAtoms() else "has no atoms"
            unchecked = Chem.MolFromSmiles(smiles, sanitize=False)
            if unchecked is None:
                return syntax_error(smiles) or "RDKit cannot read it"
            problem = Chem.SanitizeMol(unchecked, catchErrors=True).name
        return f"no possible molecule ({PROBLEMS.get(problem, problem)})"

    return SmilesCheck(reason, f"RDKit {rdBase.rdkitVersion}", complete=True)


@dataclass(frozen=True)
class SmilesForm:
    """A way to write SMILES of one molecule as one text.

    Attributes:
        of: makes it of a valid SMILES; what stands after a space, a name, is left out.
        how: the way in words, with its version.
        complete: whether each molecule has one form; else texts that differ are taken for molecules that differ.
    """

    of: Callable[[str], str]
    how: str
    complete: bool


def canonical_smiles() -> SmilesForm:
    """By RDKit, or the text as it is if RDKit is not installed (the extra ``[smiles]`` brings it)."""
    try:
        from rdkit import Chem, rdBase
    except ImportError:
        return SmilesForm(lambda smiles: smiles.strip().partition(" ")[0], "the text alone", complete=False)

    def canonical(smiles: str) -> str:
        with rdBase.BlockLogs():
            return str(Chem.MolToSmiles(Chem.MolFromSmiles(smiles)))

    return SmilesForm(canonical, f"RDKit {rdBase.rdkitVersion}", complete=True)


def syntax_error(smiles: str) -> str | None:
    """What is wrong with the syntax: characters, brackets, rings that are not closed; None: nothing.

    What stands after a space is a name, as RDKit has it.
    """
    depth, rings, place, before = 0, set[int](), 0, ""
    smiles = smiles.strip().partition(" ")[0]
    if not smiles:
        return "is empty"
    while place < len(smiles):
        token = TOKEN.match(smiles, place)
        if token is None:
            return f"character {place + 1}, {smiles[place]!r}, is not part of a SMILES"
        kind = str(token.lastgroup)
        if (kind != "atom" and before in ("", "dot")) or (kind in ("close", "dot") and before in ("bond", "open")):
            return f"character {place + 1}, {smiles[place]!r}, stands where an atom is expected"
        depth += (kind == "open") - (kind == "close")
        if depth < 0:
            return f"character {place + 1}: a branch is closed that was not opened"
        if kind == "ring":
            rings ^= {int(token.group().strip("%()"))}
        before, place = kind, token.end()
    if before in ("bond", "dot", "open"):
        return "ends where an atom is expected"
    if depth:
        return "a branch is not closed"
    return f"ring {min(rings)} is not closed" if rings else None
