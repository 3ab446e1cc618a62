"""All that a run has besides its recipe: what is fed, on what device, how often things are kept."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from gansaku.core.choices import FED
from gansaku.core.errors import UserError, nearest
from gansaku.core.folder import Folder
from gansaku.data import Source
from gansaku.data.builtin import BUILT_IN
from gansaku.data.feeds import DEFAULTS, opener
from gansaku.data.points import LINES
from gansaku.data.puppet_builds import PUPPETS
from gansaku.data.shards import names_shards
from gansaku.data.sides import two_places

PRECISIONS = ("fp32", "bf16", "fp16")
SIDED = ("pairs", "unpaired", "maps")  # kinds of data that have two sides
ARRAY = "an array"  # what run.json says of data that has no place


@dataclasses.dataclass(frozen=True, kw_only=True)
class Options:
    """All that a run has besides its recipe; a closed set, kept in run.json."""

    data: str = "mnist5k"  # folder, zip, shards (.tar), IDX, npz, npy, hf://; mnist5k, digits, ring
    size: int | tuple[int, int] | None = None  # pixels, or height and width; none: as they are
    channels: int | None = None  # 1 grey, 3 colour, 4 with alpha; none: as they are
    alpha: str = "composite"  # on white, or keep
    flip: bool = False  # mirror half of the pictures
    crop: str = "center"  # what to do with the longer side: center, random, or none (stretch)
    holdout: float = 0.0  # share of the data kept from training
    direction: str = "AtoB"  # of pairs: what becomes what; BtoA exchanges their sides
    seed: int = 0  # of everything
    device: str = "auto"  # cpu, cuda, cuda:1, mps; auto takes the best that is there
    precision: str = "fp32"  # fp32, or where autocast applies bf16 or fp16
    accumulate: int = 1  # parts that a batch is cut into to save memory
    workers: int = 2  # processes that decode pictures which do not fit in memory; 0: none
    keep_memory: bool = True  # freed memory stays with the process (glibc): faster steps
    quick_layers: bool = True  # layers go by the faster of two libraries (AMD, Intel)
    cuda_graphs: bool = False  # steps are replayed as CUDA graphs, where the recipe permits
    compile: bool = False  # networks go by torch.compile where they are differentiated once
    init: str | None = None  # a run folder whose weights to start from
    log_every: int = 50  # steps
    sheet_every: int | None = None  # steps; none: 40 sheets in a run
    save_every: int | None = None  # steps; none: 20 checkpoints in a run
    save_minutes: float = 5.0  # at most so long between checkpoints
    measure_every: int | None = None  # steps; none: with every sheet; 0: never
    patience: int = 0  # measures without improvement beyond their error that end the run; 0: none
    keep: int = 2  # last checkpoints
    hang_minutes: float = 5.0  # one of several processes that stalls for so long ends the job
    feeds: str = "images"  # the kind of data; a recipe says it, and no one else

    def __post_init__(self) -> None:
        if self.precision not in PRECISIONS:
            known = ", ".join(PRECISIONS)
            raise UserError(f"precision must be one of {known}, not {self.precision!r}")
        for name in ("accumulate", "log_every", "sheet_every", "save_every", "keep"):
            if (value := getattr(self, name)) is not None and value < 1:
                raise UserError(f"{name} must be at least 1, not {value}")
        if self.workers < 0:
            raise UserError(f"workers must be 0 (none) or more, not {self.workers}")
        for name in ("save_minutes", "hang_minutes"):
            if (value := getattr(self, name)) <= 0:
                raise UserError(f"{name} must be above 0, not {value}")
        if self.patience < 0:
            raise UserError(f"patience must be 0 (never stop) or more, not {self.patience}")
        if self.patience and self.measure_every == 0:
            raise UserError("patience waits for measures, and measure_every 0 takes none")
        if self.measure_every is not None and self.measure_every < 0:
            raise UserError(f"measure_every must be 0 (never) or more, not {self.measure_every}")


def chosen(given: Mapping[str, Any], data: Any) -> Options:
    """Options from keyword arguments; an unknown one is refused with the nearest name."""
    names = [field.name for field in dataclasses.fields(Options)]
    for name in given:
        if name not in names:
            raise UserError(f"training has no option {name!r}{nearest(name, names)}")
    data = DEFAULTS.get(given.get("feeds")) if data is None and "data" not in given else data
    made = Options(**given, **({} if data is None else {"data": _label(data)}))
    return dataclasses.replace(made, data=_label(made.data))


def _label(data: Any) -> str:
    """A built-in's name, or the whole path, so that a run can be resumed from anywhere."""
    if not isinstance(data, (str, os.PathLike)):
        return ARRAY
    if isinstance(data, str) and names_shards(data):
        return data if ":" in data else os.path.abspath(data)
    if isinstance(data, str) and data.startswith("hf://."):
        return "hf://" + os.path.abspath(data.removeprefix("hf://"))
    if isinstance(data, str) and (both := two_places(data)):
        return ",".join(map(_label, both))
    path = Path(data)
    return (
        str(path.resolve())
        if str(data) not in (*BUILT_IN, *LINES, *PUPPETS) and path.exists()
        else str(data)
    )


def stored(kept: Mapping[str, Any], **changes: Any) -> Options:
    """Options as run.json holds them, with changes."""
    size = kept["size"]
    shape = tuple(size) if isinstance(size, list) else size
    return Options(**{**kept, "size": shape, **changes})


def options_of(folder: Path) -> Options:
    """What a run was trained with."""
    return stored(Folder.open(folder).about["options"])


def open_data(options: Options, data: Any = None) -> Source:
    """The source that the options name; `data` is an array, or the place that it moved to."""
    wanted = {name: getattr(options, name) for name in FED if name != "direction"}
    if options.feeds in SIDED:
        wanted["direction"] = options.direction
    elif options.direction != "AtoB":
        raise UserError("direction belongs to pairs: this recipe is fed one side alone")
    wanted["workers"] = options.workers
    given = options.data if data is None else data
    if isinstance(given, str) and given == ARRAY:
        raise UserError("this run was trained on an array: give it again, gs.resume(run, data=...)")
    return opener(options.feeds)(given, seed=options.seed, **wanted)


def pick_device(name: str) -> torch.device:
    """`auto` takes CUDA, then MPS, then the CPU; a device that is not there is refused."""
    if name == "auto":
        mps = torch.backends.mps.is_available()
        name = "cuda" if torch.cuda.is_available() else "mps" if mps else "cpu"
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:
        raise UserError(f"the device {name!r} cannot be used here; try --device cpu") from error
    return device
