"""Objectives, penalties and constraints; `__all__` names what a config text may name."""

from gansaku.losses.adversarial import (
    Hinge,
    LeastSquares,
    Minimax,
    NonSaturating,
    Relativistic,
    RelativisticAverage,
    Wasserstein,
)
from gansaku.losses.penalties import (
    DRAGAN,
    R1,
    R2,
    Drift,
    GradientPenalty,
    LipschitzPenalty,
    WeightClip,
)

__all__ = [
    "DRAGAN",
    "R1",
    "R2",
    "Drift",
    "GradientPenalty",
    "Hinge",
    "LeastSquares",
    "LipschitzPenalty",
    "Minimax",
    "NonSaturating",
    "Relativistic",
    "RelativisticAverage",
    "Wasserstein",
    "WeightClip",
]
