"""The report names what is there, what would be fed, and every file that cannot be used."""

import pytest
from PIL import Image

from gansaku.core.errors import DataError
from gansaku.data.inspect import inspect
from gansaku.data.spec import ImageSpec, PointSpec


@pytest.fixture
def mixed(tmp_path):
    folder = tmp_path / "set"
    for number in range(40):
        path = folder / "cat" / f"{number}.png" if number < 25 else folder / "dog" / f"{number}.gif"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 6), (number, number, 9)).save(path)
    (folder / "dog" / "again.gif").write_bytes((folder / "dog" / "30.gif").read_bytes())
    (folder / "dog" / "torn.gif").write_bytes(b"GIF89a")
    (folder / "readme.txt").write_text("x")
    return folder


def test_what_is_there(mixed, tmp_path):
    report = inspect(mixed, sheet=tmp_path / "sheet.png", holdout=0.25)
    assert report.count == 41
    assert dict(report.forms) == {"PNG": 25, "GIF": 16}
    assert dict(report.modes) == {"RGB": 25, "palette": 16}
    assert dict(report.sizes) == {(6, 8): 41}
    assert report.labels == {"cat": 25, "dog": 16}
    assert report.duplicates == (("dog/30.gif", "dog/again.gif"),)
    assert [name for name, _ in report.bad] == ["dog/torn.gif"]
    assert report.ignored == ("readme.txt",)
    assert report.spec == ImageSpec(6, 8, 3, ("cat", "dog"))
    assert report.fed + report.held == 41
    assert report.held in (10, 11)
    with Image.open(report.sheet) as sheet:
        assert sheet.width > 300


def test_the_text_says_it_all(mixed):
    text = inspect(mixed).text()
    for words in (
        *("41 usable", "PNG (25), GIF (16)", "8x6 (41)", "cat (25), dog (16)", "exact copies: 1"),
        *("would be fed", "41 samples of 8x6 RGB, 2 classes", "palette converted: 16 of 41 files"),
        *("dog/torn.gif", "readme.txt"),
    ):
        assert words in text
    assert max(map(len, text.splitlines())) < 200


def test_what_cannot_be_fed_is_reported_not_raised(mixed, tmp_path):
    Image.new("RGB", (80, 60)).save(mixed / "cat" / "large.png")
    report = inspect(mixed, sheet=tmp_path / "sheet.png")
    assert "2 sizes" in report.refusal
    assert report.spec is None
    assert report.sheet is None
    assert "cannot be fed as it is" in report.text()
    assert "readme.txt" in report.text()
    assert inspect(mixed, size=8).fed == 42


def test_a_file_that_is_torn_inside_is_found_by_decoding(mixed):
    path = mixed / "cat" / "7.png"
    Image.effect_noise((8, 6), 90).save(path)
    path.write_bytes(path.read_bytes()[:60])
    assert ("cat/7.png", "it is cut short") in inspect(mixed, tolerate=0.1).bad


def test_points_and_arrays(tmp_path):
    report = inspect("ring", sheet=tmp_path / "ring.png")
    assert report.spec == PointSpec(2)
    assert report.sheet.is_file()
    assert "8 Gaussians" in report.text()
    assert "usable" not in report.text()


def test_nothing_to_report_on_is_an_error(tmp_path):
    with pytest.raises(DataError, match="does not exist"):
        inspect(tmp_path / "nowhere")
