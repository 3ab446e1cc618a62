"""All that a resumed run needs, as tensors by name and a JSON header; and back again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

from gansaku.core.checkpoint import checksum
from gansaku.core.errors import CheckpointError
from gansaku.core.loop import Run


def of(run: Run) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The state of a run between two steps."""
    tensors = {f"nets/{name}": value for name, value in _own(run).items()}
    tensors |= {f"averages/{k}": v for k, v in run.averages.copies.state_dict().items()}
    tensors |= dict(_optimizers(run))
    tensors |= {f"scales/{name}": scale for name, scale in run.half.scales.items()}
    time = {"stage": run.stage_number, "step": run.step, "steps": run.steps}
    time |= {"images": run.images, "entered": run.entered, "ended": run.ended, "seed": run.seed}
    return tensors, {"recipe": repr(run.recipe), "time": time, "constants": _constants(run)}


@torch.no_grad()
def restore(run: Run, tensors: Mapping[str, Tensor], header: Mapping[str, Any]) -> None:
    """Take over a state. Layouts stay those of `run`, so that sums round alike.

    Raises CheckpointError when the tensors are not those of this recipe.
    """
    if header["constants"] != _constants(run):
        raise CheckpointError(
            "the pretrained networks that this run was trained with have changed: "
            f"checksums {header['constants']} then, {_constants(run)} now"
        )
    _copy(_own(run), _under(tensors, "nets/"))
    _copy(run.averages.copies.state_dict(), _under(tensors, "averages/"))
    for player in run.players:
        optimizer = run.optimizers[player.name]
        parameters, state = player.parameters(), optimizer.state
        state.clear()
        for key, value in _under(tensors, f"optimizers/{player.name}/").items():
            number, field = key.split("/")
            like = parameters[int(number)]
            same = value.shape == like.shape
            state[like][field] = (
                torch.empty_like(like).copy_(value) if same else _counted(value, like, optimizer)
            )
    for name, scale in _under(tensors, "scales/").items():
        run.half.scales[name] = scale.to(run.device)
    time = header["time"]
    run.stage_number, run.step, run.steps = time["stage"], time["step"], time["steps"]
    run.images, run.entered, run.seed = time["images"], list(time["entered"]), time["seed"]
    run.ended = time["ended"]
    run.reopen()
    run.unseat()


def _counted(value: Tensor, like: Tensor, optimizer: torch.optim.Optimizer) -> Tensor:
    """An optimizer's count of steps, where its kernel reads it: fused ones on the device."""
    group = optimizer.param_groups[0]
    there = group.get("fused") or group.get("capturable")
    return value.to(like.device, copy=True) if there else value.clone()


@torch.no_grad()
def adopt(run: Run, tensors: Mapping[str, Tensor]) -> list[str]:
    """Start from another run's weights: what fits by name and shape is copied, averages first.

    Returns the names that found no match, for the log. Optimizers and time start afresh.
    """
    offered = _under(tensors, "nets/") | _under(tensors, "averages/")
    missed = []
    for name, value in _own(run).items():
        if name in offered and offered[name].shape == value.shape:
            value.copy_(offered[name])
        else:
            missed.append(name)
    run.averages.update(0.0)
    return missed


def _own(run: Run) -> dict[str, Tensor]:
    """Members of `Nets` that are saved: all but the constants."""
    constants = tuple(f"{name}." for name in run.nets.constants)
    return {k: v for k, v in run.nets.state_dict().items() if not k.startswith(constants)}


def _constants(run: Run) -> dict[str, int]:
    members = {name: getattr(run.nets, name).state_dict() for name in run.nets.constants}
    return {
        name: sum(checksum(t.cpu().contiguous()) for t in state.values()) % 2**32
        for name, state in members.items()
    }


def _optimizers(run: Run) -> Iterator[tuple[str, Tensor]]:
    for player in run.players:
        state = run.optimizers[player.name].state
        for number, parameter in enumerate(player.parameters()):
            for field, value in state.get(parameter, {}).items():
                if value is not None:
                    yield f"optimizers/{player.name}/{number}/{field}", value


def _copy(into: Mapping[str, Tensor], found: Mapping[str, Tensor]) -> None:
    if set(into) != set(found):
        odd = min(set(into) ^ set(found))
        where = "the checkpoint lacks" if odd in into else "only the checkpoint has"
        raise CheckpointError(f"the checkpoint belongs to other networks: {where} {odd}")
    for name, value in into.items():
        if value.shape != found[name].shape:
            shapes = f"{tuple(found[name].shape)} in the checkpoint, {tuple(value.shape)} here"
            raise CheckpointError(f"the checkpoint belongs to other networks: {name} is {shapes}")
        value.copy_(found[name])


def _under(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
