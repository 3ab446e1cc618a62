"""`gansaku resume RUN`: go on from the last checkpoint, as if the run had never stopped."""

from __future__ import annotations

import dataclasses

from gansaku.cli import flags
from gansaku.core.choices import CADENCE
from gansaku.core.source import Field

OWN = (
    Field("steps", "int", "as before", "length of the whole run: more trains longer", ""),
    Field("data", "PATH", "as before", "where the data is now, if it has moved", ""),
    Field("device", "str", "as before", "cpu, cuda, cuda:1, mps", ""),
    Field("profile", "bool", "False", "trace a few steps, and say where their time goes", ""),
)
DOC = """\
Go on with a run from its last good checkpoint, as if it had never stopped; or train it longer.

Examples:
  gansaku resume runs/quick-mnist5k
  gansaku resume runs/quick-mnist5k --steps 6000

Length and cadence may change; anything else is a new run: gansaku train ... --init RUN"""


def main(argv: list[str]) -> None:
    given, where = _parsed(argv)
    profile = given.pop("profile", "") == "True"
    changes = flags.chosen(given, steps=int)
    from gansaku import api
    from gansaku.cli.progress import Progress

    progress = Progress()
    with progress.showing():
        model = api.resume(
            where,
            watches=(progress,),
            on_plan=progress.plan,
            on_finding=progress.finding,
            on_profile=progress.profile if profile else None,
            **changes,
        )
    progress.close(model)


def _parsed(argv: list[str]) -> tuple[dict[str, str], str]:
    cadence = [dataclasses.replace(f, default="as before") for f in flags.options(CADENCE)]
    kind = flags.kind(DOC, {"run": "the run's folder"}, {"changing": (*OWN, *cadence)})
    said = flags.parse(kind, flags.switches(argv, OWN), "resume")
    return flags.said(said.changing), said.run
