"""A recipe's card: what it is and whose it is. Read by the catalogue without importing torch."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Card:
    """`paper` is an arXiv id or a URL; `task` one of the words that `gansaku recipes` groups by.

    Arguments must be literals: the catalogue reads them from the source text.
    """

    title: str  # of the paper
    paper: str  # "arXiv:1511.06434"
    year: int
    task: str  # "images", "points"
    line: str  # what it is, in one line for a newcomer
    bibtex: str
