"""Augmentations of what the critic sees; `__all__` names what a config text may name."""

from gansaku.augment.ada import ADA
from gansaku.augment.diffaugment import DiffAugment
from gansaku.augment.remedy import Remedy

__all__ = ["ADA", "DiffAugment", "Remedy"]
