"""The config text: what it says, what it refuses, and that it says all of a recipe."""

from __future__ import annotations

import dataclasses
import math
from typing import ClassVar, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gansaku.core import catalog, config
from gansaku.core.errors import UserError
from gansaku.core.optim import SGD, Adam, RMSprop
from gansaku.losses import R1, R2, Hinge, Relativistic


@dataclasses.dataclass(frozen=True)
class Toy:
    length: ClassVar[tuple[str, ...]] = ()
    width: int = 64
    rate: float = 1e-3
    share: float | None = None
    deep: bool = False
    prior: str = "normal"
    mode: Literal["a", "b"] = "a"
    sizes: tuple[int, ...] = ()
    betas: tuple[float, float] = (0.5, 0.999)
    optimizer: Adam | SGD = Adam()
    parts: tuple[object, ...] = dataclasses.field(default_factory=tuple)
    name: str | None = None

    def __post_init__(self) -> None:
        if self.width < 1:
            raise ValueError("width must be at least 1")


@dataclasses.dataclass(frozen=True)
class Beside:
    c: float = 1.0


def read(text: str) -> Toy:
    return config.read(text, Toy)


@pytest.mark.parametrize(
    "toy",
    [
        Toy(),
        Toy(width=96, optimizer=SGD(0.1, momentum=0.5)),
        Toy(rate=-2.5e-7, share=0.1, deep=True, prior="uni'form\n", mode="b"),
        Toy(sizes=(4,), betas=(-1.0, math.inf), parts=(R1(0.5), R2(0.5), None, "x", (1, -2))),
    ],
    ids=str,
)
def test_what_is_written_is_read(toy):
    assert read(repr(toy)) == toy
    assert read(config.short(toy)) == toy


@pytest.mark.parametrize("entry", catalog.every(), ids=lambda e: e.name)
def test_every_recipe_is_read(entry):
    cls = catalog.find(entry.name)
    for recipe in (cls(), cls.tiny()):
        assert config.read(repr(recipe)) == recipe
        assert config.read(config.short(recipe)) == recipe
        assert repr(config.read(repr(recipe))) == repr(recipe)


def test_short_says_only_what_differs():
    assert config.short(Toy()) == "Toy()"
    assert config.short(Toy(width=96, sizes=(1,))) == "Toy(width=96, sizes=(1,))"
    assert config.short(Toy(optimizer=Adam(lr=1e-3))) == "Toy(optimizer=Adam(lr=0.001))"
    assert config.short(Toy(optimizer=SGD(0.1))) == "Toy(optimizer=SGD(lr=0.1))"


def test_literals():
    assert read("Toy(2, rate=1)") == Toy(width=2, rate=1.0)
    assert isinstance(read("Toy(rate=1)").rate, float)
    assert read("Toy(sizes=[1, 2])").sizes == (1, 2)
    assert config.read("(R1(0.5), Hinge())") == (R1(0.5), Hinge())
    assert config.read(" -3 ") == -3
    assert read("Toy(parts=(Beside(2),))").parts == (Beside(2.0),)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Toy(widht=96)", "Toy has no field 'widht'; did you mean 'width'?"),
        ("Toi(width=96)", "unknown name 'Toi'; did you mean 'Toy'?"),
        ("Toy(optimizer=Adma())", "unknown name 'Adma'; did you mean 'Adam'?"),
        ("Toy(optimizer=Adam)", "Adam needs its brackets"),
        ("Toy(width='96')", "width of Toy must be int, not '96'"),
        ("Toy(width=True)", "width of Toy must be int, not True"),
        ("Toy(width=1.5)", "width of Toy must be int, not 1.5"),
        ("Toy(rate='fast')", "rate of Toy must be float, not 'fast'"),
        ("Toy(share='x')", "share of Toy must be float | None, not 'x'"),
        ("Toy(deep=1)", "deep of Toy must be bool, not 1"),
        ("Toy(mode='c')", "mode of Toy must be Literal"),
        ("Toy(betas=(0.5,))", "betas of Toy must be tuple"),
        ("Toy(sizes=(1, 'a'))", "sizes of Toy must be tuple"),
        ("Toy(optimizer=RMSprop())", "optimizer of Toy must be Adam | SGD, not RMSprop()"),
        ("Toy(optimizer=SGD())", "SGD needs a value for 'lr'"),
        ("Toy(width=0)", "Toy: width must be at least 1"),
        ("Toy(1, width=2)", "Toy is given 'width' twice"),
        ("Toy(*(1, 2))", "unpack"),
        ("Toy(**{})", "unpack"),
        ("Adam(1, (0, 1), 1, 1, 1)", "takes 4 values without a name"),
        ("Toy(width=2 + 2)", "names, numbers, texts and tuples"),
        ("Toy(width=-True)", "only a number has a sign"),
        ("Toy(prior=b'x')", "names, numbers, texts and tuples"),
        ("Toy().width", "names, numbers, texts and tuples"),
        ("__import__('os').system('id')", "names, numbers, texts and tuples"),
        ("open('x')", "unknown name 'open'"),
        ("print", "unknown name 'print'"),
        ("Toy(width=96", "never closed"),
        ("", "not readable"),
        ("x" + "(" * 500, "not readable"),
        ("(" * 60 + "1" + ",)" * 60, "nested too deeply"),
    ],
)
def test_what_is_refused(text, words):
    with pytest.raises(UserError) as caught:
        read(text)
    assert words in str(caught.value)


def test_the_place_is_shown():
    with pytest.raises(UserError) as caught:
        read("Toy(prior='é', widht=96)")
    _, line, marks = str(caught.value).split("\n")
    assert line[marks.index("^") : marks.rindex("^") + 1] == "widht=96"
    with pytest.raises(UserError) as caught:
        read("Toy(width=1, 5 6)")
    _, line, marks = str(caught.value).split("\n")
    assert line[marks.index("^")] == "5"
    with pytest.raises(UserError) as caught:
        read(f"Toy(sizes=({'1, ' * 500}), widht=96)")
    _, line, marks = str(caught.value).split("\n")
    assert len(line) < 120
    assert line[marks.index("^") :].startswith("widht")


@settings(deadline=None)
@given(st.text() | st.text(alphabet="Toy(widh=1,.5'-)R[]{} \\\n"))
def test_any_text_is_read_or_refused(text):
    try:
        said = config.short(config.read(text, Toy))
    except UserError as error:
        said = str(error)
    assert said


_WORDS = st.text(max_size=8)
_NUMBERS = st.floats(allow_nan=False)
_RATES = st.floats(min_value=1e-12, max_value=1e3)


@settings(deadline=None)
@given(
    st.builds(
        Toy,
        width=st.integers(min_value=1),
        rate=_NUMBERS,
        share=st.none() | _NUMBERS,
        prior=_WORDS,
        sizes=st.lists(st.integers()).map(tuple),
        optimizer=st.builds(Adam, lr=_RATES) | st.builds(SGD, _RATES),
        parts=st.lists(st.none() | st.booleans() | _WORDS).map(tuple),
        name=st.none() | _WORDS,
    )
)
def test_any_value_survives(toy):
    assert read(repr(toy)) == toy == read(config.short(toy))


@pytest.mark.parametrize(
    ("changes", "toy"),
    [
        ({"width": "96"}, Toy(width=96)),
        ({"width": "1_000", "rate": "1"}, Toy(width=1000, rate=1.0)),
        ({"prior": "100"}, Toy(prior="100")),
        ({"prior": "'100'"}, Toy(prior="100")),
        ({"mode": "'b'"}, Toy(mode="b")),
        ({"mode": "b"}, Toy(mode="b")),
        ({"name": "None"}, Toy(name=None)),
        ({"name": "x y"}, Toy(name="x y")),
        ({"share": "None"}, Toy()),
        ({"betas": "0, 0.9"}, Toy(betas=(0.0, 0.9))),
        ({"sizes": "7"}, Toy(sizes=(7,))),
        ({"parts": "R1(0.5), R2(1)"}, Toy(parts=(R1(0.5), R2(1.0)))),
        ({"optimizer.lr": "1e-4"}, Toy(optimizer=Adam(lr=1e-4))),
        ({"optimizer.lr": "2", "optimizer": "SGD(1, 0.5)"}, Toy(optimizer=SGD(2.0, 0.5))),
        ({}, Toy()),
    ],
)
def test_override(changes, toy):
    assert config.override(Toy(), changes) == toy


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"widht": "96"}, "Toy has no field 'widht'; did you mean 'width'?"),
        ({"width": "wide"}, "width of Toy must be int, not wide"),
        ({"width": "9.5"}, "width of Toy must be int, not 9.5"),
        ({"width": "0"}, "width must be at least 1"),
        ({"optimizer.lrr": "1"}, "Adam has no field 'lrr'; did you mean 'lr'?"),
        ({"optmizer.lr": "1"}, "Toy has no field 'optmizer'; did you mean 'optimizer'?"),
        ({"share.x": "1"}, "share of Toy is None, which has no field 'x'"),
        ({"optimizer": "adam"}, "unknown name 'adam'; did you mean 'Adam'?"),
    ],
)
def test_override_refuses(changes, words):
    with pytest.raises(UserError) as caught:
        config.override(Toy(), changes)
    assert words in str(caught.value)


def test_override_of_a_recipe():
    dcgan = catalog.find("dcgan")
    changed = config.override(
        dcgan(), {"width": "96", "objective": "Relativistic()", "penalties": "R1(0.5), R2(0.5)"}
    )
    assert changed == dcgan(width=96, objective=Relativistic(), penalties=(R1(0.5), R2(0.5)))
    with pytest.raises(UserError, match="objective of DCGAN must be Objective, not R1"):
        config.override(dcgan(), {"objective": "R1(1)"})
    assert config.override(dcgan(), {"d_optimizer": "RMSprop()"}).d_optimizer == RMSprop()
