"""Augmentations of what the critic sees; `__all__` names what a config text may name."""

from gansaku.augment.ada import ADA
from gansaku.augment.diffaugment import DiffAugment

__all__ = ["ADA", "DiffAugment"]
