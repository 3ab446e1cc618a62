"""What reaches the generator while the critic gets better: three losses."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from gansaku.core.loop import Run
from gansaku.core.noise import Noise
from gansaku.core.optim import Adam
from gansaku.data import open_source
from gansaku.losses import GradientPenalty, Minimax, NonSaturating, Wasserstein
from gansaku.losses.adversarial import Objective
from gansaku.nets import PointGenerator
from gansaku.theory import style
from gansaku.theory.judging import Judge

LOSSES = {"minimax": Minimax(), "non-saturating": NonSaturating(), "Wasserstein": Wasserstein()}
COLOURS = {"minimax": style.WARN, "non-saturating": style.FAKE, "Wasserstein": style.DATA}
STEPS = 1000
Z = 2
SMALL = 0.2  # of the usual weights in its last layer


def held_generator() -> PointGenerator:
    """An untrained generator, the same every time: a blob in the middle of the ring."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        generator = PointGenerator(2, Z, 64).requires_grad_(False)
    generator[-1].weight.mul_(SMALL)
    return generator


def passed(objective: Objective, logit: Tensor) -> Tensor:
    """|d loss / d logit| of G's loss at one logit each: what it lets through of D's slope."""
    logit = logit.detach().requires_grad_()
    loss = torch.stack([objective.g(one, one) for one in logit.unbind()]).sum()
    return torch.autograd.grad(loss, logit)[0].abs()


def gradient(run: Run, objective: Objective, generator: PointGenerator, n: int = 1024) -> float:
    """The norm of the gradient of G's loss with respect to G's weights."""
    generator = copy.deepcopy(generator).requires_grad_()
    logits = run.nets.D(generator(Noise(1, ("latents",)).normal(n, Z)))
    found = torch.autograd.grad(objective.g(logits, logits), list(generator.parameters()))
    return float(torch.nn.utils.get_total_norm(found))


def follow(names: tuple[str, ...], steps: int = STEPS) -> dict[str, list[tuple[int, float]]]:
    """Train D against the held generator; G's gradient by each loss at moments on the way."""
    generator = held_generator()
    moments = {round(10 ** (k / 8)) for k in range(int(8 * math.log10(steps)) + 1)} | {steps}
    found: dict[str, list[tuple[int, float]]] = {name: [] for name in names}

    def look(run: Run) -> None:
        if run.steps in moments:
            for name in names:
                found[name].append((run.steps, gradient(run, LOSSES[name], generator)))

    smooth = "Wasserstein" in names
    recipe = Judge(
        made=lambda x, noise: generator(noise.normal(len(x), Z)),
        steps=steps,
        batch_size=256,
        objective=LOSSES[names[0]],
        penalties=(GradientPenalty(10.0),) if smooth else (),
        d_optimizer=Adam(1e-3, (0.5, 0.9)),
        fade=False,
    )
    Run(recipe, open_source("ring"), log_every=10**9).play([look])
    return found


@style.styled
def draw(path: Path, note: Callable[[str], None]) -> Path:
    note(f"training a discriminator for {STEPS} updates while the generator waits")
    found = follow(("minimax", "non-saturating"))
    note("the same with a Wasserstein critic and its gradient penalty")
    found |= follow(("Wasserstein",))
    made, (left, right) = style.figure(9.2, 3.9, 1, 2, width_ratios=(1, 1.25))
    d = np.linspace(0.001, 0.999, 400)
    logit = torch.tensor(np.log(d / (1 - d)))
    for name, loss in LOSSES.items():
        left.plot(d, passed(loss, logit), color=COLOURS[name])
    for name, x, y in (
        ("minimax", 0.72, 0.64),
        ("non-saturating", 0.24, 0.79),
        ("Wasserstein", 0.42, 1.03),
    ):
        style.said(left, x, y, name, COLOURS[name])
    left.set(xlim=(0, 1), ylim=(0, 1.12), xlabel="$D(G(z))$; Wasserstein has no such scale")
    left.set_ylabel(r"$|\,\partial\,\mathrm{loss}_G/\partial\,\mathrm{logit}\,|$")
    for name, pairs in found.items():
        right.loglog(*zip(*pairs, strict=True), color=COLOURS[name], marker="o", ms=3.5)
        place = (-52, -4) if name == "minimax" else (0, 8)
        style.said(right, *pairs[-1], name, COLOURS[name], ha="right",
                   xytext=place, textcoords="offset points")  # fmt: skip
    right.set(
        xlabel="updates of $D$, the generator held", ylabel=r"$\|\nabla_\theta\,\mathrm{loss}_G\|$"
    )
    right.margins(y=0.15)
    return style.save(made, path)
