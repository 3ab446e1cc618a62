"""A number with its standard error: what every measure that is estimated from samples returns."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from torch import Tensor

from gansaku.core.errors import UserError


class Estimate(NamedTuple):
    """A value and its standard error (nan where the sample does not tell it)."""

    value: float
    error: float

    def __str__(self) -> str:
        return f"{self.value:.4g} +- {self.error:.2g}"

    def worse_than(self, best: Estimate, errors: float = 1.0) -> bool:
        """Above `best` by more than `errors` joint standard errors (smaller is better)."""
        return self.value - best.value > errors * math.hypot(self.error, best.error)


def of_mean(values: Tensor) -> Estimate:
    """The mean of `values [N]` and its standard error, std / sqrt(N) with the unbiased std."""
    n = values.numel()
    error = float(values.double().std()) / math.sqrt(n) if n > 1 else math.nan
    return Estimate(float(values.double().mean()), error)


def jackknife(parts: Sequence[float]) -> float:
    """The standard error of a measure, from its values with one fold left out each (Tukey 1958)."""
    mean = math.fsum(parts) / len(parts)
    return math.sqrt(sum((part - mean) ** 2 for part in parts) * (len(parts) - 1) / len(parts))


def check_features(least: int = 2, **sets: Tensor) -> None:
    """UserError unless every named set is `[N >= least, D]`, finite, and of one width D."""
    for name, x in sets.items():
        if x.ndim != 2 or len(x) < least:
            found = f"a tensor {list(x.shape)}"
            raise UserError(f"{name}: needs at least {least} rows [N, D] but found {found}")
        if not x.isfinite().all():
            bad = int((~x.isfinite()).any(1).sum())
            raise UserError(f"{name}: {bad} of {len(x)} rows are not finite; leave them out")
    if len({x.shape[1] for x in sets.values()}) > 1:
        widths = ", ".join(f"{name} {x.shape[1]}" for name, x in sets.items())
        raise UserError(f"features of different widths ({widths}) cannot be compared")
