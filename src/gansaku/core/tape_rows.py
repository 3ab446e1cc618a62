"""Whether an operation treats the rows of a batch apart, so that batches may be judged as one."""

from __future__ import annotations

from typing import Any

from torch import Tensor

DIMS = {"sum": 1, "mean": 1, "cat": 1, "squeeze": 1, "unsqueeze": 1}  # where `dim` stands


def apart(name: str, args: tuple, kwargs: dict[str, Any], out: Tensor, rows: int) -> bool:
    """Whether row i of `out` depends on row i of the arguments alone; False where in doubt.

    The operation is one of those that `gansaku.core.tape` knows.
    """
    if out.ndim == 0 or len(out) != rows:
        return False
    if name in DIMS:
        given = kwargs.get("dim", args[DIMS[name]] if len(args) > DIMS[name] else None)
        ndim = args[0].ndim if isinstance(args[0], Tensor) else args[0][0].ndim
        return _spared(given if given is not None or name != "cat" else 0, ndim, name)
    if name == "permute":
        order = args[1] if isinstance(args[1], (tuple, list)) else args[1:]
        return order[0] in (0, -len(order))
    if name == "transpose":
        return all(_other(dim, args[0].ndim) for dim in args[1:3]) and len(args) >= 3
    if name == "__getitem__":
        first = args[1][0] if isinstance(args[1], tuple) else args[1]
        return first is Ellipsis or (isinstance(first, slice) and first == slice(None))
    return name != "movedim"


def _spared(given: Any, ndim: int, name: str) -> bool:
    """Whether the rows are not among the dimensions given."""
    if given is None:
        return name == "squeeze"  # which cannot take away rows that are still there
    return all(_other(dim, ndim) for dim in (given if isinstance(given, tuple | list) else [given]))


def _other(dim: int, ndim: int) -> bool:
    return dim not in (0, -ndim)
