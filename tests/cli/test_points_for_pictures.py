"""Points given to recipes for pictures: a sentence, whatever the recipe."""

from __future__ import annotations

import pytest

from gansaku.cli.main import main
from gansaku.core import catalog

NAMES = [entry.name for entry in catalog.every()]


@pytest.mark.parametrize("name", NAMES)
def test_points_are_learned_or_refused_in_a_sentence(name, tmp_path, capsys):
    words = ["train", name, "--data", "ring", "--steps", "1", "--out", str(tmp_path / "run")]
    code = main(words)
    said = " ".join(capsys.readouterr().err.split())
    assert code in (0, 2)
    if code == 2:
        assert said.startswith("gansaku: ")
        for slip in ("empty sequence", "unpack", "did you mean 'ring'", "out of range"):
            assert slip not in said
