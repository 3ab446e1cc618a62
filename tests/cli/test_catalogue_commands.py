"""What answers at once: help, the catalogue, BibTeX; and it never waits for torch."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

import gansaku
from gansaku.cli.main import COMMANDS, module_of
from gansaku.core import catalog

ROOT = Path(gansaku.__file__).parent
SLOW = ("torch", "numpy", "matplotlib", "PIL", "scipy")


def quick(*words: str) -> tuple[str, float]:
    """Output and processor seconds of a real process, which must not have imported the slow."""
    code = (
        "import sys, time\n"
        "from gansaku.cli.main import main\n"
        "try:\n    end = main(sys.argv[1:])\n"
        "except SystemExit as error:\n    end = error.code\n"
        f"slow = sorted(set({SLOW!r}) & set(sys.modules))\n"
        "print('used', time.process_time(), 'ended', end, 'slow', slow, file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *words],
        capture_output=True, text=True, check=True, env={**os.environ, "COLUMNS": "100"},
    )  # fmt: skip
    told = done.stderr.split()
    assert done.stderr.strip().endswith("slow []"), done.stderr
    assert told[told.index("ended") + 1] in ("0", "None"), done.stderr
    return done.stdout, float(told[told.index("used") + 1])


@pytest.mark.parametrize(
    "words",
    [
        ("--help",),
        ("recipes",),
        ("recipes", "wgan_gp"),
        ("cite", "dcgan"),
        ("train", "r3gan", "--help"),
        ("data", "--help"),
    ],
    ids=" ".join,
)
def test_answers_in_half_a_second_without_torch(words):
    tries = (quick(*words) for _ in range(5))  # a busy machine counts its waits as our time
    out, used = next(((out, used) for out, used in tries if used < 0.5), ("", 0.5))
    assert used < 0.5
    assert len(out.splitlines()) > 3


def test_every_command_has_a_module_and_a_help_with_an_example(gansaku):
    assert {path.stem for path in (ROOT / "cli").glob("*.py")} >= set(map(module_of, COMMANDS))
    for name in COMMANDS:
        said = gansaku(name, "--help")
        assert said.code == 0
        assert "Example" in said.out
        assert f"\n  gansaku {name}" in said.out or f"Example: gansaku {name}" in said.out
        assert max(map(len, said.out.splitlines())) <= 100, name
        assert gansaku("help", name).out == said.out


def test_help_names_every_command(gansaku):
    for said in (gansaku("--help"), gansaku()):
        assert said.code == 0
        assert all(f" {name} " in said.out for name in COMMANDS)


def test_version(gansaku):
    from gansaku import __version__

    assert gansaku("--version").out == f"gansaku {__version__}\n"


def test_the_catalogue_has_them_all(gansaku):
    said = gansaku("recipes")
    for entry in catalog.every():
        assert f" {entry.name} " in said.out
        assert entry.card.paper in said.out


@pytest.mark.parametrize("name", [entry.name for entry in catalog.every()])
def test_a_recipe_is_shown_whole(gansaku, name):
    entry, said = catalog.entry(name), gansaku("recipes", name)
    shown = "".join(said.out.split())
    assert entry.card.paper in said.out
    for field in entry.fields:
        assert f" {field.name} " in said.out
        pieces = field.default.split()  # a long default is folded beside the other columns
        assert "".join(pieces) in shown or all(piece in said.out for piece in pieces)
    assert f"gansaku train {name}" in said.out


def test_the_flag_that_a_recipe_shows_can_be_typed(gansaku):
    from gansaku.cli.train import Choice

    line = next(x for x in gansaku("recipes", "quick").out.splitlines() if "is a flag" in x)
    words = line.partition("gansaku train ")[2].split()
    recipe, _, _ = Choice.of(words).read()
    assert recipe == type(recipe)()


def test_cite_is_bibtex_and_nothing_else(gansaku):
    for entry in catalog.every():
        said = gansaku("cite", entry.name)
        assert said.out == entry.card.bibtex.strip() + "\n"
        assert said.out.count("{") == said.out.count("}")


def test_train_help_shows_the_chosen_recipes_fields(gansaku):
    said = gansaku("train", "wgan_gp", "--help")
    fields = catalog.entry("wgan_gp").fields
    assert all(f"--{field.name} " in said.out for field in fields)
    assert "GradientPenalty(10.0)" in said.out


def test_the_options_of_a_run_are_a_closed_set():
    """Frozen: an option more is a decision, taken here and in docs/decisions."""
    from gansaku.cli import flags, train

    assert [field.name for field in (*flags.options(), *train.OWN)] == [
        "data", "size", "channels", "alpha", "flip", "crop", "holdout", "direction",
        "seed", "device", "precision", "accumulate", "workers", "keep_memory",
        "quick_layers", "cuda_graphs", "compile", "init", "log_every",
        "sheet_every", "save_every", "save_minutes", "measure_every", "patience", "keep",
        "hang_minutes", "out", "name", "profile", "recipe",
    ]  # fmt: skip


def test_named_options_exist():
    from gansaku.cli import flags
    from gansaku.core.choices import CADENCE, FED

    assert {*FED, *CADENCE} < {field.name for field in flags.options()}


def test_every_option_says_what_it_is():
    from gansaku.cli import flags

    assert all(field.doc for field in flags.options())


def test_no_command_imports_torch_at_its_top():
    for path in (ROOT / "cli").glob("*.py"):
        top = ast.parse(path.read_text()).body
        modules = [n.module for n in top if isinstance(n, ast.ImportFrom)]
        modules += [a.name for n in top if isinstance(n, ast.Import) for a in n.names]
        if path.stem not in ("progress", "neighbours"):  # imported where torch has been already
            assert not {m.split(".")[0] for m in modules} & set(SLOW), path.name
