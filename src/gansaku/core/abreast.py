"""Real and fake samples side by side through a critic of which each row knows itself alone.

One pass reads the weights once and makes one weight product a layer; two make two and add them up.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn

from gansaku.core.compiling import twice

_APART: WeakKeyDictionary[nn.Module, bool] = WeakKeyDictionary()


def abreast(net: nn.Module, told: Mapping[str, Tensor], real: Tensor, fake: Tensor) -> Any:
    """What a critic says of both, real first, told the same of each; None where they may mix."""
    known = _APART.get(net)
    if known is False:
        return None
    labels = {name: torch.cat([y, y]) for name, y in told.items()}
    judge, x = partial(net, **labels), torch.cat([real, fake])
    if known is None:
        known = _APART[net] = _apart(net, judge, x)
    return judge(x) if known else None


@torch.no_grad()
def _apart(net: nn.Module, judge: Callable[[Tensor], Any], x: Tensor) -> bool:
    """Whether what `judge` says by `net` of each half of `x` is independent of the other half.

    Said again of each half beside itself, with the same dropout, it must be the same. A network
    that remembers what it saw (its buffers) is not asked.
    """
    if next(net.buffers(), None) is not None:
        return False
    said = _said(judge, x)
    if not said or any(out.ndim == 0 or len(out) != len(x) for out in said):
        return False
    return all(
        torch.equal(halves(first)[side], halves(second)[side])
        for side, half in enumerate(x.chunk(2))
        for first, second in zip(said, _said(judge, torch.cat([half, half])), strict=True)
    )


def _said(judge: Callable[[Tensor], Any], x: Tensor) -> list[Tensor]:
    devices = [x.device] if x.device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices), twice(norms=False):
        torch.manual_seed(0)
        return _tensors(judge(x))


def _tensors(said: Any) -> list[Tensor]:
    """All of them, or none where there is something else."""
    if isinstance(said, Tensor):
        return [said]
    found = [_tensors(each) for each in said] if isinstance(said, tuple | list) else []
    return [x for each in found for x in each] if all(found) else []


def halves(said: Any) -> tuple[Any, Any]:
    """What was said of both halves of the rows, of each: of a tensor, or a sequence of such."""
    if isinstance(said, Tensor):
        first, second = said.chunk(2)
        return first, second
    first, second = zip(*map(halves, said), strict=True)
    kind = type(said)
    make = kind._make if hasattr(kind, "_make") else kind
    return make(first), make(second)
