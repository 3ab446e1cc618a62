"""Training, resuming and using GANs from Python; the command line calls the same functions."""

from __future__ import annotations

import dataclasses
import inspect
import platform
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

import gansaku
from gansaku.core import checkpoint, config, parts, ranks, state, watchdog
from gansaku.core.allocator import in_huge_pages, keep_large_blocks
from gansaku.core.capabilities import Pyramid, Scores, Translates, classes_of
from gansaku.core.choices import CADENCE
from gansaku.core.contract import Recipe
from gansaku.core.errors import UserError
from gansaku.core.folder import TIMINGS, Folder
from gansaku.core.kernels import quickened
from gansaku.core.loop import Run, Watch
from gansaku.core.measuring import Measure
from gansaku.core.plan import Foresees, Plan, plan
from gansaku.core.precision import stated
from gansaku.core.profiling import Profile
from gansaku.core.sampling import by_class, in_shares
from gansaku.core.sinks import Checkpoints, Interrupt, Metrics, Sheets, TensorBoard
from gansaku.data import PointSpec
from gansaku.data.store import available_memory
from gansaku.doctor.findings import Finding
from gansaku.doctor.live import Live
from gansaku.doctor.probes import Probes
from gansaku.metrics import curve, one_picture, translation
from gansaku.metrics.progress import LEAST, ProgressMeasure, spread
from gansaku.model import Model, load, model_of, recipe_of, same_recipe
from gansaku.options import Options, open_data, pick_device, stored
from gansaku.options import chosen as options_of

SHEET_ROWS = 20  # classes of a sheet

__all__ = ["Model", "load", "resume", "train"]


@watchdog.as_one
def train(
    recipe: Recipe | str,
    data: Any = None,
    *,
    out: str | Path | None = None,
    watches: Sequence[Watch] = (),
    on_plan: Callable[[Plan, Folder, Any], None] | None = None,
    on_finding: Callable[[Finding], None] | None = None,
    on_profile: Callable[[str], None] | None = None,
    **options: Any,
) -> Model:
    """Train `recipe` on `data` (a path, a built-in's name, or an array) in a new run folder.

    `options` are the fields of `Options`. `watches` are called with the run after each step and
    stop it by returning True; `on_plan(plan, folder, source)` is called before the first, and
    `on_finding(finding)` whenever the doctor sees that something ails the run. With `on_profile` a
    few steps are profiled: it is given the summary, and the folder a trace.
    """
    recipe = config.read(recipe) if isinstance(recipe, str) else recipe
    chosen = options_of({**options, "feeds": type(recipe).feeds}, data)
    device = pick_device(chosen.device)
    if chosen.cuda_graphs and device.type != "cuda":
        raise UserError(
            f"cuda_graphs needs a CUDA device, and this run is on {device}: leave it out"
        )
    watchdog.join(device, chosen.hang_minutes)
    source = open_data(chosen, data)
    where = ranks.told(str(out if out is not None else _fresh(recipe, chosen)))
    planned = plan(recipe, source)
    _fits(planned, recipe, device)
    run = run_of(recipe, source, chosen, device)
    planned = planned.remarking(*parts.remarks(run))
    folder = Folder(where)
    if ranks.rank() == 0:
        folder = Folder.create(where, repr(recipe), about(chosen, source, run))
        for note in (*source.notes, *planned.remarks):
            folder.say(note)
        folder.say(f"training {config.short(recipe)} on {source.name}")
        if on_plan:
            on_plan(planned, folder, source)
    if chosen.init:
        missed = state.adopt(run, checkpoint.read(Folder.open(chosen.init).checkpoint())[0])
        _say(folder, f"weights of {chosen.init}; without a match: {', '.join(missed) or 'none'}")
    return _play(run, folder, chosen, watches, on_finding, on_profile)


@watchdog.as_one
def resume(
    where: str | Path,
    *,
    data: Any = None,
    watches: Sequence[Watch] = (),
    on_plan: Callable[[Plan, Folder, Any], None] | None = None,
    on_finding: Callable[[Finding], None] | None = None,
    on_profile: Callable[[str], None] | None = None,
    **changes: Any,
) -> Model:
    """Go on with a run from its last good checkpoint, as if it had never stopped.

    Length (`steps`) and cadence (`save_every`, ...) may change; anything else is another run,
    and is refused. `data` gives the new place of data that has moved.
    """
    folder = Folder.open(where)
    about = folder.about
    known = recipe_of(folder)
    recipe, changed = _changed(known, changes)
    cadence = {k: v for k, v in changes.items() if k in CADENCE}
    chosen = stored(about["options"], **cadence)
    device = pick_device(changes.get("device", chosen.device))
    watchdog.join(device, chosen.hang_minutes)
    source = open_data(chosen, data)
    if source.fingerprint() != about["data"]["fingerprint"]:
        raise UserError(
            f"the data of {folder.path} has changed since the run began: {source.name} has "
            f"{len(source)} samples with fingerprint {source.fingerprint()}, the run was on "
            f"{about['data']['samples']} with {about['data']['fingerprint']}. Put the data back, "
            "or train a new run with --init"
        )
    tensors, header = checkpoint.read(folder.checkpoint())
    same_recipe(recipe, header["recipe"], folder)
    run = run_of(recipe, source, dataclasses.replace(chosen, seed=header["time"]["seed"]), device)
    state.restore(run, tensors, header)
    if run.over or run.step > run.stages[run.stage_number].steps:
        raise UserError(
            f"{folder.path} is at step {run.steps} already, of {run.total}; to train longer, "
            f"resume it with {known.longer()}"
        )
    planned = plan(recipe, source).remarking(*(cut := parts.remarks(run)))
    planned = dataclasses.replace(planned, steps=run.total)  # what is over keeps its length
    if ranks.rank() == 0:
        _written(folder, run, chosen, changed | cadence)
        for remark in cut:
            folder.say(remark)
        if on_plan:
            on_plan(planned, folder, source)
    return _play(run, folder, chosen, watches, on_finding, on_profile)


def _written(folder: Folder, run: Run, chosen: Options, changed: dict[str, Any]) -> None:
    """What the folder says of a run that goes on: nothing of what came after its checkpoint."""
    folder.rewind(run.steps)
    about = folder.about
    entry = {"at": _now(), "step": run.steps, "command": _command(), "changed": changed}
    about["history"].append(entry)
    about["options"], about["total"] = dataclasses.asdict(chosen), run.total
    folder.describe(repr(run.recipe), about)
    folder.say(f"resumed at step {run.steps} of {run.total}; changed: {changed}")
    if (now := _machine()) != (then := about["machine"]):
        folder.say(f"not the machine of the start ({then}, now {now}): sums may round otherwise")


def _play(
    run: Run,
    folder: Folder,
    options: Options,
    watches: Sequence[Watch],
    on_finding: Callable[[Finding], None] | None,
    on_profile: Callable[[str], None] | None,
) -> Model:
    """The loop with everything that looks at it; Ctrl-C saves, and so does the end."""
    interrupt, main = Interrupt(), ranks.rank() == 0
    watchdog.follow(lambda: run.steps, folder.say)
    parts.start_alike(run)
    if options.keep_memory and keep_large_blocks() and main:
        pages = ", and its pages are large" if in_huge_pages() else ""
        folder.say(
            f"freed memory stays with the process (glibc mallopt){pages}; "
            "--keep-memory False ends it"
        )
    if said := quickened(run.quick_layers, run.device):
        _say(folder, said)
    if said := stated(options.precision, run.device):
        _say(folder, said)
    total = max(run.total, 1)
    sheet_every = options.sheet_every or max(5, total // 40)
    save_every = options.save_every or max(5, total // 20)
    measure = _measure(run, folder, options, sheet_every, interrupt.ask) if main else None
    keeper = Checkpoints(folder, save_every, options.keep, options.save_minutes, measure)
    seen: list[Watch] = []
    looker = Profile(folder, on_profile) if main and on_profile else None
    if main:
        board = TensorBoard(folder, run.steps, measure)
        seen = [Metrics(folder, _elapsed(folder)), Sheets(folder, sheet_every, _draw)]
        seen += [measure, board] if measure else [board]
        seen += [_doctor(folder, on_finding), _graphs(folder)]
    try:
        if run.steps == 0:  # a run that is killed early can be resumed, and a full disk is known
            keeper.save(run)
        with interrupt.listening():
            run.play([*([looker] if looker else []), *seen, *watches, keeper, interrupt])
        keeper.save(run)
    except UserError as error:
        _say(folder, f"stopped at step {run.steps}: {error}")
        raise
    finally:
        if looker:
            looker.close()
        if main:
            board.close()
            with folder.writing():
                curve.draw(folder.records(), folder.path / "measure.png")
    _say(folder, f"{'finished' if run.over else 'stopped'} at step {run.steps}")
    return model_of(run, folder)


def _fits(planned: Plan, recipe: Recipe, device: torch.device) -> None:
    """UserError where a recipe knows that it needs more memory than the machine has left."""
    free = available_memory() if device.type == "cpu" else planned.memory
    if isinstance(recipe, Foresees) and planned.memory > free:
        raise UserError(
            f"training at this size needs about {planned.memory / 2**30:.1f} GB and "
            f"{free / 2**30:.1f} GB are free: take a smaller --size, or fewer channels (--widest)"
        )


def _say(folder: Folder, text: str) -> None:
    """Into the log, by the first process."""
    if ranks.rank() == 0:
        folder.say(text)


def _measure(
    run: Run, folder: Folder, options: Options, every: int, stop: Callable[[], None]
) -> Measure | None:
    """The cheap figure of merit, against held-out samples where there are any."""
    if options.measure_every == 0:
        return None
    if isinstance(run.recipe, Pyramid):
        own = one_picture.PictureMeasure(run)
        few = (folder, options.measure_every or every, one_picture.SAMPLES, own, own.scale)
        return Measure(*few, options.patience, stop, own.samples)
    source = run.source.held or run.source
    if len(source) < LEAST:
        folder.say(f"{len(source)} samples are too few to measure against: no measure is taken")
        return None
    often, probes = options.measure_every or every, Probes(run.source, run.seed)
    if isinstance(run.recipe, Translates):
        found = translation.TranslationMeasure(run)
        few = (folder, often, found.count, found, probes, options.patience, stop)
        return Measure(*few, draw=found.samples)
    real = source.take(spread(len(source), 512))["x"]
    probe = ProgressMeasure(real, run.source.spec)
    many = max(len(real), 64)
    return Measure(folder, often, many, probe, probes, options.patience, stop)


def _doctor(folder: Folder, tell: Callable[[Finding], None] | None) -> Watch:
    """Says what ails the run the moment that it can be seen: in the log, and to whoever asks."""
    live = Live(folder.path)

    def watch(run: Run) -> None:
        for finding in live(run):
            folder.say(f"doctor: {finding.title}: {finding.evidence}")
            if tell:
                tell(finding)

    return watch


def _graphs(folder: Folder) -> Watch:
    """Says what became of steps that were to be CUDA graphs."""
    said: list[str] = []

    def watch(run: Run) -> None:
        told = run.graphs.told if run.graphs else []
        for text in told[len(said) :]:
            folder.say(text)
            said.append(text)

    return watch


def _draw(run: Run, path: Path) -> Path:
    """The sheet of this moment, always of the same latents: a row a class where there are classes.

    Points with the critic's surface.
    """
    spec = run.source.spec
    if isinstance(run.recipe, Translates):
        return translation.draw(run, path)
    if isinstance(run.recipe, Pyramid):
        return one_picture.draw(run, path)
    if classes := classes_of(run.recipe, spec):
        asked = range(min(len(classes), SHEET_ROWS))
        y = in_shares(asked, len(asked) * (10 if max(spec.shape[1:]) <= 128 else 4))
        rows, columns = by_class(run.sample(len(y), run.seed, {"y": y}), y)
        return spec.preview(rows, path, columns=columns)
    if not isinstance(spec, PointSpec):
        many = 64 if max(spec.shape[1:]) <= 128 else 16
        return spec.preview(run.sample(many, run.seed), path)
    recipe, real, score = run.recipe, run.source.take(range(2000))["x"], None
    if isinstance(recipe, Scores):
        score = lambda x: run.generated(lambda nets: recipe.score(nets, x.to(run.device)))  # noqa: E731
    return spec.preview(run.sample(2000, run.seed), path, reference=real, score=score)


def run_of(recipe: Recipe, source: Any, options: Options, device: torch.device) -> Run:
    """A game at its beginning, played as `options` say."""
    if options.keep_memory:
        keep_large_blocks()  # before there are weights, which lie there as well
    return Run(
        recipe,
        source,
        seed=options.seed,
        device=device,
        precision=options.precision,
        accumulate=options.accumulate,
        log_every=options.log_every,
        quick_layers=options.quick_layers,
        cuda_graphs=options.cuda_graphs and device.type == "cuda",  # a resumed run may have moved
        compiling="inductor" if options.compile else None,
    )


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


def _fresh(recipe: Recipe, options: Options) -> Path:
    """runs/dcgan-mnist5k, with a number where the name is taken."""
    name = (
        f"{type(recipe).__module__.rpartition('.')[2]}-{Path(options.data).stem.replace(' ', '-')}"
    )
    paths = [Path("runs", name), *(Path("runs", f"{name}-{i}") for i in range(2, 10_000))]
    return next(path for path in paths if not path.exists())


def about(options: Options, source: Any, run: Run) -> dict[str, Any]:
    """What run.json says of a run that begins now."""
    return {
        "name": type(run.recipe).__module__.rpartition(".")[2],
        "versions": {"gansaku": gansaku.__version__, "python": platform.python_version()},
        "machine": _machine(),
        "code": _code(run.recipe),
        "options": dataclasses.asdict(options),
        "total": run.total,
        "spec": source.spec.to_json(),
        "data": {
            "name": source.name,
            "samples": len(source),
            "fingerprint": source.fingerprint(),
            "notes": list(source.notes),
        },
        "history": [{"at": _now(), "step": 0, "command": _command(), "changed": {}}],
    }


def _machine() -> dict[str, Any]:
    """What the rounding of sums depends on: equal runs need it equal."""
    threads = torch.get_num_threads()
    return {"processor": platform.machine(), "threads": threads, "torch": torch.__version__}


def _code(recipe: Recipe) -> str | None:
    """The file of a recipe that is not the package's own: resuming needs it."""
    if type(recipe).__module__.startswith("gansaku."):
        return None
    return str(Path(inspect.getfile(type(recipe))).resolve())


def _elapsed(folder: Folder) -> float:
    return max((r.get(TIMINGS[0], 0.0) for r in folder.records()), default=0.0)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _command() -> str:
    return " ".join(sys.argv)
