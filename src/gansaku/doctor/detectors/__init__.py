"""The detectors, and which findings are consequences of others."""

from __future__ import annotations

from gansaku.doctor.detectors import balance, data, numbers, samples
from gansaku.doctor.findings import TITLES, Finding
from gansaku.doctor.history import History

__all__ = ["DETECTORS", "EXPLAINS", "examine"]

DETECTORS = (
    numbers.non_finite,
    data.wrong_range,
    numbers.learning_rate,
    numbers.exploding,
    balance.dead_critic,
    balance.critic_too_strong,
    balance.critic_too_weak,
    samples.mode_collapse,
    data.repeated,
    data.blank,
    data.overfitting,
    samples.leaking,
    samples.saturated,
    samples.checkerboard,
    samples.stale,
    balance.oscillation,
    samples.mode_dropping,
    data.few_images,
)

_SAMPLES = frozenset(  # what follows where the game itself is broken
    {
        "mode-collapse",
        "saturated-samples",
        "checkerboard",
        "oscillation",
        "mode-dropping",
        "stale-average",
        "augmentation-leaking",
    }
)
_GAME = _SAMPLES | {"critic-too-strong", "critic-too-weak", "exploding", "dead-critic"}
EXPLAINS = {  # an illness, and those that are not told beside it, for it brings them about
    "non-finite": frozenset(TITLES) - {"non-finite", "wrong-data-range"},
    "wrong-data-range": _GAME | {"learning-rate-too-high", "few-images", "overfitting-critic"},
    "learning-rate-too-high": _GAME,
    "exploding": _SAMPLES | {"critic-too-strong", "critic-too-weak"},
    "dead-critic": _SAMPLES | {"critic-too-weak"},
    "critic-too-strong": _SAMPLES - {"saturated-samples"},
    "saturated-samples": frozenset({"critic-too-strong"}),
    "critic-too-weak": _SAMPLES,
    "mode-collapse": _SAMPLES - {"mode-collapse", "mode-dropping"},  # of one kind: both are there
    "constant-images": frozenset({"repeated-data", "mode-collapse", "mode-dropping"}),
    "repeated-data": frozenset({"few-images", "overfitting-critic", "mode-dropping"}),
    "overfitting-critic": frozenset({"few-images", "critic-too-strong", "mode-dropping"}),
    "oscillation": frozenset({"mode-dropping"}),
    "few-images": frozenset({"mode-dropping"}),
}


def examine(history: History) -> list[Finding]:
    """All findings, the gravest first, without those that another one explains."""
    found = [finding for detector in DETECTORS if (finding := detector(history))]
    names = {finding.illness for finding in found}
    explained = {illness for name in names for illness in EXPLAINS.get(name, ())}
    told = [finding for finding in found if finding.illness not in explained]
    return sorted(told, key=lambda finding: -finding.severity)
