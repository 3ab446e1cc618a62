"""What was looked at, and what could not be: a clean bill is worth no more than that."""

from __future__ import annotations

from gansaku.doctor.history import History


def looked_at(history: History) -> list[str]:
    """What the verdict stands on, in words."""
    found = []
    if lines := len(history.series("D/objective")):
        found.append(f"losses, logits and gradients of {lines} logged steps")
    if looks := len(history.probe("finite")):
        found.append(
            f"samples at {looks} {'measure' if looks == 1 else 'measures'}: diversity, "
            "kinds, repeats" + (", pixels, grids" if history.probe("midtones") else "")
        )
    if history.probe("D auc"):
        found.append(
            "the critic's logits of data and samples"
            + (" and of held-out data" if history.probe("D auc held") else "")
        )
    if history.probe("live"):
        found.append("the moving average beside the live generator")
    if history.probe("leak"):
        found.append("whether samples look augmented")
    if history.probe("data/copies"):
        found.append("the data's range" + (", copies, blanks" if history.probe("midtones") else ""))
    return found


def unseen(history: History) -> list[str]:
    """What could not be looked at, and what would let it be."""
    found = []
    if not history.series("D/objective"):
        found.append("losses: none were logged, or the players have other names than G and D")
    if not history.probe("finite"):
        found.append("samples: no measure was taken (--measure_every 0), or none yet")
    elif not history.probe("D auc held"):
        found.append("whether the critic overfits: nothing is held out (--holdout 0.1)")
    planned = history.total
    if planned and history.step < 0.2 * planned:
        found.append(f"most things: {history.step} of {planned} steps are too early to judge")
    return found
