"""The config is text: `repr(recipe)`, read back by syntax tree from a closed set of names."""

from __future__ import annotations

import ast
import dataclasses
import importlib
import sys
import warnings
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, NoReturn

from gansaku.core import catalog, kinds
from gansaku.core.errors import UserError, nearest

_SHELVES = ("gansaku.losses", "gansaku.augment", "gansaku.core.optim")
_DEEP = 40  # nesting that no config needs


def read(text: str, *known: type) -> Any:
    """The value that a config text says; `read(repr(recipe)) == recipe`.

    Names come from the catalogue, the losses, the augmentations, the optimizers, and `known`:
    the class of a recipe in a file of one's own, with the dataclasses beside it in that file.
    Raises UserError with the place in the text.
    """
    beside = {name: member for cls in known for name, member in _dataclasses(cls.__module__)}
    return _Reader(text, beside | {cls.__name__: cls for cls in known}).value()


def override(recipe: Any, changes: Mapping[str, str], *known: type) -> Any:
    """A recipe with fields changed by command-line text: `{"d_optimizer.lr": "1e-4"}`.

    Raises UserError where a field does not exist or a text does not fit the field's type.
    """
    whole = {name: text for name, text in changes.items() if "." not in name}
    hints, values = kinds.hints(type(recipe)), {}
    for name, text in whole.items():
        _check_field(type(recipe), name)
        values[name] = _from_text(type(recipe), name, text, hints[name], known)
    recipe = _replace(recipe, values)
    parts: dict[str, dict[str, str]] = {}
    for name, text in changes.items():
        head, dot, rest = name.partition(".")
        if dot:
            parts.setdefault(head, {})[rest] = text
    return _replace(recipe, {k: _inside(recipe, k, given, known) for k, given in parts.items()})


def short(value: Any) -> str:
    """The config text for people: without the fields that are at their defaults."""
    if isinstance(value, tuple):
        inner = ", ".join(map(short, value))
        return f"({inner},)" if len(value) == 1 else f"({inner})"
    if not dataclasses.is_dataclass(value) or isinstance(value, type):
        return repr(value)
    said = (
        f"{f.name}={short(now)}"
        for f in dataclasses.fields(value)
        if f.init and not kinds.same(now := getattr(value, f.name), kinds.default(f))
    )
    return f"{type(value).__name__}({', '.join(said)})"


def names() -> list[str]:
    """Every name that a config text may use."""
    return [*(recipe.cls for recipe in catalog.every()), *_vocabulary()]


@cache
def _vocabulary() -> dict[str, type]:
    found = {}
    for shelf in _SHELVES:
        module = importlib.import_module(shelf)
        public = getattr(module, "__all__", [n for n in vars(module) if not n.startswith("_")])
        members = {name: getattr(module, name) for name in public}
        found |= {
            name: member
            for name, member in members.items()
            if isinstance(member, type) and dataclasses.is_dataclass(member)
        }
    return found


def _dataclasses(module: str) -> list[tuple[str, type]]:
    """Those that a module defines itself."""
    return [
        (name, member)
        for name, member in vars(sys.modules[module]).items()
        if isinstance(member, type)
        if member.__module__ == module and dataclasses.is_dataclass(member)
    ]


class _Reader:
    """Reads one text; errors show the place in it."""

    def __init__(self, text: str, known: Mapping[str, type]) -> None:
        self.text, self.known = text.strip(), known

    def value(self) -> Any:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # Python's own remarks on odd literals
                tree = ast.parse(self.text, mode="eval")
        except SyntaxError as error:
            column = max((error.offset or 1) - 1, 0)
            raise UserError(
                f"the config text is not readable: {error.msg}"
                + _caret(self.text, error.lineno or 1, column, column + 1)
            ) from None
        except (ValueError, RecursionError, MemoryError) as error:
            raise UserError(f"the config text is not readable: {error or 'too deep'}") from None
        return self.of(tree.body)

    def of(self, node: ast.expr, depth: int = 0) -> Any:
        if depth > _DEEP:
            self.refuse(node, "the config text is nested too deeply")
        match node:
            case ast.Constant(value=bool() | int() | float() | str() | None as value):
                return value
            case ast.Tuple() | ast.List():
                return tuple(self.of(item, depth + 1) for item in node.elts)
            case ast.UnaryOp(op=ast.USub() | ast.UAdd() as sign):
                value = self.of(node.operand, depth + 1)
                if isinstance(value, bool) or not isinstance(value, int | float):
                    self.refuse(node, "only a number has a sign")
                return -value if isinstance(sign, ast.USub) else value
            case ast.Name(id="inf"):
                return float("inf")
            case ast.Name():
                self.refuse(node, f"{self.cls(node).__name__} needs its brackets: {node.id}(...)")
            case ast.Call(func=ast.Name()):
                return self.call(node, depth)
        self.refuse(node, "a config holds names, numbers, texts and tuples, and nothing else")
        return None

    def cls(self, node: ast.Name) -> type:
        if node.id in self.known:
            return self.known[node.id]
        if node.id in _vocabulary():
            return _vocabulary()[node.id]
        if any(recipe.cls == node.id for recipe in catalog.every()):
            return catalog.find(node.id)
        self.refuse(node, f"unknown name {node.id!r}{nearest(node.id, [*self.known, *names()])}")
        return None

    def call(self, node: ast.Call, depth: int) -> Any:
        assert isinstance(node.func, ast.Name)
        cls = self.cls(node.func)
        hints, values = kinds.hints(cls), {}
        for name, argument in self.arguments(cls, node):
            if name in values:
                self.refuse(argument, f"{cls.__name__} is given {name!r} twice")
            values[name] = self.of(argument, depth + 1)
            try:
                values[name] = kinds.fit(values[name], hints[name])
            except TypeError:
                self.refuse(argument, _misfit(cls, name, short(values[name])))
        for field in dataclasses.fields(cls):
            if (
                field.init
                and kinds.default(field) is dataclasses.MISSING
                and field.name not in values
            ):
                self.refuse(node, f"{cls.__name__} needs a value for {field.name!r}")
        return _made(cls, values)

    def arguments(self, cls: type, node: ast.Call) -> Iterator[tuple[str, ast.expr]]:
        """Field names with what is given for them, by position or by name."""
        places = [f.name for f in dataclasses.fields(cls) if f.init and not f.kw_only]
        if len(node.args) > len(places):
            extra = node.args[len(places)]
            self.refuse(
                extra, f"{cls.__name__} takes {len(places)} values without a name, not more"
            )
        for argument in node.args:
            if isinstance(argument, ast.Starred):
                self.refuse(argument, "a config cannot unpack with *")
        yield from zip(places, node.args, strict=False)
        for keyword in node.keywords:
            if keyword.arg is None:
                self.refuse(keyword.value, "a config cannot unpack with **")
            try:
                _check_field(cls, keyword.arg)
            except UserError as error:
                self.refuse(keyword, str(error))
            yield keyword.arg, keyword.value

    def refuse(self, node: ast.expr | ast.keyword, message: str) -> NoReturn:
        line = self.text.splitlines()[node.lineno - 1].encode()  # columns count bytes
        start = len(line[: node.col_offset].decode())
        one = node.end_lineno == node.lineno and node.end_col_offset is not None
        end = len(line[: node.end_col_offset].decode()) if one else start + 1
        raise UserError(message + _caret(self.text, node.lineno, start, end))


def _caret(text: str, line: int, start: int, end: int, around: int = 40) -> str:
    """The line of a text with what is meant underlined; of a long line, only the surroundings."""
    lines = text.splitlines() or [""]
    shown = lines[min(line, len(lines)) - 1]
    left, right = max(start - around, 0), max(end, start + 1) + around
    before, after = "... " if left else "", " ..." if right < len(shown) else ""
    marks = "^" * min(max(end - start, 1), 2 * around)
    return f"\n  {before}{shown[left:right]}{after}\n  {' ' * (len(before) + start - left)}{marks}"


def _check_field(cls: type, name: str) -> None:
    fields = [field.name for field in dataclasses.fields(cls) if field.init]
    if name not in fields:
        raise UserError(f"{cls.__name__} has no field {name!r}{nearest(name, fields)}")


def _misfit(cls: type, name: str, found: str) -> str:
    return f"{name} of {cls.__name__} must be {kinds.said(cls, name)}, not {found}"


def _made(cls: type, values: Mapping[str, Any]) -> Any:
    try:
        return cls(**values)
    except ValueError as error:  # what a class has to say about its own numbers
        raise UserError(f"{cls.__name__}: {error}") from error


def _replace(value: Any, changes: Mapping[str, Any]) -> Any:
    if not changes:
        return value
    try:
        return dataclasses.replace(value, **changes)
    except ValueError as error:
        raise UserError(f"{type(value).__name__}: {error}") from error


def _from_text(cls: type, name: str, text: str, hint: Any, known: tuple[type, ...]) -> Any:
    if kinds.admits(hint, str) and not (text == "None" and kinds.admits(hint, type(None))):
        return text[1:-1] if text[:1] in "'\"" and text[:1] == text[-1:] != text else text
    try:
        value = read(text, *known)
    except UserError as error:
        told = (
            _misfit(cls, name, text) if kinds.plain(hint) else f"{name} of {cls.__name__}: {error}"
        )
        raise UserError(told) from error
    for candidate in (value, (value,)):  # one penalty alone stands for a tuple of one
        try:
            return kinds.fit(candidate, hint)
        except TypeError:
            continue
    raise UserError(_misfit(cls, name, text))


def _inside(recipe: Any, name: str, changes: Mapping[str, str], known: tuple[type, ...]) -> Any:
    _check_field(type(recipe), name)
    value = getattr(recipe, name)
    if dataclasses.is_dataclass(value):
        return override(value, changes, *known)
    raise UserError(
        f"{name} of {type(recipe).__name__} is {short(value)}, which has no field "
        f"{next(iter(changes))!r}: give {name} as a whole"
    )
