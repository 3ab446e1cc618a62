"""Codes that samples must reveal, and the lower bound on their mutual information, in nats."""

from __future__ import annotations

import dataclasses
import math
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor


class Draws(Protocol):
    """The part of a noise source that codes use."""

    def uniform(self, n: int, *shape: int, low: float = 0.0, high: float = 1.0) -> Tensor: ...

    def integers(self, n: int, *shape: int, below: int) -> Tensor: ...


def categorical_information(logits: Tensor, c: Tensor) -> Tensor:
    """E log Q(c|x) + H(c) <= I(c; x) of a code that is even over K categories (1606.03657, eq. 4).

    `logits [N, K]` of Q, `c [N]` int64 or `[N, K]` one-hot -> a scalar: log K where Q is sure and
    right, 0 where it guesses evenly.
    """
    return math.log(logits.shape[1]) - F.cross_entropy(logits, c)


def gaussian_information(mean: Tensor, c: Tensor, std: Tensor | float = 1.0) -> Tensor:
    """The same of codes that are uniform on (-1, 1), with Q a factored Gaussian (section 6).

    `mean [N, D]` and `std` (a number, or `[N, D]`) of Q, `c [N, D]` -> a scalar, summed over the D
    codes. With the fixed deviation of 1 of the authors' code, the default, it is at most
    D (log 2 - log(2 pi) / 2) < 0: it says how well the mean fits, not how much is known.
    """
    spread = std.log() if isinstance(std, Tensor) else math.log(std)
    density = -0.5 * ((c - mean) / std).square() - spread - 0.5 * math.log(2 * math.pi)
    return density.sum(1).mean() + mean.shape[1] * math.log(2)


@dataclasses.dataclass(frozen=True)
class Codes:
    """Categorical codes, one-hot, each even over its categories; then codes uniform on (-1, 1).

    Raises ValueError where there is no code, or a categorical one has fewer than two categories.
    """

    categories: tuple[int, ...] = (10,)
    continuous: int = 2

    def __post_init__(self) -> None:
        if self.continuous < 0 or self.size < 1 or any(k < 2 for k in self.categories):
            raise ValueError(
                "Codes needs a code, and two categories or more in each categorical one; found "
                f"categories {self.categories} and {self.continuous} continuous"
            )

    @property
    def size(self) -> int:
        """Numbers in the codes of one sample."""
        return sum(self.categories) + self.continuous

    def draw(self, n: int, noise: Draws) -> Tensor:
        """`[n, size]` from the prior."""
        each = [F.one_hot(noise.integers(n, below=k), k).float() for k in self.categories]
        return torch.cat([*each, noise.uniform(n, self.continuous, low=-1.0, high=1.0)], 1)

    def parts(self, codes: Tensor) -> tuple[list[Tensor], Tensor]:
        """`[N, size]` -> each categorical code `[N, K]`, and the continuous ones `[N, D]`."""
        *each, last = codes.split([*self.categories, self.continuous], 1)
        return each, last

    def bounds(self, told: Tensor, codes: Tensor) -> dict[str, Tensor]:
        """The bounds of both kinds, by what Q `told [N, size]` of the codes `[N, size]`."""
        (logits, mean), (each, c) = self.parts(told), self.parts(codes)
        found = [categorical_information(a, b) for a, b in zip(logits, each, strict=True)]
        sums = {"categories": torch.stack(found).sum()} if found else {}
        return sums | ({"continuous": gaussian_information(mean, c)} if self.continuous else {})

    def with_category(self, z: Tensor, y: Tensor) -> Tensor:
        """Latents `z [N, noise + size]` with the first categorical code set to `y [N]`."""
        k, first = self.categories[0], z.shape[1] - self.size
        return torch.cat([z[:, :first], F.one_hot(y, k).to(z), z[:, first + k :]], 1)

    def sweeps(self, z: Tensor, columns: int, reach: float = 2.0) -> dict[str, Tensor]:
        """By the names c1, c2, ...: latents `z [N, noise + size]` with that code swept.

        `[N, columns, noise + size]`; a categorical code has a column for each category. A
        continuous one goes from -reach to reach, beyond what was trained, as in figure 2; there
        row i is of category i, in turn.
        """
        found, at = {}, z.shape[1] - self.size
        for number, k in enumerate(self.categories, 1):
            wide = z[:, None].repeat(1, k, 1)
            wide[:, :, at : at + k] = torch.eye(k).to(z)
            found[f"c{number}"], at = wide, at + k
        if self.categories:
            turn = torch.arange(len(z), device=z.device) % self.categories[0]
            z = self.with_category(z, turn)
        for number in range(self.continuous):
            wide = z[:, None].repeat(1, columns, 1)
            wide[:, :, at + number] = torch.linspace(-reach, reach, columns).to(z)
            found[f"c{len(self.categories) + number + 1}"] = wide
        return found
