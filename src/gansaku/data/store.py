"""Where prepared pictures are kept: in memory where they fit, else made again on demand."""

from __future__ import annotations

import functools
import os
import signal
import warnings
import weakref
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from pathlib import Path
from typing import Protocol

import numpy as np

from gansaku.core.errors import DataError
from gansaku.data.decode import Undecodable, quiet_bombs
from gansaku.data.fit import Fit
from gansaku.data.items import Items

Rows = np.ndarray | list[np.ndarray]  # [n, C, H, W], or n of [C, h, w] where sizes differ


class Store(Protocol):
    """Prepared pictures by number; all stores give the same bits."""

    ahead: int  # how many batches it likes to know in advance

    def rows(self, numbers: np.ndarray) -> Rows:
        """The pictures of those numbers, as a copy that may be written to."""

    def expect(self, batches: Sequence[np.ndarray]) -> None:
        """Which numbers will be asked for next."""

    def close(self) -> None:
        """Ends the workers, if there are any."""


def prepared(items: Items, fit: Fit, number: int) -> np.ndarray:
    """One picture, decoded and fitted, as `[C, h, w]`; raises Undecodable."""
    return fit(items.pixels(number, (fit.height, fit.width)))


class MemoryStore:
    """Everything decoded once and kept."""

    ahead = 0

    def __init__(self, kept: Rows) -> None:
        self.kept = kept

    def rows(self, numbers: np.ndarray) -> Rows:
        if isinstance(self.kept, np.ndarray):
            return self.kept[numbers]
        return together([self.kept[number] for number in numbers])

    def expect(self, batches: Sequence[np.ndarray]) -> None:
        pass

    def close(self) -> None:
        pass


class DirectStore(MemoryStore):
    """Made on demand in this process: what is mapped from disk needs no workers."""

    def __init__(self, items: Items, fit: Fit) -> None:
        self.items, self.fit = items, fit

    def rows(self, numbers: np.ndarray) -> Rows:
        return together(prepare_several(self.items, self.fit, numbers))


class WorkerStore:
    """Made on demand by worker processes that stay a few batches ahead."""

    ahead = 3

    def __init__(self, items: Items, fit: Fit, workers: int) -> None:
        self.items, self.fit, self.workers = items, fit, workers
        self._pending: dict[bytes, list[Future]] = {}
        self._pool: ProcessPoolExecutor | ThreadPoolExecutor | None = None

    def rows(self, numbers: np.ndarray) -> Rows:
        futures = self._pending.pop(numbers.tobytes(), None) or self._submit(numbers)
        try:
            return together([row for future in futures for row in future.result()])
        except BrokenProcessPool:
            self._use_threads()
            return self.rows(numbers)

    def expect(self, batches: Sequence[np.ndarray]) -> None:
        wanted = {numbers.tobytes(): numbers for numbers in batches}
        for key in self._pending.keys() - wanted.keys():  # asked for elsewhere: forget it
            for future in self._pending.pop(key):
                future.cancel()
        for key, numbers in wanted.items():
            if key not in self._pending:
                self._pending[key] = self._submit(numbers)

    def close(self) -> None:
        self._pending.clear()
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)
            self._pool = None

    def _submit(self, numbers: np.ndarray) -> list[Future]:
        self._pool = self._pool or self._processes()
        shares = np.array_split(numbers, max(1, min(self.workers, len(numbers))))
        if isinstance(self._pool, ThreadPoolExecutor):
            work = functools.partial(prepare_several, self.items, self.fit)
        else:
            work = prepare_in_worker
        try:
            return [self._pool.submit(work, share) for share in shares]
        except BrokenProcessPool:
            self._use_threads()
            return self._submit(numbers)

    def _processes(self) -> ProcessPoolExecutor:
        pool = ProcessPoolExecutor(
            self.workers, get_context("spawn"), begin_worker, (self.items, self.fit)
        )
        weakref.finalize(self, pool.shutdown, wait=False, cancel_futures=True)
        return pool

    def _use_threads(self) -> None:
        """Processes cannot start in a script without a main guard; threads give the same bits."""
        warnings.warn(
            "the worker processes that decode pictures could not run; decoding goes on in "
            "threads (a script needs `if __name__ == '__main__':` around what it runs)",
            stacklevel=2,
        )
        self.close()
        self._pool = ThreadPoolExecutor(self.workers)


_work: tuple[Items, Fit] | None = None  # what this worker process prepares


def begin_worker(items: Items, fit: Fit) -> None:
    """Set a worker process up; Ctrl-C is the main process's business."""
    global _work
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _work = items, fit


def prepare_in_worker(numbers: np.ndarray) -> list[np.ndarray]:
    """What a worker process is asked for."""
    assert _work is not None
    return prepare_several(*_work, numbers)


def prepare_several(items: Items, fit: Fit, numbers: np.ndarray) -> list[np.ndarray]:
    """Those pictures, prepared; a file that was good and is no longer is an error by name."""
    rows = []
    for number in numbers:
        try:
            rows.append(prepared(items, fit, int(number)))
        except Undecodable as reason:
            raise DataError(
                f"{items.names[number]} in {items.where} could be read at first and no longer "
                f"can be ({reason}); put it back and resume"
            ) from None
    return rows


def together(rows: list[np.ndarray]) -> Rows:
    """One array where all pictures have one size."""
    return np.stack(rows) if rows and len({row.shape for row in rows}) == 1 else rows


def load(
    items: Items, fit: Fit, keep: bool, progress: Callable[[int, int], None] | None = None
) -> tuple[list[np.ndarray], dict[int, str]]:
    """Decode every item once, in threads: what is kept, and the damaged ones with the reason.

    Without `keep` every file is decoded all the same, so that a damaged one is known before the
    first step and the numbering never depends on where pictures are kept.
    """
    kept: list[np.ndarray] = []
    bad: dict[int, str] = {}

    def attempt(number: int) -> np.ndarray | Undecodable | None:
        try:
            row = prepared(items, fit, number)
        except Undecodable as reason:
            return reason
        return row if keep else None

    with quiet_bombs(), ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        for number, row in enumerate(pool.map(attempt, range(len(items)))):
            if isinstance(row, Undecodable):
                bad[number] = str(row)
            elif row is not None:
                kept.append(row)
            if progress is not None:
                progress(number + 1, len(items))
    return kept, bad


def available_memory() -> int:
    """Bytes that a new process could use: of the machine, or of its container if that is less."""
    bounds = [os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")]
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        bounds += [int(x.split()[1]) * 1024 for x in lines if x.startswith("MemAvailable")]
        bounds += [int(Path("/sys/fs/cgroup/memory.max").read_text())]
    except (OSError, ValueError):  # another system, or no limit
        pass
    return min(bounds)
