"""A pool of pictures made before, from which a critic is shown some."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from gansaku.core import ranks
from gansaku.core.contract import Clock


class Pool(nn.Module):
    """The last `size` pictures or so of a generator (1612.07828, section 2.3; 1703.10593, 4).

    Until it is full every picture enters and is shown. Then half of the pictures shown are older
    ones, whose place the new take; all of a batch choose among what was there before it. A member
    of `Nets`: what was offered while losses were computed enters in `keep`, called in `after`.
    """

    pictures: Tensor
    filled: Tensor

    def __init__(self, size: int, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.size = size
        self.register_buffer("pictures", torch.zeros(size, *shape))
        self.register_buffer("filled", torch.zeros((), dtype=torch.int64))
        self._offered: dict[int, tuple[Tensor, Tensor]] = {}  # by part, of this move alone

    def shown(self, fake: Tensor, clock: Clock) -> Tensor:
        """What the critic sees in place of `fake [N, *shape]`: the same, or older pictures."""
        if not self.size:
            return fake
        n = len(fake)
        place = self.filled + clock.index * n + torch.arange(n, device=fake.device)
        enters, swaps = place < self.size, clock.uniform(n) > 0.5
        place = torch.where(enters, place, clock.integers(n, below=self.size))
        older = ~enters & swaps
        kept = torch.where(enters | older, place, -1)
        self._offered[clock.index] = fake.detach(), kept
        return torch.where(older.view(-1, 1, 1, 1), self.pictures[place].to(fake), fake)

    def keep(self) -> None:
        """Take in what was offered, on all ranks alike."""
        offers = [self._offered[part] for part in sorted(self._offered)]
        self._offered.clear()
        if not offers:
            return
        fakes, places = (torch.cat(each) for each in zip(*offers, strict=True))
        fakes, places = _gathered(fakes), _gathered(places)
        for fake, place in zip(fakes, places.tolist(), strict=True):
            if place >= 0:
                self.pictures[place] = fake.to(self.pictures)
        self.filled.add_(len(fakes)).clamp_(max=self.size)


def _gathered(mine: Tensor) -> Tensor:
    """The rows of all ranks, in their order."""
    if ranks.world() == 1:
        return mine
    whole = torch.zeros(ranks.world(), *mine.shape, dtype=torch.float32, device=mine.device)
    whole[ranks.rank()] = mine.float()
    ranks.average([whole])
    return (whole * ranks.world()).to(mine.dtype).flatten(0, 1)
