"""What the detectors share: when a run may be judged, and a critic's loss at chance."""

from __future__ import annotations

import math

from gansaku.doctor.history import History
from gansaku.doctor.settings import Called

MEASURES = 4  # fewer probes are an anecdote
LINES = 10  # of the log: fewer are noise
BEGUN = 0.2  # of the planned steps: before, every generator is bad and every critic ahead


def probed(history: History) -> bool:
    """Enough probes were taken, late enough, to speak of samples."""
    return _begun(history) and len(history.probe("finite")) >= history.least(MEASURES)


def logged(history: History) -> bool:
    """Enough lines were logged to speak of losses."""
    return _begun(history) and len(history.series("D/objective")) >= LINES


def _begun(history: History) -> bool:
    return history.step >= BEGUN * (history.total or 0)


def chance(history: History) -> float:
    """The critic's loss where it tells nothing apart; nan for objectives that have none."""
    kind = history.settings.kind("objective")
    if kind == "LeastSquares":
        found = history.settings.get("objective")
        values = found.values if isinstance(found, Called) else {}
        return (values.get("b", 1.0) - values.get("a", 0.0)) ** 2 / 4
    known = {"NonSaturating": 2.0, "Minimax": 2.0, "Relativistic": 1.0, "RelativisticAverage": 2.0}
    return 2.0 if kind == "Hinge" else known.get(kind, math.nan) * math.log(2)


def loss_share(history: History) -> float:
    """The critic's loss of late, as a share of that at chance; nan where there is none."""
    return history.series("D/objective").late().median() / chance(history)
