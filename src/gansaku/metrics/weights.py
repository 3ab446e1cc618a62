"""Files of pretrained weights: where they lie, which published file one is, and their contents."""

from __future__ import annotations

import hashlib
import os
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeVar

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from gansaku.core.errors import UserError, nearest

# The sha256 of published files. FID's .pth of pytorch-fid and of torch-fidelity is one file, whose
# name bears the first eight digits; NVIDIA's TorchScript file is the one that k-diffusion checks;
# the linear layers are those inside lpips 0.1.4; torchvision names its files by eight digits.
PUBLISHED = {
    "6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2": "inception",
    "f58cb9b6ec323ed63459aa4fb441fe750cfe39fafad6da5cb504a16f19e958f4": "inception",
    "df73285e35b22355a2df87cdb6b70b343713b667eddbda73e1977e0c860835c0": "lpips-alex-linear",
    "a78928a0af1e5f0fcb1f3b9e8f8c3a2a5a3de244d830ad5c1feddc79b8432868": "lpips-vgg-linear",
    "7be5be79": "lpips-alex-trunk",
    "4df8aa71": "lpips-alex-trunk",
    "397923af": "lpips-vgg-trunk",
}
NetT = TypeVar("NetT", bound=nn.Module)


def sha256(path: Path) -> str:
    """64 hex digits of a file's contents."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def published(path: Path) -> str | None:
    """Which published weights a file holds, by its contents and not by its name; None: unknown."""
    digest = sha256(path)
    return PUBLISHED.get(digest) or PUBLISHED.get(digest[:8])


def folders() -> list[Path]:
    """Where weights are looked for: $GANSAKU_WEIGHTS, torch hub's cache, and NVIDIA's."""
    given = os.environ.get("GANSAKU_WEIGHTS")
    named = [Path(given).expanduser()] if given else []
    hub = [Path(torch.hub.get_dir()) / "checkpoints"]
    return [*named, *hub, Path.home() / ".cache" / "dnnlib" / "downloads"]


def locate(
    path: str | Path | None,
    names: Sequence[str],
    what: str,
    source: str,
    more: Sequence[Path] = (),
) -> Path:
    """The file at `path`, or the first of `names` in the folders (and in `more`).

    Raises UserError that says which names were looked for, where, and what to do: `source` is
    where the file can be had.
    """
    if path is not None:
        return _given(Path(path).expanduser(), what)
    searched = [*folders(), *more]
    for folder in searched:
        for name in names:  # NVIDIA's cache puts the hash of the address before the name
            for found in (folder / name, *sorted(folder.glob(f"*_{name}"))):
                if found.is_file():
                    return found
    raise UserError(
        f"the weights of {what} were not found: none of {', '.join(names)} in "
        f"{', '.join(map(str, searched))}; nothing is downloaded by itself: get it from {source} "
        "and give its path, or put it into one of these folders (GANSAKU_WEIGHTS names another)"
    )


def _given(path: Path, what: str) -> Path:
    if path.is_file():
        return path
    found = "a folder" if path.is_dir() else "no file"
    beside = [p.name for p in path.parent.iterdir()] if path.parent.is_dir() else []
    hint = nearest(path.name, beside)
    raise UserError(f"the weights of {what} were to be read from {path} but found {found}{hint}")


def is_torchscript(path: Path) -> bool:
    """Whether a file is a TorchScript archive: a zip that holds code."""
    if not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as file:
        return any("/code/" in name for name in file.namelist())


def read_state(path: Path) -> dict[str, Tensor]:
    """The tensors of a `.pth` state dict, read without running code, or of a `.safetensors` file.

    Raises UserError for anything else.
    """
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as reason:  # a file may be damaged in any way, and torch raises as many
        raise UserError(
            f"{path} cannot be read as weights ({type(reason).__name__}); a state dict of tensors "
            "(.pth, or .safetensors) is needed: is the download complete?"
        ) from None
    if not isinstance(state, Mapping) or not all(isinstance(v, Tensor) for v in state.values()):
        raise UserError(f"{path} holds no state dict of tensors but {type(state).__name__}")
    return dict(state)


def fill(net: NetT, state: Mapping[str, Tensor], path: Path, spare: tuple[str, ...] = ()) -> NetT:
    """`net` with the weights of `state` in float32, names and shapes checked; in place.

    Names that begin with one of `spare` may be there. UserError says the first that does not fit.
    """
    given = {name: value for name, value in state.items() if not name.startswith(spare)}
    wanted = net.state_dict()
    for name, value in wanted.items():
        if name.endswith("num_batches_tracked"):  # files of before torch 0.4.1 lack it
            given.setdefault(name, torch.tensor(0))
        found = list(given[name].shape) if name in given else "nothing"
        if found != list(value.shape):
            expected = f"{name!r} must be {list(value.shape)} but found {found}"
            raise UserError(f"{path} does not fit {type(net).__name__}: {expected}")
    if strangers := sorted(set(given) - set(wanted)):
        raise UserError(f"{path} does not fit {type(net).__name__}: it has {strangers[0]!r} too")
    net.load_state_dict(given, assign=True)  # the net may be on the meta device
    return net.float()
