"""`gansaku evaluate` and `compare-results` on a small run: contracts, files, refusals."""

from __future__ import annotations

import json

import pytest
from PIL import Image

from gansaku.cli.main import main
from gansaku.evaluation import evaluate
from gansaku.metrics.result import Report

QUICK = ("--features", "random-conv", "--measures", "frechet_distance,kernel_distance,coverage")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A quick run of a few steps on the 8 x 8 digits, part of which was held out."""
    where = tmp_path_factory.mktemp("evaluate") / "run"
    words = "train quick --data digits --size 16 --holdout 0.2 --width 4 --batch_size 16 --steps 6"
    assert main([*words.split(), "--measure_every", "0", "--out", str(where)]) == 0
    return where


def told(path):
    return {r.contract.measure: r for r in Report.read(path).results}


def test_a_run_and_the_folder_of_its_samples_measure_the_same(run, tmp_path, capsys):
    assert (
        main(["sample", str(run), "-n", "80", "--seed", "1", "--out", str(tmp_path / "made")]) == 0
    )
    ran, drawn = tmp_path / "run.json", tmp_path / "folder.json"
    assert (
        main(["evaluate", str(run), "--against", "digits", "-n", "80", *QUICK, "--out", str(ran)])
        == 0
    )
    folder = (
        "evaluate",
        str(tmp_path / "made"),
        "--against",
        "digits",
        *QUICK,
        "--out",
        str(drawn),
    )
    assert main([*folder]) == 0
    a, b = told(ran), told(drawn)
    assert {n: r.value for n, r in b.items()} == pytest.approx({n: r.value for n, r in a.items()})
    capsys.readouterr()
    assert main(["compare-results", str(ran), str(drawn)]) == 2  # who drew them is not known
    assert "the moving average: True and none" in capsys.readouterr().out


def test_every_number_has_its_contract(run):
    report = evaluate(run, n=70, features="random-conv")
    assert {"frechet_distance", "recall", "vendi", "ms_ssim"} <= {
        r.contract.measure for r in report.results
    }
    for found in report.results:
        contract = found.contract
        assert contract.split == "held out 0.2"
        assert (contract.seed, contract.average) == (1, True)
        assert len(contract.reference) == 16
        assert contract.samples >= 64
        if "random-conv" in found.title:
            assert contract.features in found.title


def test_files_are_new_each_time_and_compare(run, capsys):
    words = ("evaluate", str(run), "-n", "70", *QUICK)
    assert main([*words]) == main([*words]) == 0
    made = sorted((run / "evaluations").glob("*.json"))
    assert [path.name for path in made] == ["step-00000006-2.json", "step-00000006.json"]
    capsys.readouterr()
    assert main(["compare-results", *map(str, made)]) == 0
    assert capsys.readouterr().out.count("equal within the error") == 3
    assert main(["evaluate", str(run), "-n", "60", *QUICK]) == 0
    assert main(["compare-results", str(made[0]), str(run)]) == 2
    assert "the number of samples: 70 and 60" in capsys.readouterr().out


def test_points(tmp_path):
    words = "train wgan_gp --data ring --steps 4 --width 2 --batch_size 16 --measure_every 0 --out"
    assert main([*words.split(), str(tmp_path / "ring")]) == 0
    report = evaluate(tmp_path / "ring", against="ring", n=400)
    assert [r.contract.measure for r in report.results] == ["sliced_wasserstein", "modes"]


def test_one_picture(run, tmp_path):
    main(["sample", str(run), "-n", "8", "--out", str(tmp_path / "made")])
    Image.new("L", (16, 16), 90).save(tmp_path / "flat.png")
    one = tmp_path / "made" / "00003.png"
    report = evaluate(tmp_path / "made", against=str(one), features="random-conv")
    names = [r.contract.measure for r in report.results]
    assert names == ["patch_distance", "single_image_diversity", "single_image_frechet"]


def test_pairs(run, tmp_path):
    main(["sample", str(run), "-n", "5", "--out", str(tmp_path / "a")])
    report = evaluate(tmp_path / "a", against=tmp_path / "a", paired=True, features="random-conv")
    found = {r.contract.measure: r.value for r in report.results}
    assert found["ssim"] == pytest.approx(1.0)
    assert found["perceptual_distance"] == pytest.approx(0.0)
    main(["sample", str(run), "-n", "4", "--out", str(tmp_path / "b")])
    assert (
        main(["evaluate", str(tmp_path / "a"), "--against", str(tmp_path / "b"), "--paired"]) == 2
    )


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["{run}", "-n", "1"], "n must be at least 2"),
        (["{run}", "--measures", "recal"], "did you mean 'recall'"),
        (["{run}", "--measures", "parzen"], "give some with --valid"),
        (["{run}", "--measures", "modes"], "points in the plane"),
        (["{run}", "--features", "backbon"], "did you mean 'backbone'"),
        (["nowhere"], "--against"),
        ([], "say what to evaluate"),
    ],
)
def test_what_cannot_be_measured_is_one_sentence(run, words, said, capsys):
    assert main(["evaluate", *(word.format(run=run) for word in words)]) == 2
    error = capsys.readouterr().err
    assert said in " ".join(error.split())
    assert "Traceback" not in error


def test_the_list_needs_no_run(capsys):
    assert main(["evaluate", "--measures", "list"]) == 0
    assert "arXiv:1904.06991" in capsys.readouterr().out


def test_json_holds_what_a_person_needs(run, tmp_path):
    out = tmp_path / "e.json"
    assert main(["evaluate", str(run), "-n", "70", *QUICK, "--out", str(out)]) == 0
    data = json.loads(out.read_text())
    assert data["subject"]["step"] == 6
    assert "date" in data["made"]
    assert data["results"][0]["contract"]["resizer"]
