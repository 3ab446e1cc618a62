"""The contract between a recipe and the loop: who plays, and what each move minimises.

A GAN is a game in which players take turns. A recipe states the networks, the players and the
loss of each move; `gansaku.core.loop.Run` plays any such game and knows none by name.
"""

from __future__ import annotations

import abc
import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Self

import torch
from torch import Tensor, nn

from gansaku.core.card import Card
from gansaku.core.noise import FEED, Noise

Batch = Mapping[str, Tensor]  # x, y | a, b | tokens | wave | nodes, edges; batch dimension first
Terms = dict[str, Tensor]  # named, already weighted scalars: summed, minimised, logged
Loss = Callable[["Nets", Batch, "Clock"], Terms]


class Nets(nn.Module):
    """Every tensor that outlives a step: networks, image pools, running means, ADA's p.

    Members are modules or tensors (kept as buffers). `followers` name members that other code
    moves (slow copies), `constants` members that nobody moves (pretrained, not saved).
    """

    def __init__(
        self,
        followers: tuple[str, ...] = (),
        constants: tuple[str, ...] = (),
        **members: nn.Module | Tensor,
    ) -> None:
        super().__init__()
        self.followers, self.constants = followers, constants
        for name, member in members.items():
            if isinstance(member, nn.Module):
                self.add_module(name, member)
            else:
                self.register_buffer(name, member)

    def __contains__(self, name: str) -> bool:
        return name in self._modules or name in self._buffers

    def __getattr__(self, name: str) -> Any:  # members are dynamic: let a type checker through
        return super().__getattr__(name)


class Clock(Noise):
    """The time of a move: a source of noise that also knows how far the game has come.

    `step` of `total` within stage number `stage`; `images` are the real samples consumed by the
    whole run so far. `note` logs numbers without minimising them, averaged over the parts of a
    batch and over ranks before `Phase.after` and the log see them; unless `heard`, nobody does.
    """

    def __init__(self, stage: int, step: int, total: int, images: int, **noise: Any) -> None:
        super().__init__(**noise)
        self.stage, self.step, self.total, self.images = stage, step, total, images
        self.heard, self.notes = True, dict[str, Tensor]()

    @property
    def progress(self) -> float:
        """Share of the stage that is done, in [0, 1]."""
        return self.step / max(self.total, 1)

    def number(self, of: Callable[[Clock], float]) -> float | Tensor:
        """`of(clock)`, a number that changes with time, for a loss."""
        return of(self) if (feed := FEED.get()) is None else feed.number(self, of)

    def note(self, **stats: Tensor) -> None:
        self.notes.update({name: value.detach() for name, value in stats.items()})


@dataclasses.dataclass(frozen=True)
class Player:
    """Networks that move together under one optimizer; the name is unique in a run.

    `optimizer(params)` makes the optimizer. `schedule(clock)` is a factor on its learning rate,
    or a mapping of optimizer fields in which `lr` is that factor (`{"lr": 0.5, "momentum": 0.7}`);
    it is called before every move.
    """

    name: str
    nets: nn.Module | tuple[nn.Module, ...]
    optimizer: Callable[[list[nn.Parameter]], torch.optim.Optimizer]
    schedule: Callable[[Clock], float | Mapping[str, Any]] = lambda clock: 1.0

    @property
    def networks(self) -> tuple[nn.Module, ...]:
        return self.nets if isinstance(self.nets, tuple) else (self.nets,)

    def parameters(self) -> list[nn.Parameter]:
        return list(dict.fromkeys(p for net in self.networks for p in net.parameters()))

    def fields(self, clock: Clock, lr: float) -> Mapping[str, Any]:
        """Optimizer fields of this move; `lr` is the optimizer's own learning rate."""
        wanted = self.schedule(clock)
        fields = wanted if isinstance(wanted, Mapping) else {"lr": wanted}
        return {**fields, "lr": lr * fields.get("lr", 1.0)}


@dataclasses.dataclass(frozen=True)
class Phase:
    """One player's turn: `repeat` batches a step, on every `every`-th step of the stage.

    `moves` optimizer steps are taken on each gradient. `after(nets, stats, clock)` may change
    state in `Nets`; its `stats` are the terms and notes, averaged over parts and ranks.
    `ahead(nets, batches, clocks)` may add to all batches of a step what none of its moves changes.
    """

    player: Player
    loss: Loss
    repeat: int | Callable[[Nets, Clock], int] = 1
    every: int = 1
    moves: int = 1
    after: Callable[[Nets, Mapping[str, Tensor], Clock], None] | None = None
    ahead: Callable[[Nets, list[Batch], list[Clock]], list[Batch]] | None = None

    def times(self, nets: Nets, clock: Clock) -> int:
        """How many batches the turn takes in this step."""
        return self.repeat if isinstance(self.repeat, int) else self.repeat(nets, clock)


@dataclasses.dataclass(frozen=True)
class Share:
    """What several phases need from one batch (the fakes, for one), computed once for it.

    `make` adds entries to the batch. `keeper`'s phase keeps their graph; all others see them
    detached. A recipe whose paper draws fresh fakes for each turn does not share.
    """

    keeper: Player
    make: Callable[[Nets, Batch, Clock], Batch]


@dataclasses.dataclass(frozen=True)
class Stage:
    """A span of the game with one cast: SinGAN has one a scale, SeqGAN has three.

    `spec`: this stage's resolution. `enter(nets, batch)` runs once, is recorded, and never runs
    again on resume. `done(nets, clock)` ends the stage early; it decides from buffers alone.
    `simultaneous`: on each batch all players take their gradients before any of them moves.
    """

    name: str
    phases: tuple[Phase, ...]
    steps: int
    batch_size: int | None = None
    spec: Any = None
    enter: Callable[[Nets, Batch], None] | None = None
    share: Share | None = None
    done: Callable[[Nets, Clock], bool] | None = None
    simultaneous: bool = False


class Recipe(abc.ABC):
    """One GAN. Subclasses are frozen dataclasses whose fields are all of the system's numbers."""

    card: ClassVar[Card]
    length: ClassVar[tuple[str, ...]] = ("steps",)  # what may change on resume; last stage first
    feeds: ClassVar[str] = "images"  # the kind of data: a key of gansaku.data.feeds
    ties: ClassVar[str] = ""  # what of the losses compares a batch's samples, in words
    batch_size: int

    @property
    def averaged(self) -> tuple[str, ...]:
        """Members of `Nets` that sampling takes from their moving average."""
        return ()

    @abc.abstractmethod
    def networks(self, spec: Any) -> Nets: ...

    @abc.abstractmethod
    def stages(self, nets: Nets) -> tuple[Stage, ...]: ...

    @abc.abstractmethod
    def sample(self, nets: Nets, n: int, noise: Noise, given: Mapping[str, Any]) -> Tensor: ...

    def halflife(self, clock: Clock) -> float:
        """Half-life of the moving average, in images."""
        return 0.0

    def longer(self) -> str:
        """The flag that makes the last stage twice as long: its field is the first of `length`."""
        name = next(name for name in self.length if getattr(self, name))
        return f"--{name} {2 * getattr(self, name)}"

    def remarks(self, nets: Nets) -> tuple[str, ...]:
        """What is worth knowing of these settings before a run begins, a sentence each."""
        return ()

    @classmethod
    @abc.abstractmethod
    def tiny(cls) -> Self:
        """A configuration that trains a few steps in a second: what the contract tests run."""
