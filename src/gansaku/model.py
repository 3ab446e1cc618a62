"""A trained recipe, ready to be used."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from gansaku.core import catalog, checkpoint, config, kernels, sampling, state
from gansaku.core.capabilities import Encodes, Translates, able, check_direction, encoded
from gansaku.core.contract import Nets, Recipe
from gansaku.core.errors import CheckpointError, UserError
from gansaku.core.folder import Folder
from gansaku.core.loop import Run
from gansaku.core.translating import translations
from gansaku.data import spec_from_json
from gansaku.options import pick_device


@dataclasses.dataclass(frozen=True)
class Model:
    """A trained recipe: its networks as they sample, and the run that they come from."""

    recipe: Recipe
    spec: Any
    nets: Nets
    folder: Path
    steps: int
    device: torch.device
    quick_layers: bool = True  # layers go by the faster library, as in training

    @torch.no_grad()
    def sample(self, n: int = 64, seed: int = 0, **given: Any) -> Tensor:
        """`n` samples `[n, *spec.shape]`, images in [-1, 1]; the i-th depends on (seed, i)."""
        return torch.cat(list(self.stream(n, seed, **given)))

    @torch.no_grad()
    def stream(self, n: int, seed: int = 0, **given: Any) -> Iterator[Tensor]:
        """The same samples, a few at a time: any number of them in the memory of those few."""
        made = sampling.samples(self.recipe, self.nets, n, seed, given, self.device)
        yield from kernels.each(made, self.quick_layers)

    @torch.no_grad()
    def encode(self, x: Tensor, seed: int | None = None) -> Tensor:
        """Latents `[N, ...]` of samples `x [N, *spec.shape]`; with a `seed`, draws of them.

        Raises UserError for a recipe without an encoder.
        """
        with kernels.faster(self.quick_layers):
            return torch.cat([z.cpu() for _, z in encoded(*self._with(x), seed, self.device)])

    @torch.no_grad()
    def reconstruct(self, x: Tensor, seed: int | None = None) -> Tensor:
        """What the recipe makes of its latents of `x [N, *spec.shape]`: of x's shape."""
        recipe = able(self.recipe, Encodes, "reconstruct")
        codes = (z for _, z in encoded(*self._with(x), seed, self.device))
        with kernels.faster(self.quick_layers):
            return torch.cat([recipe.generate(self.nets, z).cpu() for z in codes])

    @torch.no_grad()
    def translate(self, a: Tensor, seed: int = 0, first: int = 0, **given: Any) -> Tensor:
        """Translations `[N, C, H, W]` of the inputs `a [N, ...]`, pictures in [-1, 1].

        Noise is a function of (seed, first + i). `direction="BtoA"` where the recipe goes back;
        `deterministic=True`: without noise. Raises UserError for a recipe that translates nothing.
        """
        recipe = able(self.recipe, Translates, "translate")
        check_direction(self.recipe, given.get("direction", "AtoB"))
        made = translations(recipe, self.nets, a, seed, given, self.device, first=first)
        return torch.cat(list(kernels.each(made, self.quick_layers)))

    def _with(self, x: Tensor) -> tuple[Recipe, Nets, Tensor]:
        """What an encoder is asked with; UserError for samples that are not of the run's shape."""
        able(self.recipe, Encodes, "reconstruct")
        if x.shape[1:] != self.spec.shape or len(x) == 0:
            shape = ", ".join(map(str, self.spec.shape))
            raise UserError(f"samples must be of shape [N, {shape}], not {list(x.shape)}")
        return self.recipe, self.nets, x

    def preview(self, samples: Tensor, path: str | Path, **options: Any) -> Path:
        """Draw samples into one picture file."""
        return self.spec.preview(samples, path, **options)


def load(
    where: str | Path, checkpoint_name: str = "last", device: str = "auto", average: bool = True
) -> Model:
    """The model of a run folder, from its `last` or `best` checkpoint or that of a step.

    Without `average` its networks are those that were trained, not their moving averages.
    """
    run = reopened(where, checkpoint_name=checkpoint_name, device=device)
    return model_of(run, Folder.open(where), average)


def reopened(
    where: str | Path,
    source: Any = None,
    checkpoint_name: str = "last",
    device: str | None = None,
) -> Run:
    """The run of a folder as a checkpoint has it, on its own device unless one is named.

    Without data to play on, unless `source` is given. Raises UserError where there is no such run
    or checkpoint.
    """
    folder = Folder.open(where)
    recipe, options = recipe_of(folder), folder.about["options"]
    tensors, header = checkpoint.read(folder.checkpoint(checkpoint_name))
    same_recipe(recipe, header["recipe"], folder)
    source = _Blank(spec_from_json(folder.about["spec"])) if source is None else source
    seed, place = header["time"]["seed"], pick_device(device or options["device"])
    quick = options.get("quick_layers", True)  # older runs do not say
    run = Run(recipe, source, seed=seed, device=place, quick_layers=quick)
    state.restore(run, tensors, header)
    return run


def begun(where: Path) -> bool:
    """Whether a folder has a run that left a checkpoint."""
    return (where / "run.json").is_file() and any(where.glob("checkpoints/step-*"))


def model_of(run: Run, folder: Folder, average: bool = True) -> Model:
    """The networks of a run as they sample now."""
    nets = (run.averages.view() if average else run.nets).eval()
    spec = run.source.spec
    return Model(run.recipe, spec, nets, folder.path, run.steps, run.device, run.quick_layers)


def recipe_of(folder: Folder) -> Recipe:
    """The recipe that a run folder names, its class from a file of the user's own if need be."""
    code = folder.about["code"]
    return config.read(folder.recipe, *([catalog.find(code)] if code else []))


def same_recipe(recipe: Recipe, text: str, folder: Folder) -> None:
    """A checkpoint is of this recipe, but for its length; else both configs are shown."""
    found = config.read(text, type(recipe))
    lengths = {name: getattr(recipe, name) for name in type(recipe).length}
    if type(found) is type(recipe) and dataclasses.replace(found, **lengths) == recipe:
        return
    raise CheckpointError(
        f"the checkpoint in {folder.path} is of another recipe.\n"
        f"  the run:        {recipe!r}\n  the checkpoint: {text}"
    )


@dataclasses.dataclass(frozen=True)
class _Blank:
    """A source of nothing, for a run that only samples."""

    spec: Any
