"""What only samples and networks can tell, taken at every measure of a run and kept with it."""

from __future__ import annotations

import math
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor

from gansaku.core.capabilities import Scores, Translates
from gansaku.core.loop import Run
from gansaku.core.noise import Noise
from gansaku.core.sampling import sample
from gansaku.doctor import sights
from gansaku.doctor.space import Space, centres, shares

PREFIX = "probe/"  # of the names in a line of metrics.jsonl
MOST = 256  # images of each kind that are looked at
FEW = 64  # images that go through networks, which cost more
LARGE = 32 * 32 * 3  # numbers in a sample; of larger ones half as many go through networks
LEAST = 4


@runtime_checkable
class Augments(Protocol):
    """The critic sees augmented samples: `nets.augment(x, noise)`."""

    augment: Any


class Probes:
    """Called with `(run, samples)`: numbers by name, all finite, equal for equal runs.

    `source` is what the run was fed; its held-out part, where there is one, shows whether the
    critic knows the training data by heart. Nothing of the run changes: no mode, no gradient, no
    random state. Non-finite samples give their share alone, and few data nothing.
    """

    def __init__(self, source: Any, seed: int = 0) -> None:
        self.seed, self.size = seed, len(source)
        self.real = _some(source, MOST, seed)
        self.held = _some(source.held, FEW, seed) if source.held is not None else None
        self.images = self.real.ndim == 4
        self.few = FEW if self.real[0].numel() <= LARGE else FEW // 2
        self.facts = _facts(self.real, self.size)
        self.able = len(self.real) >= LEAST and bool(self.real.isfinite().all())
        if self.able:
            self.space = Space(self.real)
            self.at_real = self.space(self.real)
            self.middles = centres(self.at_real)
            self.kinds = shares(self.at_real, self.middles)
            self.facts |= {f"data/kind/{i}": float(share) for i, share in enumerate(self.kinds)}

    @torch.no_grad()
    def __call__(self, run: Run, samples: Tensor) -> dict[str, float]:
        """`samples [N, ...]` of the run as it is now -> what is written beside the measure."""
        x = samples[:MOST].detach().cpu().float()
        finite = float(x.flatten(1).isfinite().all(1).float().mean())
        found = {"finite": finite, **self.facts, **_sizes(run)}
        if finite == 1.0 and self.able:
            at = self.space(x)
            found |= self._spread(x, at) | self._critic(run, x) | self._average(run, at)
            found |= self._leak(run, at) | (self._look(x) if self.images else {})
        return {PREFIX + name: float(f"{v:.6g}") for name, v in found.items() if math.isfinite(v)}

    def _spread(self, x: Tensor, at: Tensor) -> dict[str, float]:
        """How varied samples are, how far from data, and which kinds of data they cover."""
        kinds = shares(at, self.middles)
        found = {
            "diversity": sights.diversity(at, self.at_real),
            "variety": sights.diversity(x.flatten(1), self.real.flatten(1)),
            "repeats": sights.repeats(at, self.at_real),
            "distance": sights.moments_distance(at, self.at_real),
            "apart": sights.told_apart(self.at_real, at),
        }
        return found | {f"kind/{i}": float(share) for i, share in enumerate(kinds)}

    def _look(self, x: Tensor) -> dict[str, float]:
        """Pixels of samples; those of the data are among the facts."""
        return {
            "low": float(x.min()),
            "high": float(x.max()),
            "midtones": sights.midtones(x),
            "contrast": sights.contrast(x),
            "grid": sights.grid(x, self.real),
        }

    def _critic(self, run: Run, x: Tensor) -> dict[str, float]:
        """The critic's logits of training data, held-out data and samples, where it has them."""
        recipe = run.recipe
        if not isinstance(recipe, Scores):
            return {}
        sets = {"train": self.real, "samples": x} | (
            {} if self.held is None else {"held": self.held}
        )

        def judged(part: Tensor) -> Tensor:
            part = part[: self.few].to(run.device)
            return run.generated(lambda nets: recipe.score(nets, part)).detach().cpu().double()

        logits = {name: judged(part) for name, part in sets.items()}
        found = {f"D({name})": float(values.mean()) for name, values in logits.items()}
        found["D spread"] = float(torch.cat(list(logits.values())).std())
        found["D auc"] = sights.auc(logits["train"], logits["samples"])
        if self.held is not None:
            found["D auc held"] = sights.auc(logits["train"], logits["held"])
        return found

    def _average(self, run: Run, at: Tensor) -> dict[str, float]:
        """How far from data the averaged generator's samples are, and the live one's."""
        if not run.averages.names or isinstance(run.recipe, Translates):
            return {}
        n = min(self.few, len(at))
        make = lambda _: sample(run.recipe, run.nets, n, run.seed + 1, None, run.device)  # noqa: E731
        live = run.generated(make).cpu().float()
        if not live.isfinite().all():
            return {}
        return {
            "live": sights.moments_distance(self.space(live), self.at_real),
            "averaged": sights.moments_distance(at[:n], self.at_real),
        }

    def _leak(self, run: Run, at: Tensor) -> dict[str, float]:
        """Whether samples are like the data, or like the data as the critic's augmentation has it.

        `leak`: the share of samples that lie nearer to augmented data than to plain data, on a
        scale where it is 0 for data and 1 for augmented data; `augmented` is how far apart these
        two shares are: near 0, what augmentation does cannot be told.
        """
        if not (isinstance(run.recipe, Augments) and self.images):
            return {}
        if run.recipe.augment is None:
            return {}
        noise = Noise(self.seed, ("probes", "augment"), device=run.device)
        real = self.real[1::2].to(run.device)
        warped = run.generated(lambda nets: nets.augment(real, noise)).cpu().float()
        changed, plain = self.space(warped), self.at_real[::2][: len(warped)]
        least = sights.share_nearer(plain, changed, plain)
        most = sights.share_nearer(changed, changed, plain)
        if most - least < 1e-6:
            return {"augmented": 0.0, "leak": 0.0}
        share = sights.share_nearer(at, changed, plain)
        return {"augmented": most - least, "leak": (share - least) / (most - least)}


def _some(source: Any, most: int, seed: int) -> Tensor:
    """At most so many items, drawn once: the first will not do, files are sorted by class."""
    order = Noise(seed, ("probes", "items")).uniform(len(source)).argsort()[:most]
    items = source.take(order.sort().values.tolist())
    return items["x" if "x" in items else "b"].cpu().float()  # of pairs what samples are like


def _facts(real: Tensor, size: int) -> dict[str, float]:
    """What the data is: the same at every measure."""
    found = {
        "data/size": float(size),
        "data/low": float(real.min()),
        "data/high": float(real.max()),
        "data/copies": sights.copies(real),
    }
    if real.ndim == 4:
        found |= {
            "data/constant": sights.constant(real),
            "data/midtones": sights.midtones(real),
            "data/contrast": sights.contrast(real),
        }
    return found


def _sizes(run: Run) -> dict[str, float]:
    """Root mean square of each player's weights, and of its last step, where Adam tells it."""
    found = {}
    for player in run.players:
        weights = player.parameters()
        count = sum(p.numel() for p in weights)
        square = sum(float(p.detach().square().sum()) for p in weights)
        found[f"weights/{player.name}"] = math.sqrt(square / max(count, 1))
        found |= {f"step/{player.name}": step for step in _step(run.optimizers[player.name])}
    return found


def _step(optimizer: torch.optim.Optimizer) -> list[float]:
    """The size of the last step of Adam, [] of another: root mean square over all weights."""
    square, count = 0.0, 0
    for group in optimizer.param_groups:
        for p in group["params"]:
            state = optimizer.state.get(p, {})
            if "exp_avg_sq" not in state:
                continue
            steps, (b1, b2) = float(state["step"]), group["betas"]
            scale = group["lr"] * math.sqrt(1 - b2**steps) / (1 - b1**steps)
            moved = state["exp_avg"] / (state["exp_avg_sq"].sqrt() + group["eps"])
            square += scale**2 * float(moved.square().sum())
            count += p.numel()
    return [math.sqrt(square / count)] if count else []
