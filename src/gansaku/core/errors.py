"""What is said to a person whose input cannot be used: one clear sentence, never a traceback."""

import difflib
from collections.abc import Iterable


class UserError(Exception):
    """Something that the person in front of the screen can put right.

    The message says what was asked for, what was found, and what to do about it.
    """

    spoken = False  # of several processes, the one that raises this was chosen to say it


class CheckpointError(UserError):
    """A checkpoint is damaged, incomplete, or belongs to another recipe."""


class DataError(UserError):
    """Training data that cannot be read or used."""


class Diverged(UserError):
    """A term of the game is no longer a finite number."""


def nearest(word: str, words: Iterable[str]) -> str:
    """`"; did you mean 'width'?"`, or `""` where no word is near; case counts little."""

    def likeness(other: str) -> float:
        return difflib.SequenceMatcher(None, word.casefold(), other.casefold()).ratio()

    def exact(other: str) -> float:
        return difflib.SequenceMatcher(None, word, other).ratio()

    near = [other for other in words if likeness(other) >= 0.6]
    best = max(near, key=lambda other: likeness(other) + exact(other), default=None)
    return f"; did you mean {best!r}?" if best else ""
