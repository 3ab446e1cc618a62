"""What a recipe's numbers may not fall below, said in a sentence."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection
from typing import Any

from gansaku.core.errors import UserError


def at_least(recipe: Any, **least: float) -> None:
    """Raise UserError where a field named in `least` is smaller than the number given for it."""
    for name, bound in least.items():
        if (value := getattr(recipe, name)) < bound:
            raise UserError(f"{name} must be at least {bound}, not {value}")


def none_negative(recipe: Any, counts: Collection[str]) -> None:
    """Raise UserError where a number is negative, or one of `counts` is 0."""
    values = {field.name: getattr(recipe, field.name) for field in dataclasses.fields(recipe)}
    numbers = (name for name, value in values.items() if isinstance(value, int | float))
    at_least(recipe, **{name: int(name in counts) for name in numbers})
