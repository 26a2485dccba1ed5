"""Whether a text is a SMILES: by RDKit where it is installed, else by its syntax alone."""

import re
from collections.abc import Callable
from dataclasses import dataclass

TOKEN = re.compile(
    r"(?P<atom>Br?|Cl?|[NOPSFI]|[bcnops]|\*|\[\d*(?:[A-Z][a-z]?|[a-z]{1,2}|\*)[^\[\]\s]*\])"
    r"|(?P<ring>\d|%\d\d)|(?P<open>\()|(?P<close>\))|(?P<dot>\.)|(?P<bond>[-=#$:/\\~])"
)
"""Atoms of the organic subset or in brackets, and what stands between them (http://opensmiles.org/opensmiles.html)."""

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
            molecule = Chem.MolFromSmiles(smiles, sanitize=False)
            if molecule is None:
                return syntax_error(smiles) or "RDKit cannot read it"
            problem = Chem.SanitizeMol(molecule, catchErrors=True)
        if problem != Chem.SanitizeFlags.SANITIZE_NONE:
            return f"no possible molecule ({PROBLEMS.get(problem.name, problem.name)})"
        return None if molecule.GetNumAtoms() else "has no atoms"

    return SmilesCheck(reason, f"RDKit {rdBase.rdkitVersion}", complete=True)


def syntax_error(smiles: str) -> str | None:
    """What is wrong with the syntax: characters, brackets, rings that are not closed; None: nothing."""
    depth, rings, place, before = 0, set[str](), 0, ""
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
            rings ^= {token.group().lstrip("%").lstrip("0") or "0"}
        before, place = kind, token.end()
    if before in ("bond", "dot", "open"):
        return "ends where an atom is expected"
    if depth:
        return "a branch is not closed"
    return f"ring {min(rings)} is not closed" if rings else None
