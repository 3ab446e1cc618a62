"""Pictures that are too small for a recipe are named, whatever their size; others are learned."""

from __future__ import annotations

import dataclasses

import pytest
from sources import Pictures

from gansaku.core import catalog
from gansaku.core.errors import UserError
from gansaku.core.loop import Run

ONE = ("singan", "consingan")  # of one picture, which has a test of its own
NAMES = [
    entry.name
    for entry in catalog.every()
    if getattr(catalog.find(entry.name), "feeds", "images") == "images" and entry.name not in ONE
]


@pytest.mark.parametrize("size", [(1, 1), (3, 2), (5, 9), (13, 10)])
@pytest.mark.parametrize("name", NAMES)
def test_small_pictures_are_learned_or_refused_in_a_sentence(name, size):
    recipe = catalog.find(name).tiny()
    recipe = dataclasses.replace(recipe, **dict.fromkeys(type(recipe).length, 1))
    run, said = None, ""
    try:
        run = Run(recipe, Pictures(*size, channels=3), seed=0)
        run.play()
    except UserError as error:
        said = str(error)
    assert "--size" in said or (run is not None and run.over)
