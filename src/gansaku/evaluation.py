"""Evaluating a run or a folder of pictures: both sides, the features, the measures, one report."""

from __future__ import annotations

import dataclasses
import os
import platform
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

import gansaku
from gansaku.core.capabilities import Latent, classes_of
from gansaku.core.errors import UserError
from gansaku.core.noise import Noise
from gansaku.data import Source, open_source
from gansaku.metrics import features as networks
from gansaku.metrics.bench import CHUNK, KEPT, Bench, Part, Side
from gansaku.metrics.digits import DigitClassifier, digit_classifier
from gansaku.metrics.estimate import Estimate
from gansaku.metrics.evaluate import Origin, measured, takeable
from gansaku.metrics.features import Features
from gansaku.metrics.measures import Measure, chosen
from gansaku.metrics.paths import latent_path_length
from gansaku.metrics.result import Report, Result
from gansaku.metrics.taking import SINGLE
from gansaku.model import Model, load
from gansaku.options import open_data, options_of

Say = Callable[[str], None]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Protocol:
    """How samples are measured: all that a figure depends on besides the samples and the data."""

    n: int = 10_000  # samples, and at most so many pictures of a folder
    measures: str | None = None  # names with commas, or all; none: all that is usual
    features: str | None = None  # backbone, random-conv, digits[:DATA], inception[:FILE], ...
    valid: str | Path | None = None  # real pictures that choose the width of Parzen windows
    paired: bool = False  # picture i belongs to real picture i, in order of their names
    seed: int = 1  # of the samples

    def __post_init__(self) -> None:
        if self.n < 2:
            raise UserError(f"n must be at least 2 samples, not {self.n}")


def evaluate(
    subject: str | Path | Model,
    against: Any = None,
    *,
    size: int | None = None,
    checkpoint: str = "last",
    average: bool = True,
    device: str = "auto",
    note: Say = lambda text: None,
    on_measure: Callable[[Measure], None] = lambda measure: None,
    on_result: Callable[[Result], None] = lambda result: None,
    **protocol: Any,
) -> Report:
    """Figures for a run, a model, or a folder of pictures beside real data, each with its contract.

    `against` is whatever `gs.train` takes as data; without it a run is compared with what it held
    out, or else with its training data. `protocol` are the fields of `Protocol`. `size` is that
    of a folder's pictures, `average` and `checkpoint` say which networks of a run are meant.
    Raises UserError where there is nothing to compare, or a measure that was named cannot be
    taken.
    """
    asked = Protocol(**protocol)
    measures = chosen(asked.measures)
    made = subject_of(subject, against, size, checkpoint, average, device)
    bench, origin = _bench(made, against, asked, note)
    can, lacking = takeable(bench, measures, asked.measures not in (None, "all"))
    if not can:
        measure, why = lacking[0]
        raise UserError(f"nothing can be measured here; {measure.name}: {why}")
    if any(measure.featured for measure in can):
        bench.fake.features = bench.real.features = bench.features
    results = []
    for found in measured(bench, can, origin, on_measure):
        results.append(found)
        on_result(found)
    return Report(made.about, _made(), tuple(results))


# --- what is evaluated ---


@dataclasses.dataclass(frozen=True)
class Subject:
    """A trained model or a folder of pictures, and what is known of it."""

    model: Model | None
    source: Source | None
    average: bool | None  # whether samples come from a moving average; None: not known
    about: dict[str, Any]

    @property
    def spec(self) -> Any:
        return self.source.spec if self.model is None else self.model.spec  # ty: ignore

    @property
    def single(self) -> bool:
        """Whether it is a model of one picture."""
        return self.model is not None and type(self.model.recipe).feeds == "single"

    def side(self, n: int, seed: int, real: Reference, ordered: bool = False) -> Side:
        """At most `n` of its samples.

        A recipe with the classes of the reference makes them in the reference's shares.
        """
        if self.model is None:
            return side_of(self.source, n, ordered)
        n = min(n, 2 * SINGLE) if self.single else n  # no measure of one picture takes more
        classes = classes_of(self.model.recipe, self.model.spec)
        labelled = bool(classes) and classes == real.labels
        return Side(_made_of(self.model, n, seed, real if labelled else None), n, labelled=labelled)


@dataclasses.dataclass(frozen=True)
class Reference:
    """The real side, and the names of its classes."""

    side: Side
    labels: tuple[str, ...]


def _made_of(model: Model, n: int, seed: int, real: Reference | None) -> Iterator[Part]:
    """Samples of a model; with a reference, of the classes of its items, in random order."""
    if real is None:
        yield from map(Part, model.stream(n, seed))
        return
    labels = real.side.y
    assert labels is not None
    order = Noise(seed, ("evaluation", "classes")).uniform(len(labels)).argsort()
    y, start = labels[order[torch.arange(n) % len(labels)]], 0
    for x in model.stream(n, seed, y=y):
        yield Part(x, y[start : start + len(x)])
        start += len(x)


def subject_of(
    subject: str | Path | Model,
    against: Any,
    size: int | None,
    checkpoint: str,
    average: bool,
    device: str,
) -> Subject:
    """A run's model, or pictures that were made elsewhere; UserError where it is neither."""
    if not isinstance(subject, Model) and (Path(subject) / "run.json").is_file():
        subject = load(subject, checkpoint, device, average)
    if isinstance(subject, Model):
        about = {"run": str(subject.folder), "step": subject.steps, "recipe": repr(subject.recipe)}
        return Subject(subject, None, average and bool(subject.recipe.averaged), about)
    if against is None:
        raise UserError(
            f"{subject} is no run: say against which real pictures it is to be compared, with "
            "--against DATA"
        )
    source = open_source(str(subject), size=size, minimum=1)
    about = {"folder": str(subject), "fingerprint": source.fingerprint(), "pictures": len(source)}
    return Subject(None, source, None, about)


def side_of(source: Source, n: int, ordered: bool = False) -> Side:
    """At most `n` items of a source."""
    labelled = bool(getattr(source.spec, "labels", ()))
    return Side(parts(source, n, ordered=ordered), min(n, len(source)), labelled=labelled)


def parts(source: Source, n: int, chunk: int = CHUNK, *, ordered: bool = False) -> Iterator[Part]:
    """A fixed choice of `n` items of a source, or all of them: shuffled, unless `ordered`.

    Files are often sorted, and MNIST's easier digits come first: folds of them would be unlike
    one another, and errors too large.
    """
    shuffled = Noise(0, ("evaluation",)).uniform(len(source)).argsort().tolist()
    rows = list(range(len(source)))[:n] if ordered else shuffled[:n]
    for start in range(0, len(rows), chunk):
        items = source.take(rows[start : start + chunk])
        yield Part(items["x"], items.get("y"))


# --- what it is compared with ---


def _bench(subject: Subject, against: Any, asked: Protocol, note: Say) -> tuple[Bench, Origin]:
    """Both sides, seen once, and what is told of them in every contract."""
    real, split = _reference(subject, against, note)
    features = features_of(asked.features, subject.spec, note)
    modes = getattr(real, "modes", None)
    if asked.paired:
        _check_pairs(subject, real)
    told = Reference(side_of(real, KEPT, asked.paired), tuple(getattr(real.spec, "labels", ())))
    bench = Bench(
        subject.side(len(real) if asked.paired else asked.n, asked.seed, told, asked.paired),
        told.side,
        features,
        subject.spec,
        asked.seed,
        paired=asked.paired,
        valid=_valid(subject, asked),
        modes=None if modes is None else (modes, getattr(real, "sigma", 0.0)),
        digits=_digit_logits(asked, subject.spec),
        walk=_walk(subject, asked),
    )
    seed = asked.seed if subject.model is not None else None
    return bench, Origin(real.fingerprint(), split, seed, subject.average)


def _check_pairs(subject: Subject, real: Source) -> None:
    """UserError unless the subject is a folder with as many pictures as the reference has."""
    if subject.source is None:
        raise UserError("pairs are of two folders: a run's samples have no partners")
    if len(subject.source) != len(real):
        found = f"{len(subject.source)} pictures and {len(real)}"
        raise UserError(f"pairs need as many pictures on both sides, in one order; found {found}")


def _walk(subject: Subject, asked: Protocol) -> Any:
    """Path length of the model's latent, where it has one."""
    model = subject.model
    if model is None or not isinstance(model.recipe, Latent):
        return None
    recipe, nets, device = model.recipe, model.nets, model.device
    mode = "linear" if getattr(recipe, "prior", "normal") == "uniform" else "spherical"

    def walk(distance: Any, pairs: int) -> tuple[Estimate, dict[str, Any]]:
        found = latent_path_length(
            recipe, nets, distance, pairs, mode=mode, seed=asked.seed, device=device
        )
        return found, {"epsilon": 1e-4, "mode": mode}

    return walk


def _reference(subject: Subject, against: Any, note: Say) -> tuple[Source, str]:
    """The real data, and which part of them."""
    if against is not None or subject.model is None:
        return opened(against, subject.spec, "none" if subject.single else "center"), "all"
    options = options_of(subject.model.folder)
    source = open_data(options)
    if source.held is not None:
        return source.held, f"held out {options.holdout:g}"
    if not subject.single:
        note(
            "nothing was held out: compared with the training data, which flatters a run that "
            "learned them by heart (`gansaku memorised` tells)"
        )
    return source, "training data"


def _valid(subject: Subject, asked: Protocol) -> Any:
    if asked.valid is None:
        return None
    return next(parts(opened(asked.valid, subject.spec), 1000, 1000)).x


def opened(where: Any, spec: Any, crop: Any = "center") -> Source:
    """Real data in the shape of the samples."""
    if isinstance(where, Path):
        where = str(where)
    if len(spec.shape) != 3:
        return open_source(where)
    size = (spec.height, spec.width)
    return open_source(where, size=size, channels=spec.channels, crop=crop, minimum=1)


# --- features ---


def features_of(name: str | None, spec: Any, note: Say) -> Features | None:
    """The feature network of that name, or the best that is installed; None for points."""
    if len(spec.shape) != 3:
        return None
    if name is not None and name.partition(":")[0] == "digits":
        return _digits(name.partition(":")[2] or "mnist5k", spec, note)
    if name is not None:
        return networks.open_features(name, spec.channels)
    try:
        return networks.backbone()
    except UserError as error:
        note(f"random convolutions stand in for ImageNet features: {error}")
        return networks.random_conv(spec.channels)


def _digits(data: str, spec: Any, note: Say) -> Features:
    """Features of a classifier that is trained here, on labelled digits, and kept."""
    made = _classifier(data, spec)
    note(f"the digit classifier is right on {made.accuracy:.2%} of the digits kept from it")
    return made.features


def _digit_logits(asked: Protocol, spec: Any) -> Callable[[torch.Tensor], torch.Tensor] | None:
    """Of one channel, for stacked digits: where those features were asked for."""
    network, _, data = (asked.features or "").partition(":")
    if network != "digits" or len(spec.shape) != 3:
        return None
    grey = dataclasses.replace(spec, channels=1)
    return lambda images: _classifier(data or "mnist5k", grey).logits(images)


def _classifier(data: str, spec: Any) -> DigitClassifier:
    source = opened(data, spec)
    items = source.take(range(len(source)))
    if "y" not in items:
        raise UserError(f"{data} has no labels: a classifier cannot be trained on it")
    return digit_classifier(items["x"], items["y"], cache())


def cache() -> Path:
    """Where classifiers that were trained on the spot are kept."""
    return Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "gansaku"


def _made() -> dict[str, Any]:
    """When, by what command, and on what."""
    versions = {"gansaku": gansaku.__version__, "torch": torch.__version__}
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": " ".join(sys.argv),
        "versions": versions | {"python": platform.python_version()},
        "machine": f"{platform.machine()}, {torch.get_num_threads()} threads",
    }
