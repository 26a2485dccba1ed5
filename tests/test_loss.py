"""The loss in a training loop: torch's and scipy's numbers on pathway scores, and it bears what training brings."""

import copy
import io
import math
import warnings

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from torch.nn.functional import mse_loss

import dgsea_bench as dg

GENES = [f"g{n}" for n in range(30)]
LISTED = {"few": GENES[:3], "some": GENES[5:17], "many": GENES[8:29], "odd": GENES[1::2]}
SETS = dg.GeneSets.from_dict(LISTED, GENES)
DIRECTED = dg.Pathways.directional({"both": (GENES[:6], GENES[4:13]), "plain": GENES[20:], "even": GENES[::2]}, GENES)
NULL = dg.NullParams(permutations=40, split=None, sharing="size")
WAYS = [
    {"compare": "mse"},
    {"compare": "pearson", "across": "samples"},
    {"compare": "pearson", "across": "pathways"},
]


def expression(samples=5, *, seed=0, genes=30, dtype=torch.float64, grad=False):
    values = torch.randn(samples, genes, generator=torch.Generator().manual_seed(seed), dtype=dtype)
    return values.requires_grad_(grad)


def fitted(pathways=SETS, **options):
    return dg.EnrichmentLoss(pathways, score="nes", null=NULL, **options).fit(expression(3, seed=9))


def loss_and_gradient(loss, predicted, *given, **options):
    """The loss's value and its gradient, for a copy of the predictions."""
    predicted = predicted.detach().clone().requires_grad_()
    value = loss(predicted, *given, **options)
    value.backward()
    return value.detach(), predicted.grad


class TestValues:
    @pytest.mark.parametrize("pathways", [SETS, DIRECTED], ids=["plain", "directional"])
    @pytest.mark.parametrize("score", ["es", "nes"])
    def test_mse_is_that_of_torch_on_pathway_scores(self, pathways, score):
        loss = fitted(pathways) if score == "nes" else dg.EnrichmentLoss(pathways)
        predicted, target = expression(), expression(seed=1)
        assert loss.scores(predicted).shape == (5, len(loss.pathways))
        torch.testing.assert_close(loss(predicted, target), mse_loss(loss.scores(predicted), loss.scores(target)))
        assert loss.constant_vectors == loss.left_out == 0

    @pytest.mark.parametrize("across", ["samples", "pathways"])
    def test_correlation_is_that_of_scipy_on_pathway_scores(self, across):
        loss = dg.EnrichmentLoss(SETS, compare="pearson", across=across)
        predicted, target = expression(), expression(seed=1)
        scores = (loss.scores(x).numpy() for x in (predicted, target))
        vectors = (x.T if across == "samples" else x for x in scores)
        expected = np.mean([1 - stats.pearsonr(x, y).statistic for x, y in zip(*vectors)])
        assert loss(predicted, target).item() == pytest.approx(expected, rel=1e-12)
        assert loss.constant_vectors == 0

    def test_scores_are_enrichment_scores_at_the_training_temperatures(self):
        values = expression()
        params = dg.EnrichmentParams.preset("training")
        assert torch.equal(dg.EnrichmentLoss(SETS).scores(values), dg.enrichment_score(values, SETS, params=params))
        own = dg.EnrichmentParams(tau_rank=0.3)
        nyswin = dg.EnrichmentLoss(SETS, params=own, backend=dg.Nyswin(anchors=8)).scores(values)
        assert torch.equal(nyswin, dg.enrichment_score(values, SETS, params=own, backend=dg.Nyswin(anchors=8)))

    def test_a_directional_score_is_up_less_down(self):
        values, params = expression(), dg.EnrichmentParams.preset("training")
        halves = dg.GeneSets.from_dict({"up": GENES[:6], "down": GENES[4:13]}, GENES)
        up, down = dg.enrichment_score(values, halves, params=params).T
        torch.testing.assert_close(dg.EnrichmentLoss(DIRECTED).scores(values)[:, 0], up - down)

    @pytest.mark.parametrize("way", WAYS, ids=str)
    @given(seed=st.integers(0, 1000), spread=st.floats(0.01, 100))
    @settings(max_examples=10)
    def test_nothing_is_lost_where_the_prediction_is_the_target(self, way, seed, spread):
        values = expression(seed=seed) * spread
        assert dg.EnrichmentLoss(SETS, **way)(values, values).item() == pytest.approx(0, abs=1e-12)

    @pytest.mark.parametrize("way", WAYS[1:], ids=str)
    @given(factor=st.floats(1e-3, 1e3), shift=st.floats(-10, 10))
    @settings(max_examples=10)
    def test_a_correlation_does_not_see_scale_and_origin(self, way, factor, shift):
        loss = dg.EnrichmentLoss(SETS, **way)
        predicted, target_scores = expression(), loss.scores(expression(seed=1))
        value, gradient = loss_and_gradient(loss, predicted, target_scores=target_scores)
        moved, moved_gradient = loss_and_gradient(loss, predicted, target_scores=factor * target_scores + shift)
        torch.testing.assert_close((moved, moved_gradient), (value, gradient), rtol=1e-8, atol=1e-9)
        opposite = loss(predicted, target_scores=-factor * target_scores + shift)
        assert opposite.item() == pytest.approx(2 - value.item(), rel=1e-8)

    @pytest.mark.parametrize("way", WAYS, ids=str)
    def test_precomputed_target_scores_give_the_same(self, way):
        loss = dg.EnrichmentLoss(SETS, **way)
        predicted, target = expression(), expression(seed=1)
        kept = loss.scores(target).float()  # of another dtype, as in a table on disk
        expected = loss_and_gradient(loss, predicted, target)
        torch.testing.assert_close(
            loss_and_gradient(loss, predicted, target_scores=kept), expected, rtol=1e-5, atol=1e-6
        )


class TestGradients:
    @pytest.mark.parametrize("pathways", [SETS, DIRECTED], ids=["plain", "directional"])
    @pytest.mark.parametrize("score", ["es", "nes"])
    @pytest.mark.parametrize("way", WAYS, ids=str)
    def test_finite_differences(self, pathways, score, way):
        loss = fitted(pathways, **way) if score == "nes" else dg.EnrichmentLoss(pathways, **way)
        mask = torch.ones(4, len(GENES), dtype=torch.bool)
        mask[1:3, ::4] = False
        target = expression(4, seed=1)
        predicted = expression(4, grad=True)
        assert torch.autograd.gradcheck(lambda x: loss(x, target, mask=mask), predicted, fast_mode=True)

    def test_the_target_is_no_part_of_the_graph(self):
        loss = dg.EnrichmentLoss(SETS)
        predicted, target = expression(grad=True), expression(seed=1, grad=True)
        loss(predicted, target).backward()
        loss(predicted, target_scores=loss.scores(target)).backward()
        assert target.grad is None
        assert predicted.grad.abs().sum() > 0

    @pytest.mark.parametrize("way", WAYS[1:], ids=str)
    def test_a_constant_vector_gives_no_gradient_and_is_counted(self, way):
        loss = dg.EnrichmentLoss(SETS, **way)
        target_scores = loss.scores(expression(seed=1))
        vector = target_scores[:, 2] if way["across"] == "samples" else target_scores[3]
        vector.fill_(0.1)  # whose mean is not 0.1 to the last bit
        value, gradient = loss_and_gradient(loss, expression(), target_scores=target_scores)
        assert loss.constant_vectors == 1
        assert gradient.isfinite().all()
        if way["across"] == "pathways":
            assert (gradient[3] == 0).all()
        others = torch.arange(len(LISTED)) != 2
        if way["across"] == "samples":
            rest = dg.EnrichmentLoss(
                dg.GeneSets.from_dict({n: LISTED[n] for n in ("few", "some", "odd")}, GENES), **way
            )
            expected, its_gradient = loss_and_gradient(rest, expression(), target_scores=target_scores[:, others])
            torch.testing.assert_close(value, (3 * expected + 1) / 4)
            torch.testing.assert_close(gradient, its_gradient * 3 / 4)

    def test_a_model_that_predicts_the_same_for_all_can_go_on(self):
        predicted = expression(1).float().repeat(6, 1)
        loss = dg.EnrichmentLoss(SETS, compare="pearson")
        value, gradient = loss_and_gradient(loss, predicted, expression(6, seed=1, dtype=torch.float32))
        assert (value.item(), loss.constant_vectors) == (1, len(SETS))
        assert (gradient == 0).all()
        assert loss(expression(6), expression(6, seed=1)) < 2
        assert loss.constant_vectors == 0

    def test_scores_too_small_to_square_still_correlate(self):
        loss = dg.EnrichmentLoss(SETS, compare="pearson")
        scores = loss.scores(expression(dtype=torch.float32))
        tiny = loss(expression(seed=2, dtype=torch.float32), target_scores=scores * 1e-30)
        torch.testing.assert_close(tiny, loss(expression(seed=2, dtype=torch.float32), target_scores=scores))


class TestMask:
    @pytest.mark.parametrize("way", WAYS, ids=str)
    @given(keep=st.lists(st.booleans(), min_size=30, max_size=30).filter(lambda x: sum(x) > 3))
    @settings(max_examples=15)
    def test_a_mask_is_the_columns_left_out(self, way, keep):
        measured = torch.tensor(keep)
        predicted, target = expression(), expression(seed=1)
        try:
            remaining = [gene for gene, kept in zip(GENES, keep) if kept]
            smaller = dg.EnrichmentLoss(dg.GeneSets.from_dict(LISTED, remaining), **way)
        except dg.InputError:  # no gene set remains, or one alone
            with pytest.raises(dg.InputError):
                dg.EnrichmentLoss(SETS, **way)(predicted, target, mask=measured)
            return
        value, gradient = loss_and_gradient(smaller, predicted[:, measured], target[:, measured])
        predicted[:, ~measured], target[:, ~measured] = math.nan, math.inf
        loss = dg.EnrichmentLoss(SETS, **way)
        for mask in (measured, measured.expand(5, -1)):
            masked, its_gradient = loss_and_gradient(loss, predicted, target, mask=mask)
            torch.testing.assert_close(masked, value)
            torch.testing.assert_close(its_gradient[:, measured], gradient)
            assert (its_gradient[:, ~measured] == 0).all()
        assert loss.left_out == 5 * (len(SETS) - len(smaller.pathways))

    def test_each_sample_may_have_its_own(self):
        predicted, target = expression(6), expression(6, seed=1)
        patterns = torch.rand(3, len(GENES), generator=torch.Generator().manual_seed(5)) < 0.7
        mask = patterns[[2, 0, 1, 0, 2, 2]]
        loss = fitted(DIRECTED)
        together = loss_and_gradient(loss, predicted, target, mask=mask)
        alone = [loss_and_gradient(loss, *(x[[row]] for x in (predicted, target)), mask=mask[row]) for row in range(6)]
        torch.testing.assert_close(together[0], torch.stack([value for value, _ in alone]).mean())
        torch.testing.assert_close(together[1], torch.cat([gradient for _, gradient in alone]) / 6)
        scores = loss.scores(target, mask=mask)
        torch.testing.assert_close(loss(predicted, target_scores=scores, mask=mask), together[0])

    def test_a_pathway_without_its_genes_is_left_out_of_some_samples(self):
        mask = torch.ones(4, len(GENES), dtype=torch.bool)
        mask[1, :3] = False  # all of "few"
        mask[2, 12:] = mask[2, :8] = False  # "many" has all that remain
        predicted, target = expression(4, grad=True), expression(4, seed=1)
        loss = dg.EnrichmentLoss(SETS)
        scores = loss.scores(predicted, mask=mask)
        missing = torch.zeros(4, 4, dtype=torch.bool)
        missing[1, 0] = missing[2, :3] = True
        assert torch.equal(scores.isnan(), missing)
        expected = mse_loss(scores[~missing], loss.scores(target, mask=mask)[~missing])
        torch.testing.assert_close(loss(predicted, target, mask=mask), expected)
        assert loss.left_out == 4
        correlation = dg.EnrichmentLoss(SETS, compare="pearson")
        pairs = [
            stats.pearsonr(
                *(loss.scores(x, mask=mask).detach()[~missing[:, q], q].numpy() for x in (predicted, target))
            )
            for q in range(4)
        ]
        value = correlation(predicted, target, mask=mask)
        assert value.item() == pytest.approx(np.mean([1 - r.statistic for r in pairs]))
        value.backward()
        assert predicted.grad.isfinite().all()

    def test_one_score_is_too_few_to_correlate(self):
        mask = torch.ones(4, len(GENES), dtype=torch.bool)
        mask[1:, :3] = False  # "few" is left in the first sample alone
        predicted, target = expression(4), expression(4, seed=1)
        loss = dg.EnrichmentLoss(SETS, compare="pearson")
        value = loss(predicted, target, mask=mask)
        assert (loss.left_out, loss.constant_vectors) == (3, 0)
        others = dg.GeneSets.from_dict({name: LISTED[name] for name in ("some", "many", "odd")}, GENES)
        torch.testing.assert_close(value, dg.EnrichmentLoss(others, compare="pearson")(predicted, target, mask=mask))
        with pytest.raises(dg.InputError, match="no pathway of 4 has two or more scores in both predicted and target"):
            loss(predicted[:2], target[:2], mask=torch.arange(30) < torch.tensor([[30], [0]]))

    def test_scales_are_fitted_on_what_was_measured(self):
        targets = expression(4, seed=3)
        measured = torch.arange(len(GENES)) % 5 > 0
        remaining = dg.GeneSets.from_dict(LISTED, [gene for gene, keep in zip(GENES, measured) if keep])
        smaller = dg.EnrichmentLoss(remaining, score="nes", null=NULL).fit(targets[:, measured])
        targets[:, ~measured] = math.nan
        loss = dg.EnrichmentLoss(SETS, score="nes", null=NULL)
        torch.testing.assert_close(loss.fit(targets, mask=measured).scales, smaller.scales)
        own = measured.repeat(4, 1)
        own[3, 20:] = False
        ends = dg.EnrichmentLoss(SETS, score="nes", null=NULL).fit(targets[[0, 3]], mask=own[[0, 3]])
        torch.testing.assert_close(loss.fit(targets, mask=own, profiles=2).scales, ends.scales)

    def test_nothing_left_is_an_error(self):
        with pytest.raises(dg.InputError, match="no pathway of 4 has a score in both predicted and target: too few"):
            dg.EnrichmentLoss(SETS)(expression(), expression(), mask=torch.zeros(len(GENES), dtype=torch.bool))
        with pytest.raises(dg.InputError, match="targets give no scale"):
            fitted().fit(expression(), mask=torch.zeros(len(GENES), dtype=torch.bool))

    @pytest.mark.parametrize(
        ("mask", "found"),
        [(torch.ones(30), r"torch.float32 of shape \(30,\)"), (torch.ones(29) > 0, r"\(29,\)"), ([True] * 30, "list")],
    )
    def test_a_mask_of_another_kind_is_refused(self, mask, found):
        with pytest.raises(
            dg.InputError, match=rf"mask is .*{found}; it must be torch.bool of shape \(30,\) or \(5, 30\)"
        ):
            dg.EnrichmentLoss(SETS)(expression(), expression(), mask=mask)


class TestNormalised:
    @pytest.mark.parametrize("calibrate", [False, True])
    def test_fitted_on_a_profile_it_scores_that_profile_as_a_significance_test_does(self, calibrate):
        null = dg.NullParams(permutations=50, calibrate=calibrate)
        values = expression(1)
        params = dg.EnrichmentParams()
        expected = dg.normalized_enrichment_score(values, SETS, params=params, null=null).nes
        loss = dg.EnrichmentLoss(SETS, score="nes", params=params, null=null).fit(values)
        torch.testing.assert_close(loss.scores(values), expected, equal_nan=True)

    def test_scales_are_means_over_samples(self):
        targets = torch.cat([expression(3, seed=2), torch.ones(1, len(GENES))])  # the last one tells nothing
        each = torch.stack([fitted().fit(row[None]).scales for row in targets[:3]])
        torch.testing.assert_close(fitted().fit(targets).scales, each.nanmean(0))
        torch.testing.assert_close(fitted().fit(targets, profiles=2).scales, each[0])
        small = dg.EnrichmentLoss(SETS, score="nes", null=NULL, backend=dg.Exact(memory_mib=0.01))  # a set at a time
        torch.testing.assert_close(small.fit(targets).scales, each.nanmean(0))

    def test_a_sample_that_has_no_null_score_of_a_sign_leaves_it_to_the_others(self):
        sets = dg.GeneSets.from_dict({"all but one": GENES[1:]}, GENES)
        targets = torch.full((3, len(GENES)), 0.01, dtype=torch.float64)
        targets[0, 0], targets[1, 0] = 100.0, -100.0  # one gene has all the weight, at the top and at the bottom
        targets[2] = expression(1)[0]
        null = dg.NullParams(permutations=20, split=None, sharing="size", seed=3)

        def scales(*rows):
            return dg.EnrichmentLoss(sets, score="nes", null=null).fit(targets[list(rows)]).scales

        each = torch.stack([scales(row) for row in range(3)])
        assert each.isnan().any()
        torch.testing.assert_close(scales(0, 1, 2), each.nanmean(0))

    def test_use_before_the_fit_is_an_error(self):
        loss = dg.EnrichmentLoss(SETS, score="nes")
        for use in (lambda: loss(expression(), expression()), lambda: loss.scores(expression())):
            with pytest.raises(dg.InputError, match=r'score="nes" has no scales yet: call fit\(train_targets\) first'):
                use()
        with pytest.raises(dg.InputError, match="targets give no scale"):
            loss.fit(torch.ones(3, len(GENES)))

    def test_there_is_nothing_to_fit_for_plain_scores(self):
        loss = dg.EnrichmentLoss(SETS)
        assert loss.fit(expression()) is loss
        assert list(loss.state_dict()) == ["steps"]

    def test_a_state_dict_restores_scales_and_steps(self):
        loss = fitted(warmup_steps=4)
        loss.step()
        buffer = io.BytesIO()
        torch.save(loss.state_dict(), buffer)
        buffer.seek(0)
        other = dg.EnrichmentLoss(SETS, score="nes", null=NULL, warmup_steps=4)
        other.load_state_dict(torch.load(buffer, weights_only=True))
        predicted, target = expression(), expression(seed=1)
        assert torch.equal(other(predicted, target), loss(predicted, target))
        assert other.weight == loss.weight == 0.25

    @pytest.mark.parametrize("way", WAYS, ids=str)
    def test_a_pair_without_a_scale_is_left_out(self, way):
        loss = fitted(**way)
        predicted, target = expression(8), expression(8, seed=1)
        loss.scales[1, 0] = math.nan  # "some", where it is positive
        loss.scales[2, 1] = 0.0
        scores = loss.scores(target)
        assert torch.equal(scores[:, 1].isnan(), dg.EnrichmentLoss(SETS).scores(target)[:, 1] >= 0)
        value, gradient = loss_and_gradient(loss, predicted, target)
        left_out = (loss.scores(predicted) - scores).isnan()
        assert loss.left_out == left_out.sum() > 0
        assert gradient.isfinite().all()
        assert value.isfinite()
        if way["compare"] == "mse":
            torch.testing.assert_close(value, mse_loss(loss.scores(predicted)[~left_out], scores[~left_out]))


class TestPrecision:
    @pytest.mark.parametrize("way", WAYS, ids=str)
    def test_autocast_changes_nothing(self, way):
        loss = dg.EnrichmentLoss(DIRECTED, **way)
        predicted, target = expression(dtype=torch.float32), expression(seed=1, dtype=torch.float32)
        expected = loss_and_gradient(loss, predicted, target)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            torch.testing.assert_close(loss_and_gradient(loss, predicted, target), expected, rtol=0, atol=0)

    def test_autocast_is_off_inside(self):
        seen = []

        class Watched(dg.Exact):
            def rank(self, scores, params):
                seen.append((torch.is_autocast_enabled("cpu"), scores.dtype))
                return super().rank(scores, params)

        predicted = expression(1).bfloat16()
        with torch.autocast("cpu", dtype=torch.bfloat16):
            loss = dg.EnrichmentLoss(SETS, score="nes", null=NULL, backend=Watched()).fit(predicted)
            loss(predicted, predicted)
        assert seen == [(False, torch.float32)] * 3

    @pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
    def test_predictions_in_half_precision_are_widened_and_get_their_gradient_back(self, dtype):
        loss = fitted()
        predicted = expression(dtype=torch.float32).to(dtype).requires_grad_()
        target = expression(seed=1).to(dtype)
        value = loss(predicted, target)
        value.backward()
        assert (value.dtype, predicted.grad.dtype) == (torch.float32, dtype)
        expected, gradient = loss_and_gradient(loss, predicted.float(), target.float())
        torch.testing.assert_close(value.detach(), expected)
        torch.testing.assert_close(predicted.grad, gradient.to(dtype))

    def test_a_model_trains_under_autocast(self):
        model, loss = torch.nn.Linear(4, len(GENES)), fitted()
        inputs, target = torch.randn(5, 4), expression(seed=1, dtype=torch.float32)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            predicted = model(inputs)
            assert predicted.dtype == torch.bfloat16
            total = mse_loss(predicted, target) + loss.weight * loss(predicted, target)
        assert total.dtype == torch.float32
        total.backward()
        assert all(parameter.grad.isfinite().all() for parameter in model.parameters())

    def test_float64_stays(self):
        assert fitted()(expression(), expression(seed=1).float()).dtype == torch.float64
        assert fitted()(expression().float(), expression(seed=1)).dtype == torch.float32


class TestTraining:
    def test_accumulated_gradients_are_those_of_one_large_batch(self):
        loss = dg.EnrichmentLoss(DIRECTED)
        predicted, target = expression(12), expression(12, seed=1)
        _, expected = loss_and_gradient(loss, predicted, target)
        predicted.requires_grad_()
        for rows in torch.arange(12).split(3):
            (loss(predicted[rows], target[rows]) / 4).backward()
        torch.testing.assert_close(predicted.grad, expected)

    def test_the_warm_up_counts_steps_of_the_optimizer(self):
        layer = torch.nn.Linear(4, len(GENES))
        optimizer = torch.optim.SGD(layer.parameters(), lr=0.1)
        loss = dg.EnrichmentLoss(SETS, weight=2.0, warmup_steps=4)
        loss.follow(optimizer)
        loss.follow(optimizer)  # as where a cell of a notebook is run again
        weights = []
        for _ in range(6):
            weights.append(loss.weight)
            for _ in range(3):
                loss(layer(torch.randn(2, 4)), expression(2, dtype=torch.float32)).backward()
            optimizer.step()
        assert weights == [0.0, 0.5, 1.0, 1.5, 2.0, 2.0]
        assert loss.steps == 6

    @pytest.mark.parametrize("fused", [False, True])
    def test_steps_that_a_scaler_skips_do_not_count(self, fused):
        parameter = torch.nn.Parameter(torch.ones(3))
        optimizer = torch.optim.Adam([parameter], fused=fused)
        loss = dg.EnrichmentLoss(SETS, warmup_steps=10)
        loss.follow(optimizer)
        scaler = torch.amp.GradScaler("cpu")
        for factor in (1.0, math.inf, 1.0, math.nan):
            optimizer.zero_grad()
            scaler.scale((parameter * factor).sum()).backward()
            scaler.step(optimizer)
            scaler.update()
        assert loss.steps == 2

    def test_following_can_end_and_be_done_by_hand(self):
        optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))])
        loss = dg.EnrichmentLoss(SETS, warmup_steps=4)
        handle = loss.follow(optimizer)
        optimizer.step()
        handle.remove()
        optimizer.step()
        loss.step()
        assert loss.weight == 0.5
        assert dg.EnrichmentLoss(SETS, weight=3).weight == 3

    def test_a_copy_and_a_pickle_are_whole_and_follow_nothing(self):
        optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))])
        loss = fitted(DIRECTED, warmup_steps=4)
        loss.follow(optimizer)
        optimizer.step()
        buffer = io.BytesIO()
        torch.save(loss, buffer)
        buffer.seek(0)
        copies = [copy.deepcopy(loss), torch.load(buffer, weights_only=False), copy.deepcopy(loss).to("cpu")]
        optimizer.step()
        predicted, target = expression(), expression(seed=1)
        for other in copies:
            assert torch.equal(other(predicted, target), loss(predicted, target))
            assert (other.weight, loss.weight) == (0.25, 0.5)

    def test_it_is_a_module_without_parameters(self):
        loss = fitted(compare="pearson")
        assert not list(loss.parameters())
        assert [name for name, _ in loss.named_buffers()] == ["steps", "scales"]
        assert repr(loss) == "EnrichmentLoss(4 pathways, nes, pearson across samples, backend=fastsum)"

    @pytest.mark.parametrize(
        "way", [{}, {"score": "nes", "null": NULL}, {"compare": "pearson"}], ids=["es", "nes", "pearson"]
    )
    def test_training_brings_pathway_scores_nearer_to_the_target(self, way):
        generator = torch.Generator().manual_seed(0)
        inputs = torch.randn(24, 6, generator=generator)
        target = inputs @ torch.randn(6, len(GENES), generator=generator)
        model = torch.nn.Linear(6, len(GENES))
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.copy_(0.1 * torch.randn(parameter.shape, generator=generator))
        optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
        pathway = dg.EnrichmentLoss(DIRECTED, weight=1.0, warmup_steps=5, **way).fit(target, profiles=4)
        pathway.follow(optimizer)
        target_scores = pathway.scores(target)

        def agreement():
            with torch.no_grad():
                found = pathway.scores(model(inputs))
                return pathway(model(inputs), target).item(), stats.pearsonr(found.ravel(), target_scores.ravel())[0]

        before = agreement()
        for step in range(40):
            batch = torch.arange(24)[step % 2 :: 2]
            optimizer.zero_grad()
            (pathway.weight * pathway(model(inputs[batch]), target_scores=target_scores[batch])).backward()
            optimizer.step()
        after = agreement()
        assert after[0] < 0.4 * before[0]
        assert after[1] > max(0.8, before[1] + 0.2)


class TestErrors:
    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"compare": "mae"}, "compare is 'mae'; known: mse, pearson; did you mean 'mse'"),
            ({"across": "pathway"}, "across is 'pathway'; known: samples, pathways; did you mean 'pathways'"),
            ({"score": "NES"}, "score is 'NES'; known: es, nes"),
            ({"backend": "hard"}, "backend 'hard' has no gradient, so nothing can be trained with it"),
            ({"backend": "exakt"}, "unknown backend 'exakt'.*did you mean 'exact'"),
            ({"params": {"tau_rank": 1.0}}, "params is a dict; it must be a EnrichmentParams"),
            ({"score": "nes", "null": 200}, "null is a int; it must be a NullParams"),
            ({"null": NULL}, 'null is of no use with score="es"'),
            (
                {"score": "nes", "null": dg.NullParams(gradient=True)},
                "null.gradient is True, but scales are fitted once",
            ),
            ({"weight": -1.0}, "weight is -1.0; it must be a finite number, 0 or larger"),
            ({"weight": math.nan}, "weight is nan"),
            ({"weight": "1"}, "weight is '1'"),
            ({"warmup_steps": -1}, "warmup_steps is -1; it must be a whole number, 0 or more"),
            ({"warmup_steps": 2.5}, r"warmup_steps is 2\.5"),
        ],
    )
    def test_options_that_make_no_sense_are_refused(self, options, message):
        with pytest.raises(dg.InputError, match=message):
            dg.EnrichmentLoss(SETS, **options)

    def test_pathways_are_required(self):
        with pytest.raises(dg.InputError, match=r"gene_sets are a dict; make them with GeneSets\.from_dict"):
            dg.EnrichmentLoss(LISTED)

    def test_one_pathway_cannot_be_correlated_across_pathways(self):
        one = dg.GeneSets.from_dict({"x": GENES[:3]}, GENES)
        with pytest.raises(
            dg.InputError, match='across pathways needs two or more, and there is one; take across="sam'
        ):
            dg.EnrichmentLoss(one, compare="pearson", across="pathways")

    def test_one_sample_cannot_be_correlated_across_samples(self):
        loss = dg.EnrichmentLoss(SETS, compare="pearson")
        with pytest.raises(dg.InputError, match=r"needs two or more, and this batch has one: .*drop_last=True"):
            loss(expression(1), expression(1))

    @pytest.mark.parametrize(
        ("target", "options", "message"),
        [
            (None, {}, "give the loss either target or target_scores"),
            (expression(), {"target_scores": torch.zeros(5, 4)}, "give the loss either target or target_scores"),
            (expression(4), {}, r"target is of shape \(4, 30\); it must be a tensor of shape \(5, 30\)"),
            (expression().numpy(), {}, r"target is a ndarray; it must be a tensor of shape \(5, 30\)"),
            (None, {"target_scores": torch.zeros(5, 3)}, r"target_scores is of shape \(5, 3\); .* \(5, 4\)"),
            (torch.full((5, 30), math.nan), {}, r"target: score of gene 0 \(g0\) in profile 0 is nan"),
            (torch.zeros(5, 30, dtype=torch.int64), {}, "target: scores are torch.int64 of shape"),
        ],
    )
    def test_targets_that_cannot_be_compared_are_refused(self, target, options, message):
        with pytest.raises(dg.InputError, match=message):
            dg.EnrichmentLoss(SETS)(expression(), target, **options)

    @pytest.mark.parametrize(
        ("predicted", "message"),
        [
            (expression(genes=29), "predicted: scores have 29 genes, the gene sets are over 30"),
            (expression()[0], r"predicted: scores are torch.float64 of shape \(30,\).*use scores\[None\]"),
            (expression().numpy(), "predicted: scores are a ndarray; they must be a torch tensor"),
            (expression() / 0, r"predicted: score of gene 0 \(g0\) in profile 0 is -?inf"),
        ],
    )
    def test_predictions_that_cannot_be_ranked_are_refused(self, predicted, message):
        with pytest.raises(dg.InputError, match=message):
            dg.EnrichmentLoss(SETS)(predicted, expression())

    def test_a_measured_value_that_is_not_finite_is_named_as_it_stands(self):
        predicted = expression()
        predicted[:, :5] = math.nan
        predicted[3, 7] = math.inf
        with pytest.raises(dg.InputError, match=r"predicted: score of gene 7 \(g7\) in profile 3 is inf"):
            dg.EnrichmentLoss(SETS)(predicted, expression(), mask=torch.arange(30) >= 5)

    @pytest.mark.parametrize("profiles", [0, 2.0, True])
    def test_a_number_of_profiles_that_makes_no_sense_is_refused(self, profiles):
        with pytest.raises(dg.InputError, match=f"profiles is {profiles}; it must be a whole number"):
            fitted().fit(expression(), profiles=profiles)

    def test_what_is_no_optimizer_cannot_be_followed(self):
        with pytest.raises(
            dg.InputError, match=r"optimizer is a Linear, not a torch\.optim\.Optimizer: .*call step\(\)"
        ):
            dg.EnrichmentLoss(SETS).follow(torch.nn.Linear(2, 2))


def test_fit_tells_its_progress():
    gene_sets = dg.GeneSets.from_dict({"a": ["g0", "g1", "g2"], "b": ["g5", "g6"]}, [f"g{n}" for n in range(12)])
    told = []
    loss = dg.EnrichmentLoss(gene_sets, score="nes", null=dg.NullParams(permutations=40, split=None))
    loss.fit(torch.randn(5, 12, generator=torch.Generator().manual_seed(0)), progress=lambda *step: told.append(step))
    assert told == [(n, 5) for n in range(1, 6)]


@pytest.mark.parametrize("score", ["es", "nes"])
@pytest.mark.parametrize("across", ["samples", "pathways"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_genes_that_are_all_equal_give_no_gradient_from_rounding(score, across, dtype):
    genes = [f"g{n}" for n in range(200)]
    gene_sets = dg.GeneSets.from_dict({f"set{n}": genes[10 * n : 10 * n + 8 + n] for n in range(8)}, genes)
    targets = torch.randn(6, 200, generator=torch.Generator().manual_seed(1)).to(dtype)
    null = dg.NullParams(permutations=40, split=None) if score == "nes" else None
    loss = dg.EnrichmentLoss(gene_sets, compare="pearson", across=across, score=score, null=null).fit(targets)
    predicted = torch.zeros(6, 200, dtype=dtype, requires_grad=True)
    value = loss(predicted, targets)
    value.backward()
    assert value.item() == pytest.approx(1.0)
    assert loss.constant_vectors == (8 if across == "samples" else 6)
    assert predicted.grad.count_nonzero() == 0


def test_one_sample_whose_genes_are_all_equal_keeps_its_gradient_at_zero():
    genes = [f"g{n}" for n in range(200)]
    gene_sets = dg.GeneSets.from_dict({f"set{n}": genes[10 * n : 10 * n + 8 + n] for n in range(8)}, genes)
    targets, predicted = torch.randn(2, 5, 200, generator=torch.Generator().manual_seed(2))
    predicted[3] = 0.7
    predicted.requires_grad_()
    loss = dg.EnrichmentLoss(gene_sets, compare="pearson", across="pathways")
    loss(predicted, targets).backward()
    assert loss.constant_vectors == 1
    assert predicted.grad[3].count_nonzero() == 0
    assert 0 < predicted.grad.norm() < 10


def test_a_warm_up_that_nobody_advances_is_told_of_once():
    gene_sets = dg.GeneSets.from_dict({"a": ["g0", "g1", "g2"]}, [f"g{n}" for n in range(10)])
    scores = torch.randn(2, 10, generator=torch.Generator().manual_seed(3))
    idle, stepping, without = (dg.EnrichmentLoss(gene_sets, warmup_steps=steps) for steps in (5, 5, 0))
    stepping.step()
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        for _ in range(300):
            for loss in (idle, stepping, without):
                loss(scores, scores)
    assert ["follow(optimizer)" in str(warning.message) for warning in told] == [True]
