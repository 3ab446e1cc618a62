"""`gansaku import`: what is said of a folder that is none, and a run of one that is."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from gansaku.cli.main import main

DATA = Path(os.environ.get("GANSAKU_DATA") or Path(__file__).parents[3] / "shared" / "data")
OFFICIAL = DATA / "singan_trained_balloons"


def test_a_folder_of_no_such_code_is_one_sentence(tmp_path, capsys):
    assert main(["import", "singan", str(tmp_path), "--out", str(tmp_path / "run")]) == 2
    assert "0/netG.pth was looked for" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_an_unknown_code_names_the_nearest(tmp_path, capsys):
    assert main(["import", "singen", str(tmp_path), "--out", str(tmp_path / "run")]) == 2
    assert "did you mean 'singan'" in capsys.readouterr().err


def test_no_place_for_the_run(tmp_path, capsys):
    assert main(["import", "singan", str(tmp_path)]) == 2
    assert "needs --out RUN" in capsys.readouterr().err


@pytest.mark.skipif(not OFFICIAL.is_dir(), reason=f"{OFFICIAL} is not there")
def test_an_imported_pyramid_is_a_run(tmp_path, capsys):
    run = tmp_path / "run"
    assert main(["import", "singan", str(OFFICIAL), "--out", str(run)]) == 0
    assert "248x186" in capsys.readouterr().out
    assert main(["import", "singan", str(OFFICIAL), "--out", str(run)]) == 2
    assert "holds a run already" in capsys.readouterr().err
    assert main(["sample", str(run), "-n", "1", "--out", str(tmp_path / "one.png")]) == 0
    assert (tmp_path / "one.png").exists()
