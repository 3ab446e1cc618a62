"""A pyramid that the authors' code of SinGAN trained, read safely: folders 0 to N of .pth files."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from gansaku.core.contract import Nets
from gansaku.core.errors import UserError
from gansaku.core.pyramid import Size
from gansaku.nets.singan import BORDER

_PLACES = {"head": 0, "body.block1": 3, "body.block2": 6, "body.block3": 9}  # of a convolution


@dataclasses.dataclass(frozen=True)
class Official:
    """What such a folder holds; lists go by scale, from the coarsest.

    `over`: noise was trained over the picture's edges (its training for animations). `critics`
    are None where the folder has none.
    """

    generators: list[dict[str, Tensor]]
    critics: list[dict[str, Tensor] | None]
    amps: list[float]
    anchor: Tensor
    sizes: list[Size]
    pictures: list[Tensor] | None
    over: bool

    @property
    def config(self) -> str:
        """The text of the recipe that these weights fit."""
        widths = [net["body.0.weight"].shape[0] for net in self.generators]
        return (
            f"SinGAN(effort='paper', scales_wanted={len(self.sizes)}, "
            f"min_size={min(self.sizes[0])}, width={widths[0]}, widest={max(widths)}, "
            f"truncated=True, noise_over={self.over})"
        )


def read_official(folder: str | Path) -> Official:
    """Read folders 0..N with netG.pth and z_opt.pth, netD.pth where it is, and NoiseAmp.pth.

    Zs.pth stands in for the files z_opt.pth; reals.pth gives the pictures. Nothing in the files
    is executed. Raises UserError where something is missing or is not of that code.
    """
    root = Path(folder)
    places = [root / str(k) for k in range(len(list(root.glob("[0-9]*"))))]
    if not places or not (root / "0" / "netG.pth").is_file():
        raise UserError(
            f"{root} is no folder of the authors' SinGAN code: 0/netG.pth was looked for, and "
            "NoiseAmp.pth beside the folders 0, 1, ..."
        )
    generators = [_network(_read(place / "netG.pth"), place) for place in places]
    critics = [
        _network(_read(place / "netD.pth"), place) if (place / "netD.pth").is_file() else None
        for place in places
    ]
    zs = _list(root, "Zs.pth") or [_read(place / "z_opt.pth") for place in places]
    amps, pictures = _list(root, "NoiseAmp.pth"), _list(root, "reals.pth")
    if amps is None or not len(amps) == len(zs) == len(places):
        found = "none" if amps is None else str(len(amps))
        raise UserError(f"{root}: {len(places)} scales, {len(zs)} noises, {found} amplitudes")
    over = bool((zs[0][0, 0, 0] != 0).any())
    sizes = [(z.shape[2] - 2 * BORDER, z.shape[3] - 2 * BORDER) for z in zs]
    cut = slice(None) if over else slice(BORDER, -BORDER)
    anchor = zs[0][:1, :1, cut, cut].float()
    return Official(generators, critics, [float(a) for a in amps], anchor, sizes, pictures, over)


@torch.no_grad()
def adopt_official(nets: Nets, found: Official, picture: Tensor | None) -> None:
    """Put an official pyramid into the networks of its `config`.

    `picture [1, C, H, W]` in [-1, 1] is what it was trained on; none: the folder's own, or else
    what the pyramid reconstructs. UserError where sizes or widths are of another training.
    """
    memory = nets.memory
    if memory.sizes != found.sizes:
        raise UserError(
            f"the scales of this pyramid are {found.sizes}; the authors' arithmetic would make "
            f"{memory.sizes} of them, so that its resizing is unknown and it cannot be used"
        )
    for k, state in enumerate(found.generators):
        _fill(nets.G[k], state, f"netG of scale {k}")
        memory.amps[k] = found.amps[k]
        if (critic := found.critics[k]) is not None:
            _fill(nets.D[k], critic, f"netD of scale {k}")
    memory.anchor.copy_(found.anchor)
    memory.reached.fill_(memory.count)
    if picture is None and found.pictures:
        picture = found.pictures[-1].float()
    if picture is not None:
        memory.see(picture)


def _fill(net: torch.nn.Module, state: Mapping[str, Tensor], what: str) -> None:
    ours = net.state_dict()
    odd = [n for n in ours.keys() | state.keys() if n not in state or n not in ours]
    odd = odd or [n for n in ours if ours[n].shape != state[n].shape]
    if odd:
        raise UserError(f"{what} is no network of SinGAN's five layers: {min(odd)} does not fit")
    for name, value in ours.items():
        value.copy_(state[name])


def _network(state: Any, place: Path) -> dict[str, Tensor]:
    """The authors' names of layers as ours; UserError for a file that is no network."""
    if not isinstance(state, Mapping):
        raise UserError(f"{place} holds no state of a network")
    found = {}
    for name, value in state.items():
        layer, _, rest = str(name).rpartition(".")
        block, _, kind = layer.rpartition(".")
        if block in _PLACES:
            found[f"body.{_PLACES[block] + (kind == 'norm')}.{rest}"] = value
        else:
            found[f"tail.{rest}"] = value  # the generator's is "tail.0", the critic's "tail"
    if "body.0.weight" not in found:
        raise UserError(f"{place} holds no network of SinGAN's: it has no head.conv.weight")
    return found


def _list(root: Path, name: str) -> list[Any] | None:
    path = root / name
    found = _read(path) if path.is_file() else None
    if found is not None and not isinstance(found, list):
        raise UserError(f"{path} holds no list, as the authors' code writes it")
    return found


def _read(path: Path) -> Any:
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise UserError(f"{path} is missing") from None
    except Exception as error:  # damaged or hostile files raise whatever they like
        why = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise UserError(f"{path} cannot be read as tensors alone: {why}") from None
