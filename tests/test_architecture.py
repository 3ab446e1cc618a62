"""The house rules, read from the source text: who may import whom, and how long things are."""

from __future__ import annotations

import ast
import re
import sys
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1] / "src" / "gansaku"
FILES = sorted(ROOT.rglob("*.py"))
RECIPES = sorted((ROOT / "recipes").glob("[!_]*.py"))
STDLIB = frozenset(sys.stdlib_module_names)
TOP = (  # files beside the folders
    "__init__",
    "api",
    "cells",
    "comparison",
    "evaluation",
    "importing",
    "model",
    "options",
)

INSIDE = {  # who may import what of the package: parts, or single modules
    "core": ("core",),
    "losses": ("losses", "core.compiling", "core.mixes", "core.slopes", "core.tape"),
    "augment": ("augment",),
    "nets": ("nets",),
    "data": ("data", "core.errors", "core.noise"),
    "recipes": ("core", "losses", "nets", "augment", "data.spec"),
    "metrics": ("metrics", "core", "data", "losses", "nets"),
    "doctor": ("doctor", "core", "data", "losses", "nets"),
    "tools": ("tools", "core", "data", "losses", "nets"),
    "export": ("export", "core", "data", "losses", "nets"),
    "theory": ("theory", "core", "data", "losses", "nets", "metrics"),
    "top": ("top", "core", "data", "metrics", "doctor", "tools"),
    "cli": (
        "cli",
        "top",
        "core",
        "data",
        "losses",
        "nets",
        "augment",
        "metrics",
        "tools",
        "doctor",
        "theory",
    ),
}
OUTSIDE = {  # other people's packages
    "core": {"torch", "numpy", "safetensors"},
    "losses": {"torch", "numpy"},
    "augment": {"torch", "numpy"},
    "nets": {"torch", "numpy"},
    "recipes": {"torch"},
    "data": {"torch", "numpy", "PIL", "matplotlib"},
    "metrics": {"torch", "numpy", "scipy", "safetensors", "matplotlib"},
    "tools": {"torch", "numpy", "PIL"},
    "doctor": {"torch"},
    "theory": {"torch", "numpy", "scipy", "matplotlib", "PIL"},
    "top": {"torch", "numpy"},
    "cli": {"torch", "numpy", "PIL", "rich", "tyro"},
}


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def part(path: Path) -> str:
    inside = path.relative_to(ROOT)
    if inside.stem == "__main__":
        return "cli"
    return inside.parts[0] if len(inside.parts) > 1 else "top"


def module_of(node: ast.ImportFrom, name: str) -> str:
    """The module that `from node.module import name` reaches."""
    whole = f"{node.module}.{name}"
    path = ROOT.parent.joinpath(*whole.split("."))
    found = path.is_dir() or path.with_suffix(".py").is_file()
    return whole if found else str(node.module)


def imports(path: Path) -> set[str]:
    """Full names of the modules that a file imports, anywhere in it."""
    found = set()
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            found |= {module_of(node, alias.name) for alias in node.names}
    return found


def calls(path: Path) -> set[str]:
    """What a file calls by a plain name."""
    nodes = (node for node in ast.walk(tree(path)) if isinstance(node, ast.Call))
    return {node.func.id for node in nodes if isinstance(node.func, ast.Name)}


def allowed(name: str, who: str, path: Path) -> bool:
    parts = name.split(".")
    if parts[0] != "gansaku":
        return parts[0] in STDLIB | OUTSIDE[who] or tensorboard(name, path)
    target = ".".join(parts[1:])
    if not target or target in TOP:
        return "top" in INSIDE[who]
    return any(f"{target}.".startswith(f"{may}.") for may in INSIDE[who])


def tensorboard(name: str, path: Path) -> bool:
    """The one sink that needs it imports it when it is made."""
    return name.startswith("torch.utils.tensorboard") and path.name == "sinks.py"


def ids(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", FILES, ids=ids)
def test_imports(path):
    if path == ROOT / "data" / "spec.py":
        strangers = {n for n in imports(path) if n.startswith("gansaku")} - {"gansaku.data.draw"}
        assert not strangers, "a spec stands on the ground"
    who = part(path)
    assert who in INSIDE, f"{who} is a new part of the house: say here what it may import"
    odd = sorted(name for name in imports(path) if not allowed(name, who, path))
    assert not odd, f"{who} must not import {odd}"


def test_the_rules_can_fail():
    loop = ROOT / "core" / "loop.py"
    assert not allowed("gansaku.recipes.dcgan", "core", loop)
    assert not allowed("gansaku.losses", "core", loop)
    assert not allowed("gansaku.api", "tools", loop)
    assert not allowed("gansaku.data.images", "recipes", loop)
    assert not allowed("matplotlib.pyplot", "cli", loop)
    assert allowed("gansaku.core.errors", "data", loop)
    assert not allowed("gansaku.core.errorsome", "data", loop)


def test_recipes_do_not_import_one_another():
    for path in RECIPES:
        assert not any(name.startswith("gansaku.recipes") for name in imports(path)), path.name


def test_layers_know_no_network():
    for path in (ROOT / "nets" / "layers").glob("*.py"):
        own = {name for name in imports(path) if name.startswith("gansaku")}
        assert all(name.startswith("gansaku.nets.layers") for name in own), path.name


@pytest.mark.parametrize("path", FILES, ids=ids)
def test_every_file(path):
    text = path.read_text(encoding="utf-8")
    assert ast.get_docstring(tree(path)), "a file begins with what it is"
    assert len(text.splitlines()) <= 400
    assert not imports(path) & {"pickle", "cPickle", "dill", "cloudpickle", "shelve", "marshal"}
    assert not calls(path) & {"eval", "exec", "compile"}
    assert text.count("torch.load(") == text.count("weights_only=True"), "pickle by the back door"


@pytest.mark.parametrize("path", RECIPES, ids=ids)
def test_recipes_are_short(path):
    assert len(path.read_text().splitlines()) <= 100


def test_the_loop_knows_nobody():
    path = ROOT / "core" / "loop.py"
    text = path.read_text()
    words = {word.casefold() for word in re.findall(r"[A-Za-z_]\w*", text)}
    classes = {n.name for p in RECIPES for n in tree(p).body if isinstance(n, ast.ClassDef)}
    names = {p.stem for p in RECIPES} | classes
    assert not words & {name.casefold() for name in names}
    assert not words & {"isinstance", "hasattr", "getattr"}
    assert len(text.splitlines()) <= 300


def test_the_contract_is_read_in_one_sitting():
    assert len((ROOT / "core" / "contract.py").read_text().splitlines()) <= 200


def test_functions_are_short():
    lengths = [
        node.end_lineno - node.lineno + 1
        for path in FILES
        for node in ast.walk(tree(path))
        if isinstance(node, ast.FunctionDef)
    ]
    assert sorted(lengths)[len(lengths) // 2] <= 12
    assert sum(length > 40 for length in lengths) <= len(lengths) // 50
    assert max(lengths) <= 70
