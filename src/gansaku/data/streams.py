"""Hugging Face data sets as a stream: nothing on the disk, and any position of it all the same."""

from __future__ import annotations

import hashlib
import importlib
import itertools
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from gansaku.core.errors import DataError
from gansaku.core.noise import sent
from gansaku.data import decode, opening, order
from gansaku.data.decode import Undecodable
from gansaku.data.fit import Fit
from gansaku.data.images import ImageSource
from gansaku.data.items import EncodedItems, digest
from gansaku.data.spec import ImageSpec
from gansaku.data.statements import statements
from gansaku.data.store import Rows, together
from gansaku.data.survey import Survey, survey

PREFIX = "hf://"
BLOCK = 2048  # samples that are held, encoded, and shuffled among themselves
PROBED = 64  # samples that tell sizes and channels before the first step
HINT = "pip install 'gansaku[stream]'"

Row = tuple[bytes, int]  # an encoded picture, and its class or -1
Reader = Callable[[int], Iterator[Row]]  # the rows from that number on


class Encoded(EncodedItems):
    """Rows that are in memory."""

    def __init__(self, where: str, rows: Sequence[Row]) -> None:
        super().__init__(where, [f"sample {number}" for number in range(len(rows))])
        self.rows = rows

    def read(self, index: int) -> bytes:
        return self.rows[index][0]


class StreamStore:
    """Blocks of rows `first` to `first + count` of a stream, decoded when they are asked for.

    A thread reads the next block while this one is used. A picture that cannot be decoded is
    replaced by the next one of its block, so that positions stay what they are, and is named.
    """

    ahead = 0

    def __init__(
        self, name: str, reader: Reader, first: int, count: int, fit: Fit, workers: int
    ) -> None:
        self.name, self.reader, self.fit = name, reader, fit
        self.first, self.count = first, count
        self.tolerate, self.seen = 0.05, 0
        self.bad: dict[int, str] = {}
        self._blocks: dict[int, list[Row]] = {}
        self._reading: dict[int, Future[list[Row]]] = {}
        self._thread, self._pool = ThreadPoolExecutor(1), ThreadPoolExecutor(max(1, workers))
        self._iterator: Iterator[Row] = iter(())
        self._next = -1  # the block where the iterator stands

    def rows(self, numbers: np.ndarray) -> Rows:
        wanted = [divmod(int(number), BLOCK) for number in numbers]
        held = {block: self._block(block) for block in dict.fromkeys(b for b, _ in wanted)}
        with decode.quiet_bombs():
            made = self._pool.map(lambda at: self._one(held[at[0]], *at), wanted)
            return together(list(made))

    def labels(self, numbers: np.ndarray) -> np.ndarray:
        """Class numbers `[n]`."""
        wanted = [divmod(int(number), BLOCK) for number in numbers]
        return np.array([self._whole(*at)[1] for at in wanted], np.int64)

    def expect(self, batches: Sequence[np.ndarray]) -> None:
        pass

    def close(self) -> None:
        for pool in (self._thread, self._pool):
            pool.shutdown(wait=False, cancel_futures=True)

    def _one(self, rows: list[Row], block: int, place: int) -> np.ndarray:
        """The picture there, or the next of the block that is whole."""
        for further in range(len(rows)):
            at = (place + further) % len(rows)
            if block * BLOCK + at in self.bad:
                continue
            try:
                self.seen += 1
                least = (self.fit.height, self.fit.width)
                return self.fit(decode.pixels(rows[at][0], least))
            except Undecodable as reason:
                self._leave_out(block * BLOCK + at, str(reason))
        raise DataError(f"{self.name}: none of {len(rows)} samples in a row can be decoded")

    def _whole(self, block: int, place: int) -> Row:
        """The row that `_one` took its picture from."""
        rows = self._block(block)
        ways = ((place + further) % len(rows) for further in range(len(rows)))
        return next(rows[at] for at in ways if block * BLOCK + at not in self.bad)

    def _leave_out(self, number: int, reason: str) -> None:
        self.bad[number] = reason
        said = f"{self.name}: sample {self.first + number} left out ({reason})"
        if len(self.bad) > max(1, self.tolerate * self.seen):
            raise DataError(f"{said}; {len(self.bad)} of {self.seen} so far cannot be used")
        warnings.warn(said, stacklevel=2)

    def _block(self, block: int) -> list[Row]:
        """The rows of a block; the next one is read meanwhile."""
        if block not in self._blocks:
            future = self._reading.pop(block, None) or self._thread.submit(self._read, block)
            self._blocks[block] = future.result()
            while len(self._blocks) > 2:
                self._blocks.pop(next(iter(self._blocks)))
            following = (block + 1) % -(-self.count // BLOCK)
            if following not in self._blocks and following not in self._reading:
                self._reading = {following: self._thread.submit(self._read, following)}
        return self._blocks[block]

    def _read(self, block: int) -> list[Row]:
        """In the reading thread: go on from where the iterator stands, or skip to there."""
        size = min(BLOCK, self.count - block * BLOCK)
        try:
            if self._next != block:
                self._iterator = self.reader(self.first + block * BLOCK)
            self._next = -1  # until they are there
            rows = list(itertools.islice(self._iterator, size))
        except DataError:
            raise
        except Exception as error:  # of the network, the hub, a file's format
            words = " ".join(str(error).split())[:160] or type(error).__name__
            raise DataError(f"{self.name} could not be read on: {words}") from error
        if len(rows) < size:
            have = self.first + block * BLOCK + len(rows)
            raise DataError(f"{self.name} ended after {have} samples, and said that it has more")
        self._next = block + 1
        return rows


class StreamSource(ImageSource):
    """A part of a stream; position p of epoch e is a function of (seed, e, p), as everywhere.

    Rows come in the stream's order by blocks of `BLOCK`; each block is shuffled as a function of
    (seed, epoch, block). Going on from any position skips to its block.
    """

    _store: StreamStore

    def fingerprint(self) -> str:
        told = repr((len(self), self.spec, self.fit))  # not the place, which may change
        content = hashlib.blake2b(told.encode(), digest_size=8)
        content.update(self._digests.tobytes())
        return content.hexdigest()

    def take(self, indices: Sequence[int]) -> dict[str, Tensor]:
        """Of the first block alone: a stream is not read to its end to be looked at.

        Number i of n stands for number `i * BLOCK // n` there.
        """
        numbers = np.asarray(indices, np.int64)
        if len(self) > BLOCK:
            numbers = numbers * BLOCK // len(self)
        return self._unaugmented(numbers)

    def images(self, chunk: int = 256) -> Iterator[Tensor]:
        for start in range(0, len(self), chunk):
            yield self._unaugmented(np.arange(start, min(start + chunk, len(self))))["x"]

    def _unaugmented(self, numbers: np.ndarray) -> dict[str, Tensor]:
        rows = self._windows(self._store.rows(numbers), None, 0)
        return self._with_labels(self._tensor(rows, "cpu", self.spec), numbers)

    def _numbers(self, positions: np.ndarray, seed: int) -> np.ndarray:
        return shuffled(positions, len(self), seed)

    def _with_labels(self, x: Tensor, numbers: np.ndarray) -> dict[str, Tensor]:
        if not self.spec.labels:
            return {"x": x}
        return {"x": x, "y": sent(torch.from_numpy(self._store.labels(numbers)), x.device)}


def shuffled(positions: np.ndarray, length: int, seed: int) -> np.ndarray:
    """The rows at `positions [n]`: block after block, each permuted by (seed, epoch, block)."""
    epochs, places = np.divmod(positions, length)
    blocks, inside = np.divmod(places, BLOCK)
    chosen = np.empty(len(positions), np.int64)
    for epoch, block in {*zip(epochs.tolist(), blocks.tolist(), strict=True)}:
        here = (epochs == epoch) & (blocks == block)
        size = min(BLOCK, length - block * BLOCK)
        turn = order.permutation(size, seed, f"{epoch} block {block}")
        chosen[here] = block * BLOCK + turn[inside[here]]
    return chosen


def open_stream(
    what: str,
    size: int | tuple[int, int] | None,
    channels: int | None,
    alpha: opening.Alpha,
    flip: bool,
    crop: Any,
    holdout: float,
    workers: int,
) -> StreamSource:
    """`hf://OWNER/NAME[/CONFIG][:SPLIT]`, or `hf:///FOLDER`; raises DataError.

    What is kept from training is the beginning of the stream.
    """
    hub = Hub(what)
    probe = list(itertools.islice(hub.rows(0), PROBED))
    found = survey(Encoded(what, probe))
    if not len(found):
        raise DataError(f"{what}: {found.damage('cannot be used') if found.bad else 'no samples'}")
    fit = opening.choose_fit(found, size, channels, alpha, crop)
    first = round(holdout * hub.count)
    if hub.count - first < 2:
        raise DataError(f"{what} has {hub.count} samples, and {first} of them are held out")
    spec = ImageSpec(fit.height, fit.width, fit.channels, hub.classes)
    digests = np.array([digest(data) for data, _ in probe], np.uint64)

    def part(begin: int, end: int, flip: bool) -> StreamSource:
        place = StreamStore(what, hub.rows, begin, end - begin, fit, workers)
        members = np.arange(end - begin)
        return StreamSource(what, spec, fit, place, members, None, digests, flip)

    source = part(first, hub.count, flip)
    source.held = part(0, first, False) if first else None
    source.notes = [*hub.notes, *_statements(found, fit, hub.count)]
    return source


def _statements(found: Survey, fit: Fit, count: int) -> list[str]:
    looked = f" (of the first {len(found)} looked at)"
    first = [note + looked for note in statements(found, fit, True, 0)]
    return [f"streamed, {count} samples: shuffled within blocks of {BLOCK}", *first]


class Hub:
    """What `datasets` knows of a data set: its rows from any number on, their count and classes."""

    def __init__(self, what: str) -> None:
        self.what, self.notes = what, []
        place, _, split = what.removeprefix(PREFIX).partition(":")
        self.split = split or "train"
        self._library = _library(what)
        self._rows = self._opened(place)
        self.picture, self.label, self.classes = self._columns()
        splits = self._rows.info.splits or {}
        told = splits[self.split].num_examples if self.split in splits else None
        self.count = told or self._counted()

    def rows(self, first: int) -> Iterator[Row]:
        """Encoded pictures and classes, from number `first` on."""
        columns = [self.picture, *([self.label] if self.label else [])]
        rows = self._rows.select_columns(columns)
        rows = rows.cast_column(self.picture, self._library.Image(decode=False))
        for row in rows.skip(first) if first else rows:
            said = row[self.label] if self.label else -1
            yield _bytes(row[self.picture]), -1 if said is None else int(said)

    def _opened(self, place: str) -> Any:
        try:
            if Path(place, "state.json").exists() or Path(place, "dataset_dict.json").exists():
                kept = self._library.load_from_disk(place)
                kept = kept[self.split] if Path(place, "dataset_dict.json").exists() else kept
                return kept.to_iterable_dataset()
            owner, *rest = (place,) if place[:1] in "./" else _parts(place)
            return self._library.load_dataset(owner, *rest, split=self.split, streaming=True)
        except Exception as error:  # of the network, the hub, a name that is not there
            words = " ".join(str(error).split())[:200] or type(error).__name__
            raise DataError(f"{self.what} cannot be opened: {words}") from error

    def _columns(self) -> tuple[str, str | None, tuple[str, ...]]:
        """The first column of pictures, the first of classes, and the classes' names."""
        features = self._rows.features or {}
        pictures = [n for n, f in features.items() if isinstance(f, self._library.Image)]
        labels = [n for n, f in features.items() if isinstance(f, self._library.ClassLabel)]
        if not pictures:
            there = ", ".join(features) or "columns that it does not name"
            raise DataError(f"{self.what} has no column of pictures ({there})")
        if not labels:
            self.notes.append("no column of classes (ClassLabel): one set without classes")
            return pictures[0], None, ()
        return pictures[0], labels[0], tuple(map(str, features[labels[0]].names))

    def _counted(self) -> int:
        """Samples of a data set that does not say how many: read once, without the pictures."""
        self.notes.append("the data set does not say how many samples it has: they were counted")
        columns = [self.label or self.picture]
        rows = self._rows.select_columns(columns)
        if not self.label:
            rows = rows.cast_column(self.picture, self._library.Image(decode=False))
        return sum(1 for _ in rows)


def _parts(place: str) -> list[str]:
    """`owner/name` or `owner/name/config`, as load_dataset takes them."""
    owner, *rest = place.split("/", 2)
    return ["/".join([owner, *rest[:1]]), *rest[1:]]


def _bytes(said: Any) -> bytes:
    """An undecoded picture: its bytes, or those of the file that it names; empty where none."""
    if not said:
        return b""
    if said.get("bytes") is not None:
        return said["bytes"]
    try:
        return Path(said["path"]).read_bytes()
    except (OSError, TypeError, KeyError):
        return b""


def _library(what: str) -> Any:
    try:
        return importlib.import_module("datasets")
    except ImportError:
        raise DataError(f"{what} needs the package datasets: {HINT}") from None
