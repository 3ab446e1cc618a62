"""What is said to a person whose input cannot be used: one clear sentence, never a traceback."""

import difflib
from collections.abc import Iterable


class UserError(Exception):
    """Something that the person in front of the screen can put right.

    The message says what was asked for, what was found, and what to do about it.
    """


class CheckpointError(UserError):
    """A checkpoint is damaged, incomplete, or belongs to another recipe."""


class DataError(UserError):
    """Training data that cannot be read or used."""


class Diverged(UserError):
    """A term of the game is no longer a finite number."""


def nearest(word: str, words: Iterable[str]) -> str:
    """`"; did you mean 'width'?"`, or `""` where no word is near; upper and lower case are one."""
    folded = {candidate.casefold(): candidate for candidate in words}
    near = difflib.get_close_matches(word.casefold(), folded, n=1, cutoff=0.6)
    return f"; did you mean {folded[near[0]]!r}?" if near else ""
