"""Gene sets as compressed indices into a fixed list of genes."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import torch
from jaxtyping import Int64
from torch import Tensor

from dgsea_bench.core.errors import InputError, shorten
from dgsea_bench.core.identifiers import identifier_kind


@dataclass(frozen=True, eq=False)
class GeneSets:
    """P gene sets over G genes: set p holds ``indices[offsets[p]:offsets[p + 1]]``.

    Make one with `from_dict`; the constructor itself trusts its arguments.

    Attributes:
        names: P names of sets.
        genes: G names of genes, in the order of the columns of `scores`.
        offsets: (P + 1,) where each set begins in `indices`.
        indices: members, as positions in `genes`, ascending within a set.
        dropped: name of a set that was left out -> the reason.
    """

    names: tuple[str, ...]
    genes: Sequence[str]
    offsets: Int64[Tensor, " sets_plus_1"]
    indices: Int64[Tensor, " members"]
    dropped: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def from_dict(
        cls,
        sets: Mapping[str, Iterable[str]],
        genes: Sequence[str],
        *,
        min_size: int = 1,
        max_size: int | None = None,
    ) -> "GeneSets":
        """Match sets (name -> genes) against the genes of a ranking.

        Members that are not in `genes` are ignored, repeated ones count once. A set that is then empty, holds all
        genes, or has a size outside `min_size` .. `max_size` is left out, with the reason in `dropped`.

        Raises:
            InputError: a gene is listed twice, the size limits make no sense, or no set remains.
        """
        if not isinstance(sets, Mapping):
            raise InputError(
                f"sets are a {type(sets).__name__}; give a dict of name -> genes, as read_gmt(path) returns, "
                "and after it the genes of the ranking"
            )
        if min_size < 1 or (max_size is not None and max_size < min_size):
            raise InputError(f"set sizes {min_size} .. {max_size}: need 1 <= min_size <= max_size")
        position = {gene: index for index, gene in enumerate(genes)}
        if len(position) < len(genes):
            repeated = [gene for gene, count in Counter(genes).items() if count > 1]
            raise InputError(f"{len(repeated)} genes are listed more than once: {shorten(repeated)}")

        for name, members in sets.items():
            if isinstance(members, str):
                raise InputError(f"gene set {name!r} is the text {members!r}; give a list of genes")
        sets = {name: list(members) for name, members in sets.items()}  # an iterator can be read only once
        kept: dict[str, list[int]] = {}
        dropped: dict[str, str] = {}
        for name, members in sets.items():
            members = set(members)
            found = sorted(position[gene] for gene in members if gene in position)
            reason = _reason_to_drop(len(found), len(members), len(genes), min_size, max_size)
            if reason:
                dropped[name] = reason
            else:
                kept[name] = found
        if not kept:
            raise InputError(_nothing_left(sets, genes, dropped))
        sizes = torch.tensor([len(found) for found in kept.values()])
        indices = torch.tensor([index for found in kept.values() for index in found])
        genes = genes if isinstance(genes, tuple) else tuple(genes)
        return replace(cls.from_sizes(tuple(kept), genes, sizes, indices), dropped=dropped)

    @classmethod
    def from_sizes(
        cls,
        names: tuple[str, ...],
        genes: Sequence[str],
        sizes: Int64[Tensor, " sets"],
        indices: Int64[Tensor, " members"],
    ) -> "GeneSets":
        """Sets whose members follow one another in `indices`, so many of each as `sizes` says; nothing is checked."""
        return cls(names, genes, torch.cat([sizes.new_zeros(1), sizes.cumsum(0)]), indices)

    def to_dict(self) -> dict[str, list[str]]:
        """The sets as `from_dict` takes them: name -> genes."""
        members = self.indices.cpu().split(self.sizes.tolist())
        return {name: [self.genes[index] for index in chosen.tolist()] for name, chosen in zip(self.names, members)}

    def __len__(self) -> int:
        """Number of sets, P."""
        return len(self.names)

    @property
    def sizes(self) -> Int64[Tensor, " sets"]:
        """(P,) number of members of each set."""
        return self.offsets.diff()

    @property
    def set_of_member(self) -> Int64[Tensor, " members"]:
        """For each entry of `indices`, the number 0 .. P-1 of the set that it belongs to."""
        return torch.repeat_interleave(torch.arange(len(self), device=self.offsets.device), self.sizes)

    def subset(self, start: int, stop: int) -> "GeneSets":
        """The sets `start` .. `stop` - 1, over the same genes."""
        offsets = self.offsets[start : stop + 1]
        return GeneSets(
            self.names[start:stop], self.genes, offsets - offsets[0], self.indices[offsets[0] : offsets[-1]]
        )

    @property
    def dropped_by_reason(self) -> dict[str, int]:
        """How many sets were left out for each reason."""
        return dict(Counter(reason.partition(" (")[0] for reason in self.dropped.values()))

    def membership(self) -> torch.Tensor:
        """(P, G) boolean: whether gene g is a member of set p."""
        table = torch.zeros(len(self), len(self.genes), dtype=torch.bool, device=self.indices.device)
        table[self.set_of_member, self.indices] = True
        return table

    def to(self, device: torch.device | str) -> "GeneSets":
        """The same sets with their index tensors on `device`."""
        return replace(self, offsets=self.offsets.to(device), indices=self.indices.to(device))


def _reason_to_drop(found: int, listed: int, genes: int, min_size: int, max_size: int | None) -> str | None:
    """The reason, with what was found in brackets, so that sets dropped for the same reason can be counted."""
    if found == 0:
        return f"no gene in the ranking ({listed} listed)"
    if found == genes:
        return f"every gene of the ranking ({genes})"
    if found < min_size:
        return f"fewer than {min_size} genes in the ranking ({found})"
    if max_size is not None and found > max_size:
        return f"more than {max_size} genes in the ranking ({found})"
    return None


def _nothing_left(sets: Mapping[str, Iterable[str]], genes: Sequence[str], dropped: Mapping[str, str]) -> str:
    members = dict.fromkeys(gene for names in sets.values() for gene in names)
    if not sets:
        return "there are no gene sets"
    if any(gene in members for gene in genes):
        name, reason = next(iter(dropped.items()))
        return f"none of the {len(sets)} gene sets can be used; for example {name!r}: {reason}"
    return (
        f"no gene of the {len(sets)} gene sets is in the ranking: {len(genes)} genes in the ranking "
        f"({shorten(genes)}), {len(members)} in the sets ({shorten(members)}).{_hint(genes, list(members))}"
    )


def _hint(genes: Sequence[str], members: Sequence[str]) -> str:
    """What most likely keeps two lists of genes apart: upper and lower case, or the type of identifier."""
    if {gene.upper() for gene in genes} & {gene.upper() for gene in members}:
        return " They differ in upper and lower case: is one human and the other mouse?"
    if any(gene.startswith(('"', "'")) for gene in (*genes[:100], *members[:100])):
        return " Some are in quotation marks: remove them."
    kinds = identifier_kind(genes), identifier_kind(members)
    if kinds[0] != kinds[1]:
        return f" The ranking looks like {kinds[0]}, the sets like {kinds[1]}: map one to the other."
    return ""
