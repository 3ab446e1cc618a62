"""A training step of ours against the plain way: the same networks and losses, ratio by ratio.

    python benchmarks/speed.py --threads 1
    python benchmarks/speed.py --threads 1 --only wgan

Both sides take turns, a step each, in a process of their own, as a user runs them: ours keeps large
blocks of memory as `gansaku train` does. The figure is the median ratio of the processor's time,
with the quartiles of the ratios of neighbouring steps. Use one thread.
The share of the peak is that of our side, against the faster of a matrix product and a convolution
on this machine now.
"""

from __future__ import annotations

import dataclasses
import multiprocessing
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

import plain
from common import IMAGES, Results, arguments, parse, table
from gansaku.core.allocator import keep_large_blocks
from gansaku.core.card import Card
from gansaku.core.duel import Duel, Objective
from gansaku.core.folder import Folder
from gansaku.core.labelled import Labelled
from gansaku.core.loop import Run
from gansaku.core.optim import Adam
from gansaku.data import open_source
from gansaku.data.spec import ImageSpec, PairSpec
from gansaku.losses import GradientPenalty, LeastSquares, NonSaturating, Wasserstein
from gansaku.model import model_of
from gansaku.nets.layers.resample import UpConv2d, channels_last
from gansaku.recipes.cyclegan import CycleGAN
from gansaku.recipes.dcgan import DCGAN
from gansaku.recipes.pix2pix import Pix2Pix
from gansaku.recipes.sngan import SNGAN
from gansaku.recipes.wgan_gp import WGANGP
from step import Flops, convolution, sgemm

CARD = Card(title="", paper="arXiv:1406.2661", year=2014, task="images", line="", bibtex="")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Given(Duel):
    """A duel of networks that the plain side has as well."""

    card: ClassVar[Card] = CARD
    make: tuple[Callable[[], nn.Module], Callable[[], nn.Module]]  # of the generator, the critic

    def generator(self, spec: Any) -> nn.Module:
        return channels_last(self.make[0]())

    def critic(self, spec: Any) -> nn.Module:
        return channels_last(self.make[1]())

    @classmethod
    def tiny(cls) -> Any:
        raise NotImplementedError


@dataclasses.dataclass(frozen=True, kw_only=True)
class GivenLabelled(Labelled):
    """The same for players that are told a class."""

    card: ClassVar[Card] = CARD
    objective: Objective = LeastSquares()

    def generator(self, spec: Any) -> nn.Module:
        return plain.LabelledGenerator()

    def critic(self, spec: Any) -> nn.Module:
        return plain.LabelledCritic()

    @classmethod
    def tiny(cls) -> Any:
        raise NotImplementedError


def folded() -> nn.Module:
    """The small generator with its doublings and convolutions as one: the same weights."""
    layers, size, doubles = [], 8, False
    for layer in plain.small_generator():
        if isinstance(layer, nn.Upsample):
            size, doubles = 2 * size, True
        elif doubles:
            layers.append(UpConv2d(layer.in_channels, layer.out_channels, 3, (size, size)))
            doubles = False
        else:
            layers.append(layer)
    return nn.Sequential(*layers)


def pictures(n: int, channels: int, size: int) -> Tensor:
    """Noise as bytes: what is computed does not depend on what is seen."""
    made = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (n, channels, size, size), dtype=torch.uint8, generator=made)


def ours(recipe: Any, x: Tensor, y: Tensor | None = None) -> Callable[[], None]:
    """A step of the one training loop, as `gansaku train` plays it, between two log lines."""
    source = open_source(x.permute(0, 2, 3, 1).numpy(), labels=None if y is None else y.numpy())
    return playing(Run(recipe, source, log_every=10**9))


def playing(run: Run) -> Callable[[], None]:
    """A step of a run, as `gansaku train` plays it."""

    run.advance()
    return run.advance


class Sides:
    """Pictures of noise and their neighbours, as pairs or as two sets."""

    def __init__(self, x: Tensor) -> None:
        self.x = x
        self.spec = PairSpec(*(ImageSpec(x.shape[2], x.shape[3]) for _ in range(2)))

    def batch(self, start: int, n: int, *_: Any, memory_format: Any = None, **__: Any) -> Any:
        at = torch.arange(2 * start, 2 * (start + n)) % len(self.x)
        x = (self.x[at].float() / 127.5 - 1).contiguous(memory_format=memory_format)
        return {"a": x[:n], "b": x[n:]}


def translating(recipe: Any, x: Tensor) -> Callable[[], None]:
    return playing(Run(recipe, Sides(x), log_every=10**9))


def nets_of(recipe: Any, x: Tensor) -> dict[str, nn.Module]:
    return dict(recipe.networks(Sides(x).spec).named_children())


def sampling(recipe: Any, x: Tensor, n: int = 64) -> Callable[[], Any]:
    """Samples of a model, as a script asks for them."""
    source = open_source(x.permute(0, 2, 3, 1).numpy())
    model = model_of(Run(recipe, source, log_every=10**9), Folder(Path()))
    return lambda: model.sample(n, seed=1)


@dataclasses.dataclass(frozen=True)
class Row:
    """One line of the table; `floor` and `goal` are the project's own."""

    name: str
    x: tuple[int, int, int]  # images, channels, pixels
    plain: Callable[[Tensor], Callable[[], None]]
    ours: Callable[[Tensor], Callable[[], None]]
    floor: float
    goal: float
    pairs: int = 7  # steps of each side


PIX = Pix2Pix(jitter=1.0, mirror=False)  # pictures are of their size, on both sides
CYCLE = CycleGAN(pool=0)
LOADING = "loading 64 pictures of 32x32x3 with a flip"
SLOW = {"g_optimizer": Adam(1e-4, (0.5, 0.9)), "d_optimizer": Adam(1e-4, (0.5, 0.9))}
ROWS = (
    Row(
        "DCGAN 64x64x3, width 64, batch 64",
        (256, 3, 64),
        lambda x: plain.dcgan(x, 64),
        lambda x: ours(DCGAN(batch_size=64, prior="normal"), x),
        1.4,
        1.8,
    ),
    Row(
        "WGAN-GP, perceptrons, 28x28, 5 + 1 updates, batch 64",
        (512, 1, 28),
        lambda x: plain.wgan_gp_perceptrons(x, 64),
        lambda x: ours(
            Given(
                make=(plain.perceptron_generator, plain.perceptron_critic),
                batch_size=64,
                objective=Wasserstein(),
                penalties=(GradientPenalty(),),
                d_updates=5,
                fresh=True,
                **SLOW,
            ),
            x,
        ),
        2.2,
        3.0,
        25,
    ),
    Row(
        "WGAN-GP, convolutions, 64x64x3, 1 + 1 updates, batch 16",
        (128, 3, 64),
        lambda x: plain.wgan_gp_convolutions(x, 16),
        lambda x: ours(WGANGP(batch_size=16, z=100, d_updates=1, width=64, **SLOW), x),
        1.6,
        2.1,
        15,
    ),
    Row(
        "small DCGAN 32x32, nearest doubling, batch 64",
        (256, 1, 32),
        lambda x: plain.small_dcgan(x, 64),
        lambda x: ours(
            Given(make=(folded, plain.small_critic), batch_size=64, objective=NonSaturating()), x
        ),
        2.0,
        2.6,
        11,
    ),
    Row(
        "CGAN, perceptrons, 32x32, batch 64",
        (512, 1, 32),
        lambda x: plain.cgan(x, 64),
        lambda x: ours(GivenLabelled(batch_size=64), x, torch.arange(len(x)) % 10),
        1.4,
        2.0,
        25,
    ),
    Row(
        "SNGAN residual 32x32x3, 1 + 1 updates, batch 16",
        (128, 3, 32),
        lambda x: plain.sngan(x, 16),
        lambda x: ours(SNGAN(batch_size=16, d_updates=1, g_batches=1), x),
        1.35,
        1.6,
        5,
    ),
    Row(
        "pix2pix, U-Net, 256x256, batch 1",
        (16, 3, 256),
        lambda x: plain.pix2pix(*nets_of(PIX, x).values(), x),
        lambda x: translating(PIX, x),
        1.4,
        1.7,
    ),
    Row(
        "CycleGAN, nine blocks, 128x128, batch 1",
        (16, 3, 128),
        lambda x: plain.cyclegan(nets_of(CYCLE, x), x),
        lambda x: translating(CYCLE, x),
        1.08,
        1.25,
    ),
    Row(
        "64 samples of DCGAN, 64x64x3, width 64",
        (64, 3, 64),
        lambda x: plain.samples(plain.dcgan_generator(), 64),
        lambda x: sampling(DCGAN(batch_size=64, prior="normal"), x),
        1.35,
        1.45,
        15,
    ),
)


def loading(side: str) -> Callable[[], Any]:
    """64 pictures of 32 x 32 with a flip: from memory by index, or from a DataLoader."""
    x = pictures(2048, 3, 32)
    if side == "plain":
        data = plain.batches(x, 64, flip=True)
        return lambda: next(data)
    source = open_source(x.permute(0, 2, 3, 1).numpy(), flip=True)
    positions = iter(range(0, 10**9, 64))
    return lambda: source.batch(next(positions), 64, 0)


def stepper(name: str, side: str) -> Callable[[], Any]:
    """A step of one side of a row."""
    if name == LOADING:
        return loading(side)
    row = next(row for row in ROWS if row.name == name)
    return getattr(row, side)(pictures(*row.x))


def serve(pipe: Any, name: str, side: str) -> None:
    """One side, in its process: a step whenever asked, its time as the answer; then its work."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    if side == "ours":
        keep_large_blocks()
    step = stepper(name, side)
    for _ in range(2):
        step()
    while pipe.recv():
        began = time.process_time()
        step()
        pipe.send(time.process_time() - began)
    counter = Flops()
    with counter:
        step()
    pipe.send(counter.total)


def measured(name: str, pairs: int) -> dict[str, Any]:
    """Milliseconds of the processor for each side, steps in turn, the ratios, and our share."""
    peaks = [measure(clock=time.process_time) for measure in (sgemm, convolution)]
    times, flops = interleaved(name, pairs)
    peaks += [measure(clock=time.process_time) for measure in (sgemm, convolution)]
    ratios = [a / b for a, b in times]
    quarters = statistics.quantiles(ratios, n=4)
    theirs, mine = (1e3 * statistics.median(each) for each in zip(*times, strict=True))
    return {
        "plain_ms": theirs,
        "ours_ms": mine,
        "ratio": statistics.median(ratios),
        "quartiles": [quarters[0], quarters[2]],
        "pairs": pairs,
        "share_of_peak": flops / (mine / 1e3) / max(peaks),
        "sgemm_gflops": max(peaks[0], peaks[2]) / 1e9,
    }


def interleaved(name: str, pairs: int) -> tuple[list[tuple[float, float]], int]:
    """Seconds of the plain side and of ours, in turn; and the operations of a step of ours."""
    start = multiprocessing.get_context("spawn")
    pipes, children = [], []
    for side in ("plain", "ours"):
        mine, theirs = start.Pipe()
        children.append(start.Process(target=serve, args=(theirs, name, side), daemon=True))
        children[-1].start()
        theirs.close()  # a side that dies is heard of
        pipes.append(mine)

    def asked(pipe: Any) -> float:
        pipe.send(True)
        return pipe.recv()

    times = [(asked(pipes[0]), asked(pipes[1])) for _ in range(pairs)]
    for pipe in pipes:
        pipe.send(False)
    flops = [pipe.recv() for pipe in pipes][1]
    for child in children:
        child.join()
    return times, flops


def report(results: Results) -> None:
    rows = []
    for name, cell in results.cells.items():
        low, high = cell["quartiles"]
        share = f"{100 * cell['share_of_peak']:.0f} %" if cell["share_of_peak"] else "-"
        rows.append(
            (
                name,
                *(f"{cell[side]:.1f}" for side in ("plain_ms", "ours_ms")),
                f"**{cell['ratio']:.2f}** ({low:.2f} to {high:.2f})",
                f"{cell['floor']:g}",
                f"{cell['goal']:g}",
                share,
            )
        )
    header = ("step", "plain, ms", "ours, ms", "ratio (quartiles)", "floor", "goal", "of peak")
    results.publish("A training step against the plain way", table(header, rows))
    chart(results)


def chart(results: Results) -> None:
    """The ratios as bars, with floors."""
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot as plt

    cells = list(results.cells.items())[::-1]
    figure, axes = plt.subplots(figsize=(9, 0.42 * len(cells) + 1.0), layout="constrained")
    for i, (_, cell) in enumerate(cells):
        low, high = cell["quartiles"]
        axes.barh(i, cell["ratio"] - 1, left=1, color="#3b6ea5", height=0.7)
        axes.plot([low, high], [i, i], color="#1b2f45", lw=1.5)
        axes.plot([cell["floor"]] * 2, [i - 0.4, i + 0.4], color="#c0392b", lw=1.5)
        right = max(high, cell["floor"])
        axes.text(1.03 * right, i, f"{cell['ratio']:.2f}", va="center", fontsize=9)
    axes.set_yticks(range(len(cells)), [name for name, _ in cells], fontsize=9)
    axes.set_xscale("log")
    axes.set_xlim(1, 16)
    axes.set_xticks([1, 1.5, 2, 3, 5, 10], ["1", "1.5", "2", "3", "5", "10"])
    axes.minorticks_off()
    axes.set_xlabel(
        "times as fast as the plain way; red: the floor we ask of ourselves", fontsize=9
    )
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(IMAGES / "speed.png", dpi=110)
    plt.close(figure)


def chosen(only: str) -> Iterator[Row]:
    return (row for row in ROWS if only.lower() in row.name.lower())


def main() -> None:
    parser = arguments(__doc__ or "")
    parser.add_argument("--only", default="", help="rows whose name holds this")
    parser.add_argument("--again", action="store_true", help="measure rows that were measured")
    args = parse(parser)
    results = Results("speed")
    if args.again:
        for row in chosen(args.only):
            results.cells.pop(row.name, None)
    for row in chosen(args.only):
        bounds = {"floor": row.floor, "goal": row.goal}
        results.cell(row.name, lambda row=row, b=bounds: measured(row.name, row.pairs) | b)
    if args.only.lower() in LOADING:
        results.cell(LOADING, lambda: measured(LOADING, 25) | {"floor": 8.0, "goal": 10.0})
    report(results)


if __name__ == "__main__":
    main()
