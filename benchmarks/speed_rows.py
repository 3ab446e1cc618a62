"""The rows of `speed.py`: each a step of the plain way and of ours, of the same networks."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

import plain
import plain_translators
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
from gansaku.nets.layers.dropout import Dropout
from gansaku.nets.layers.resample import UpConv2d, channels_last
from gansaku.recipes.cyclegan import CycleGAN
from gansaku.recipes.dcgan import DCGAN
from gansaku.recipes.pix2pix import Pix2Pix
from gansaku.recipes.sngan import SNGAN
from gansaku.recipes.wgan_gp import WGANGP
from plain_singan import begun, plainly

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
        return cls(make=(plain.perceptron_generator, plain.perceptron_critic), steps=2)


@dataclasses.dataclass(frozen=True, kw_only=True)
class GivenLabelled(Labelled):
    """The same for players that are told a class."""

    card: ClassVar[Card] = CARD
    objective: Objective = LeastSquares()

    def generator(self, spec: Any) -> nn.Module:
        return plain.LabelledGenerator()

    def critic(self, spec: Any) -> nn.Module:
        critic = plain.LabelledCritic()
        for number, layer in enumerate(critic.mlp):
            if isinstance(layer, nn.Dropout):  # the toolkit's own
                critic.mlp[number] = Dropout(layer.p)
        return critic

    @classmethod
    def tiny(cls) -> Any:
        return cls(steps=2)


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


def cycle(pixels: int, images: int, pairs: int) -> Row:
    return Row(
        f"CycleGAN, nine blocks, {pixels}x{pixels}, batch 1",
        (images, 3, pixels),
        lambda x: plain_translators.cyclegan(nets_of(CYCLE, x), x),
        lambda x: translating(CYCLE, x),
        1.08,
        1.25,
        pairs,
    )


def photograph(x: Tensor) -> Any:
    """The picture of a row of SinGAN, 103 x 153: the largest scale of it has 64 channels."""
    return x[0, :, :103].permute(1, 2, 0).numpy()


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
        75,
    ),
    Row(
        "WGAN-GP, convolutions, 64x64x3, 1 + 1 updates, batch 16",
        (128, 3, 64),
        lambda x: plain.wgan_gp_convolutions(x, 16),
        lambda x: ours(WGANGP(batch_size=16, z=100, d_updates=1, width=64, **SLOW), x),
        1.6,
        2.1,
        25,
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
        75,
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
        lambda x: plain_translators.pix2pix(*nets_of(PIX, x).values(), x),
        lambda x: translating(PIX, x),
        1.4,
        1.7,
    ),
    cycle(128, 16, 7),
    cycle(256, 8, 5),
    Row(
        "SinGAN, exact, an iteration at 103x153, 64 channels",
        (1, 3, 153),
        lambda x: plainly(begun(photograph(x))),
        lambda x: playing(begun(photograph(x))),
        1.1,
        1.4,
        5,
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
