"""Pathways: signed combinations of gene sets, such as the genes that go up less those that go down."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from dgsea_bench.core.errors import InputError, shorten
from dgsea_bench.core.gene_sets import GeneSets

NO_SET = -1
"""Stands in `subtracted` for a plain pathway."""

Genes = Iterable[str]

Halves = tuple[tuple[str, str, list[str]], ...]
"""Of a pathway: for each gene set that it is made of, what it is called in messages, its name and its genes."""


@dataclass(frozen=True, eq=False)
class Pathways:
    """Q pathways made of P gene sets: the score of a set, or of one set less that of another.

        plain        score = ES(set)
        directional  score = ES(up) - ES(down),  -2 .. 2

    Make one with `of` or `directional`; the constructor itself trusts its arguments.

    Attributes:
        names: Q names of pathways.
        gene_sets: the P sets that have to be scored, none of them in vain.
        added: (Q,) number 0 .. P-1 of the set whose score is added.
        subtracted: (Q,) number of the set whose score is subtracted, -1 where the pathway is plain.
        dropped: name of a pathway that was left out -> the reason.
    """

    names: tuple[str, ...]
    gene_sets: GeneSets
    added: Int64[Tensor, " pathways"]
    subtracted: Int64[Tensor, " pathways"]
    dropped: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, gene_sets: GeneSets) -> "Pathways":
        """Each gene set as a plain pathway of its own.

        Raises:
            InputError: something other than gene sets.
        """
        if not isinstance(gene_sets, GeneSets):
            raise InputError(
                f"gene_sets are a {type(gene_sets).__name__}; make them with GeneSets.from_dict(sets, genes)"
            )
        added = torch.arange(len(gene_sets), device=gene_sets.offsets.device)
        return cls(gene_sets.names, gene_sets, added, torch.full_like(added, NO_SET), gene_sets.dropped)

    @classmethod
    def directional(
        cls,
        pathways: Mapping[str, Genes | tuple[Genes, Genes]],
        genes: Sequence[str],
        *,
        min_size: int = 1,
        max_size: int | None = None,
    ) -> "Pathways":
        """Match pathways (name -> (up genes, down genes)) against the genes of a ranking.

        The halves of pathway X are gene sets named "X up" and "X down", matched as by `GeneSets.from_dict`; they may
        share genes. A pathway is left out whole if either half is, with the reason in `dropped`. Genes alone, in the
        place of a pair, make a plain pathway, so that both kinds may stand side by side.

        Raises:
            InputError: what `GeneSets.from_dict` refuses, a value that is neither genes nor a pair, a pathway that has
                the name of a half of another, or no pathway remains.
        """
        wanted = {name: _halves(name, value) for name, value in pathways.items()}
        listed = {half: members for halves in wanted.values() for _, half, members in halves}
        if len(listed) < sum(len(halves) for halves in wanted.values()):
            twice = Counter(half for halves in wanted.values() for _, half, _ in halves).most_common(1)[0][0]
            raise InputError(f"pathway {twice!r} has the name of a half of another one: rename it")
        matched = GeneSets.from_dict(listed, genes, min_size=min_size, max_size=max_size)
        reasons = {name: _reason(halves, matched.dropped) for name, halves in wanted.items()}
        dropped = {name: reason for name, reason in reasons.items() if reason}
        kept = {name: halves for name, halves in wanted.items() if name not in dropped}
        if not kept:
            name, reason = next(iter(dropped.items()))
            raise InputError(f"none of the {len(wanted)} pathways can be used; for example {name!r}: {reason}")
        needed = {half: members for halves in kept.values() for _, half, members in halves}
        gene_sets = GeneSets.from_dict(needed, matched.genes, min_size=min_size, max_size=max_size)
        number = {half: position for position, half in enumerate(gene_sets.names)}
        return cls(
            names=tuple(kept),
            gene_sets=gene_sets,
            added=torch.tensor([number[halves[0][1]] for halves in kept.values()]),
            subtracted=torch.tensor([number[halves[1][1]] if halves[1:] else NO_SET for halves in kept.values()]),
            dropped=dropped,
        )

    def __repr__(self) -> str:
        """The names, not all that is in them: ``Pathways(5: 'p53', 'cell cycle', …; 978 genes)``."""
        return f"Pathways({len(self)}: {shorten(self.names)}; {len(self.gene_sets.genes):,} genes)"

    def __len__(self) -> int:
        """Number of pathways, Q."""
        return len(self.names)

    def combine(self, scores: Float[Tensor, "profiles sets"]) -> Float[Tensor, "profiles pathways"]:
        """(B, Q) scores of the pathways from the scores (B, P) of `gene_sets`; gradients flow.

        NaN only where a set that the pathway is made of has NaN.
        """
        subtracted = scores[:, self.subtracted.clamp_min(0)].masked_fill(self.subtracted == NO_SET, 0.0)
        return scores[:, self.added] - subtracted

    def to(self, device: torch.device | str) -> "Pathways":
        """The same pathways with their index tensors on `device`."""
        return replace(
            self,
            gene_sets=self.gene_sets.to(device),
            added=self.added.to(device),
            subtracted=self.subtracted.to(device),
        )


def _halves(name: str, value: Genes | tuple[Genes, Genes]) -> Halves:
    """The gene sets that a pathway is made of: two if it is directional, one if it is plain."""
    unusable = isinstance(value, str | Mapping) or not isinstance(value, Iterable)
    items: list[Any] = [] if unusable else list(value)
    nested = [isinstance(item, Iterable) and not isinstance(item, str) for item in items]
    if unusable or (any(nested) and not (all(nested) and len(items) == 2)):
        raise InputError(f"pathway {name!r} is neither (up genes, down genes) nor a list of genes")
    if not any(nested):
        return (("", name, items),)
    return tuple((f"{half}: ", f"{name} {half}", list(genes)) for half, genes in zip(("up", "down"), items))


def _reason(halves: Halves, dropped: Mapping[str, str]) -> str:
    return "; ".join(f"{which}{dropped[half]}" for which, half, _ in halves if half in dropped)
