"""A turn of a critic of perceptrons, of which all is known beforehand: nothing need be noted.

As `gansaku.core.judging` does it by a tape, without asking at each operation what it was: that
was a sixth of the turn's time.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import leaky_relu_, linear

from gansaku.core import kernels
from gansaku.core.mixes import Points, made, mixed, sources
from gansaku.core.sequences import hooked, leaves

Layer = tuple[nn.Linear, float]  # and the share below zero of what it gives: 1 where it is linear


def layers_of(net: nn.Module) -> tuple[list[Layer], bool] | None:
    """The layers of a plain sequence of linear maps and rectifiers on rows; None of another.

    A flattening may stand before all, of a sample, and one behind all, of one logit a row: whether
    there is that one is told as well.
    """
    modules = list(leaves(net))
    if modules and _flattens(modules[0], 1):
        del modules[0]
    ends = bool(modules) and _flattens(modules[-1], 0)
    found: list[Layer] = []
    for module in modules[:-1] if ends else modules:
        if type(module) is nn.Linear and not hooked(module):
            found.append((module, 1.0))
        elif found and found[-1][1] == 1.0 and 0 <= (slope := _slope(module)) < 1:
            found[-1] = found[-1][0], slope
        else:
            return None
    if not found or found[-1][1] != 1.0 or (ends and found[-1][0].out_features != 1):
        return None
    return found, ends


def _flattens(module: nn.Module, start: int) -> bool:
    plain = type(module) is nn.Flatten and not hooked(module)
    return plain and (module.start_dim, module.end_dim) == (start, -1)


def _slope(module: nn.Module) -> float:
    """Of a rectifier below zero; -1 of what is none."""
    if type(module) not in (nn.ReLU, nn.LeakyReLU) or hooked(module):
        return -1.0
    return module.negative_slope if isinstance(module, nn.LeakyReLU) else 0.0


def turn(
    net: nn.Module, told: Mapping[str, Tensor], groups: Sequence[Points]
) -> Perceptrons | None:
    """What the critic says of `groups` of samples, ready for signals; None where it is no such."""
    x = made(groups[0])
    if told or not torch.is_grad_enabled() or torch.is_autocast_enabled(x.device.type):
        return None
    known = None if nn.modules.module._has_any_global_hook() else layers_of(net)
    if known is None or known[0][0][0].in_features != x[0].numel():
        return None
    if x.ndim > 2 and type(next(leaves(net))) is not nn.Flatten:
        return None
    layers, ends = known
    weights = [module.weight for module, _ in layers]
    if any(type(w) is not nn.Parameter or w.dtype != x.dtype for w in weights):
        return None
    learns = any(weight.requires_grad for weight in weights)
    return Perceptrons(*sources(groups), layers, ends) if learns else None


@dataclasses.dataclass
class Perceptrons:
    """Rows on their way through the layers, there, back, and there again as tangents.

    `mixes` stand behind the samples: of these `(real, fake, share)`, two groups by their numbers,
    the first layer gives the same mix of what it gives of both, and they are never made.
    """

    samples: list[Tensor]
    mixes: list[tuple[int, int, Tensor]]
    layers: list[Layer]
    flat: bool  # one logit a row, `[N]` instead of `[N, 1]`
    signals: list[Tensor] = dataclasses.field(default_factory=list)  # of each layer's output

    def __post_init__(self) -> None:
        with torch.no_grad():
            x = self._rows()
            self.inputs = [x]
            h = x[: self._made]
            for module, slope in self.layers:
                h = kernels.layer(linear, h, module.weight, module.bias)
                if len(h) < len(x):
                    h = self._with_mixes(h)
                self.inputs.append(h if slope == 1 else leaky_relu_(h, slope))
        out = self.inputs.pop()
        self.out = out.flatten() if self.flat else out

    def _rows(self) -> Tensor:
        """The samples, and room for their mixes' tangents."""
        flat = [x.detach().flatten(1) for x in self.samples]
        more = sum(len(share) for *_, share in self.mixes)
        x = flat[0].new_empty(self._made + more, flat[0].shape[1])
        torch.cat(flat, out=x[: self._made])
        return x

    @property
    def _made(self) -> int:
        """Rows that stand in the first layer's input; those of mixes never do."""
        return sum(map(len, self.samples))

    def _with_mixes(self, h: Tensor) -> Tensor:
        parts = h.split([len(x) for x in self.samples])
        return torch.cat([h, *(mixed(parts[i], parts[j], share) for i, j, share in self.mixes)])

    @torch.no_grad()
    def back(self, seeds: Tensor) -> None:
        """Signals from the outputs to all layers."""
        signal = seeds.view(len(seeds), -1)
        self.signals = [signal]
        for number in reversed(range(1, len(self.layers))):
            signal = kernels.linear_input(signal, self.layers[number][0].weight)
            signal = self._masked(number - 1, signal, slice(None))
            self.signals.insert(0, signal)

    @torch.no_grad()
    def slopes(self, rows: slice) -> Tensor:
        """The derivative by some rows of x."""
        found = kernels.linear_input(self.signals[0][rows], self.layers[0][0].weight)
        return found.view(-1, *self.samples[0].shape[1:])

    @torch.no_grad()
    def gradients(
        self, first: int, share: Tensor | None, v: Tensor
    ) -> tuple[list[Tensor], list[Tensor]]:
        """Of the weights and biases, and these; the rows from `first` on have the tangents `v`.

        `share [N - first]` is what the objective has of these rows, if anything.
        """
        found, of, t = [], [], v.flatten(1)
        by = None if share is None else share.view(-1, 1)
        if by is not None:
            self.inputs[0][self._made :].zero_()  # which the objective has no share of
        for number, (module, _) in enumerate(self.layers):
            h, signal = self.inputs[number], self.signals[number]
            weight, bias = module.weight, module.bias
            after = None
            if len(t) and number + 1 < len(self.layers):
                after = self._masked(number, kernels.layer(linear, t, weight), slice(first, None))
            if weight.requires_grad:
                found.append(kernels.linear_weight(_both(h, t, first, by), signal))
                of.append(weight)
            if bias is not None and bias.requires_grad:
                found.append(_judged(signal, first, by).sum(0))
                of.append(bias)
            t = t if after is None else after
        return found, of

    def _masked(self, number: int, t: Tensor, rows: slice) -> Tensor:
        """`t` behind the rectifier of a layer, of which the next has the outputs."""
        slope = self.layers[number][1]
        if slope == 1:
            return t
        return torch.ops.aten.leaky_relu_backward(t, self.inputs[number + 1][rows], slope, True)


def _both(h: Tensor, t: Tensor, first: int, by: Tensor | None) -> Tensor:
    """A layer's inputs, those of the rows held replaced by, or added to, their tangents."""
    if not len(t):
        return h
    if by is not None:
        t = torch.addcmul(t, h[first:], by)
    h[first:] = t  # nobody reads these rows any more
    return h


def _judged(signal: Tensor, first: int, by: Tensor | None) -> Tensor:
    """The signals of the objective alone."""
    if by is None:
        return signal[:first]
    own = signal[first:] * by
    return torch.cat([signal[:first], own]) if first else own
