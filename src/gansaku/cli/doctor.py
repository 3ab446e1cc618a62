"""`gansaku doctor RUN`: what ails a run, how one sees it, why, and what to change."""

from __future__ import annotations

import dataclasses
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from gansaku.cli.flags import may, parse
from gansaku.cli.show import escape, grid, say
from gansaku.core.errors import UserError
from gansaku.doctor.bill import looked_at, unseen
from gansaku.doctor.detectors import examine
from gansaku.doctor.history import PROBE, History

if TYPE_CHECKING:
    from gansaku.core.loop import Run
    from gansaku.doctor.findings import Finding


@dataclass(frozen=True)
class Args:
    """What ails a run: each finding with its evidence, its cause, and the flag to change.

    Examples:
      gansaku doctor runs/dcgan-photos
      gansaku doctor runs/dcgan-photos --json

    It reads what the run wrote down of itself.

    Where no samples were looked at (--measure_every 0), its last checkpoint is, given the data.

    Of a run that broke, the last steps are played again to see which layer broke first.
    """

    run: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="RUN")]
    """the run's folder"""
    json: Annotated[bool, tyro.conf.FlagCreatePairsOff, may()] = False
    """say it as JSON"""
    afresh: Annotated[bool, tyro.conf.FlagCreatePairsOff, may()] = False
    """look at the last checkpoint even where samples were looked at before"""
    data: Annotated[str | None, may(metavar="PATH")] = None
    """the run's data, where it has moved"""


def main(argv: list[str]) -> None:
    args = parse(Args, argv, "doctor")
    history, trouble = History.of(_folder(args.run)), ""
    if args.afresh or (history.records and not history.probed):
        history, trouble = _afresh(history, args)
    found = examine(history)
    if found and found[0].illness == "non-finite":
        found = examine(_located(history, args, found[0].step))
    if args.json:
        sys.stdout.write(json.dumps(_told(args.run, history, found, trouble), indent=2) + "\n")
    else:
        _show(args.run, history, found, trouble)


def _folder(run: str) -> Path:
    """The folder of a run; the error of one that is none needs torch, a good one does not."""
    if not (Path(run) / "run.json").is_file():
        from gansaku.core.folder import Folder

        Folder.open(run)
    return Path(run)


def _afresh(history: History, args: Args) -> tuple[History, str]:
    """The history with a look at the last checkpoint; or as it is, and why there was none."""
    from gansaku.doctor.probes import Probes

    try:
        run = _reopened(args.run, args.data)
    except UserError as error:
        if args.afresh:
            raise
        return history, f"{error}"
    seen = Probes(run.source)(run, run.sample(256, seed=run.seed + 1))
    bare = [{k: v for k, v in r.items() if not k.startswith(PROBE)} for r in history.records]
    records = (*bare, {"step": max(run.steps, history.step), **seen})
    return dataclasses.replace(history, records=records, once=True), ""


def _located(history: History, args: Args, step: int) -> History:
    """With the layer that broke first, if the last steps can be played again."""
    from gansaku.doctor.replay import Replay

    try:
        run = _reopened(args.run, args.data)
    except UserError:
        return history
    where = Replay(run, max(step - run.steps, 1)).find()
    last = next((i for i, line in enumerate(history.log) if "stopped" in line), None)
    if not where or last is None:
        return history
    log = [*history.log]
    log[last] += f" first in {where}"
    return dataclasses.replace(history, log=tuple(log))


def _reopened(where: str, data: str | None) -> Run:
    """The run as its last checkpoint has it, with its data."""
    from gansaku.model import reopened
    from gansaku.options import open_data, options_of

    return reopened(where, open_data(options_of(Path(where)), data))


def _told(run: str, history: History, found: list[Finding], trouble: str) -> dict[str, object]:
    return {
        "run": run,
        "step": history.step,
        "findings": [finding.to_json() for finding in found],
        "looked_at": looked_at(history),
        "unseen": [*unseen(history), *([trouble] if trouble else [])],
    }


def _show(run: str, history: History, found: list[Finding], trouble: str) -> None:
    steps = f"step {history.step}" + (f" of {history.total}" if history.total else "")
    if not history.records and not found:
        say(f"{escape(run)} has logged nothing yet: there is nothing to judge")
    elif found:
        say(f"[b]{escape(run)}[/] at {steps}: {_count(len(found))}\n")
    else:
        say(f"[b]{escape(run)}[/] at {steps}: nothing wrong was found\n")
    for finding in found:
        _one(finding)
    seen, hidden = looked_at(history), [*unseen(history), *([trouble] if trouble else [])]
    rows = [("looked at", escape(line)) for line in seen]
    rows += [("not seen", escape(line)) for line in hidden]
    say(
        grid(
            [
                (head if i == 0 or rows[i - 1][0] != head else "", line)
                for i, (head, line) in enumerate(rows)
            ],
            indent=0,
        )
    )


def _one(finding: Finding) -> None:
    say(f"[b]{finding.title}[/]  (since step {finding.step})")
    rows = [
        ("seen", escape(finding.evidence)),
        ("why", escape(finding.cause)),
        ("change", f"[b]{escape(finding.remedy)}[/]"),
        ("more", escape(finding.page)),
    ]
    say(grid(rows))
    say()


def _count(n: int) -> str:
    return "one finding" if n == 1 else f"{n} findings"
