"""`gansaku theory`: the list without torch, a figure with its paragraph, and the docs' pages."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from gansaku.cli.theory import main
from gansaku.core.errors import UserError
from gansaku.theory.topics import LANGUAGES, TOPICS, gallery, paragraph, topic

DOCS = Path(__file__).parents[2] / "docs"
COMMAND = "gansaku theory all --out docs/images/theory --page docs/theory"


def test_the_list_is_fast_for_it_needs_no_torch():
    code = (
        "import sys; from gansaku.cli.theory import main; main([]); "
        "print('torch' in sys.modules, 'matplotlib' in sys.modules)"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.splitlines()[-1] == "False False"
    assert all(one.name in ran.stdout for one in TOPICS)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_figure_with_its_paragraph(lang, tmp_path, capsys):
    main(["kl-directions", "--lang", lang, "--out", str(tmp_path)])
    with Image.open(tmp_path / "kl-directions.png") as picture:
        assert picture.width > 600
    text = (tmp_path / "kl-directions.md").read_text(encoding="utf-8")
    assert "![" in text
    assert "(kl-directions.png)" in text
    assert paragraph(topic("kl-directions"), lang) in text
    said = re.sub(r"\s", "", capsys.readouterr().out)
    assert re.sub(r"\s", "", paragraph(topic("kl-directions"), lang)) in said


def test_every_figure_has_a_module_and_both_languages():
    for one in TOPICS:
        assert importlib.util.find_spec(one.module)
        for lang in LANGUAGES:
            assert 150 < len(paragraph(one, lang)) < 800
        assert re.search("[ぁ-ん]", paragraph(one, "ja"))
        assert not re.search("[ぁ-んァ-ヶ一-龯]", paragraph(one, "en"))


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["platau"], "did you mean 'plateau'"),
        (["plateau", "--lang", "de"], "--lang is en or ja"),
    ],
)
def test_what_was_asked_wrongly_is_one_sentence(words, told):
    with pytest.raises(UserError, match=told):
        main(words)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_pages_of_the_docs_are_what_the_command_writes(lang):
    page = DOCS / ("theory.md" if lang == "en" else f"theory.{lang}.md")
    text, folder = page.read_text(encoding="utf-8"), DOCS / "images" / "theory"
    there = {path.stem for path in folder.glob("*.png")}
    assert there <= {one.name for one in TOPICS}
    assert len(there) >= 6
    assert text == gallery(lang, "images/theory", COMMAND, there=there)
    for picture in re.findall(r"\]\((images/[^)]*)\)", text):
        assert (DOCS / picture).stat().st_size < 120_000, picture
