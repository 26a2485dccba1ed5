"""Softmax sums and gradients of whole blocks of positions against those position by position."""

import math

import numpy as np
from dense_sums import SEEDS
from from_python import from_python
from hypothesis import assume, given
from hypothesis import strategies as st

from dgsea_bench.kernels import block_moments
from dgsea_bench.kernels.block_moments import NO_LIMIT, ORDERS, room_for_blocks
from dgsea_bench.kernels.signed_softmax import STEEPEST

WIDTHS = st.sampled_from([8, 16, 64, 128])
ROUNDING = 1e-15
PRECISION = 1e-13


add_polynomials, fill_blocks, gradient_of_blocks, trusted, sums_over_blocks = from_python(
    block_moments.add_polynomials,
    block_moments.fill_blocks,
    block_moments.gradient_of_blocks,
    block_moments.radius_to_trust,
    block_moments.sums_over_blocks,
)


@st.composite
def base_curves(draw: st.DrawFn) -> tuple[np.ndarray, int]:
    """A rising base curve over some blocks, the last of which may not be full, and their width."""
    rng = np.random.default_rng(draw(SEEDS))
    width = draw(WIDTHS)
    positions = draw(st.integers(1, 6 * width))
    steps = rng.exponential(1.0, positions) * draw(st.sampled_from([0.0, 1e-6, 1.0]))
    return np.cumsum(steps) + draw(st.sampled_from([0.0, 1e4])), width


def blocks_of(base, width):
    blocks = room_for_blocks(len(base), width)
    fill_blocks(base, blocks)
    return blocks


@given(base_curves())
def test_moments_are_sums_of_powers_about_the_mean(curve):
    base, width = curve
    blocks = blocks_of(base, width)
    assert len(blocks.mean) == math.ceil(len(base) / width)
    for block, start in enumerate(range(0, len(base), width)):
        part = base[start : start + width]
        distances = part - part.mean()
        blur = 10 * ROUNDING * np.abs(part).max()
        np.testing.assert_allclose(blocks.mean[block], part.mean(), rtol=10 * ROUNDING)
        radius = np.abs(distances).max() if len(part) == width else np.inf
        np.testing.assert_allclose(blocks.radius[block], radius, rtol=1e-14, atol=blur)
        truth = [len(part), 0.0, *((distances**k).sum() for k in (2, 3, 4))]
        largest = np.abs(distances).max() + blur
        rounding = [len(part) * (1e-14 * largest**k + k * blur * largest ** max(k - 1, 0)) for k in range(ORDERS)]
        assert (np.abs(blocks.moments[:, block] - truth) <= rounding).all()


@st.composite
def trusted_blocks(draw: st.DrawFn) -> tuple[np.ndarray, int, np.ndarray, np.ndarray, float, float]:
    """Base curve, width, centres, whole, share and τ_abs, with blocks as rough as is allowed, and C of one sign."""
    rng = np.random.default_rng(draw(SEEDS))
    width, count = draw(WIDTHS), draw(st.integers(1, 5))
    tau = 10.0 ** draw(st.floats(math.log10(1 / STEEPEST) + 1e-9, 3))
    share = 10.0 ** draw(st.floats(-6, -0.5))
    limit = min(trusted(share, tau), 0.5 / share)
    shape = rng.choice([-1.0, 1.0], (count, width)) if draw(st.booleans()) else rng.uniform(-1, 1, (count, width))
    shape -= shape.mean(1, keepdims=True)
    deltas = shape / np.maximum(np.abs(shape).max(1, keepdims=True), 1e-9) * limit * (1 - 1e-9)
    base = (deltas + rng.uniform(0, 2 * limit, (count, 1))).ravel()
    furthest = share * limit
    centres = rng.choice([-1.0, 1.0], count) * rng.uniform(furthest, 1 - furthest, count)
    whole = (rng.random(count) < 0.8) * 1.0
    return base, width, centres, whole, share, tau


def curve_by_blocks(base, width, centres, share):
    """(blocks, width) C(t) = C̄ - a δ_t."""
    rows = base.reshape(-1, width)
    return centres[:, None] - share * (rows - rows.mean(1, keepdims=True))


@given(trusted_blocks())
def test_sums_over_blocks_are_those_over_positions(case):
    base, width, centres, whole, share, tau = case
    blocks = blocks_of(base, width)
    assume((blocks.radius <= trusted(share, tau)).all())
    curve = curve_by_blocks(base, width, centres, share)
    e = np.exp(np.abs(curve) / tau) * whole[:, None]
    total, weighted = sums_over_blocks(centres, whole, blocks, share, tau)
    allowed = 1.1 * PRECISION + ROUNDING * (10 + 1 / tau)
    assert abs(total - e.sum()) <= allowed * e.sum()
    assert abs(weighted - (curve * e).sum()) <= 2 * allowed * e.sum()


@given(trusted_blocks(), st.floats(-1, 1), st.sampled_from([-2.0, 0.0, 1.0]))
def test_gradients_of_blocks_are_those_of_positions(case, score, gradient):
    """Σ_t ∂L/∂C(t) by block, and ∂L/∂A(t) = -a ∂L/∂C(t) added to what was there."""
    base, width, centres, whole, share, tau = case
    blocks = blocks_of(base, width)
    assume((blocks.radius <= trusted(share, tau)).all())
    curve = curve_by_blocks(base, width, centres, share)
    log_total = math.log2(np.exp(np.abs(curve) / tau).sum())
    shares = np.exp2(np.abs(curve) * math.log2(math.e) / tau - log_total) * whole[:, None]
    by_position = gradient * shares * (1 + np.sign(curve) * (curve - score) / tau)

    polynomials, sums = np.zeros((ORDERS, len(centres))), np.full(len(centres), np.nan)
    gradient_of_blocks(centres, whole, blocks, share, tau, score, log_total, gradient, polynomials, sums)
    result = np.ones(len(base))
    add_polynomials(base, blocks, polynomials, result)

    allowed = (8 * PRECISION + ROUNDING * (10 + 1 / tau)) * (1 + 2 / tau) * abs(gradient)
    assert (np.abs(sums - by_position.sum(1)) <= allowed * shares.sum(1)).all()
    truth = 1 - share * by_position.ravel()
    assert (np.abs(result - truth) <= share * allowed * shares.ravel() + 4e-16).all()


@given(st.floats(1e-9, 1), st.floats(1 / STEEPEST, 1e300))
def test_what_is_cut_off_within_the_trusted_radius_is_below_the_precision(share, tau):
    radius = trusted(share, tau)
    assert 0 < radius <= NO_LIMIT
    eta_radius = share / tau * radius
    assert eta_radius**5 / 120 <= PRECISION * (1 + 1e-12)
    assert share * radius * eta_radius**4 / 24 <= PRECISION * (1 + 1e-12)


def test_without_a_share_of_the_base_curve_every_full_block_is_trusted():
    assert trusted(0.0, 1.0) == NO_LIMIT
