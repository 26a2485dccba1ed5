"""What the pathway loss adds to a step of training, in the setting of the paper: 978 genes, 7 sets, batches of 32.

The predictor is features → Linear 1024 → ReLU → Dropout → Linear 978; the step clears gradients, predicts, takes the
mean of squares over genes, goes back, cuts the gradient at norm 1, and moves the weights by AdamW. The pathway loss is
a tenth of `EnrichmentLoss` of the directional pathways over the landmark genes, with target scores computed
beforehand. Steps with and without take turns; printed are the medians of both in milliseconds, and the median ratio of
pairs with the interval that holds it with a probability of 95 % (of the median of so many pairs).

Run with ``python benchmarks/scripts/training_step.py [turns]``. Each number of threads is measured in a process of its
own. `fastsum` takes part in all settings; `exact` and `nyswin`, which take some eighty times as long, once each.
"""

import os
import subprocess
import sys
from time import perf_counter

FEATURES, THREADS = (768, 2048), (1, 2)
GENES, HIDDEN, BATCH, WEIGHT = 978, 1024, 32, 0.1
WARM_UP = 5


def measure(threads, turns):
    """Print a line for each setting."""
    import torch

    from dgsea_bench import EnrichmentLoss, get_backend
    from dgsea_bench.data.directional import directional_pathways
    from dgsea_bench.data.landmarks import landmark_genes

    torch.set_num_threads(threads)
    torch.manual_seed(0)
    pathways = directional_pathways(tuple(landmark_genes()["symbol"]))
    losses = {name: EnrichmentLoss(pathways, backend=get_backend(name)) for name in ("fastsum", "exact", "nyswin")}
    for features in FEATURES:
        for fused in (False, True):
            setting = f"{threads} threads  {features:5d} features  {'fused' if fused else 'plain'} AdamW"
            alone, added = step(features, fused, None), step(features, fused, losses["fastsum"])
            pairs = [(seconds(alone), seconds(added)) for _ in range(WARM_UP + turns)][WARM_UP:]
            print(f"{setting}  fastsum  {describe(pairs)}", flush=True)
    if threads == 1:
        for name in ("exact", "nyswin"):
            alone, added = step(FEATURES[0], False, None), step(FEATURES[0], False, losses[name])
            pairs = [(seconds(alone), seconds(added)) for _ in range(2)][1:]
            print(f"1 threads  {FEATURES[0]:5d} features  plain AdamW  {name:7s}  {describe(pairs)}", flush=True)


def step(features, fused, loss):
    """A step of a predictor of its own, with the pathway loss or on genes alone."""
    import torch
    from torch import nn

    model = nn.Sequential(nn.Linear(features, HIDDEN), nn.ReLU(), nn.Dropout(0.1), nn.Linear(HIDDEN, GENES))
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=1e-4, fused=fused)
    inputs, target = torch.randn(BATCH, features), torch.randn(BATCH, GENES)
    target_scores = None if loss is None else loss.scores(target)

    def run():
        optimizer.zero_grad()
        predicted = model(inputs)
        total = (predicted - target).square().mean()
        if loss is not None:
            total = total + WEIGHT * loss(predicted, target_scores=target_scores)
        total.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()

    return run


def seconds(call):
    """How long a call takes."""
    start = perf_counter()
    call()
    return perf_counter() - start


def describe(pairs):
    """Medians, and the ratio of pairs with its interval, from the order statistics of a binomial with p = ½."""
    alone, added = (sorted(column)[len(pairs) // 2] * 1e3 for column in zip(*pairs))
    ratios = sorted(with_loss / without for without, with_loss in pairs)
    away = int(0.98 * len(ratios) ** 0.5)
    middle = len(ratios) // 2
    low, high = ratios[max(0, middle - away)], ratios[min(len(ratios) - 1, middle + away)]
    return f"genes {alone:7.2f} ms  with pathways {added:8.2f} ms  ratio {ratios[middle]:.2f} ({low:.2f} .. {high:.2f})"


if __name__ == "__main__":
    turns = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    if "DGSEA_STEP_THREADS" in os.environ:
        measure(int(os.environ["DGSEA_STEP_THREADS"]), turns)
        sys.exit()
    for threads in THREADS:
        variables = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), str(threads))
        again = {**os.environ, **variables, "DGSEA_STEP_THREADS": str(threads)}
        subprocess.run([sys.executable, __file__, str(turns)], env=again, check=True)  # noqa: S603 (our own file)
