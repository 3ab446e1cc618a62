"""A finding: what ails a run, how one sees it, why it is so, and what to change."""

from __future__ import annotations

import dataclasses
from typing import Any

PAGE = "docs/how-to/sick-runs.md"

TITLES = {  # illnesses by slug, the gravest first: the order in which they are told
    "non-finite": "numbers are no longer finite",
    "wrong-data-range": "the data is in the wrong range",
    "constant-images": "some of the data is blank",
    "repeated-data": "the data repeats itself",
    "learning-rate-too-high": "the learning rate is too high",
    "exploding": "gradients or a penalty explode",
    "dead-critic": "the critic is dead",
    "critic-too-strong": "the critic is too strong",
    "critic-too-weak": "the critic is too weak",
    "mode-collapse": "the generator has collapsed",
    "overfitting-critic": "the critic knows the data by heart",
    "augmentation-leaking": "the augmentation leaks into the samples",
    "saturated-samples": "the samples are saturated",
    "checkerboard": "the samples have a checkerboard",
    "stale-average": "the moving average is stale",
    "oscillation": "the game goes in circles",
    "mode-dropping": "kinds of data are missing from the samples",
    "few-images": "there are few images",
}


@dataclasses.dataclass(frozen=True)
class Finding:
    """One illness of a run: `illness` is its slug, `remedy` the exact flags to change."""

    illness: str
    evidence: str  # with the numbers
    cause: str  # in two sentences
    remedy: str
    step: int  # when it began

    @property
    def title(self) -> str:
        return TITLES[self.illness]

    @property
    def severity(self) -> int:
        """The higher the graver."""
        return len(TITLES) - list(TITLES).index(self.illness)

    @property
    def page(self) -> str:
        """Where the documentation says more."""
        return f"{PAGE}#{self.illness}"

    def to_json(self) -> dict[str, Any]:
        told = {"title": self.title, "severity": self.severity, "page": self.page}
        return dataclasses.asdict(self) | told
