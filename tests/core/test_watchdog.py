"""Who hangs, by what the processes last said of themselves; real ones are in tests/process."""

from __future__ import annotations

import json
import os

import pytest
import torch.distributed as dist

from gansaku.core import ranks, watchdog
from gansaku.core.errors import UserError
from gansaku.core.watchdog import VERDICT, Ended, Watchdog


@pytest.fixture
def dog(monkeypatch: pytest.MonkeyPatch):
    """Rank 0 of two, whose exchanges are counted by hand."""
    monkeypatch.setattr(ranks, "world", lambda: 2)
    monkeypatch.setattr(ranks.Table, "met", 7)
    monkeypatch.setattr(watchdog, "BEAT", 3600.0)  # the thread sleeps
    found = Watchdog(dist.HashStore(), minutes=1.0)
    found.step = lambda: 36
    yield found
    found.rest()


def heard(dog: Watchdog, beat: int, met: int, left: bool = False) -> None:
    """Rank 1 gives a sign, and rank 0 reads it."""
    dog.store.set("gansaku/sign/1", json.dumps([123, "there", beat, met, 36, left]))
    dog._beat()
    dog._read()


def later(dog: Watchdog, seconds: float, beats: bool) -> None:
    """Time passes; rank 1 beats meanwhile, or does not."""
    for sign in dog.seen:
        sign.level -= seconds
        if sign.rank == 0 or not beats:
            sign.heard -= seconds


def test_all_at_the_same_place_work(dog):
    heard(dog, 1, 7)
    later(dog, 600, beats=True)
    heard(dog, 2, 7)
    assert dog.hangs() is None  # a long step, of all alike


def test_who_keeps_the_others_waiting_is_named(dog):
    heard(dog, 1, 6)
    assert dog.hangs() is None
    later(dog, 61, beats=True)
    heard(dog, 2, 6)
    text = dog.hangs()
    assert text.startswith("rank 1 (pid 123 on there) has not finished step 37 for 61 s")
    assert "--hang_minutes 2" in text


def test_a_slow_one_that_comes_is_not(dog):
    heard(dog, 1, 6)
    later(dog, 61, beats=True)
    heard(dog, 2, 7)
    assert dog.hangs() is None


def test_who_gives_no_sign_of_life_is_named_wherever_it_is(dog):
    heard(dog, 1, 7)
    later(dog, 61, beats=False)
    dog._beat()
    dog._read()
    assert "rank 1 (pid 123 on there)" in dog.hangs()
    assert "gives no sign of life" in dog.hangs()


def test_who_beat_once_more_before_it_stopped_is_named_for_its_silence(dog):
    heard(dog, 1, 6)
    later(dog, 1, beats=True)  # it fell behind a second before its last sign
    later(dog, 59.5, beats=False)
    dog._beat()
    dog._read()
    assert dog.hangs() is None  # 60.5 s behind, silent for 59.5: which it is shows in a moment
    later(dog, 1, beats=False)
    dog._beat()
    dog._read()
    assert "gives no sign of life" in dog.hangs()


def test_who_is_done_is_not_missed(dog):
    heard(dog, 1, 6, left=True)
    later(dog, 600, beats=False)
    dog._beat()
    dog._read()
    assert dog.hangs() is None


def test_the_first_to_know_speaks_and_the_others_leave(dog, monkeypatch):
    logged = []
    dog.log = logged.append
    with pytest.raises(UserError, match=r"rank 0 \(pid \d+ on .*in step 37: too wide"):
        watchdog._judge(dog, UserError("too wide"))
    assert "too wide" in logged[0]
    with pytest.raises(Ended) as quiet:
        watchdog._judge(dog, UserError("too high"))
    assert quiet.value.code == 1
    assert dog.verdict() is not None
    assert dog.store.check([VERDICT])


def test_alive():
    assert watchdog.alive(os.getpid())
    child = os.fork()
    if not child:
        os._exit(0)
    os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)
    assert not watchdog.alive(child)  # it waits to be buried
    os.waitpid(child, 0)
    assert not watchdog.alive(child)


def test_alone_nothing_is_watched_and_errors_pass():
    @watchdog.as_one
    def fails() -> None:
        raise UserError("as it is")

    with pytest.raises(UserError, match=r"^as it is$"):
        fails()
