"""A recipe's source text: its class, its card, its fields and what is said of them."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from dataclasses import fields as dataclass_fields
from functools import cache
from pathlib import Path

from gansaku.core.card import Card
from gansaku.core.errors import UserError, nearest

PACKAGE = Path(__file__).parents[1]
_ROOT = ("gansaku.core.contract", "Recipe")  # what every recipe derives from
_UNIT = re.compile(r"\[([^\]]+)\]$|\bin (images|pixels|steps|seconds|channels|kimg)\b")


@dataclass(frozen=True)
class Field:
    """One number of a recipe as its source says it; `default` is "" where a value is required."""

    name: str
    type: str
    default: str
    doc: str
    unit: str


class Source:
    """A Python file as text and syntax tree, and where the names in it come from."""

    def __init__(self, path: Path, module: str) -> None:
        self.path, self.module = path, module
        self.text = path.read_text(encoding="utf-8")
        self.lines = self.text.encode().split(b"\n")  # the tree's columns count bytes
        try:
            tree = ast.parse(self.text)
        except (SyntaxError, ValueError) as error:
            line = getattr(error, "lineno", None)
            raise UserError(f"{path.name} is not Python at line {line}: {error}") from error
        self.classes = {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}
        self.imports = {
            alias.asname or alias.name: (node.module or "", alias.name)
            for node in tree.body
            if isinstance(node, ast.ImportFrom)
            for alias in node.names
        }

    @classmethod
    def read(cls, path: Path) -> Source:
        inside = path.is_relative_to(PACKAGE)
        parts = path.with_suffix("").relative_to(PACKAGE.parent).parts if inside else ()
        return _source(path, ".".join(parts), path.stat().st_mtime_ns)

    def bases(self, node: ast.ClassDef) -> list[tuple[Source, ast.ClassDef]]:
        """The base classes that are written in this file or in the package."""
        found = []
        for base in node.bases:
            name = ast.unparse(base)
            if name in self.classes:
                found.append((self, self.classes[name]))
                continue
            module, name = self.imports.get(name, ("", name))
            path = PACKAGE.parent.joinpath(*module.split(".")).with_suffix(".py")
            if module.startswith("gansaku.") and path.is_file():
                source = Source.read(path)
                if name in source.classes:
                    found.append((source, source.classes[name]))
        return found

    def derives(self, node: ast.ClassDef) -> bool:
        """Whether a class is a recipe."""
        return (self.module, node.name) == _ROOT or any(s.derives(n) for s, n in self.bases(node))

    def recipe(self) -> ast.ClassDef:
        """The file's one recipe: what derives from Recipe and nothing in the file derives from."""
        used = {ast.unparse(base) for node in self.classes.values() for base in node.bases}
        found = [n for n in self.classes.values() if n.name not in used and self.derives(n)]
        if len(found) == 1:
            return found[0]
        if found:
            names = " and ".join(node.name for node in found)
            raise UserError(f"{self.path.name} holds {names}: keep one recipe in a file")
        raise UserError(
            f"{self.path.name} holds no recipe: write a frozen dataclass that derives from "
            "gansaku.core.duel.Duel or gansaku.core.contract.Recipe"
        )

    def card(self, node: ast.ClassDef) -> Card:
        for name, value, _ in _assignments(node):
            if name == "card" and isinstance(value, ast.Call):
                return self._card(node, value)
        raise UserError(
            f"{node.name} in {self.path.name} has no card: add "
            "`card: ClassVar[Card] = Card(title=..., paper=..., year=..., ...)`"
        )

    def _card(self, node: ast.ClassDef, call: ast.Call) -> Card:
        names = [f.name for f in dataclass_fields(Card)]
        try:
            given = dict(zip(names, map(ast.literal_eval, call.args), strict=False))
            given |= {k.arg or "**": ast.literal_eval(k.value) for k in call.keywords}
        except ValueError as error:
            raise UserError(f"{node.name}'s card must be made of literals: {error}") from error
        if odd := [name for name in given if name not in names]:
            raise UserError(f"{node.name}'s card has no {odd[0]!r}{nearest(odd[0], names)}")
        if missing := [name for name in names if name not in given]:
            raise UserError(f"{node.name}'s card lacks {', '.join(missing)}")
        return Card(**given)

    def fields(self, node: ast.ClassDef) -> dict[str, Field]:
        """In the order of the dataclass: a base's first; what is said again keeps its place."""
        found: dict[str, Field] = {}
        for source, base in reversed(self.bases(node)):
            found |= source.fields(base)
        if not any("dataclass" in ast.unparse(d) for d in node.decorator_list):
            return found
        for name, value, statement in _assignments(node):
            if not isinstance(statement, ast.AnnAssign):
                continue
            kind = ast.unparse(statement.annotation)
            if kind.startswith(("ClassVar", "typing.ClassVar")):
                continue
            doc = self.doc(node, statement) or (found[name].doc if name in found else "")
            unit = _UNIT.search(doc)
            found[name] = Field(
                name,
                kind,
                self.default(value),
                re.sub(r"\s*\[[^\]]+\]$", "", doc),
                next(filter(None, unit.groups()), "") if unit else "",
            )
        return found

    def default(self, value: ast.expr | None) -> str:
        if isinstance(value, ast.Call) and ast.unparse(value.func).endswith("field"):
            given = {keyword.arg: keyword.value for keyword in value.keywords}
            if "default_factory" in given:
                return f"{self.default(given['default_factory'])}()"
            return self.default(given.get("default"))
        if value is None:
            return ""
        return " ".join(self.segment(value).split())

    def segment(self, node: ast.expr) -> str:
        """What ast.get_source_segment gives, without splitting the whole text each time."""
        lines = self.lines[node.lineno - 1 : node.end_lineno]
        lines[-1] = lines[-1][: node.end_col_offset]
        return b"\n".join([lines[0][node.col_offset :], *lines[1:]]).decode()

    def doc(self, node: ast.ClassDef, statement: ast.AnnAssign) -> str:
        """What a trailing comment says, or the string literal below the field."""
        line = statement.end_lineno or statement.lineno
        column, words = self.comment(line, statement.end_col_offset or 0)
        while words and (more := self.comment(line + 1))[0] == column and more[1]:
            line += 1  # the comment goes on below
            words += " " + more[1]
        if words:
            return words
        after = node.body[node.body.index(statement) + 1 :][:1]
        if after and isinstance(after[0], ast.Expr) and isinstance(after[0].value, ast.Constant):
            return " ".join(str(after[0].value.value).split())
        return ""

    def comment(self, line: int, start: int = 0) -> tuple[int, str]:
        """Where the comment begins that is all of a line from `start` on, and its words; without
        what is meant for a linter."""
        rest = self.lines[line - 1][start:] if line <= len(self.lines) else b""
        text = rest.strip()
        words = text.decode().lstrip("# ").split("# noqa")[0].strip() if text[:1] == b"#" else ""
        if not words or words.startswith(("noqa", "type:")):
            return -1, ""
        return start + rest.index(b"#"), words


@cache
def _source(path: Path, module: str, changed: int) -> Source:
    return Source(path, module)


def _assignments(node: ast.ClassDef) -> list[tuple[str, ast.expr | None, ast.stmt]]:
    found: list[tuple[str, ast.expr | None, ast.stmt]] = []
    for statement in node.body:
        if isinstance(statement, ast.AnnAssign):
            found.append((ast.unparse(statement.target), statement.value, statement))
        elif isinstance(statement, ast.Assign):
            found.append((ast.unparse(statement.targets[0]), statement.value, statement))
    return found
