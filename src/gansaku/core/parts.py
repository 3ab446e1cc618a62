"""What of a game depends on how its batches are cut: into processes, and into parts of those."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable

from torch.nn.modules.dropout import _DropoutNd

from gansaku.core import ranks
from gansaku.core.contract import Nets, Recipe
from gansaku.core.errors import UserError
from gansaku.core.gathering import norms
from gansaku.core.loop import Run

FEW = 3  # layers that are named


def remarks(run: Run) -> tuple[str, ...]:
    """What makes this run another than that of whole batches, a sentence each; none if whole."""
    cut, n = run.accumulate, ranks.world()
    if cut * n == 1:
        return ()
    lines = [f"{_shared(n, cut)}: the end is that of whole batches, up to rounding"]
    if (names := list(norms(run.nets))) and cut > 1:
        lines.append(
            f"but batch norm takes and remembers the moments of each of {cut} parts, not of "
            f"the batch ({few(names)})"
        )
    elif names:
        lines.append(f"batch norm gathers its moments over the processes ({few(names)})")
    if drops := [name for name, m in run.nets.named_modules() if isinstance(m, _DropoutNd)]:
        lines.append(f"but dropout draws other masks for other parts ({few(drops)})")
    lines += [f"but {tie}" for tie in ties(run.recipe, run.nets)]
    return tuple(lines)


def _shared(processes: int, cut: int) -> str:
    if processes == 1:
        return f"every batch is taken in {cut} parts"
    each = f", in {cut} parts each" if cut > 1 else ""
    return f"{processes} processes share every batch{each}"


def ties(recipe: Recipe, nets: Nets) -> list[str]:
    """What compares the samples of a batch with one another, by the attribute `ties`, in words.

    A recipe has it, or an objective, a penalty or whatever else is a field, or a layer.
    """
    values = [getattr(recipe, field.name) for field in dataclasses.fields(recipe)]
    flat = [inner for v in values for inner in (v if isinstance(v, tuple) else (v,))]
    found = (getattr(one, "ties", "") for one in (recipe, *flat, *nets.modules()))
    return list(dict.fromkeys(tie for tie in found if tie))


def few(names: Iterable[str]) -> str:
    """`G.0, G.3, G.6 and 4 more`."""
    names = list(names)
    more = f" and {len(names) - FEW} more" if len(names) > FEW else ""
    return ", ".join(names[:FEW]) + more


def start_alike(run: Run) -> None:
    """All processes begin with rank 0's weights; UserError where one has other data or time.

    Weights drawn from one seed are equal on equal machines only.
    """
    if ranks.world() == 1:
        return
    own = {"data": run.source.fingerprint(), "step": run.steps, "recipe": repr(run.recipe)}
    first = json.loads(ranks.told(json.dumps(own)))
    for name, value in own.items():
        if value != first[name]:
            raise UserError(
                f"the {name} here is {value}, and that of rank 0 is {first[name]}: every machine "
                "must see the same data, and the same run folder"
            )
    ranks.give([*run.nets.state_dict().values(), *run.averages.copies.state_dict().values()])
