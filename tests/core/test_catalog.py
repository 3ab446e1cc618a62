"""The catalogue reads recipes from their source, without importing torch."""

import dataclasses
import subprocess
import sys
from pathlib import Path

import pytest

from gansaku.core import catalog
from gansaku.core.errors import UserError

MINE = '''"""A recipe of one's own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from gansaku.core.card import Card
from gansaku.core.contract import Recipe


@dataclass(frozen=True)
class MyGAN(Recipe):
    """Learns nothing."""

    note = 0  # no annotation: no field
    card: ClassVar[Card] = Card(
        title="Mine", paper="arXiv:0000.00000", year=1999, task="points", line="A test.",
        bibtex="@misc{mine}",
    )
    batch_size: int = 1_000  # samples in an update
    width: int = 64  # of the widest layer [channels]
    depth: int = 12  # of all layers
    ema: float = 0.0  # half-life of the average in images; none
                      # where it is zero
    betas: tuple[float, ...] = (
        0.5,
        0.9,
    )  # of Adam  # noqa: E501
    prior: str = "normal"
    """Of the latent."""
    must: int | None

    def networks(self, spec): return 0
    def stages(self, nets): return ()
    def sample(self, nets, n, noise, given): return 0
    @classmethod
    def tiny(cls): return cls()
'''.replace("    must: int | None\n", "")


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    path = tmp_path / "mygan.py"
    path.write_text(MINE)
    return path


def test_entry_of_a_file(mine):
    entry = catalog.entry(str(mine))
    assert (entry.name, entry.cls, entry.card.year) == ("mygan", "MyGAN", 1999)
    assert entry.doc == "Learns nothing."
    told = {f.name: (f.type, f.default, f.doc, f.unit) for f in entry.fields}
    assert told == {
        "batch_size": ("int", "1_000", "samples in an update", ""),
        "width": ("int", "64", "of the widest layer", "channels"),
        "depth": ("int", "12", "of all layers", ""),
        "ema": (
            "float",
            "0.0",
            "half-life of the average in images; none where it is zero",
            "images",
        ),
        "betas": ("tuple[float, ...]", "( 0.5, 0.9, )", "of Adam", ""),
        "prior": ("str", '"normal"', "Of the latent.", ""),
    }


def test_class_of_a_file(mine):
    cls = catalog.find(mine)
    assert cls is catalog.find(str(mine))
    assert cls().width == 64
    assert cls.card == catalog.entry(mine).card


def test_an_edited_file_is_read_again(mine):
    assert catalog.find(mine)().width == 64
    mine.write_text(MINE.replace("width: int = 64", "width: int = 128"))
    assert catalog.find(mine)().width == 128
    assert next(f for f in catalog.entry(mine).fields if f.name == "width").default == "128"


def test_a_base_says_what_a_recipe_does_not(tmp_path):
    text = MINE.replace("class MyGAN(Recipe)", "class MyGAN(Duel)")
    text = text.replace("contract import Recipe", "duel import Duel")
    (tmp_path / "d.py").write_text(
        text.replace("batch_size: int = 1_000  # samples in an update", "batch_size: int = 9")
    )
    fields = {f.name: f for f in catalog.entry(tmp_path / "d.py").fields}
    assert list(fields)[:3] == ["steps", "batch_size", "z"]
    assert fields["batch_size"].default == "9"
    assert "critic update" in fields["batch_size"].doc
    assert fields["objective"].default == "" or fields["objective"].default


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("class MyGAN(Recipe)", "class MyGAN"), "holds no recipe"),
        (
            ("    def tiny", "    def tiny(cls): return cls()\nclass Other(Recipe):\n    def tiny"),
            "holds MyGAN and Other",
        ),
        (("    card:", "    cart:"), "MyGAN in mygan.py has no card"),
        (("year=1999", "year=1990 + 9"), "card must be made of literals"),
        (("year=1999, ", ""), "card lacks year"),
        (("year=1999", "yaer=1999"), "no 'yaer'; did you mean 'year'?"),
        (("class MyGAN", "clas MyGAN"), "mygan.py is not Python at line"),
    ],
)
def test_a_file_that_cannot_be_used(mine, change, words):
    assert change[0] in MINE
    mine.write_text(MINE.replace(*change))
    with pytest.raises(UserError, match=words):
        catalog.entry(mine)


def test_a_file_that_stops(mine):
    mine.write_text(MINE + "\n1 / 0\n")
    with pytest.raises(UserError, match=r"mygan.py stops at line \d+: ZeroDivisionError"):
        catalog.find(mine)


def test_names_that_do_not_exist():
    with pytest.raises(UserError, match="no recipe file"):
        catalog.entry("./nothing.py")
    with pytest.raises(UserError, match="no recipe is called 'nothing'"):
        catalog.entry("nothing")
    with pytest.raises(UserError, match="no recipe is called '__init__'"):
        catalog.entry("__init__")


def test_nearest_recipe(monkeypatch, mine):
    entry = dataclasses.replace(catalog.entry(mine), name="mine_gp", cls="MineGP")
    monkeypatch.setattr(catalog, "every", lambda: [entry])
    with pytest.raises(UserError, match="did you mean 'mine_gp'"):
        catalog.entry("mne-gp")
    assert catalog.entry("MINE-GP") is catalog.entry("minegp") is entry


@pytest.mark.parametrize("entry", catalog.every(), ids=lambda e: e.name)
def test_every_recipe(entry):
    cls = catalog.find(entry.name)
    assert cls.__name__ == entry.cls
    assert cls.card == entry.card
    fields = dataclasses.fields(cls)
    assert [f.name for f in fields] == [f.name for f in entry.fields]
    assert all(f.doc for f in entry.fields), "every field says what it is in a comment"
    assert entry.doc
    assert entry.card.bibtex.startswith("@")
    assert 2013 < entry.card.year < 2100
    for field, said in zip(fields, entry.fields, strict=True):
        required = field.default is field.default_factory is dataclasses.MISSING
        assert required == (said.default == "")


def test_the_catalogue_does_not_import_torch():
    code = (
        "import sys, gansaku.core.catalog as c; [c.entry(e.name) for e in c.every()];"
        "assert not {'torch', 'numpy'} & set(sys.modules), 'imported'"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
