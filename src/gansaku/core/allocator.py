"""Large blocks of memory stay with the process: a step asks for the same ones again."""

from __future__ import annotations

import ctypes
import sys

_TRIM, _MMAP = -1, -3  # M_TRIM_THRESHOLD and M_MMAP_THRESHOLD of glibc's malloc.h


def keep_large_blocks() -> bool:
    """Tell glibc not to give freed blocks back to the system; False where there is no glibc.

    By default each large tensor is mapped anew and its pages are cleared by the kernel, at every
    step. The process then holds what its widest step needed until it ends.
    """
    if not sys.platform.startswith("linux"):
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):  # another C library
        return False
    return bool(mallopt(_MMAP, 1 << 30)) and bool(mallopt(_TRIM, 2**31 - 1))
