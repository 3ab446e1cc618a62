"""Half precision: what is computed in it, what never is, and the scale that fp16 needs."""

from __future__ import annotations

import contextlib
from collections.abc import Generator, Iterable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from gansaku.core.compiling import twice
from gansaku.core.spans import span

HALVES = {"bf16": torch.bfloat16, "fp16": torch.float16}
START, LARGEST = 2.0**16, 2.0**24  # of the scale of a loss in fp16
GROWS = 2000  # steps without overflow after which the scale doubles


class Half:
    """Autocast of a run; in fp16 also a scale for each player's loss, so that none vanishes.

    Dynamic loss scaling (arXiv:1710.03740, section 3.2): the scale doubles after `GROWS` moves and
    halves where a gradient overflows, and that move is left out. `scales` are float32 `[2]` a
    player, the scale and the moves since it changed; they are part of a checkpoint.
    """

    def __init__(self, name: str, device: torch.device, players: Iterable[str]) -> None:
        self.device, self.dtype = device, HALVES.get(name)
        fresh = [START, 0.0]
        scaled = players if name == "fp16" else ()
        self.scales = {player: torch.tensor(fresh, device=device) for player in scaled}

    def autocast(self) -> torch.autocast:
        on = self.dtype is not None
        return torch.autocast(self.device.type, dtype=self.dtype or torch.bfloat16, enabled=on)

    def widen(self, nets: nn.Module) -> None:
        """What a network says is float32, whatever it computed in: losses have all their digits."""
        if self.dtype is not None:
            for member in nets.children():
                member.register_forward_hook(lambda module, given, said: full(said))

    def scaled(self, player: str, loss: Tensor) -> Tensor:
        return loss.float() * self.scales[player][0] if self.scales else loss

    def unscaled(self, player: str, gradients: Sequence[Tensor]) -> Tensor | None:
        """Gradients as they would be without a scale, in place; 1 where one overflowed, else 0."""
        if not self.scales or not gradients:
            return None
        scale, since = self.scales[player]
        torch._foreach_div_(list(gradients), scale)
        finite = torch.nn.utils.get_total_norm(gradients).isfinite()
        grown = finite & (since + 1 >= GROWS)
        factor = torch.where(finite, torch.where(grown, 2.0, 1.0), 0.5)
        moves = torch.where(finite & ~grown, since + 1, 0.0)
        self.scales[player].copy_(torch.stack([(scale * factor).clamp(1.0, LARGEST), moves]))
        return (~finite).float()


def step(optimizer: torch.optim.Optimizer, overflow: Tensor | None) -> None:
    """A move, unless a gradient overflowed; where the optimizer is fused nothing is waited for."""
    if overflow is None:
        optimizer.step()
    elif optimizer.defaults.get("fused"):
        optimizer.found_inf = overflow  # ty: ignore[missing-attribute]  what torch's own reads
        optimizer.step()
        del optimizer.found_inf  # ty: ignore[missing-attribute]
    elif not overflow.item():
        optimizer.step()


@contextlib.contextmanager
def exactly() -> Generator[None]:
    """Penalties are computed in here: in float32, whatever the run's precision."""
    with contextlib.ExitStack() as stack:
        stack.enter_context(span("penalties"))
        stack.enter_context(twice())
        for kind in ("cpu", "cuda"):
            if torch.is_autocast_enabled(kind):
                stack.enter_context(torch.autocast(kind, enabled=False))
        yield


def full(x: Any) -> Any:
    """Tensors of half precision as float32, in tuples, lists and dicts too; others as they are."""
    if isinstance(x, Tensor):
        return x.float() if x.dtype in HALVES.values() else x
    if isinstance(x, dict):
        return {name: full(value) for name, value in x.items()}
    return type(x)(map(full, x)) if type(x) in (tuple, list) else x


def in_hardware(name: str) -> bool:
    """Whether this processor multiplies matrices of half precision by a unit of its own (AMX)."""
    try:
        return bool(torch.cpu.get_capabilities().get(f"amx_{name}"))
    except AttributeError:  # an older torch does not say
        return False


def stated(name: str, device: torch.device) -> str | None:
    """What a run's numbers are rounded to, for the log; nothing where that is float32."""
    if name != "fp32":
        slow = device.type == "cpu" and not in_hardware(name)
        doubt = f"; without a unit for {name} here, float32 may be faster" if slow else ""
        return f"autocast to {name}; norms, penalties and objectives in float32{doubt}"
    if device.type != "cuda":
        return None
    products = "TF32" if torch.backends.cuda.matmul.allow_tf32 else "float32"
    convolutions = "TF32" if torch.backends.cudnn.allow_tf32 else "float32"
    return f"matrix products in {products}, convolutions in {convolutions} (torch's settings)"
