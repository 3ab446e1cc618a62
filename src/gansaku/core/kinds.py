"""Whether a value fits the annotation of a dataclass field."""

from __future__ import annotations

import collections.abc
import dataclasses
import types
import typing
from functools import cache
from typing import Any, Literal, Union


@cache
def hints(cls: type) -> dict[str, Any]:
    """Field names to resolved types; Any where an annotation cannot be resolved."""
    try:
        found = typing.get_type_hints(cls)
    except NameError:  # imported for the type checker alone
        found = {}
    return {field.name: found.get(field.name, Any) for field in dataclasses.fields(cls)}


def said(cls: type, name: str) -> str:
    """A field's type as its author wrote it."""
    kind = next(field.type for field in dataclasses.fields(cls) if field.name == name)
    return kind if isinstance(kind, str) else getattr(kind, "__name__", str(kind))


def default(field: dataclasses.Field[Any]) -> Any:
    """A field's default, made anew; MISSING where there is none."""
    if field.default_factory is not dataclasses.MISSING:
        return field.default_factory()
    return field.default


def same(a: Any, b: Any) -> bool:
    """Equal and of one type: 1 is not True."""
    return type(a) is type(b) and bool(a == b)


def admits(hint: Any, kind: type) -> bool:
    """Whether values of `kind` are among those that a type allows."""
    args = typing.get_args(hint)
    if typing.get_origin(hint) is Literal:
        return any(type(choice) is kind for choice in args)
    return hint is kind or (_is_union(hint) and any(admits(member, kind) for member in args))


def plain(hint: Any) -> bool:
    """Whether a type holds numbers and nothing that a config names."""
    args = typing.get_args(hint)
    if args:
        return all(map(plain, args))
    return hint in (int, float, bool, types.NoneType, Ellipsis)


def fit(value: Any, hint: Any) -> Any:
    """The value as the type wants it: a whole number for a float becomes one. Raises TypeError."""
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if _is_union(hint):
        return _fit_union(value, args)
    if origin is tuple or hint is tuple:
        return _fit_tuple(value, args)
    if not _holds(value, hint, origin, args):
        raise TypeError(f"{value!r} is no {hint}")
    return float(value) if hint is float else value


def _holds(value: Any, hint: Any, origin: Any, args: tuple[Any, ...]) -> bool:
    if hint is Any or isinstance(hint, typing.TypeVar):
        return True
    if hint is None:
        return value is None
    if hint in (int, float):
        numbers = int if hint is int else int | float
        return isinstance(value, numbers) and not isinstance(value, bool)
    if origin is Literal:
        return any(same(value, choice) for choice in args)
    kind = origin or hint
    if kind is collections.abc.Callable:
        return callable(value)
    if not isinstance(kind, type) or _unchecked(kind):
        return True
    return isinstance(value, kind)


def _unchecked(kind: type) -> bool:  # a Protocol that isinstance refuses
    return getattr(kind, "_is_protocol", False) and not getattr(kind, "_is_runtime_protocol", False)


def _fit_union(value: Any, members: tuple[Any, ...]) -> Any:
    fitted = []
    for member in members:
        try:
            fitted.append(fit(value, member))
        except TypeError:
            continue
    if not fitted:
        raise TypeError(f"{value!r} is none of {members}")
    return next((found for found in fitted if same(found, value)), fitted[0])


def _fit_tuple(value: Any, args: tuple[Any, ...]) -> tuple[Any, ...]:
    if not isinstance(value, tuple):
        raise TypeError(f"{value!r} is no tuple")
    if args[1:] == (Ellipsis,):
        args = args[:1] * len(value)
    if args and len(args) != len(value):
        raise TypeError(f"{value!r} has {len(value)} members, not {len(args)}")
    return tuple(map(fit, value, args)) if args else value


def _is_union(hint: Any) -> bool:
    return typing.get_origin(hint) in (Union, types.UnionType)
