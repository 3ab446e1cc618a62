"""Several processes end as one: whichever fails, dies or hangs is named, once, and none hangs on.

Every process gives a sign of life a second in the store that torchrun keeps for all: how many
exchanges it came to, and at which step. Whoever first knows why the job cannot go on writes it
there, and says it; the others leave without a word. The training thread only counts.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import json
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Generator
from typing import ParamSpec, TypeVar

import torch
import torch.distributed as dist

from gansaku.core import ranks
from gansaku.core.errors import UserError

BEAT = 1.0  # seconds between two signs of life
GRACE = 3.0  # seconds in which a process may leave by itself once the job has ended
SEARCH = 6.0  # seconds in which whoever died is looked for
MINUTES = 5.0  # of waiting for one process, after which it counts as hanging
VERDICT = "gansaku/verdict"
AGAIN = "the last checkpoint goes on with any number of processes: gansaku resume"

P = ParamSpec("P")
R = TypeVar("R")


class Ended(SystemExit):
    """Another process has said why the job ends: this one leaves without a word."""


@dataclasses.dataclass
class Sign:
    """What one process last said of itself, and when that changed, by the reader's clock."""

    rank: int
    pid: int = 0
    host: str = ""
    beat: int = 0
    met: int = 0  # exchanges
    step: int = -1  # steps that are done; -1: before the first
    left: bool = False
    heard: float = dataclasses.field(default_factory=time.monotonic)  # its last sign of life
    level: float = dataclasses.field(default_factory=time.monotonic)  # when none waited for it

    def __str__(self) -> str:
        return f"rank {self.rank} (pid {self.pid} on {self.host})"

    @property
    def place(self) -> str:
        return "the preparations" if self.step < 0 else f"step {self.step + 1}"

    def gone(self) -> bool:
        """Whether its process has certainly died, or has given no sign for some beats."""
        if self.host == socket.gethostname():
            return not alive(self.pid)
        return time.monotonic() - self.heard > 4 * BEAT


class Watchdog:
    """Signs of life of this process, and an eye on those of the others, in a thread of its own."""

    def __init__(self, store: dist.Store, minutes: float) -> None:
        self.store, self.seconds = store, 60 * minutes
        self.own = Sign(ranks.rank(), os.getpid(), socket.gethostname())
        self.seen = [Sign(rank) for rank in range(ranks.world())]
        self.step: Callable[[], int] = lambda: -1
        self.log: Callable[[str], None] = lambda text: None
        self._rest = threading.Event()
        self._beat()
        self._thread = threading.Thread(target=self._watch, name="watchdog", daemon=True)
        self._thread.start()

    def rest(self) -> None:
        """The job is done: whoever is still at work shall not miss this process."""
        self._rest.set()
        self._thread.join()
        self.own.left = True
        with contextlib.suppress(RuntimeError):
            self._beat()

    def verdict(self) -> str | None:
        """Why the job ends, if anyone has said so."""
        try:
            return self.store.get(VERDICT).decode() if self.store.check([VERDICT]) else None
        except RuntimeError:  # the store is gone, and with it whoever kept it
            return None

    def claims(self, text: str) -> bool:
        """Whether this process is the one that says why the job ends: the first to know."""
        mine = f"{self.own.rank} {text}"
        try:
            first = self.store.compare_set(VERDICT, "", mine).decode() == mine
        except RuntimeError:  # the store has gone with whoever kept it
            first = self.own.rank == min(s.rank for s in self.seen if not s.gone())
        if first:
            with contextlib.suppress(UserError, OSError):
                self.log(text)
        return first

    def lost(self, error: ranks.Lost) -> str | None:
        """Who died, so that an exchange failed; None where another process says it."""
        end = time.monotonic() + SEARCH
        while time.monotonic() < end:
            if self.verdict():
                return None
            with contextlib.suppress(RuntimeError):
                self._read()
            dead = [sign for sign in self.seen if sign.pid and sign.gone()]
            if dead:
                names = " and ".join(map(str, dead))
                return f"{names} died in {self.own.place} (killed, or out of memory?); {AGAIN}"
            time.sleep(BEAT / 5)
        return f"{self.own} lost touch with the others in {self.own.place} ({error}); {AGAIN}"

    def hangs(self) -> str | None:
        """Who has kept the others waiting for too long, if anyone."""
        now, most = time.monotonic(), max(sign.met for sign in self.seen)
        here = [sign for sign in self.seen if not sign.left]
        for sign in here:
            if sign.met == most:
                sign.level = now
        silent = [s for s in here if now - s.heard > self.seconds]
        # late is who has given a sign of life since: of a stopped one its silence is to be named
        late = [s for s in here if s.heard - s.level > self.seconds]
        for found, why in (
            (silent, "its process gives no sign of life (stopped, or its machine is gone?)"),
            (late, f"the others wait (for longer: --hang_minutes {self.seconds / 30:.2g})"),
        ):
            if found:
                sign = min(found, key=lambda s: s.met)
                waited = now - (sign.heard if found is silent else sign.level)
                return (
                    f"{sign} has not finished {self.own.place} for {waited:.0f} s: {why}; {AGAIN}"
                )
        return None

    def _watch(self) -> None:
        while not self._rest.wait(BEAT):
            try:
                self._beat()
                self._read()
            except RuntimeError:  # no store: exchanges will fail, and the main thread will see it
                return
            if self.verdict():
                if not self._rest.wait(GRACE):
                    os._exit(1)
                return
            if (text := self.hangs()) and self.claims(text):
                sys.stderr.write(f"gansaku: {text}\n")
                sys.stderr.flush()
                os._exit(3)

    def _beat(self) -> None:
        own = self.own
        own.beat, own.met, own.step = own.beat + 1, ranks.Table.met, self.step()
        said = [own.pid, own.host, own.beat, own.met, own.step, own.left]
        self.store.set(f"gansaku/sign/{own.rank}", json.dumps(said))

    def _read(self) -> None:
        now = time.monotonic()
        for sign in self.seen:
            key = f"gansaku/sign/{sign.rank}"
            if not self.store.check([key]):
                continue
            pid, host, beat, met, step, left = json.loads(self.store.get(key))
            sign.heard = now if beat != sign.beat else sign.heard
            sign.level = now if met != sign.met else sign.level
            sign.pid, sign.host, sign.beat = pid, host, beat
            sign.met, sign.step, sign.left = met, step, left


class _Now:
    dog: Watchdog | None = None


def join(device: torch.device, minutes: float = MINUTES) -> None:
    """Join the other processes, if there are any, and watch over them until the job is done."""
    ranks.join(device, minutes)
    if ranks.Table.store is not None and ranks.world() > 1 and _Now.dog is None:
        _Now.dog = Watchdog(ranks.Table.store, minutes)


def follow(step: Callable[[], int], log: Callable[[str], None]) -> None:
    """Where to read the step that this process is at, and where it is kept why the job ended."""
    if _Now.dog is not None:
        _Now.dog.step, _Now.dog.log = step, log


def as_one(function: Callable[P, R]) -> Callable[P, R]:
    """What ends one process ends all, and is said once.

    The first to fail raises, with its rank and host in the message; the others raise `Ended`.
    """

    @functools.wraps(function)
    def whole(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return function(*args, **kwargs)
        except BaseException as error:
            if _Now.dog is not None:
                _judge(_Now.dog, error)
            raise
        finally:
            if _Now.dog is not None:
                _Now.dog.rest()
                _Now.dog = None

    return whole


def _judge(dog: Watchdog, error: BaseException) -> None:
    """Raises what this process has to say of an error; Ended where another has said it."""
    dog.own.step = dog.step()
    if isinstance(error, ranks.Lost):
        with _deaf():
            text = dog.lost(error)
        if text is None or not dog.claims(text):
            raise Ended(1) from None
        raise _spoken(UserError(text)) from None
    what = str(error) if isinstance(error, UserError) else f"{type(error).__name__}: {error}"
    text = f"{dog.own}, in {dog.own.place}: {what}"
    if not dog.claims(text):
        raise Ended(1) from None
    if isinstance(error, UserError):
        raise _spoken(type(error)(text)) from error
    error.add_note(text)


@contextlib.contextmanager
def _deaf() -> Generator[None, None, None]:
    """torchrun ends all processes as soon as one is gone: this one has to speak first."""
    try:
        before = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    except ValueError:  # not the main thread: no signal comes here
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _spoken(error: UserError) -> UserError:
    error.spoken = True
    return error


def alive(pid: int) -> bool:
    """Whether a process of this machine runs; one that waits to be buried does not."""
    try:
        os.kill(pid, 0)
        with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
            return file.read().rpartition(")")[2].split()[0] not in "ZX"
    except ProcessLookupError:
        return False
    except OSError:
        return True
