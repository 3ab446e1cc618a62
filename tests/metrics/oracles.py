"""Other people's implementations that tests compare with, where they are installed."""

import importlib
import importlib.util
from types import ModuleType

import pytest
import torch

HELD = []  # a library's definitions last as long as it does


def oracle(name: str) -> ModuleType:
    """The module, or a skip with the reason."""
    if importlib.util.find_spec(name.partition(".")[0]) is None:
        pytest.skip(f"{name} is not installed; golden numbers stand in for it")
    if importlib.util.find_spec("torchvision") and not HELD:
        # Beside a CPU torch the wheel has no operators, and asks for the types of these two.
        HELD.append(torch.library.Library("torchvision", "FRAGMENT"))
        for operator in ("nms", "qnms"):
            if not hasattr(torch.ops.torchvision, operator):
                HELD[0].define(f"{operator}(Tensor boxes, Tensor scores, float most) -> Tensor")
    return importlib.import_module(name)


def random_state(net: torch.nn.Module, seed: int = 0) -> dict[str, torch.Tensor]:
    """A state dict of seeded weights whose activations neither vanish nor explode."""
    generator = torch.Generator().manual_seed(seed)
    state = {}
    for name, value in net.state_dict().items():
        if not value.is_floating_point():
            state[name] = torch.zeros(value.shape, dtype=value.dtype)
            continue
        drawn = torch.randn(value.shape, generator=generator)
        if name.endswith("running_var"):
            state[name] = 1 + drawn.square() / 10
        elif value.ndim > 1:
            state[name] = drawn * (2 / value[0].numel()) ** 0.5
        else:
            state[name] = drawn / 10 + name.endswith("weight")
    return state
