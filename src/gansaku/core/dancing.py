"""A person who is painted frame by frame, each with the one before in view; then the face alone."""

from __future__ import annotations

import abc
import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor

from gansaku.core.bounds import at_least
from gansaku.core.contract import Batch, Clock, Nets, Phase, Player, Share, Stage, Terms
from gansaku.core.duel import Objective, mean
from gansaku.core.errors import UserError
from gansaku.core.noise import Noise
from gansaku.core.translating import Translator


@dataclasses.dataclass(frozen=True, kw_only=True)
class Dancer(Translator):
    """Stages and frames of Everybody Dance Now (arXiv:1808.07371, sections 3.2 and 3.3).

    Stage "main": G paints frame t - 1 from its figure and nothing, then frame t from its figure
    and what it has just painted; D judges both at once. Stage "face": G rests, and F adds to the
    face what a critic of faces (E) misses. G and F move before their critics, on the same frames.
    """

    feeds: ClassVar[str] = "clip"
    ties: ClassVar[str] = "the perceptual term is relative to the features of a part's pictures"
    length: ClassVar[tuple[str, ...]] = ("face_steps", "steps")

    steps: int
    face_steps: int
    temporal: bool
    objective: Objective
    g_optimizer: Callable
    d_optimizer: Callable

    def __post_init__(self) -> None:
        at_least(self, steps=1, batch_size=1)
        if self.face_steps < 0:
            raise UserError(f"face_steps must be 0 (no face stage) or more, not {self.face_steps}")

    @abc.abstractmethod
    def g_loss(self, nets: Nets, batch: Batch, clock: Clock) -> Terms: ...

    @abc.abstractmethod
    def f_loss(self, nets: Nets, batch: Batch, clock: Clock) -> Terms: ...

    def decay(self, clock: Clock) -> float:
        """The rate stays for half of a stage and falls to 0 in the other."""
        return min(1.0, 2 * (1 - clock.progress))

    def stages(self, nets: Nets) -> tuple[Stage, ...]:
        g = Player("G", nets.G, self.g_optimizer, self.decay)
        d = Player("D", nets.D, self.d_optimizer, self.decay)
        turns = Phase(g, self.g_loss), Phase(d, self.d_loss)
        main = Stage("main", turns, self.steps, share=Share(g, self.without_faces))
        if not self.face_steps:
            return (main,)
        f = Player("F", nets.F, self.g_optimizer, self.decay)
        e = Player("E", nets.E, self.d_optimizer, self.decay)
        turns = Phase(f, self.f_loss), Phase(e, self.e_loss)
        return main, Stage("face", turns, self.face_steps, share=Share(f, self.with_faces))

    def without_faces(self, nets: Nets, batch: Batch, clock: Clock) -> Batch:
        return self.painted(nets, batch, None, None)

    def with_faces(self, nets: Nets, batch: Batch, clock: Clock) -> Batch:
        return self.painted(nets, batch, batch["face_before"], batch["face"])

    def painted(
        self, nets: Nets, batch: Batch, face_before: Tensor | None, face: Tensor | None
    ) -> Batch:
        """The batch with `fake`, and `fake_before` that it was painted after."""
        nothing = torch.zeros_like(batch["b"])
        if not self.temporal:
            return {**batch, "fake": self.frame(nets, batch["a"], nothing, face)}
        first = self.frame(nets, batch["a_before"], nothing, face_before)
        second = self.frame(nets, batch["a"], first, face)
        return {**batch, "fake_before": first, "fake": second}

    def frame(self, nets: Nets, a: Tensor, before: Tensor, face: Tensor | None) -> Tensor:
        """A frame `[N, C, H, W]` of a figure, with what was painted before in view.

        `face [N, 2]` is the face's middle (y, x); without it, or without F, faces stay G's.
        """
        painted = nets.G(torch.cat([a, before], 1) if self.temporal else a)
        return painted if face is None or "F" not in nets else nets.F(a, painted, face)

    @property
    def moments(self) -> tuple[str, ...]:
        """The ends of the names of what is seen at once."""
        return ("_before", "") if self.temporal else ("",)

    def judged(self, batch: Batch, of: str) -> Tensor:
        """What D sees: figures of both moments and frames `of` both, "b" or "fake" (equation 3)."""
        return torch.cat([batch[name + moment] for name in ("a", of) for moment in self.moments], 1)

    def frames(self, batch: Batch) -> list[tuple[Tensor, Tensor]]:
        """Real and painted frames of each moment."""
        return [(batch[f"b{moment}"], batch[f"fake{moment}"]) for moment in self.moments]

    def faces(self, nets: Nets, batch: Batch) -> list[tuple[Tensor, Tensor]]:
        """Real and painted faces of each moment, `[N, C, side, side]`."""
        boxes = [batch[f"face{moment}"] for moment in self.moments]
        pairs = zip(self.frames(batch), boxes, strict=True)
        return [tuple(nets.F.crops(x, box) for x in pair) for pair, box in pairs]

    def judged_faces(self, nets: Nets, batch: Batch, of: str) -> Tensor:
        """What E sees: each moment's face in the figure and in the frame `of` (equation 5)."""
        both = [
            torch.cat([nets.F.crops(batch[name + m], batch[f"face{m}"]) for name in ("a", of)], 1)
            for m in self.moments
        ]
        return torch.cat(both)

    def d_loss(self, nets: Nets, batch: Batch, clock: Clock) -> Terms:
        real, fake = (logits(nets.D(self.judged(batch, of))) for of in ("b", "fake"))
        clock.note(**{"D(real)": mean(real), "D(fake)": mean(fake)})
        return {"objective": self.objective.d(real, fake)}

    def e_loss(self, nets: Nets, batch: Batch, clock: Clock) -> Terms:
        real, fake = (logits(nets.E(self.judged_faces(nets, batch, of))) for of in ("b", "fake"))
        clock.note(**{"E(real)": mean(real), "E(fake)": mean(fake)})
        return {"objective": self.objective.d(real, fake)}

    def translate(self, nets: Nets, a: Tensor, noise: Noise, given: Mapping[str, Any]) -> Tensor:
        """Frames of figures; `given["before"]` is what was painted before, else nothing.

        `given["face"] [N, 2]` is the middle of the face (y, x); without it no face is improved.
        """
        before = given.get("before")
        before = torch.zeros_like(a) if before is None else before
        return self.frame(nets, a, before, given.get("face"))


def logits(outputs: list[list[Tensor]]) -> list[Tensor]:
    """Of a critic that gives, for each scale, the outputs of all its layers: the last ones."""
    return [layers[-1] for layers in outputs]
