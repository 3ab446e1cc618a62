"""Training, resuming and using GANs from Python; the command line calls the same functions."""

from __future__ import annotations

import dataclasses
import os
import platform
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

import gansaku
from gansaku.core import checkpoint, config, ranks, sampling, state
from gansaku.core.contract import Nets, Recipe
from gansaku.core.errors import CheckpointError, UserError
from gansaku.core.folder import TIMINGS, Folder
from gansaku.core.loop import Run, Watch
from gansaku.core.plan import Plan, plan
from gansaku.core.sinks import Checkpoints, Interrupt, Measure, Metrics, Sheets, TensorBoard
from gansaku.data import open_source
from gansaku.metrics.progress import ProgressMeasure

DATA = ("size", "channels", "alpha", "flip", "crop", "holdout")  # options that say what is fed
CADENCE = ("log_every", "sheet_every", "save_every", "save_minutes", "measure_every", "keep")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Options:
    """All that a run has besides its recipe; a closed set, kept in run.json."""

    data: str = "mnist5k"  # a folder, zip, IDX, npz or npy, or a built-in: mnist5k, digits, ring
    size: int | tuple[int, int] | None = None  # pixels, or height and width; none: as they are
    channels: int | None = None  # 1 grey, 3 colour, 4 with alpha; none: as they are
    alpha: str = "composite"  # on white, or keep
    flip: bool = False  # mirror half of the pictures
    crop: str = "center"  # what to do with the longer side: center, random, or none (stretch)
    holdout: float = 0.0  # share of the data kept from training
    seed: int = 0  # of everything
    device: str = "auto"  # cpu, cuda, cuda:1, mps; auto takes the best that is there
    precision: str = "fp32"  # fp32, bf16 or fp16 where autocast applies
    accumulate: int = 1  # parts that a batch is cut into to save memory
    init: str | None = None  # a run folder whose weights to start from
    log_every: int = 50  # steps
    sheet_every: int | None = None  # steps; none: 40 sheets in a run
    save_every: int | None = None  # steps; none: 20 checkpoints in a run
    save_minutes: float = 5.0  # at most so long between checkpoints
    measure_every: int | None = None  # steps; none: with every sheet; 0: never
    keep: int = 2  # last checkpoints


@dataclasses.dataclass(frozen=True)
class Model:
    """A trained recipe: its networks as they sample, and the run that they come from."""

    recipe: Recipe
    spec: Any
    nets: Nets
    folder: Path
    steps: int
    device: torch.device = torch.device("cpu")

    @torch.no_grad()
    def sample(self, n: int = 64, seed: int = 0, **given: Any) -> Tensor:
        """`n` samples `[n, *spec.shape]`, images in [-1, 1]; the i-th depends on (seed, i)."""
        return sampling.sample(self.recipe, self.nets, n, seed, given, self.device)

    def preview(self, samples: Tensor, path: str | Path, **options: Any) -> Path:
        """Draw samples into one picture file."""
        return self.spec.preview(samples, path, **options)


def train(
    recipe: Recipe | str,
    data: Any = None,
    *,
    out: str | Path | None = None,
    watches: Sequence[Watch] = (),
    on_plan: Callable[[Plan, Folder, Any], None] | None = None,
    **options: Any,
) -> Model:
    """Train `recipe` on `data` (a path, a built-in's name, or an array) in a new run folder.

    `options` are the fields of `Options`. `watches` are called with the run after each step and
    stop it by returning True; `on_plan(plan, folder, source)` is called before the first.
    """
    recipe = config.read(recipe) if isinstance(recipe, str) else recipe
    chosen = _options(options, data)
    device = pick_device(chosen.device)
    ranks.join(device)
    source = _open(chosen, data)
    where = Path(out) if out is not None else _fresh(recipe, chosen)
    planned = plan(recipe, source)
    run = _run(recipe, source, chosen, device)
    folder = Folder(where)
    if ranks.rank() == 0:
        folder = Folder.create(where, repr(recipe), _about(chosen, source, recipe))
        for note in source.notes:
            folder.say(note)
        folder.say(f"training {config.short(recipe)} on {source.name}")
        if on_plan:
            on_plan(planned, folder, source)
    if chosen.init:
        missed = state.adopt(run, checkpoint.read(Folder.open(chosen.init).checkpoint())[0])
        folder.say(f"weights of {chosen.init}; without a match there: {', '.join(missed) or 'none'}")
    return _play(run, folder, chosen, watches)


def resume(
    where: str | Path,
    *,
    data: Any = None,
    watches: Sequence[Watch] = (),
    on_plan: Callable[[Plan, Folder, Any], None] | None = None,
    **changes: Any,
) -> Model:
    """Go on with a run from its last good checkpoint, as if it had never stopped.

    Length (`steps`) and cadence (`save_every`, ...) may change; anything else is another run,
    and is refused. `data` gives the new place of data that has moved.
    """
    folder = Folder.open(where)
    about = folder.about
    recipe, changed = _changed(config.read(folder.recipe), changes)
    cadence = {k: v for k, v in changes.items() if k in CADENCE}
    chosen = _stored(about["options"], cadence)
    device = pick_device(changes.get("device", chosen.device))
    ranks.join(device)
    source = _open(chosen, data)
    if source.fingerprint() != about["data"]["fingerprint"]:
        raise UserError(
            f"the data of {folder.path} has changed since the run began: {source.name} has "
            f"{len(source)} samples with fingerprint {source.fingerprint()}, the run was on "
            f"{about['data']['samples']} with {about['data']['fingerprint']}. Put the data back, "
            "or train a new run with --init"
        )
    tensors, header = checkpoint.read(folder.checkpoint())
    _same_recipe(recipe, header["recipe"], folder)
    run = _run(recipe, source, dataclasses.replace(chosen, seed=header["time"]["seed"]), device)
    state.restore(run, tensors, header)
    if ranks.rank() == 0:
        folder.rewind(run.steps)
        entry = {"at": _now(), "step": run.steps, "command": _command(), "changed": changed | cadence}
        about["history"].append(entry)
        about["options"] = dataclasses.asdict(chosen)
        folder.describe(repr(recipe), about)
        folder.say(f"resumed at step {run.steps} of {run.total}; changed: {changed | cadence}")
        if on_plan:
            on_plan(plan(recipe, source), folder, source)
    return _play(run, folder, chosen, watches)


def load(where: str | Path, checkpoint_name: str = "last", device: str = "auto") -> Model:
    """The model of a run folder, from its `last` or `best` checkpoint or that of a step."""
    from gansaku.data import spec_from_json

    folder = Folder.open(where)
    recipe, spec = config.read(folder.recipe), spec_from_json(folder.about["spec"])
    tensors, header = checkpoint.read(folder.checkpoint(checkpoint_name))
    _same_recipe(recipe, header["recipe"], folder)
    run = Run(recipe, _Blank(spec), device=pick_device(device))
    state.restore(run, tensors, header)
    return _model(run, folder)


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


def _play(run: Run, folder: Folder, options: Options, watches: Sequence[Watch]) -> Model:
    """The loop with everything that looks at it; Ctrl-C saves, and so does the end."""
    interrupt, main = Interrupt(), ranks.rank() == 0
    total = max(run.total, 1)
    sheet_every = options.sheet_every or max(1, total // 40)
    save_every = options.save_every or max(1, total // 20)
    measure = _measure(run, folder, options, sheet_every) if main else None
    keeper = Checkpoints(folder, save_every, options.keep, options.save_minutes, measure)
    seen: list[Watch] = []
    board = TensorBoard(folder, run.steps) if main else None
    if main:
        seen = [Metrics(folder, _elapsed(folder)), board, Sheets(folder, sheet_every, _draw)]
        seen += [measure] if measure else []
    try:
        with interrupt.listening():
            run.play([*seen, *watches, keeper, interrupt])
        keeper.save(run)
    except UserError as error:
        folder.say(f"stopped at step {run.steps}: {error}")
        raise
    finally:
        if board:
            board.close()
    folder.say(f"{'finished' if run.over else 'stopped'} at step {run.steps}")
    return _model(run, folder)


def _measure(run: Run, folder: Folder, options: Options, every: int) -> Measure | None:
    """The cheap figure of merit, against held-out samples where there are any."""
    if options.measure_every == 0:
        return None
    source = run.source.held or run.source
    count = min(512, len(source))
    probe = ProgressMeasure(source.take(range(count)), run.source.spec)
    return Measure(folder, options.measure_every or every, max(count, 64), probe)


def _draw(run: Run, path: Path) -> Path:
    """The sheet of this moment, always of the same latents."""
    spec = run.source.spec
    side = max(spec.shape[1:], default=1)
    n = 2000 if len(spec.shape) == 1 else 64 if side <= 128 else 16
    points = len(spec.shape) == 1
    scores = points and (lambda x: run.generated(lambda nets: run.recipe.score(nets, x)))
    reference = run.source.take(range(2000)) if points else None
    return spec.preview(run.sample(n, run.seed), path, reference=reference, score=scores or None)


def _run(recipe: Recipe, source: Any, options: Options, device: torch.device) -> Run:
    return Run(
        recipe,
        source,
        seed=options.seed,
        device=device,
        precision=options.precision,
        accumulate=options.accumulate,
        log_every=options.log_every,
    )


def _model(run: Run, folder: Folder) -> Model:
    nets = run.averages.view().eval()
    return Model(run.recipe, run.source.spec, nets, folder.path, run.steps, run.device)


def _options(given: Mapping[str, Any], data: Any) -> Options:
    from gansaku.core.errors import nearest

    names = [field.name for field in dataclasses.fields(Options)]
    for name in given:
        if name not in names:
            raise UserError(f"training has no option {name!r}{nearest(name, names)}")
    label = data if isinstance(data, (str, os.PathLike)) else "an array" if data is not None else None
    return Options(**given, **({"data": str(label)} if label is not None else {}))


def _stored(kept: Mapping[str, Any], changes: Mapping[str, Any]) -> Options:
    size = kept["size"]
    shape = tuple(size) if isinstance(size, list) else size
    return Options(**{**kept, "size": shape, **changes})


def _open(options: Options, data: Any) -> Any:
    wanted = {name: getattr(options, name) for name in DATA}
    given = options.data if data is None else data
    return open_source(given, seed=options.seed, **wanted)


def _changed(recipe: Recipe, changes: Mapping[str, Any]) -> tuple[Recipe, dict[str, Any]]:
    lengths = {k: v for k, v in changes.items() if k in type(recipe).length}
    for name in changes:
        if name not in (*type(recipe).length, *CADENCE, "device"):
            raise UserError(
                f"{name} cannot change when a run resumes; it may be one of "
                f"{', '.join((*type(recipe).length, *CADENCE, 'device'))}. To start a new run "
                "from these weights: gansaku train ... --init RUN"
            )
    return dataclasses.replace(recipe, **lengths), lengths


def _same_recipe(recipe: Recipe, text: str, folder: Folder) -> None:
    """A checkpoint is of this recipe, but for its length; else both configs are shown."""
    found = config.read(text)
    lengths = {name: getattr(recipe, name) for name in type(recipe).length}
    if type(found) is type(recipe) and dataclasses.replace(found, **lengths) == recipe:
        return
    raise CheckpointError(
        f"the checkpoint in {folder.path} is of another recipe.\n"
        f"  the run:        {recipe!r}\n  the checkpoint: {text}"
    )


def _fresh(recipe: Recipe, options: Options) -> Path:
    """runs/dcgan-mnist5k, with a number where the name is taken."""
    name = f"{type(recipe).__module__.rpartition('.')[2]}-{Path(options.data).stem.replace(' ', '-')}"
    paths = [Path("runs", name), *(Path("runs", f"{name}-{i}") for i in range(2, 10_000))]
    return next(path for path in paths if not path.exists())


def _about(options: Options, source: Any, recipe: Recipe) -> dict[str, Any]:
    return {
        "name": type(recipe).__module__.rpartition(".")[2],
        "versions": {
            "gansaku": gansaku.__version__,
            "torch": torch.__version__,
            "python": platform.python_version(),
        },
        "machine": {"processor": platform.machine(), "threads": torch.get_num_threads()},
        "options": dataclasses.asdict(options),
        "spec": source.spec.to_json(),
        "data": {
            "name": source.name,
            "samples": len(source),
            "fingerprint": source.fingerprint(),
            "notes": list(source.notes),
        },
        "history": [{"at": _now(), "step": 0, "command": _command(), "changed": {}}],
    }


def _elapsed(folder: Folder) -> float:
    return max((r.get(TIMINGS[0], 0.0) for r in folder.records()), default=0.0)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _command() -> str:
    return " ".join(sys.argv)


@dataclasses.dataclass(frozen=True)
class _Blank:
    """A source of nothing, for a run that only samples."""

    spec: Any
