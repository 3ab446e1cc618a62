"""What `--class 3` and `--class cat,dog` ask of a run: names or numbers of its classes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gansaku.core.errors import UserError, nearest

if TYPE_CHECKING:
    from gansaku.model import Model

TOLD = 12  # classes that an error names


def numbers(model: Model, text: str) -> list[int]:
    """The classes that are asked for, by name or by number; UserError where there are none such."""
    from gansaku.core.capabilities import classes_of

    names = classes_of(model.recipe, model.spec)
    if not names:
        kind = type(model.recipe).__name__
        raise UserError(f"{kind} was trained without classes: leave --class out")
    words = [text] if text in names else [word.strip() for word in text.split(",")]
    return [_number(word, names) for word in words]


def one(model: Model, text: str) -> int:
    """The one class that is asked for."""
    found = numbers(model, text)
    if len(found) > 1:
        raise UserError(f"--class takes one class here, not {len(found)}")
    return found[0]


def _number(word: str, names: tuple[str, ...]) -> int:
    """A name counts before a number: of classes 1, 2 and 3, 1 is the first."""
    if word in names:
        return names.index(word)
    if word.isdecimal() and int(word) < len(names):
        return int(word)
    some = ", ".join(names[:TOLD]) + (", ..." if len(names) > TOLD else "")
    raise UserError(
        f"--class {word!r} is none of the {len(names)} classes {some} (nor a number from 0 to "
        f"{len(names) - 1}){nearest(word, names)}"
    )
