"""The image pool: what is shown, what enters, and that parts and ranks do not matter."""

import torch

from gansaku.core.contract import Clock
from gansaku.core.pool import Pool


def clock(step: int, index: int = 0, count: int = 1) -> Clock:
    return Clock(0, step, 9, 0, seed=1, key=(step,), index=index, count=count)


def numbered(first: int, n: int) -> torch.Tensor:
    return torch.arange(first, first + n).float().view(n, 1, 1, 1)


def test_until_it_is_full_all_enter_and_are_shown():
    pool = Pool(5, (1, 1, 1))
    for first in (0, 2):
        fake = numbered(first, 2)
        assert torch.equal(pool.shown(fake, clock(first)), fake)
        pool.keep()
    assert pool.pictures.flatten().tolist() == [0, 1, 2, 3, 0]
    assert int(pool.filled) == 4


def test_then_half_are_older_ones_whose_place_the_new_take():
    pool, older = Pool(10, (1, 1, 1)), 0
    for step in range(400):
        before = pool.pictures.flatten().tolist()
        fake = numbered(step + 1, 1)
        shown = float(pool.shown(fake, clock(step)))
        pool.keep()
        after = pool.pictures.flatten().tolist()
        if step >= 10:
            swapped = shown != step + 1
            older += swapped
            assert sorted(after) == sorted([b for b in before if b != shown] + [step + 1] * swapped)
    assert 165 < older < 225  # half of 390, within three deviations
    assert int(pool.filled) == 10


def test_nothing_changes_before_keep():
    pool = Pool(2, (1, 1, 1))
    state = {k: v.clone() for k, v in pool.state_dict().items()}
    pool.shown(numbered(7, 2), clock(0))
    assert all(torch.equal(v, state[k]) for k, v in pool.state_dict().items())
    pool.keep()
    pool.keep()  # what was offered entered once
    assert pool.pictures.flatten().tolist() == [7, 8]


def test_parts_of_a_batch_are_as_the_whole():
    whole, parts = Pool(6, (1, 1, 1)), Pool(6, (1, 1, 1))
    for step in range(8):
        fake = numbered(10 * step + 1, 4)
        shown = whole.shown(fake, clock(step))
        halves = [parts.shown(fake[2 * i : 2 * i + 2], clock(step, i, 2)) for i in range(2)]
        whole.keep()
        parts.keep()
        assert torch.equal(torch.cat(halves), shown)
        assert torch.equal(whole.pictures, parts.pictures)


def test_a_pool_of_none_shows_what_it_is_given():
    pool = Pool(0, (1, 2, 2))
    fake = torch.rand(3, 1, 2, 2)
    assert pool.shown(fake, clock(0)) is fake
    pool.keep()
