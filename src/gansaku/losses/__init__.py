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
from gansaku.losses.divergences import FDivergence, Sinkhorn
from gansaku.losses.energy import BoundaryEquilibrium, EnergyMargin, LossSensitive
from gansaku.losses.information import Codes
from gansaku.losses.penalties import (
    DRAGAN,
    R1,
    R2,
    Drift,
    GradientPenalty,
    LipschitzPenalty,
    PixelGradientPenalty,
    WeightClip,
)

__all__ = [
    "DRAGAN",
    "R1",
    "R2",
    "BoundaryEquilibrium",
    "Codes",
    "Drift",
    "EnergyMargin",
    "FDivergence",
    "GradientPenalty",
    "Hinge",
    "LeastSquares",
    "LipschitzPenalty",
    "LossSensitive",
    "Minimax",
    "NonSaturating",
    "PixelGradientPenalty",
    "Relativistic",
    "RelativisticAverage",
    "Sinkhorn",
    "Wasserstein",
    "WeightClip",
]
