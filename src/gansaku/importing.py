"""Models that other people's code trained, as run folders of ours."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from gansaku.api import about
from gansaku.core import checkpoint, config, state
from gansaku.core.folder import Folder, step_path
from gansaku.core.loop import Run
from gansaku.data.single import open_single
from gansaku.model import Model, load
from gansaku.options import chosen
from gansaku.tools.official_singan import adopt_official, read_official


def import_singan(folder: str | Path, out: str | Path, picture: Any = None) -> Model:
    """A pyramid of the authors' SinGAN code as a run that samples, edits and animates.

    `folder` has the folders 0..N with netG.pth and z_opt.pth, and NoiseAmp.pth beside them.
    `picture` is what it was trained on; without it, reals.pth is, and without that the
    reconstruction stands in for it. Batch norm samples with its running statistics, as that code
    does, and pictures go from scale to scale as there, in whole grey values cut off. Raises
    UserError for files that are not of that code; nothing in them is executed.
    """
    found = read_official(folder)
    recipe = config.read(found.config)
    channels, size = found.generators[0]["body.0.weight"].shape[1], found.sizes[-1]
    given = torch.zeros(channels, *size) if picture is None else picture
    source = open_single(given, size=size, crop="none", channels=channels)
    run = Run(recipe, source)
    adopt_official(run.nets, found, None if picture is None else source.take([0])["x"])
    with torch.no_grad():
        recipe.remember(run.nets.eval())
    run.stage_number, run.ended = len(run.stages), run.stages[-1].steps
    options = chosen({"feeds": "single", "size": size, "channels": channels, "crop": "none"}, given)
    made = Folder.create(out, repr(recipe), about(options, source, run))
    checkpoint.write(step_path(made.checkpoints, 0), *state.of(run))
    made.say(f"imported from {folder}: {len(found.sizes)} scales")
    return load(made.path, device="cpu")
