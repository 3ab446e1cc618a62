"""Numbers that go wrong: not finite, exploding, or thrown about by steps too large."""

from __future__ import annotations

import math
import re

from gansaku.doctor.detectors.common import LINES, chance, logged
from gansaku.doctor.findings import Finding
from gansaku.doctor.history import History, Series
from gansaku.doctor.remedies import either, penalised, rate

WILD = 0.01  # of the weights is moved by one step: after a hundred nothing is left of them.
# Adam is at 0.001 to 0.01 as a rule; under spectral norm, where size means nothing, up to 0.04
FAST = 0.01  # of Adam: four times the largest rate of a published GAN known here (2.5e-3)
LOUD = 10.0  # times the loss at chance: no game of these losses stays there
HUGE = 1e4  # norm of a gradient: float32 still counts, training does not
GROWN = 30.0  # times the early value
STEEP = 100.0  # times its weight: a gradient penalty at slope 11 where 1 is meant
_TERM = re.compile(r"(\S+) became (\S+) at step (\d+)")
_WEIGHT = re.compile(r"(\S+) is not finite at step (\d+)")
_WHERE = re.compile(r"first in (.+)$")  # what a replay adds


def non_finite(history: History) -> Finding | None:
    """A term, a weight or the samples are nan or infinite: which, and when."""
    for line in reversed(history.log):
        term, weight = _TERM.search(line), _WEIGHT.search(line)
        if term:
            return _broken(history, *term.groups(), line)
        if weight:
            return _broken(history, weight[1], "not finite", weight[2], line)
    finite = history.probe("finite")
    if finite and finite.last < 1.0:
        step = str(finite.began(below=1.0))
        return _broken(history, "G's samples", "not finite", step, "")
    return None


def _broken(history: History, what: str, value: str, step: str, line: str) -> Finding:
    place = found[1] if (found := _WHERE.search(line)) else ""
    player = "G" if (place or what.removeprefix("nets/")).startswith("G") else "D"
    gradients = history.series(f"{player}/gradient")
    last = f"; before, {player}'s gradient had norm {gradients.last:.2g}" if gradients else ""
    bare = not history.settings.penalties()
    return Finding(
        "non-finite",
        f"{what} became {value} by step {step}{', first in ' * bool(place)}{place}{last}",
        "A number grew beyond what a float can hold, and all that is computed from it is lost. "
        "It is the end of an explosion: steps too large, or a critic without bounds.",
        either(
            rate(history, player, 0.1),
            penalised(history, 1.0, "R1(1.0)") if bare else "",
            "--precision fp32" if history.option.get("precision") == "bf16" else "",
        ),
        int(step),
    )


def exploding(history: History) -> Finding | None:
    """A gradient, a penalty or an unbounded critic's estimate grows without end."""
    return _unbounded(history) or _steep(history) or _gradient(history)


def _unbounded(history: History) -> Finding | None:
    """A Wasserstein critic that nothing keeps Lipschitz."""
    said, estimate = history.settings, history.series("wasserstein")
    bound = said.penalties() or said.get("constraint") or "spectral" in str(said.get("d_norm"))
    if said.kind("objective") != "Wasserstein" or bound or len(estimate) < LINES:
        return None
    early, late = _grown(estimate)
    if late < GROWN * early:
        return None
    return Finding(
        "exploding",
        f"the Wasserstein estimate went from {early:.2g} to {late:.2g}, and no penalty or "
        f"clipping bounds the critic (gradient norm {history.series('D/gradient').last:.2g})",
        "A Wasserstein critic without a Lipschitz bound can make its estimate as large as it "
        "likes by growing its weights. It then measures no distance, and gradients grow with it.",
        penalised(history, 1.0, "GradientPenalty(10.0)"),
        _passed(estimate, 10 * early),
    )


def _steep(history: History) -> Finding | None:
    """A gradient penalty that has run away."""
    for penalty in history.settings.penalties():
        if penalty.name not in ("GradientPenalty", "LipschitzPenalty", "DRAGAN"):
            continue
        weight = float(penalty.values.get("weight", penalty.values.get("0", 1.0)) or 1.0)
        found = history.series(f"D/{penalty.name}")
        if len(found) < LINES or found.late().median() < STEEP * weight:
            continue
        slope = 1 + math.sqrt(found.late().median() / weight)
        return Finding(
            "exploding",
            f"{penalty.name} is {found.late().median():.2g} (weight {weight:g}): the critic's "
            f"slope is about {slope:.2g} where 1 is meant",
            "The critic's slope has run away from what the penalty asks for: its steps are too "
            "large for it. What the generator gets from it is of the wrong size, and soon noise.",
            either(rate(history, "D", 0.1), penalised(history, 10.0, "")),
            found.began(above=STEEP * weight / 2),
        )
    return None


def _gradient(history: History) -> Finding | None:
    for player in ("D", "G"):
        found = history.series(f"{player}/gradient")
        if len(found) < LINES:
            continue
        early, late = _grown(found)
        if late > HUGE and late > GROWN * early:
            return Finding(
                "exploding",
                f"the norm of {player}'s gradient went from {early:.2g} to {late:.2g}",
                f"{player}'s loss has become so steep that a step goes anywhere. Mostly the "
                "critic's weights have grown without bound.",
                either(penalised(history, 10.0, "R1(1.0)"), rate(history, player, 0.1)),
                _passed(found, HUGE),
            )
    return None


def learning_rate(history: History) -> Finding | None:
    """Steps so large that they do not correct the weights but replace them."""
    if not logged(history):
        return None
    loss, guess = history.series("D/objective"), chance(history)
    loud = loss.late().median() / guess > LOUD
    wild = [p for p in ("D", "G") if _wild(history, p, loud)]
    if not wild:
        return None
    told = f"; D's loss is {loss.late().median() / guess:.2g} times that of a guess" if loud else ""
    moved = (
        f"a step moves {p}'s weights by {100 * _ratio(history, p):.1f} % of their size"
        for p in wild
    )
    began = history.probe(f"step/{wild[0]}")
    return Finding(
        "learning-rate-too-high",
        "; ".join(moved) + told + " (below 1 % is usual)",
        "Each step is so large that it replaces what the weights had learned instead of "
        "correcting it. Losses jump, and samples fall apart or stay crude.",
        " ".join(rate(history, p, 0.01 if _rate(history, p) >= 5 * FAST else 0.1) for p in wild),
        began.steps[0] if began else history.step,
    )


def _wild(history: History, player: str, loud: bool) -> bool:
    """A rate beyond all that is known to work, or steps that large and losses beyond a guess."""
    if _rate(history, player) >= FAST:  # later, all may be lost and nothing move any more
        return _ratio(history, player, late=False) > WILD
    return loud and _ratio(history, player) > WILD


def _rate(history: History, player: str) -> float:
    found = history.settings.get(f"{player.lower()}_optimizer.lr")
    return float(found) if isinstance(found, int | float) else 0.0


def _ratio(history: History, player: str, late: bool = True) -> float:
    step, weights = history.probe(f"step/{player}"), history.probe(f"weights/{player}")
    if len(step) < history.least(3) or len(step) != len(weights):
        return math.nan
    ratios = [s / max(w, 1e-12) for s, w in zip(step.values, weights.values, strict=True)]
    return Series(step.steps, tuple(ratios)).late().median() if late else max(ratios)


def _grown(series: Series) -> tuple[float, float]:
    """Sizes at the start and of late."""
    sizes = Series(series.steps, tuple(abs(v) for v in series.values))
    early = Series(sizes.steps[:5], sizes.values[:5]).median()
    return max(early, 1e-6), sizes.late().median()


def _passed(series: Series, bound: float) -> int:
    """The first step at which a size was above a bound."""
    pairs = zip(series.steps, series.values, strict=True)
    return next((s for s, v in pairs if abs(v) > bound), series.steps[-1])
