"""`gansaku train [RECIPE]`: its flags are the recipe's fields and a closed set of run options."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gansaku.cli import flags
from gansaku.core import catalog
from gansaku.core.errors import UserError
from gansaku.core.source import Field

if TYPE_CHECKING:
    from gansaku.core.contract import Recipe

DEFAULT = "quick"
OWN = (  # what the command reads itself, besides the options of a run
    Field("out", "PATH", "runs/RECIPE-DATA", "the run's folder", ""),
    Field("name", "str", "None", "the run's folder is runs/NAME", ""),
    Field("profile", "bool", "False", "trace a few steps, and say where their time goes", ""),
    Field("recipe", "CONFIG", "None", "config text: 'DCGAN(width=96)'; flags go on top", ""),
)
DOC = """\
Train a GAN. The recipe comes first; without one it is {default!r}, made for a first look.

Examples:
  gansaku train
  gansaku train dcgan --data photos/ --size 64 --flip --width 96
  gansaku train wgan_gp --data ring --steps 3000
  gansaku train dcgan --objective 'Relativistic()' --penalties 'R1(0.5), R2(0.5)'
  gansaku train ./mygan.py --d_optimizer.lr 1e-4

`gansaku recipes` lists the recipes. Below are the options of a run, then the fields of {name}."""


def main(argv: list[str]) -> None:
    chosen = Choice.of(argv)
    recipe, options, out = chosen.read()
    profile = options.pop("profile", False)
    from gansaku import api
    from gansaku.cli.progress import Progress

    progress = Progress()
    with progress.showing():
        data = options.pop("data", None)
        model = api.train(
            recipe,
            data,
            out=out,
            watches=(progress,),
            on_plan=progress.plan,
            on_finding=progress.finding,
            on_profile=progress.profile if profile else None,
            **options,
        )
    progress.close(model)


@dataclasses.dataclass(frozen=True)
class Choice:
    """A recipe's entry, the config text if one was given, and the words that follow."""

    entry: catalog.Entry
    text: str | None
    words: list[str]
    where: str

    @classmethod
    def of(cls, argv: list[str]) -> Choice:
        """The recipe must be known before its flags can be: a name, a file, or a config text."""
        first = argv[0] if argv and not argv[0].startswith("-") else None
        rest = argv[first is not None :]
        text = first if first and "(" in first else _value(rest, "recipe")
        if first is None or text is first:
            first = _class(text) if text else DEFAULT
        return cls(catalog.entry(first), text, rest, first)

    def read(self) -> tuple[Recipe, dict[str, Any], Path | None]:
        """The recipe with its changes, the options that were given, and the folder."""
        given, fields = self.parsed()
        from gansaku.core import config

        kind = catalog.find(self.where)
        recipe = kind() if self.text is None else config.read(self.text, kind)
        if type(recipe) is not kind:
            raise UserError(f"--recipe is a {type(recipe).__name__}, not a {kind.__name__}")
        recipe = config.override(recipe, fields, kind)
        own = {field.name: given.pop(field.name, None) for field in OWN}
        if own["out"] and own["name"]:
            raise UserError("--out and --name both say where the run goes: give one of them")
        out = own["out"] or (f"runs/{own['name']}" if own["name"] else None)
        profile = {"profile": True} if own["profile"] == "True" else {}
        return recipe, flags.chosen(given) | profile, Path(out) if out else None

    def parsed(self) -> tuple[dict[str, str], dict[str, str]]:
        """What was said of the run and of the recipe, as texts by name."""
        options = (*flags.options(), *OWN)
        words, deep = flags.nested(flags.switches(self.words, (*options, *self.entry.fields)))
        kind = flags.kind(
            DOC.format(default=DEFAULT, name=self.entry.name),
            {},
            {"run": options, self.entry.name: self.entry.fields},
        )
        said = flags.parse(kind, words, "train")
        return flags.said(said.run), flags.said(getattr(said, self.entry.name)) | deep


def _value(words: list[str], name: str) -> str | None:
    for i, word in enumerate(words):
        if word == f"--{name}":
            return words[i + 1] if words[i + 1 :] else None
        if word.startswith(f"--{name}="):
            return word.partition("=")[2]
    return None


def _class(text: str) -> str:
    found = re.match(r"\s*([A-Za-z_]\w*)", text)
    if not found:
        raise UserError(f"--recipe must be a config text such as 'DCGAN(width=96)', not {text!r}")
    return found[1]
