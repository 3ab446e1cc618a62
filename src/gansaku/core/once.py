"""What a forward changes in a network by itself, changed once for a batch that comes in parts."""

from __future__ import annotations

import contextlib
from collections.abc import Generator, Iterator

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.utils.parametrizations import _SpectralNorm


class Once:
    """Spectral norm's vectors turn with every forward, whatever the data: no part may turn more.

    Each part of a batch begins with the vectors that the first one began with, and so has the
    same norms, forward by forward, as the whole batch.
    """

    def __init__(self, nets: nn.Module) -> None:
        self.nets = nets
        self._begun: list[Tensor] = []

    def begins(self, part: int) -> None:
        """Part number `part` of a turn is about to be played."""
        vectors = list(_buffers(self.nets, _SpectralNorm))
        if part:
            _put_back(vectors, self._begun)
        else:
            self._begun = [vector.clone() for vector in vectors]

    @contextlib.contextmanager
    def aside(self) -> Generator[None, None, None]:
        """What is computed here will be computed again, and counts then."""
        held = list(_buffers(self.nets, (_SpectralNorm, _BatchNorm)))
        before = [buffer.clone() for buffer in held]
        yield
        _put_back(held, before)


def _buffers(nets: nn.Module, kinds: type | tuple[type, ...]) -> Iterator[Tensor]:
    for module in nets.modules():
        if isinstance(module, kinds):
            yield from module.buffers(recurse=False)


@torch.no_grad()
def _put_back(held: list[Tensor], before: list[Tensor]) -> None:
    for buffer, value in zip(held, before, strict=True):
        buffer.copy_(value)
