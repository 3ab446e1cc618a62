"""What a critic does to a sample, noted while it runs: for gradients that are written by hand.

Whether a critic is piecewise linear in its input is not declared, but read from the operations that
it makes. Any that is not known to be linear in x, or a mask, leaves the work to autograd, at no
cost.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from gansaku.core.kernels import directly
from gansaku.core.tape_rows import apart
from gansaku.core.tape_steps import (
    ALL,
    ASKS,
    JOINS,
    LIKE,
    LINEAR,
    MASKS,
    SCALES,
    SHIFTS,
    WEIGHTED,
    Joined,
    Layer,
    Masked,
    Scaled,
    Shifted,
    Step,
    Tangents,
    Weighted,
    said_by,
    swapped,
    tensors,
)


class Tape(TorchFunctionMode):
    """What a critic does to `members`, as long as it is linear in them or a mask.

    A context manager: the critic runs inside, as it would without. With `rows`, their number in the
    one member, every operation must treat rows apart as well, and the member and all weights are
    out of autograd's sight, which begins at the first layers (`root` is its one leaf): whoever
    holds the tape gives them their gradients.
    """

    def __init__(self, members: Sequence[Tensor], rows: int = 0) -> None:
        super().__init__()
        self._live = {id(x): x for x in members}  # held, so that no number is used twice
        self._rows = rows
        self.root = torch.zeros((), requires_grad=True)
        self.steps: list[Step] = []
        self._hooks: list[Any] = []
        self._known = not torch.is_autocast_enabled(members[0].device.type)
        self._known &= all(x.is_leaf for x in members)

    def __torch_function__(
        self, func: Any, types: Any, args: tuple = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        mine = [x for x in tensors((args, kwargs)) if id(x) in self._live] if self._known else []
        if not mine:
            return func(*args, **kwargs)
        with directly():
            step = self._step(func.__name__, func, args, kwargs, mine)
            if self._rows and isinstance(step, Layer):
                used = (x for x in (step.weight, step.bias) if isinstance(x, Tensor))
                args, kwargs = swapped((args, kwargs), {id(x): x.detach() for x in used})
        out = func(*args, **kwargs)
        with directly():
            if self._rows and isinstance(step, Layer) and not out.requires_grad:
                out, step.stem = _Root.apply(self.root, out), True
            self._note(step, func.__name__, step.args, mine, out)
        return out

    def _step(
        self, name: str, func: Any, args: tuple, kwargs: dict[str, Any], mine: list[Tensor]
    ) -> Step:
        kind: type[Step] = Step
        if name in WEIGHTED and len(mine) == 1 and mine[0] is said_by(name, args, kwargs)["input"]:
            kind = Weighted
        elif name in SCALES and len(mine) == 1 and len(args) == 2 and not kwargs:
            kind = Scaled
        else:
            for names, of in ((MASKS, Masked), (SHIFTS, Shifted), (JOINS, Joined)):
                kind = of if name in names else kind
        step = kind(name, func, args, kwargs, mine[0], 0)
        if isinstance(step, Scaled):
            step._place = 0 if args[0] is mine[0] else 1
        return step

    def _note(self, step: Step, name: str, args: tuple, mine: list[Tensor], out: Any) -> None:
        if not isinstance(out, Tensor):
            self._known = name in ASKS
            return
        if name in LIKE and (args[0] is not mine[0] or name not in ("to", "type_as")):
            return  # x only says the type, the device or the size
        step.out, step.version = out, out._version
        if not self._linear(step, mine) or (self._rows and not self._apart(step)):
            self._known = False
            return
        if isinstance(step, Layer) and out.requires_grad:

            def keep(signal: Tensor) -> None:
                step.signal = signal

            self._hooks.append(out.register_hook(keep))
        self._live[id(out)] = out
        self.steps.append(step)

    def _linear(self, step: Step, mine: list[Tensor]) -> bool:
        if isinstance(step, Weighted):
            return step.said.get("padding") != "same"
        if isinstance(step, Scaled):
            learned = isinstance(step.weight, Tensor) and step.weight.requires_grad
            return step.name == "mul" or (step._place == 0 and not learned)
        if isinstance(step, Masked):
            return len(mine) == 1
        return step.name in LINEAR and not step.kwargs.get("inplace", False)

    def _apart(self, step: Step) -> bool:
        """Whether rows stay apart, and no weight is used but as one."""
        if not isinstance(step, Layer):
            others = [x for x in tensors((step.args, step.kwargs)) if id(x) not in self._live]
            if any(x.requires_grad for x in others):
                return False
        return apart(step.name, step.args, step.kwargs, step.out, self._rows)

    def whole(self, total: Tensor) -> bool:
        """Whether all that leads to `total` was noted."""
        return self._known and id(total) in self._live

    def intact(self) -> bool:
        """Whether the signs that masks are read from are still there."""
        return all(s.out._version == s.version for s in self.steps if isinstance(s, Masked))

    def learned(self) -> list[Layer]:
        """The layers whose weights want a gradient and can have one, in order."""
        layers = (s for s in self.steps if isinstance(s, Layer) and s.signal is not None)
        return [s for s in layers if isinstance(s.weight, Tensor) and s.weight.requires_grad]

    def close(self) -> None:
        for hook in self._hooks:
            hook.remove()
        self._hooks.clear()

    def slopes(self, x: Tensor, rows: slice) -> Tensor:
        """What came back to `rows` of the one member `x`, once signals came back to the stems."""
        leaf = x.detach()[rows].requires_grad_()
        tangents, inputs, signals = {id(x): leaf}, [], []
        with torch.enable_grad():
            for step in self.steps:
                if isinstance(step, Layer) and step.stem and step.signal is not None:
                    like = tangents[id(step.input)]
                    inputs.append(like)
                    signals.append(step.back(step.signal[rows], like.detach(), rows).detach())
                elif all(id(t) in tangents for t in self._lives(step)):
                    tangents[id(step.out)] = step.tangent(tangents, rows)
        if all(each is leaf for each in inputs):
            return sum(signals[1:], start=signals[0])
        return torch.autograd.grad(inputs, leaf, signals)[0]

    def _lives(self, step: Step) -> list[Tensor]:
        """What the operation takes of all that depends on the members."""
        return [t for t in tensors((step.args, step.kwargs)) if id(t) in self._live]

    def replay(
        self,
        tangents: Tangents,
        arrived: Callable[[Layer, Tensor], None],
        rows: slice = ALL,
    ) -> None:
        """Send tangents of `rows` through, telling of each that arrives at a learned layer."""
        learned = self.learned()
        for step in self.steps if learned else ():
            if isinstance(step, Layer) and any(step is each for each in learned):
                arrived(step, tangents[id(step.input)])
                if step is learned[-1]:
                    return
            tangents[id(step.out)] = step.tangent(tangents, rows)


class _Root(torch.autograd.Function):
    """Where autograd begins: `out` as it is, with a past."""

    @staticmethod
    def forward(ctx: Any, root: Tensor, out: Tensor) -> Tensor:
        ctx.mark_dirty(out)
        return out

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        return torch.zeros(()), None
