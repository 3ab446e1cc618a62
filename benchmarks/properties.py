"""What three energies promise beside samples, measured on trained runs, with a control for each.

    python benchmarks/properties.py --minutes 2 --threads 1
    python benchmarks/properties.py --weights 1 --margins 2e-3 --k_rate 1e-2 --threads 1

`ebgan`: samples are more varied with the pulling-away term than without; in a whole run, whose
critic pushes them apart too, and for a generator alone, against a critic that stands still.
`loss_sensitive_gan`: a fake's score lies below a real picture's by the more, the farther the two
are apart, and less so without the margin; a generator's samples are all about as far away, and so
a critic alone meets fakes at every distance too: other digits under noise of any strength.
`began`, on faces of 32 x 32: k comes to where the energies' ratio is gamma.

Minutes are of the processor. Cells resume; the tables have all that was ever measured.
"""

from __future__ import annotations

import argparse
import functools
import re
from collections.abc import Callable, Sequence
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor

from common import (
    IMAGES,
    WORK,
    Results,
    Trained,
    arguments,
    as_images,
    digit_features,
    digits,
    distances,
    mean_and_error,
    parse,
    recipe_of,
    shared,
    sheet,
    slug,
    table,
    train_for,
)
from gansaku.core.folder import Folder
from gansaku.data.draw import write_whole
from gansaku.losses.energy import margin, pulling_away
from gansaku.metrics.neighbours import density_coverage, precision_recall
from gansaku.model import reopened

PULLED = "EBGAN(width=16, batch_size=64, pull_weight={:g})"
ORDERED = (
    "LossSensitiveGAN(width=16, margin_scale={:g}, g_optimizer=Adam(5e-4, (0.5, 0.999)), "
    "d_optimizer=Adam(5e-4, (0.5, 0.999)))"
)
BALANCED = (
    "BEGAN(width=16, {}g_optimizer=Adam(5e-4, (0.9, 0.999)), d_optimizer=Adam(5e-4, (0.9, 0.999)))"
)
K_RATE = 1e-3  # the paper's
WEIGHTS, MARGINS = (0.1, 0.0), (2e-4, 0.0)  # the papers', and none
STRONG = 10.0  # a term as large as the energies
WIDE = 2e-2  # a margin as large as the gaps that a critic makes without one
BATCH = 64  # of codes and scores: as batch norm had them in training


def trained(text: str, minutes: float, seed: int, data: Any = None, **options: Any) -> Trained:
    """On MNIST's digits, unless there are other data."""
    out = WORK / f"properties-{slug(text)}-{minutes:g}min-seed{seed}"
    data = digits().train if data is None else data
    return train_for(recipe_of(text), data, out, 60 * minutes, cpu=True, seed=seed, **options)


def pulled(weight: float, minutes: float, seed: int) -> dict[str, Any]:
    """How varied EBGAN's digits are after a whole run."""
    done = trained(PULLED.format(weight), minutes, seed)
    samples = done.model.sample(10_000, seed=1)
    return varied(samples, reopened(done.model.folder).nets.D) | done.cost()


def varied(samples: Tensor, critic: Any) -> dict[str, Any]:
    """How varied samples are: by a classifier's features, and in the critic's own codes."""
    real, features = as_images(digits().test), digit_features().features
    a, b = features(real), features(samples)
    with torch.no_grad():
        away = [float(pulling_away(critic(part)[1])) for part in samples[:2560].split(BATCH)]
    return {
        **distances(features, samples, real),
        "coverage": density_coverage(a, b).coverage.value,
        "recall": precision_recall(a, b).recall.value,
        "cosine": sum(away) / len(away),
    }


def stood(weight: float, steps: int, seed: int) -> dict[str, Any]:
    """How varied a generator's digits are that learned against a critic that stands still."""
    torch.manual_seed(seed)
    recipe, real = recipe_of(PULLED.format(weight)), as_images(digits().train)
    spec = SimpleNamespace(shape=real.shape[1:])
    critic, generator = recipe.critic(spec).train(), recipe.generator(spec).train()
    d, g = (
        make(list(player.parameters()))
        for make, player in ((recipe.d_optimizer, critic), (recipe.g_optimizer, generator))
    )
    for _ in range(steps):  # an autoencoder of the data
        d.zero_grad()
        (-critic(some(real))[0].mean()).backward()
        d.step()
    critic.requires_grad_(False)
    for _ in range(steps):
        g.zero_grad()
        score, code = critic(generator(torch.randn(BATCH, recipe.z)))
        (recipe.objective.g(score, score) + weight * pulling_away(code)).backward()
        g.step()
    with torch.no_grad():
        samples = [generator(torch.randn(BATCH, recipe.z)) for _ in range(10_000 // BATCH)]
    return varied(torch.cat(samples), critic)


def ordered(scale: float, minutes: float, seed: int) -> dict[str, Any]:
    """Whether gaps of the score grow with the distance: test digits and samples, at random."""
    done = trained(ORDERED.format(scale), minutes, seed)
    real = as_images(digits().test)
    fake = done.model.sample(len(real), seed=1)
    found = followed(reopened(done.model.folder).nets.D, real, fake)
    return found | {"margin": scale * float(margin(real, fake).mean())} | done.cost()


def followed(critic: Any, real: Tensor, fake: Tensor) -> dict[str, Any]:
    """How the score's gap follows the distance, pair by pair."""
    with torch.no_grad():
        scores = [torch.cat([critic(part) for part in x.split(BATCH)]) for x in (real, fake)]
    gap, far = (scores[0] - scores[1]).flatten(), margin(real, fake)
    ranks = torch.stack([gap, far]).argsort(1).argsort(1).double()
    return {
        "correlation": float(torch.corrcoef(ranks)[0, 1]),
        "quarters": [float(part.mean()) for part in gap[far.argsort()].chunk(4)],
        "below": float((gap > 0).double().mean()),
    }


def ranked(scale: float, steps: int, seed: int) -> dict[str, Any]:
    """Whether gaps follow the distance for a critic that learned on fakes at all distances."""
    torch.manual_seed(seed)
    recipe = recipe_of(ORDERED.format(scale))
    train, test = as_images(digits().train), as_images(digits().test)
    critic = recipe.critic(SimpleNamespace(shape=train.shape[1:])).train()
    optimizer = recipe.d_optimizer(list(critic.parameters()))
    for _ in range(steps):
        real = some(train)
        fake = noised(real)
        told = {"x": real, "fake": fake}
        optimizer.zero_grad()
        recipe.d_objective(None, told, critic(real), critic(fake)).backward()
        optimizer.step()
    return followed(critic, test, noised(test))


def some(x: Tensor) -> Tensor:
    """A batch of x at random, with repeats."""
    return x[torch.randint(len(x), (BATCH,))]


def noised(x: Tensor) -> Tensor:
    """Another picture of the batch for each, under normal noise of a deviation up to 1."""
    return x.roll(1, 0) + torch.rand(len(x), 1, 1, 1) * torch.randn(x.shape)


def balancing(rate: float) -> str:
    """BEGAN with another rate of k than the paper's, if it is another."""
    return BALANCED.format(
        "" if rate == K_RATE else f"objective=BoundaryEquilibrium(0.5, k_rate={rate:g}), "
    )


def balanced(rate: float, minutes: float, seed: int) -> dict[str, Any]:
    """Where BEGAN's k and the ratio of its energies came to, over the last half of the run."""
    faces = shared("faces", "celeba_1500_89x109.zip")
    name = "properties-began" + ("" if rate == K_RATE else f"-{rate:g}")
    done = trained(balancing(rate), minutes, seed, faces, size=32, flip=True)
    records = [r for r in Folder(done.model.folder).records() if "k" in r]
    late = records[len(records) // 2 :]
    ratio = Tensor([r["D(fake)"] / r["D(real)"] for r in late])
    draw_balance(records, f"{name}.png")
    drawn = sheet(done.model, f"{name}-samples.png", 36)
    return {
        "gamma": done.model.recipe.objective.gamma,
        "ratio": float(ratio.mean()),
        "ratio_spread": float(ratio.std(correction=0)),
        "k_first": next((r["step"] for r in records if r["k"] > 0), None),
        "k": [min(r["k"] for r in late), max(r["k"] for r in late)],
        "chart": f"images/{name}.png",
        "sheet": drawn,
        **done.cost(),
    }


def draw_balance(records: list[dict[str, Any]], name: str) -> None:
    """k and the ratio of the energies, by step."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 3), dpi=110, layout="tight")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    steps = [r["step"] for r in records]
    axes.plot(steps, [r["D(fake)"] / r["D(real)"] for r in records], lw=0.8, label="L(G(z)) / L(x)")
    axes.plot(steps, [r["k"] for r in records], lw=1.4, label="k")
    axes.axhline(0.5, color="grey", lw=0.8, ls="--", label="gamma")
    axes.set_xlabel("step")
    axes.legend()
    write_whole(IMAGES / name, lambda draft: figure.savefig(draft, format="png"))


def pulling(results: Results, args: argparse.Namespace) -> str:
    make = functools.partial(pulled, minutes=args.minutes)
    rows = _varied(results, f"ebgan {{}}, {args.minutes:g} min", make, args.weights, args.seeds)
    return f"`{PULLED.format(0.1)}`, {args.seeds} seeds, MNIST.\n\n{table(VARIED, rows)}"


def standing(results: Results, args: argparse.Namespace) -> str:
    make = functools.partial(stood, steps=args.steps)
    weights = (*args.weights, STRONG)
    rows = _varied(results, f"stood {{}}, {args.steps} steps", make, weights, args.seeds)
    said = (
        f"The same generator alone, {args.steps:,} updates against the same critic after as many "
        f"of its own on digits alone; {args.seeds} seeds."
    )
    return f"{said}\n\n{table(VARIED, rows)}"


VARIED = ("pull_weight", "recall", "coverage", "squared cosine", "spread / data's", "Frechet")


def _varied(
    results: Results, key: str, make: Callable[..., Any], weights: Sequence[float], seeds: int
) -> list[tuple[str, ...]]:
    """A row a weight, over seeds; `key` has a place for the weight."""
    rows = []
    for weight in _values(results, key.format(r"(\S+)"), weights):
        cells = [
            results.cell(
                f"{key.format(f'{weight:g}')}, seed {seed}",
                functools.partial(make, weight, seed=seed),
            )
            for seed in range(seeds)
        ]
        names = ("recall", "coverage", "cosine", "spread", "frechet")
        found = [mean_and_error([cell[name] for cell in cells]) for name in names]
        rows.append((f"{weight:g}", *(f"{one.value:.3f} +- {one.error:.3f}" for one in found)))
    return rows


def ordering(results: Results, args: argparse.Namespace) -> str:
    rows = []
    for scale in _values(results, rf"loss-sensitive (\S+), {args.minutes:g} min", args.margins):
        for seed in range(args.seeds):
            key = f"loss-sensitive {scale:g}, {args.minutes:g} min, seed {seed}"
            cell = results.cell(key, functools.partial(ordered, scale, args.minutes, seed))
            rising = all(a < b for a, b in pairwise(cell["quarters"]))
            quarters = ", ".join(f"{q:.3f}" for q in cell["quarters"])
            order = f"{quarters} ({'rising' if rising else 'not rising'})"
            shares = (f"{cell['margin']:.3f}", f"{cell['below']:.1%}", f"{cell['correlation']:.2f}")
            rows.append((f"{scale:g}", seed, *shares, order))
    head = ("margin_scale", "seed", "mean margin", "fakes below", "rank correlation", "gap by far")
    return f"`{ORDERED.format(2e-4)}`, MNIST.\n\n{table(head, rows)}"


def ranking(results: Results, args: argparse.Namespace) -> str:
    rows = []
    for scale in _values(results, rf"ranked (\S+), {args.steps} steps", (*args.margins, WIDE)):
        cells = []
        for seed in range(args.seeds):
            make = functools.partial(ranked, scale, args.steps, seed)
            cells.append(results.cell(f"ranked {scale:g}, {args.steps} steps, seed {seed}", make))
        found = mean_and_error([cell["correlation"] for cell in cells])
        gaps = torch.tensor([cell["quarters"] for cell in cells]).mean(0)
        order = ", ".join(f"{gap:.3f}" for gap in gaps.tolist())
        rows.append((f"{scale:g}", f"{found.value:.3f} +- {found.error:.3f}", order))
    head = ("margin_scale", "rank correlation", "gap, from the nearest quarter to the farthest")
    said = (
        f"The same critic alone, {args.steps:,} updates against other digits under noise of a "
        f"deviation up to 1, and 10,000 test digits against such; {args.seeds} seeds."
    )
    return f"{said}\n\n{table(head, rows)}"


def balance(results: Results, args: argparse.Namespace) -> str:
    said = []
    for rate in _values(
        results, rf"began at (\S+), faces, {args.faces_minutes:g} min", [args.k_rate]
    ):
        key = f"began at {rate:g}, faces, {args.faces_minutes:g} min, seed 0"
        make = functools.partial(balanced, rate, args.faces_minutes, 0)
        said.append(_balance(balancing(rate), results.cell(key, make)))
    return "\n\n".join(said)


def _balance(text: str, cell: dict[str, Any]) -> str:
    low, high = cell["k"]
    first = "stays 0" if cell["k_first"] is None else f"leaves 0 by step {cell['k_first']}"
    return (
        f"`{text}`, faces 32 x 32, {cell['steps']} steps: k {first}; over the last "
        f"half it lies from {low:.3f} to {high:.3f}, and the energies' ratio is "
        f"{cell['ratio']:.3f} (deviation {cell['ratio_spread']:.3f}; gamma "
        f"{cell['gamma']:g}).\n\n![k and the ratio](../../docs/{cell['chart']}) "
        f"![samples](../../docs/{cell['sheet']})"
    )


def _values(results: Results, key: str, asked: Sequence[float]) -> list[float]:
    """What was asked for now, and whatever there are cells of."""
    found = (re.match(key, name) for name in results.cells)
    return sorted({float(each[1]) for each in found if each} | set(asked))


def main() -> None:
    parser = arguments(__doc__ or "")
    parser.add_argument("--minutes", type=float, default=2.0, help="of the processor, on MNIST")
    parser.add_argument("--faces_minutes", type=float, default=10.0, help="of BEGAN's run")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--weights", type=float, nargs="+", default=WEIGHTS, help="of pulling away")
    parser.add_argument("--margins", type=float, nargs="+", default=MARGINS, help="a unit apart")
    parser.add_argument("--steps", type=int, default=1000, help="of a player alone")
    parser.add_argument("--k_rate", type=float, default=K_RATE, help="by which k follows")
    args = parse(parser)
    results = Results("properties")
    parts = (pulling, standing, ordering, ranking, balance)
    body = "\n\n".join(part(results, args) for part in parts)
    results.publish("What the energies promise", body)


if __name__ == "__main__":
    main()
