"""A critic's turn in one pass: real, fake and penalised samples as the rows of one batch.

Of a critic that is piecewise linear and treats rows apart, all gradients come out of one forward,
one backward, one pass of tangents (see `gansaku.core.slopes`) and ONE weight product a layer: of
the signals that came back, and of what came in, which is the layer's input for a row that the
objective judges, its tangent for a row that a penalty holds, and the sum of both (the input times
the objective's derivative by the row's logit) where a row is both, as with R1 and R2.
Autograd makes a product for each forward, and adds them up; twice as many where it differentiates
twice.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol, TypeGuard
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn

from gansaku.core import perceptrons
from gansaku.core.compiling import twice
from gansaku.core.convolutions import Kept, keeping, replace
from gansaku.core.kernels import directly
from gansaku.core.mixes import Between, Points, made
from gansaku.core.perceptrons import Perceptrons
from gansaku.core.slopes import Bearing, Gradients
from gansaku.core.tape import Tape
from gansaku.core.tape_steps import Layer

MOVING = (nn.modules.batchnorm._BatchNorm, nn.modules.dropout._DropoutNd, nn.RReLU)
_SUITED: WeakKeyDictionary[nn.Module, bool] = WeakKeyDictionary()


class Holding(Protocol):
    """A penalty on the slope at certain points.

    One that asks for the slopes' norms alone has a `value` with an attribute `by_norms`, the same
    as a function of the penalty and the norms, as in `gansaku.losses.penalties`.
    """

    def points(self, real: Tensor, fake: Tensor, noise: object) -> Points: ...

    def value(self, slopes: Gradients) -> Tensor: ...


Held = Sequence[tuple[Holding, Points]]


@dataclasses.dataclass(frozen=True)
class Judged:
    """What came of a turn: `objective` bears all gradients of the critic, the rest are values."""

    real: Tensor
    fake: Tensor
    objective: Tensor
    penalties: tuple[Tensor, ...]


def suited(net: nn.Module) -> bool:
    """Whether a critic may turn out to be judged in one pass: nothing in it depends on a call."""
    known = _SUITED.get(net)
    if known is not None:
        return known
    moving = (isinstance(m, MOVING) or hasattr(m, "parametrizations") for m in net.modules())
    return not any(moving)


def holds(penalty: object) -> TypeGuard[Holding]:
    """Whether it is such a penalty; `isinstance` of a protocol takes ten times as long."""
    return hasattr(penalty, "points") and hasattr(penalty, "value")


def at_once(
    net: nn.Module,
    told: Mapping[str, Tensor],
    sides: tuple[Tensor, Tensor],
    held: Held,
    objective: Callable[[Tensor, Tensor], Tensor],
    factor: float | Tensor = 1.0,
) -> Judged | None:
    """The logits of `sides` (real, fake), the objective, and `factor` times each penalty at its
    points; `told` are the labels of a side. None where this critic cannot be judged so."""
    groups = _groups(sides, held)
    if not suited(net) or len({(x.shape, x.dtype) for x in groups}) > 1:
        return None
    both = any(at is side for _, at in held for side in sides)
    with directly():
        way: Perceptrons | _Taped | None = perceptrons.turn(net, told, groups)
    if way is None or (both and way.out.numel() != len(way.out)):
        labels = {name: torch.cat([y] * len(groups)) for name, y in told.items()}
        way = _taped(net, labels, torch.cat([made(each).detach() for each in groups]), both)
    else:
        _SUITED[net] = True
    if way is None:
        return None
    with directly():
        return _Turn(way, groups, both).judged(sides, held, objective, factor)


def _taped(net: nn.Module, labels: Mapping[str, Tensor], x: Tensor, both: bool) -> _Taped | None:
    """What the critic says, all noted; None where that may not be judged at once."""
    known, kept = net in _SUITED, Kept()
    with (
        torch.random.fork_rng(enabled=not known),
        twice(norms=False),
        keeping(kept),
        Tape([x], rows=len(x)) as tape,
    ):
        out = net(x, **labels)
    plain = isinstance(out, Tensor) and out.requires_grad and tape.whole(out) and tape.intact()
    _SUITED[net] = plain = plain and (not both or out.numel() == len(x))
    if plain:
        return _Taped(tape, x, out, kept)
    tape.close()
    return None


def _groups(sides: Sequence[Tensor], held: Held) -> list[Points]:
    """What is judged, each once; what penalties hold comes last, and of this what is mixed."""
    points = list({id(at): at for _, at in held}.values())
    points.sort(key=lambda at: isinstance(at, Between))
    return [x for x in sides if all(x is not at for at in points)] + points


@dataclasses.dataclass
class _Taped:
    """Signals, slopes and gradients of a critic whose operations were noted."""

    tape: Tape
    x: Tensor
    out: Tensor
    kept: Kept  # patches of what convolutions took in, which their weights' gradients ask for again

    def back(self, seeds: Tensor) -> None:
        torch.autograd.grad(self.out, self.tape.root, seeds)  # signals come back to all layers
        self.tape.close()

    def slopes(self, rows: slice) -> Tensor:
        return self.tape.slopes(self.x, rows).detach()

    def gradients(
        self, first: int, share: Tensor | None, v: Tensor
    ) -> tuple[list[Tensor], list[Tensor]]:
        with keeping(self.kept):
            return _Products(self.tape, first, share).made(self.x, v)


@dataclasses.dataclass
class _Turn:
    way: Perceptrons | _Taped  # from the rows of all groups to the outputs, and back
    groups: list[Points]
    both: bool  # some rows are held by a penalty, and judged by the objective

    def judged(
        self,
        sides: tuple[Tensor, Tensor],
        held: Held,
        objective: Callable[[Tensor, Tensor], Tensor],
        factor: float | Tensor,
    ) -> Judged:
        logits = self.way.out.detach().requires_grad_()
        real, fake = (logits[self._place(side)] for side in sides)
        value = objective(real, fake)
        (share,) = torch.autograd.grad(value, logits)  # of each row in the objective
        first = min([self._place(at).start for _, at in held], default=len(logits))
        seeds = share.clone()
        seeds[first:].fill_(1.0)
        self.way.back(seeds)
        values, v = self._penalties(first, held, factor)
        own = share.flatten()[first:] if self.both else None
        gradients, weights = self.way.gradients(first, own, v)
        bearing = Bearing.apply(value.detach(), gradients, *weights)
        return Judged(real.detach(), fake.detach(), bearing, values)

    def _place(self, x: Points) -> slice:
        number, rows = next(i for i, y in enumerate(self.groups) if y is x), len(x)
        return slice(number * rows, (number + 1) * rows)

    def _penalties(
        self, first: int, held: Held, factor: float | Tensor
    ) -> tuple[tuple[Tensor, ...], Tensor]:
        """Their values, and the derivative of their sum by the slopes of the rows held."""
        if not held:
            return (), self.way.out.new_empty(0, 1)
        slopes = self.way.slopes(slice(first, None))
        values, parts = [], {}
        for penalty, at in held:
            place = self._place(at)
            own = slopes[place.start - first : place.stop - first]
            value, v = _derived(penalty, own, factor)
            values.append(value)
            parts[place.start] = parts[place.start] + v if place.start in parts else v
        ordered = [parts[start] for start in sorted(parts)]
        return tuple(values), ordered[0] if len(ordered) == 1 else torch.cat(ordered)


def _derived(penalty: Holding, slopes: Tensor, factor: float | Tensor) -> tuple[Tensor, Tensor]:
    """`factor` times a penalty, and its derivative by the slopes; that of a norm is 0 at 0."""
    by_norms = getattr(penalty.value, "by_norms", None)
    if by_norms is None:
        slopes = slopes.detach().requires_grad_()
        value = factor * penalty.value((slopes,))
        (v,) = torch.autograd.grad(value, slopes)
        return value.detach(), v
    norms = torch.linalg.vector_norm(slopes.flatten(1), dim=1).requires_grad_()
    value = factor * by_norms(penalty, norms)
    (by,) = torch.autograd.grad(value, norms)
    norms = norms.detach()
    by = torch.where(norms > 0, by / norms, 0.0)
    return value.detach(), slopes * _along(by, slopes)


class _Products:
    """The weights' and biases' gradients of a turn; rows from `first` on are held.

    `share` is of these rows in the objective, if they have one.
    """

    def __init__(self, tape: Tape, first: int, share: Tensor | None) -> None:
        self.tape, self.first, self.share = tape, first, share
        self.weights: list[Tensor] = []
        self.gradients: list[Tensor] = []

    @torch.no_grad()
    def made(self, x: Tensor, v: Tensor) -> tuple[list[Tensor], list[Tensor]]:
        """Gradients, and then what they are of; `v` are the tangents at the rows of x held."""
        if len(v):
            self.tape.replay({id(x): v}, self._arrived, slice(self.first, None))
        else:
            for layer in self.tape.learned():
                self._keep(layer.weight, layer.product(layer.input.detach()))
        for layer in self.tape.steps:
            if isinstance(layer, Layer) and layer.signal is not None:
                self._keep_bias(layer, layer.signal)
        return self.gradients, self.weights

    def _arrived(self, layer: Layer, t: Tensor) -> None:
        h = layer.input.detach()
        if self.share is not None:
            t = torch.addcmul(t, h[self.first :], _along(self.share, h))
        if self.share is not None or 0 in h.stride():
            h = torch.cat([h[: self.first], t]) if self.first else t
        else:
            replace(h, self.first, t)  # nobody reads these rows any more
        self._keep(layer.weight, layer.product(h))

    def _judged(self, signal: Tensor) -> Tensor:
        """The signals of the objective alone."""
        if self.share is None:
            return signal[: self.first]
        own = signal[self.first :] * _along(self.share, signal)
        return torch.cat([signal[: self.first], own]) if self.first else own

    def _keep_bias(self, layer: Layer, signal: Tensor) -> None:
        if layer.bias is not None and layer.bias.requires_grad:
            self._keep(layer.bias, layer.shift(self._judged(signal)))

    def _keep(self, weight: Tensor, gradient: Tensor) -> None:
        self.weights.append(weight)
        self.gradients.append(gradient)


def _along(rows: Tensor, x: Tensor) -> Tensor:
    return rows.view(-1, *[1] * (x.ndim - 1))
