"""Items of a side: pictures that are named one by one, and halves of pictures that hold both."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from gansaku.data.decode import Header, Undecodable
from gansaku.data.items import EncodedItems, Items


class ListedItems(EncodedItems):
    """Pictures named one by one, by paths below a folder or whole ones."""

    def __init__(self, where: str, root: Path, names: Sequence[str]) -> None:
        super().__init__(where, names)
        self.root = root

    def read(self, index: int) -> bytes:
        try:
            return (self.root / self.names[index]).read_bytes()
        except FileNotFoundError:
            raise Undecodable("there is no such file") from None
        except OSError as error:
            raise Undecodable(error.strerror or str(error)) from None


class HalfItems(Items):
    """The left or the right halves of pictures that hold both sides of a pair."""

    def __init__(self, whole: Items, right: bool) -> None:
        super().__init__(whole.where, whole.names)
        self.whole_items, self.right = whole, right
        self.resident = whole.resident

    def only(self, numbers: Sequence[int]) -> HalfItems:
        return HalfItems(self.whole_items.only(numbers), self.right)

    def header(self, index: int) -> tuple[Header, int]:
        header, digest = self.whole_items.header(index)
        if header.width % 2:
            raise Undecodable(f"{header.width} pixels wide: two sides of one width are even")
        return dataclasses.replace(header, width=header.width // 2), digest

    def pixels(self, index: int, least: tuple[int, int] | None = None) -> np.ndarray:
        both = self.whole_items.pixels(index)
        half = both.shape[1] // 2
        return both[:, half:] if self.right else both[:, :half]
