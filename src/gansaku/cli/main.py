"""`gansaku`: finds the command's module and runs it; whatever a person can mend is one message."""

from __future__ import annotations

import importlib
import keyword
import os
import sys
from collections.abc import Sequence

from gansaku import __version__
from gansaku.core.errors import UserError, nearest

COMMANDS = {
    "train": "train a GAN on pictures of yours, or on the built-in digits",
    "resume": "go on with a run, or train it longer",
    "runs": "list runs, compare them, free their disk space",
    "sample": "draw samples from a trained run",
    "reconstruct": "pictures beside what a run's encoder and generator make of them",
    "translate": "pictures, folders of them, through a trained translator",
    "interpolate": "walk between samples: a sheet and an animation",
    "paint": "a photograph of clip-art, in the manner of one picture",
    "edit": "regions of one picture that were moved or copied, made to fit",
    "harmonize": "an object pasted into one picture, made to fit",
    "upscale": "one picture enlarged by what was learned of it",
    "animate": "one picture, moving",
    "import": "a model that other people's code trained, as a run",
    "dance": "a person whom a run has learned dances what another danced",
    "recipes": "the catalogue: every GAN here, and every number of each",
    "data": "what is in a folder or file, and what of it would be fed",
    "evaluate": "how good samples are: many measures, each with its contract and interval",
    "compare": "recipes side by side on one budget: one table, one chart",
    "compare-results": "which of two evaluations is better, where they may be compared",
    "memorised": "has it only learned the data by heart?",
    "doctor": "what ails a run, why, and what to change",
    "theory": "why GANs work and fail: figures from real computation, with an explanation",
    "parzen": "the log-likelihood that the papers of 2014 report",
    "cite": "the BibTeX of a recipe's paper",
}
FIRST = (
    ("gansaku train", "digits in about three minutes, nothing to prepare"),
    ("gansaku train dcgan --data photos/ --size 64", "on a folder of your pictures"),
    ("gansaku recipes wgan_gp", "what one recipe is, and all its numbers"),
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; 0 is success, 2 an error that the message says how to mend."""
    name, *rest = [*(sys.argv[1:] if argv is None else argv)] or ["--help"]
    try:
        return _run(name, rest)
    except UserError as error:
        if error.spoken or os.environ.get("RANK", "0") == "0":  # said once by many processes
            _complain(str(error))
        return 2
    except KeyboardInterrupt:
        _complain("interrupted")
        return 130
    except BrokenPipeError:  # `gansaku recipes | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:  # of a file, wherever that was; another one is a bug
        if error.filename is None:
            raise
        _complain(f"{error.filename} cannot be read or written: {error.strerror}")
        return 2


def _run(name: str, rest: list[str]) -> int:
    if name in ("-h", "--help", "help"):
        return _run(rest[0], ["--help"]) if rest else _help()
    if name in ("-V", "--version"):
        sys.stdout.write(f"gansaku {__version__}\n")
        return 0
    if name not in COMMANDS:
        raise UserError(
            f"gansaku has no command {name!r}{nearest(name, COMMANDS) or '.'} "
            f"Commands: {', '.join(COMMANDS)}"
        )
    importlib.import_module(f"gansaku.cli.{module_of(name)}").main(rest)
    return 0


def _help() -> int:
    from gansaku.cli.show import grid, say

    say(
        "[b]gansaku[/] COMMAND ...   Generative adversarial networks: one loop, one command line.\n"
    )
    say(grid([(f"[b]{name}[/]", line) for name, line in COMMANDS.items()]))
    say("\nFirst steps:")
    say(grid([(f"[b]{command}[/]", line) for command, line in FIRST]))
    say("\n`gansaku COMMAND --help` explains one command, with an example.")
    return 0


def _complain(message: str) -> None:
    from rich.console import Console
    from rich.text import Text

    text = Text.assemble(("gansaku: ", "bold red"), message)
    Console(stderr=True, highlight=False).print(text, soft_wrap=True)


def module_of(command: str) -> str:
    """The module of a command: its name, and where that is a word of Python's own, with `_`."""
    name = command.replace("-", "_")
    return f"{name}_" if keyword.iskeyword(name) else name
