"""Who wins: a critic too strong, dead or too weak; a game that goes in circles."""

from __future__ import annotations

import itertools
import math
import statistics

from gansaku.doctor.detectors.common import chance, logged, loss_share, probed
from gansaku.doctor.findings import Finding
from gansaku.doctor.history import History, total_variation
from gansaku.doctor.remedies import either, option, penalised, rate, scaled

DEAD = 1e-6  # norm of G's gradient: below it the optimizers' eps of 1e-8 a weight holds G still
SILENT = 1e-6  # spread of the logits: float32 tells numbers of size 1 no finer apart
STRONG = 0.01  # of the loss at chance: healthy DCGANs pass through 0.02 on their way
RIGHT = 0.99  # chance that data is put above samples
STILL = 0.01  # of their distance to the data: a run that learns moves its samples by ten times that
VANISHED = 0.05  # of G's first gradient: what a saturating loss leaves of it
WEAK = 1.25  # times the loss at chance: the critic would do better to say nothing
COIN = 0.5  # chance that data is put above samples: a critic that is right more often but whose
# loss is high is one that was right a moment ago, of a generator that hops
FOOLED = 0.35  # and where the loss is near that at chance
PLAIN = 0.97  # and all the while a linear classifier tells them apart that well
CIRCLES = 0.5  # of the samples change their kind from one measure to the next, as a rule
FAR = 0.9  # told apart: near the data, samples of a moving generator may well change


def dead_critic(history: History) -> Finding | None:
    """The critic says the same of everything: nothing comes back to the generator."""
    gradient, spread = history.series("G/gradient"), history.probe("D spread")
    if not logged(history) or gradient.late().median() >= DEAD:
        return None
    if spread and spread.late().median() >= SILENT:
        return None
    told = f", and its logits of data and samples spread by {spread.late().median():.2g}"
    evidence = f"the generator's gradient has norm {gradient.late().median():.2g}"
    clip = history.settings.get("constraint.c")
    cause = "The critic's output is constant, so that it tells the generator nothing. " + (
        f"Its weights are clipped to ±{clip:g}, which leaves them next to nothing."
        if clip
        else "Its weights have died: too large a step, or a constraint that leaves nothing of them."
    )
    remedy = scaled(history, "constraint.c", 0.01 / clip) if clip else rate(history, "D", 0.1)
    return Finding(
        "dead-critic",
        evidence + (told if spread else ""),
        cause,
        remedy,
        gradient.began(below=DEAD),
    )


def critic_too_strong(history: History) -> Finding | None:
    """The critic is right of everything, and the generator does not catch up."""
    if not logged(history) or (probed(history) and history.late("apart") < PLAIN):
        return None
    certain, still = loss_share(history) < STRONG, _still(history)
    if not (certain or still):
        return None
    loss, gradient = history.series("D/objective"), history.series("G/gradient")
    left = gradient.late().median() / max(gradient.until(gradient.steps[0]).median(), 1e-30)
    saturates = history.settings.kind("objective") == "Minimax"
    evidence = _certainty(history) + (
        ", and for two thirds of the run samples have stood still"
        if still
        else f"; the generator's gradient is {left:.2g} of what it was at first"
    )
    cause = (
        "The critic is right of every sample, so that its verdict hardly changes where the "
        "generator could go. The generator's gradient "
        + (
            "vanishes with it."
            if saturates or left < VANISHED
            else "then points nowhere in particular."
        )
    )
    fewer = history.settings.get("d_updates") or 1
    remedy = either(
        "--objective 'NonSaturating()'" if saturates else "",
        option(history, "d_updates", "1") if fewer > 1 else "",
        _faster(history),
        penalised(history, 10.0, "R1(1.0)"),
    )
    began = loss.began(below=2 * STRONG * chance(history)) if certain else round(history.step / 3)
    return Finding("critic-too-strong", evidence, cause, remedy, began)


def _still(history: History) -> bool:
    """Samples do not move, and the critic is right of all of them: nothing reaches G.

    Of an averaged generator, whose samples may lag behind, the live one is asked.
    """
    distance = history.probe("live") or history.probe("distance")
    since = distance.since(history.step / 3)
    if not probed(history) or len(since) < 4 or not history.late("D auc") > RIGHT:
        return False
    return since.top() - since.bottom() < STILL * since.median()


def _certainty(history: History) -> str:
    """How sure the critic is: by its loss, and by how often it is right."""
    loss, share, judged = history.series("D/objective"), loss_share(history), history.late("D auc")
    told = f"the critic's loss is {loss.late().median():.2g}"
    if share < STRONG:
        told += f", {100 * share:.2g} % of that of a guess"
    if not math.isnan(judged):
        told += f"; it puts data above samples {100 * judged:.0f} times in 100"
    return told


def _faster(history: History) -> str:
    """The slower of two players: G where it learns slower than D, else D slowed down."""
    g, d = (history.settings.get(f"{p}_optimizer.lr") for p in "gd")
    if isinstance(g, float) and isinstance(d, float) and g < d:
        return scaled(history, "g_optimizer.lr", d / g)
    return rate(history, "D", 0.25)


def critic_too_weak(history: History) -> Finding | None:
    """The critic does not follow: it is wrong of what a simple classifier would tell."""
    if not logged(history):
        return None
    share, judged = loss_share(history), history.late("D auc")
    apart = history.late("apart")
    worse = share > WEAK and not apart < PLAIN and not judged > COIN
    fooled = judged < FOOLED and apart > PLAIN and not share < 1
    if not (worse or fooled):
        return None
    loss = history.series("D/objective")
    parts = [f"its loss is {loss.late().median():.3g}"]
    if not math.isnan(share):  # a Wasserstein critic's loss has no value of a guess
        parts.append(f"{share:.2g} times that of a guess")
    if not math.isnan(judged):
        parts.append(f"it puts data above samples {100 * judged:.0f} times in 100")
    if not math.isnan(apart):
        parts.append(f"a linear classifier does so {100 * apart:.0f} times in 100")
    heavy = _heavy_penalty(history)
    cause = (
        f"The critic's penalty outweighs its objective {heavy:.2g} times, so that it stays flat. "
        if heavy > 1
        else "The critic learns too slowly for this generator. "
    ) + "The generator follows a verdict that is wrong, away from the data."
    remedy = (
        penalised(history, 1 / max(10, 10 ** math.ceil(math.log10(heavy))), "")
        if heavy > 1
        else either(_catch_up(history), option(history, "d_updates", "2"))
    )
    return Finding(
        "critic-too-weak", ", ".join(parts), cause, remedy, loss.began(above=WEAK * chance(history))
    )


def _heavy_penalty(history: History) -> float:
    """How often the penalties outweigh the objective, at their start."""
    objective = abs(chance(history)) if not math.isnan(chance(history)) else 1.0
    found = [history.series(f"D/{p.name}").values[:3] for p in history.settings.penalties()]
    return sum(statistics.median(values) for values in found if values) / objective


def _catch_up(history: History) -> str:
    """D's learning rate raised to that of G, or to four times what it is."""
    g, d = (history.settings.get(f"{p}_optimizer.lr") for p in "gd")
    if isinstance(g, float) and isinstance(d, float) and 0 < d < g:
        return scaled(history, "d_optimizer.lr", g / d)
    if isinstance(d, float) and d < 1e-5:
        return scaled(history, "d_optimizer.lr", 2e-4 / d)
    return rate(history, "D", 4.0)


def oscillation(history: History) -> Finding | None:
    """From measure to measure the samples are of other kinds: G runs from D in circles."""
    if not probed(history):
        return None
    kinds = history.kinds()
    cut = history.step * 0.5
    moved = [total_variation(a, b) for (s, a), (_, b) in itertools.pairwise(kinds) if s > cut]
    if len(moved) < 4 or statistics.median(moved) < CIRCLES or history.late("apart") < FAR:
        return None
    first = next(s for s, _ in kinds if s > cut)
    momentum = history.settings.get("g_optimizer.betas")
    fast = isinstance(momentum, tuple) and momentum and momentum[0] >= 0.5
    return Finding(
        "oscillation",
        f"from one measure to the next, {100 * statistics.median(moved):.0f} % of the samples "
        f"change to another kind of data (median of {len(moved)}), and it does not settle",
        "The generator goes where the critic looks least, and the critic follows: they circle "
        "around the equilibrium instead of nearing it. Momentum and a critic without penalty keep "
        "the circles wide.",
        either(
            "--g_optimizer.betas '(0.0, 0.99)' --d_optimizer.betas '(0.0, 0.99)'" if fast else "",
            penalised(history, 10.0, "R1(1.0)"),
            rate(history, "G", 0.25),
        ),
        first,
    )
