"""What is there before anything is decoded: sizes, formats and damage of every item."""

from __future__ import annotations

import collections
import dataclasses
import os
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from gansaku.core.errors import DataError
from gansaku.data.decode import Header, Undecodable, quiet_bombs
from gansaku.data.items import Items


@dataclasses.dataclass(frozen=True)
class Survey:
    """The usable items with their headers and digests, and the others with the reason."""

    items: Items
    headers: tuple[Header, ...]
    digests: np.ndarray  # uint64 [N]
    bad: tuple[tuple[str, str], ...] = ()
    numbers: tuple[int, ...] = ()  # of the usable ones, among all that were looked at

    def __len__(self) -> int:
        return len(self.headers)

    def without(self, bad: Mapping[int, str]) -> Survey:
        """The survey of what is left when those items, by number, turn out damaged."""
        if not bad:
            return self
        good = [number for number in range(len(self)) if number not in bad]
        named = tuple((self.items.names[number], reason) for number, reason in bad.items())
        headers = tuple(self.headers[number] for number in good)
        numbers = tuple(self.numbers[number] for number in good)
        return Survey(self.items.only(good), headers, self.digests[good], self.bad + named, numbers)

    @property
    def sizes(self) -> collections.Counter[tuple[int, int]]:
        """How many items have which (height, width)."""
        return collections.Counter((h.height, h.width) for h in self.headers)

    def remarks(self) -> list[str]:
        """What decoding does to the files, with how many files it is done to."""
        counts = collections.Counter(remark for h in self.headers for remark in h.remarks)
        return [f"{remark}: {count_of(n, len(self))}" for remark, n in counts.items()]

    def damage(self, verdict: str) -> str:
        """The sentence that counts and names the files of which `verdict` is true."""
        named = few([f"{name} ({reason})" for name, reason in self.bad])
        return f"{count_of(len(self.bad), len(self) + len(self.bad))} {verdict}: {named}"


def survey(items: Items) -> Survey:
    """Read the header and the digest of every item, in threads."""

    def look(number: int) -> tuple[Header, int] | Undecodable:
        try:
            return items.header(number)
        except Undecodable as reason:
            return reason

    if items.resident or items.checked:
        seen = [look(number) for number in range(len(items))]
    else:
        with quiet_bombs(), ThreadPoolExecutor(os.cpu_count() or 1) as pool:
            seen = list(pool.map(look, range(len(items))))
    bad = {n: str(result) for n, result in enumerate(seen) if isinstance(result, Undecodable)}
    good = [result for result in seen if not isinstance(result, Undecodable)]
    named = tuple((items.names[number], reason) for number, reason in bad.items())
    numbers = tuple(n for n in range(len(items)) if n not in bad)
    kept = items.only(numbers) if bad else items
    digests = np.array([digest for _, digest in good], np.uint64)
    return Survey(kept, tuple(header for header, _ in good), digests, named, numbers)


def refuse_damage(found: Survey, tolerate: float) -> None:
    """Raise DataError where more than the share `tolerate` of the files cannot be used."""
    if len(found.bad) > tolerate * (len(found) + len(found.bad)):
        damage = found.damage("cannot be used")
        raise DataError(f"{damage}. At most {tolerate:.0%} may be left out: mend or remove them")


def few(texts: Iterable[str], most: int = 3) -> str:
    """The first few of many, and how many more there are."""
    texts = list(texts)
    more = f" and {len(texts) - most} more" if len(texts) > most else ""
    return ", ".join(texts[:most]) + more


def count_of(n: int, total: int) -> str:
    """`all 12 files` or `3 of 12 files`."""
    files = "file" if total == 1 else "files"
    return f"all {total} {files}" if n == total > 1 else f"{n} of {total} {files}"
