"""Which item stands at which position of an endless stream, as a pure function of the seed."""

from __future__ import annotations

import functools

import numpy as np
import torch

from gansaku.core.noise import seed_of


def indices(positions: np.ndarray, length: int, seed: int) -> np.ndarray:
    """The items at `positions [n]` of a stream over `length` items: int64 `[n]`.

    Position p belongs to epoch `p // length`; each epoch is a permutation of all items that is a
    function of (seed, epoch), so that any process can ask for any slice.
    """
    epochs, places = np.divmod(positions, length)
    chosen = np.empty(len(positions), np.int64)
    for epoch in np.unique(epochs):
        here = epochs == epoch
        chosen[here] = permutation(length, seed, int(epoch))[places[here]]
    return chosen


@functools.lru_cache(maxsize=4)
def permutation(length: int, seed: int, epoch: int | str) -> np.ndarray:
    """The order of one epoch, or of a part of it: int64 `[length]`."""
    generator = torch.Generator().manual_seed(seed_of(seed, "epoch", epoch))
    return torch.randperm(length, generator=generator).numpy()


def scrambled(values: np.ndarray, *key: int | str) -> np.ndarray:
    """64 well-mixed bits for each of `values`, a function of (key, value): uint64 `[n]`.

    The finaliser of SplitMix64 (Steele, Lea and Flood 2014), over the value offset by the key.
    """
    with np.errstate(over="ignore"):
        x = values.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(seed_of(*key))
        x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def uniform(values: np.ndarray, *key: int | str) -> np.ndarray:
    """A number in [0, 1) for each of `values`, a function of (key, value): float64 `[n]`."""
    return (scrambled(values, *key) >> np.uint64(11)) * 2.0**-53


def coin(values: np.ndarray, *key: int | str) -> np.ndarray:
    """True or False, evenly, for each of `values`, a function of (key, value): bool `[n]`."""
    return scrambled(values, *key) >> np.uint64(63) == 1


def held_out(digests: np.ndarray, share: float, seed: int) -> np.ndarray:
    """Which items are kept from training: bool `[n]`, by content and seed, whatever their order.

    The share with the smallest scrambled digests is held. Items of equal content fall on the
    same side, so that no exact copy of a training item is ever measured against.
    """
    if share == 0 or len(digests) == 0:
        return np.zeros(len(digests), bool)
    keys = scrambled(digests, seed, "holdout")
    count = max(1, round(len(digests) * share))
    return keys <= np.sort(keys)[count - 1]
