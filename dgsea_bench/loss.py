"""A pathway loss for anyone's training loop: predicted against target enrichment, beside a loss on genes."""

import math
import warnings
from typing import Literal, get_args

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.utils.hooks import RemovableHandle

from dgsea_bench.backends import DEFAULT_BACKEND, Backend, Hard, get_backend
from dgsea_bench.core.correlation import correlation
from dgsea_bench.core.errors import InputError, did_you_mean
from dgsea_bench.core.gene_sets import GeneSets
from dgsea_bench.core.masks import by_mask
from dgsea_bench.core.params import EnrichmentParams, NullParams
from dgsea_bench.core.pathways import Pathways
from dgsea_bench.enrichment import prepare
from dgsea_bench.normalized_enrichment import Progress, null_distribution, pairs_at_once
from dgsea_bench.significance import mean_magnitudes, normalise

Compare = Literal["mse", "pearson"]
Across = Literal["samples", "pathways"]
Score = Literal["es", "nes"]

IDLE_CALLS = 200
"""Calls in training without a step of the optimizer that are told of."""


class EnrichmentLoss(torch.nn.Module):
    """Distance between the pathway scores of predicted and of target expression.

        mse       mean over samples b and pathways q of (predicted_bq - target_bq)²
        pearson   mean over pathways of 1 - r, r across the samples of the batch; or over samples, r across pathways

    The score of a pathway is dES (dES(up) - dES(down) for a directional one) or, with ``score="nes"``, the same of
    dNES: dES over the mean magnitude of null scores of its sign, a constant that `fit` learns from training targets::

        pathway = dg.EnrichmentLoss(gene_sets, weight=0.5, warmup_steps=1000)
        pathway.follow(optimizer)
        loss = mse(predicted, target) + pathway.weight * pathway(predicted, target)

    Expression is (B, G): samples, and genes in the order of the sets' `genes`; larger = earlier in the ranking.
    Absolute expression ranks abundant genes first in every sample: give it relative to a control, or to the mean.

    A pair (sample, pathway) without a score is left out: where a gene set has none of its genes measured, or all that
    are; or where `fit` found no scale for the sign of its score. The mean is over the others.

    Half precision is widened to float32, and autocast is off inside; the loss is float32, or float64 for predictions in
    float64. Target scores are never part of the graph. With gradient accumulation divide the loss by the number of
    micro-batches: for ``"mse"`` that equals one large batch, if as many pairs are left out of each; ``"pearson"``
    across samples sees the micro-batch alone.

    Args:
        pathways: `GeneSets`, or `Pathways` for directional ones.
        compare: ``"mse"`` or ``"pearson"``. Where a vector, predicted or target, is constant to rounding, r = 0 without
            a gradient. One of fewer than two values is left out; of two values r is ±1, which has no gradient either.
        across: for ``"pearson"``: ``"samples"`` or ``"pathways"``; the mean of squares is the same across either.
        score: ``"es"`` or ``"nes"``.
        params: exponent and temperatures; those of the preset ``"training"`` by default.
        backend: a name or an instance, with a gradient; the default runs on a CPU, on a GPU give ``"cuda-batched"``, on
            other devices ``"exact"``.
        null: for ``"nes"``, how the null distribution is drawn and averaged; by default 200 permutations, one null per
            size of a set, all of them giving the scales. Its `p_value` and `fdr` play no part.
        weight: what `weight` is after the warm-up.
        warmup_steps: number of optimizer steps over which `weight` rises from 0; 0 for no warm-up.

    Attributes:
        steps: buffer, optimizer steps so far.
        scales: buffer for ``"nes"``, (P, 2) scales for positive and for negative scores of each gene set, NaN where
            none is known, and everywhere before the fit. A state dict restores both. Converting the module to half
            precision would round them.

    Raises:
        InputError: an unknown word, a number out of range, a backend without a gradient, ``"pearson"`` across fewer
            than two pathways, or a `null` that cannot be heeded.
    """

    steps: Tensor
    scales: Tensor | None

    def __init__(
        self,
        pathways: GeneSets | Pathways,
        *,
        compare: Compare = "mse",
        across: Across = "samples",
        score: Score = "es",
        params: EnrichmentParams | None = None,
        backend: str | Backend = DEFAULT_BACKEND,
        null: NullParams | None = None,
        weight: float = 1.0,
        warmup_steps: int = 0,
    ) -> None:
        super().__init__()
        self.pathways = pathways if isinstance(pathways, Pathways) else Pathways.of(pathways)
        self.compare, self.across, self.score = compare, across, score
        self.params = params or EnrichmentParams.preset("training")
        self.backend = get_backend(backend)
        self.null = null or NullParams(permutations=200, sharing="size", split=None)
        self.full_weight, self.warmup_steps = weight, warmup_steps
        _check_options(self, null)
        sets = len(self.pathways.gene_sets)
        self.register_buffer("steps", torch.zeros((), dtype=torch.int64))
        self.register_buffer("scales", torch.full((sets, 2), math.nan).double() if score == "nes" else None)
        self._idle_calls = 0
        self._followed = 0  # a number, not a handle: it can be copied and pickled
        self._constant, self._left_out = torch.zeros(2, dtype=torch.int64)

    @property
    def weight(self) -> float:
        """What to multiply the loss by now: the full weight times min(1, steps / warmup_steps)."""
        share = min(1.0, int(self.steps) / self.warmup_steps) if self.warmup_steps else 1.0
        return self.full_weight * share

    @property
    def constant_vectors(self) -> int:
        """Of the vectors that the last call correlated, how many were constant, predicted or target; 0 for mse."""
        return int(self._constant)

    @property
    def left_out(self) -> int:
        """Of the B·Q pairs of sample and pathway in the last call, how many had no score."""
        return int(self._left_out)

    def step(self) -> None:
        """Advance the warm-up by one; call it after each step of the optimizer, or let `follow` do so."""
        self.steps += 1

    def follow(self, optimizer: torch.optim.Optimizer) -> RemovableHandle:
        """Advance the warm-up with each step that the optimizer takes, in the place of any followed before.

        Right with gradient accumulation, and with steps that a `GradScaler` skips. A copy of this module follows none.

        Returns:
            A handle whose ``remove()`` ends it.

        Raises:
            InputError: something other than a torch optimizer.
        """
        if not isinstance(optimizer, torch.optim.Optimizer):
            raise InputError(
                f"optimizer is a {type(optimizer).__name__}, not a torch.optim.Optimizer: follow the one inside it, or "
                "call step() after each of its steps"
            )
        self._followed += 1
        turn = self._followed

        def after_step(optimizer: torch.optim.Optimizer, *_: object) -> None:
            # A fused optimizer is called for a step that GradScaler skips, too, and told so.
            skipped = bool(getattr(optimizer, "found_inf", None) or 0)
            if turn == self._followed and not skipped:
                self.step()

        return optimizer.register_step_post_hook(after_step)

    def fit(
        self,
        targets: Float[Tensor, "samples genes"],
        *,
        mask: Bool[Tensor, "*samples genes"] | None = None,
        profiles: int = 64,
        progress: Progress | None = None,
    ) -> "EnrichmentLoss":
        """Learn the scales of ``score="nes"`` from training targets, once; with ``"es"`` there is nothing to learn.

        A scale is the mean over samples of the (robust) mean magnitude of a set's null scores of one sign; see
        `NullParams`. Samples whose genes are all equal give none. Returns the module itself.

        Args:
            targets: (B, G) finite where measured.
            mask: as in `forward`.
            profiles: at most so many samples are used, chosen evenly from first to last.
            progress: called with the samples done and their number.

        Raises:
            InputError: targets that cannot be ranked, or no scale is found.
        """
        if self.scales is None:
            return self
        if not isinstance(profiles, int) or isinstance(profiles, bool) or profiles < 1:
            raise InputError(f"profiles is {profiles!r}; it must be a whole number, 1 or more")
        values, mask = self._checked(targets, mask, "targets")
        chosen = torch.linspace(0, len(values) - 1, min(profiles, len(values)), device=values.device).round().long()
        if mask is not None:
            mask = mask.expand(values.shape)[chosen]
        done = 0
        total = torch.zeros_like(self.scales, device=values.device, dtype=torch.float64)
        count = torch.zeros_like(total)
        with torch.no_grad(), torch.autocast(values.device.type, enabled=False):
            for _, part, gene_sets, kept in by_mask(values[chosen], self.pathways.gene_sets, mask):
                for profile in part.split(1):
                    if len(kept) and (profile != profile[:, :1]).any():
                        found = self._null_means(profile, gene_sets).to(total)
                        total[kept] += found.nan_to_num(nan=0.0)
                        count[kept] += ~found.isnan()
                    done += 1
                    if progress is not None:
                        progress(done, len(chosen))
        if not count.any():
            raise InputError("targets give no scale: in each sample all genes are equal, or no gene set can be scored")
        self.scales.copy_(total / count)  # 0 / 0 is NaN
        return self

    def scores(
        self, expression: Float[Tensor, "samples genes"], *, mask: Bool[Tensor, "*samples genes"] | None = None
    ) -> Float[Tensor, "samples pathways"]:
        """(B, Q) dES or dNES of the pathways, NaN where one has none; float32, or float64 from float64.

        What `forward` compares. Scores of training targets may be computed once, kept, and given to it by the batch, as
        `target_scores`. Gradients flow if `expression` asks for one.

        Args:
            expression: (B, G) finite where measured.
            mask: as in `forward`.

        Raises:
            InputError: expression that cannot be ranked, or ``"nes"`` before `fit`.
        """
        return self._scores(expression, mask, "expression")

    def forward(
        self,
        predicted: Float[Tensor, "samples genes"],
        target: Float[Tensor, "samples genes"] | None = None,
        *,
        target_scores: Float[Tensor, "samples pathways"] | None = None,
        mask: Bool[Tensor, "*samples genes"] | None = None,
    ) -> Float[Tensor, ""]:
        """The loss, a scalar, *not* multiplied by `weight`.

        Args:
            predicted: (B, G).
            target: (B, G) measured expression; or else
            target_scores: (B, Q) from `scores`, with the same mask.
            mask: (G,) or (B, G), True where a gene was measured. The others take no part in ranks, sets and counts of
                misses, as if their columns were not there: their values may be anything, even NaN, and they get a
                gradient of 0. Size limits of gene sets are not applied anew.

        Raises:
            InputError: shapes that do not match, values that are not finite, ``"nes"`` before `fit`, ``"pearson"``
                across samples of a batch of one, or no pair of sample and pathway that can be compared.
        """
        if (target is None) == (target_scores is None):
            raise InputError("give the loss either target or target_scores")
        self._look_at_warm_up()
        found = self._scores(predicted, mask, "predicted")
        if target_scores is None:
            with torch.no_grad():
                wanted = self._scores(_of_shape(target, predicted, "target"), mask, "target")
        else:
            wanted = _of_shape(target_scores, found, "target_scores").detach()
        with torch.autocast(predicted.device.type, enabled=False):
            return self._compare(found, wanted.to(found))

    def _look_at_warm_up(self) -> None:
        """Warn, once, of a warm-up that does not advance: training would go on without this loss, and nobody notice."""
        if not (self.training and self.warmup_steps and torch.is_grad_enabled()) or int(self.steps):
            return
        self._idle_calls += 1
        if self._idle_calls == IDLE_CALLS:
            warnings.warn(
                f"the weight of this loss is still 0 after {IDLE_CALLS} calls: its warm-up advances by "
                "follow(optimizer), or by step() after each step of the optimizer",
                stacklevel=3,
            )

    def extra_repr(self) -> str:
        """What `print` shows of it."""
        across = f" across {self.across}" if self.compare == "pearson" else ""
        return f"{len(self.pathways)} pathways, {self.score}, {self.compare}{across}, backend={self.backend.name}"

    def _compare(self, found: Tensor, wanted: Tensor) -> Tensor:
        if self.compare == "pearson" and self.across == "samples" and len(found) < 2:
            raise InputError(
                "a correlation across samples needs two or more, and this batch has one: use larger batches "
                '(drop_last=True in a DataLoader), or across="pathways"'
            )
        valid = ~(found.isnan() | wanted.isnan())
        self._left_out, self._constant = (~valid).sum(), torch.zeros_like(self._constant)
        if self.compare == "mse":
            terms = (found - wanted).masked_fill(~valid, 0.0).square()
            usable = valid
        else:
            dimension = 0 if self.across == "samples" else 1
            r, constant = correlation(found, wanted, valid, dimension)
            usable = valid.sum(dimension) >= 2
            self._constant = (constant & usable).sum()
            terms = (1 - r).masked_fill(~usable, 0.0)
        if not usable.any():
            few = "two or more scores" if self.compare == "pearson" else "a score"
            raise InputError(
                f"no pathway of {len(self.pathways)} has {few} in both predicted and target: too few of its genes are "
                "measured, or too few samples were given to fit()"
            )
        return terms.sum() / usable.sum()

    def _scores(self, expression: Tensor, mask: Tensor | None, name: str) -> Tensor:
        values, mask = self._checked(expression, mask, name)
        if self.scales is not None and self.scales.isnan().all():
            raise InputError('score="nes" has no scales yet: call fit(train_targets) first, or load a fitted state')
        gene_sets = self.pathways.gene_sets
        with torch.autocast(values.device.type, enabled=False):
            if mask is None:
                es = self._enrichment(values, gene_sets)
            else:
                rows, parts = [], []
                for which, part, measured, kept in by_mask(values, gene_sets, mask):
                    es = part.new_full((len(part), len(gene_sets)), math.nan)
                    if len(kept):
                        es = es.index_copy(1, kept, self._enrichment(part, measured))
                    rows.append(which)
                    parts.append(es)
                es = torch.cat(parts)[torch.cat(rows).argsort()]
            return self.pathways.combine(es if self.scales is None else normalise(es, self.scales.to(es)))

    def _enrichment(self, values: Tensor, gene_sets: GeneSets) -> Tensor:
        """The (B, P) enrichment scores of gene sets over all of the genes."""
        found = self.backend.enrichment_score(self.backend.rank(values, self.params), gene_sets)
        # Where all genes are equal the steps of a running sum cancel, and dES is 0, but for rounding.
        flat = (values == values[:, :1]).all(-1, keepdim=True)
        return torch.where(flat, found - found.detach(), found)

    def _checked(self, expression: Tensor, mask: Tensor | None, name: str) -> tuple[Tensor, Tensor | None]:
        """Expression widened and its mask (1 or B, G), after a look at both; moves the pathways to where they are."""
        filled = expression
        if mask is not None and isinstance(expression, Tensor):
            shapes = expression.shape, expression.shape[-1:]
            if not isinstance(mask, Tensor) or mask.dtype != torch.bool or mask.shape not in shapes:
                what = f"{mask.dtype} of shape {tuple(mask.shape)}" if isinstance(mask, Tensor) else type(mask).__name__
                raise InputError(
                    f"mask is {what}; it must be torch.bool of shape {tuple(shapes[1])} or {tuple(shapes[0])}, True "
                    "where a gene was measured"
                )
            mask = mask.to(expression.device).reshape(-1, mask.shape[-1])
            filled = expression.detach().masked_fill(~mask, 0.0)
        try:
            prepare(filled, self.backend, self.pathways.gene_sets)
        except InputError as error:
            raise InputError(f"{name}: {error}") from None
        if self.pathways.added.device != expression.device:
            self.pathways = self.pathways.to(expression.device)
        wide = expression.dtype in (torch.float32, torch.float64)
        return expression if wide else expression.float(), mask

    def _null_means(self, profile: Tensor, gene_sets: GeneSets) -> Tensor:
        """(P, 2) mean magnitudes of the null scores of each set in one profile (1, G)."""
        at_once = pairs_at_once(self.backend, self.null)
        spans = [gene_sets.subset(first, first + at_once) for first in range(0, len(gene_sets), at_once)]

        def means(backend: Backend) -> Tensor:
            ranking = backend.rank(profile, self.params)
            nulls = (null_distribution(backend, ranking, some, self.null) for some in spans)
            return torch.cat([mean_magnitudes(values, self.null)[0] for values in nulls])

        found = means(self.backend)
        if self.null.calibrate and self.backend.target != "gsea":
            found = means(Hard(memory_mib=self.backend.memory_mib)).masked_fill(found.isnan(), math.nan)
        return found


def _of_shape(values: object, like: Tensor, name: str) -> Tensor:
    """The values, if they are a tensor of that shape."""
    if not isinstance(values, Tensor) or values.shape != like.shape:
        found = f"of shape {tuple(values.shape)}" if isinstance(values, Tensor) else f"a {type(values).__name__}"
        raise InputError(f"{name} is {found}; it must be a tensor of shape {tuple(like.shape)}")
    return values


def _check_options(loss: EnrichmentLoss, null: NullParams | None) -> None:
    for name, known in (("compare", Compare), ("across", Across), ("score", Score)):
        value, words = getattr(loss, name), get_args(known)
        if value not in words:
            raise InputError(f"{name} is {value!r}; known: {', '.join(words)}{did_you_mean(str(value), words)}")
    for name, value, kind in (("params", loss.params, EnrichmentParams), ("null", loss.null, NullParams)):
        if not isinstance(value, kind):
            raise InputError(f"{name} is a {type(value).__name__}; it must be a {kind.__name__}")
    if not loss.backend.differentiable:
        raise InputError(
            f"backend {loss.backend.name!r} has no gradient, so nothing can be trained with it; take a soft one"
        )
    if null is not None and loss.score == "es":
        raise InputError('null is of no use with score="es"; ask for score="nes", or leave it out')
    if loss.null.gradient:
        raise InputError("null.gradient is True, but scales are fitted once and then constants; leave it False")
    if loss.compare == "pearson" and loss.across == "pathways" and len(loss.pathways) < 2:
        raise InputError('a correlation across pathways needs two or more, and there is one; take across="samples"')
    weight, steps = loss.full_weight, loss.warmup_steps
    if not isinstance(weight, int | float) or isinstance(weight, bool) or not 0 <= weight < math.inf:
        raise InputError(f"weight is {weight!r}; it must be a finite number, 0 or larger")
    if not isinstance(steps, int) or isinstance(steps, bool) or steps < 0:
        raise InputError(f"warmup_steps is {steps!r}; it must be a whole number, 0 or more")
