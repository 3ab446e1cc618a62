"""A recipe's settings, read from its config text as text: no class is looked up, nothing is run."""

from __future__ import annotations

import ast
import dataclasses
from collections.abc import Mapping
from typing import Any


@dataclasses.dataclass(frozen=True)
class Called:
    """`Adam(lr=0.001)`: a name with its values; of those without a name, by number."""

    name: str
    values: Mapping[str, Any]


@dataclasses.dataclass(frozen=True)
class Settings:
    """`get("d_optimizer.lr")`: what the recipe says, None where it says nothing."""

    recipe: Called

    @classmethod
    def read(cls, text: str) -> Settings:
        """Of a text that cannot be read, settings that say nothing."""
        try:
            found = _of(ast.parse(text.strip(), mode="eval").body)
        except (SyntaxError, ValueError, RecursionError):
            found = None
        return cls(found if isinstance(found, Called) else Called("", {}))

    def get(self, path: str, otherwise: Any = None) -> Any:
        """A field, or one inside it by a dotted path."""
        at: Any = self.recipe
        for name in path.split("."):
            if not isinstance(at, Called) or name not in at.values:
                return otherwise
            at = at.values[name]
        return at

    def kind(self, path: str) -> str:
        """The class of a field: `Hinge`; the empty text where it has none."""
        found = self.get(path)
        return found.name if isinstance(found, Called) else ""

    def penalties(self) -> tuple[Called, ...]:
        found = self.get("penalties", ())
        return tuple(p for p in found if isinstance(p, Called)) if isinstance(found, tuple) else ()


def _of(node: ast.expr) -> Any:
    match node:
        case ast.Call(func=ast.Name(id=name)):
            places = {str(i): _of(value) for i, value in enumerate(node.args)}
            return Called(name, places | {k.arg or "": _of(k.value) for k in node.keywords})
        case ast.Tuple() | ast.List():
            return tuple(_of(item) for item in node.elts)
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            value = _of(operand)
            return -value if isinstance(value, int | float) else None
        case ast.Name(id="inf"):
            return float("inf")
        case ast.Constant(value=value):
            return value
    return None
