"""Commands are called as functions, in one process: starting torch takes longer than they do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch

from gansaku.cli import show
from gansaku.cli.main import main

TINY = ("quick", "--data", "digits", "--size", "16", "--width", "4", "--z", "8")


@dataclass(frozen=True)
class Said:
    """What a command left behind: its exit code and its two streams."""

    code: int
    out: str
    err: str


Command = Callable[..., Said]


@pytest.fixture
def gansaku(capsys) -> Command:
    def call(*words: str | Path) -> Said:
        show.console.cache_clear()  # the console of another test writes elsewhere
        capsys.readouterr()
        try:
            code = main([str(word) for word in words])
        except SystemExit as end:  # tyro's own, after a help text
            code = end.code or 0
        return Said(int(code), *capsys.readouterr())

    return call


@pytest.fixture(scope="session")
def trained(tmp_path_factory) -> Path:
    """A finished run of twelve steps; tests that change it work on a copy."""
    out = tmp_path_factory.mktemp("runs") / "first"
    torch.set_num_threads(1)
    words = [*TINY, "--steps", "12", "--log_every", "3", "--keep", "3", "--out", str(out)]
    show.console.cache_clear()
    assert main(["train", *words]) == 0
    return out
