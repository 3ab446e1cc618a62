"""Large blocks of memory stay with the process: a step asks for the same ones again."""

from __future__ import annotations

import ctypes
import sys
from functools import cache
from pathlib import Path

_TRIM, _MMAP = -1, -3  # M_TRIM_THRESHOLD and M_MMAP_THRESHOLD of glibc's malloc.h
_LARGEST = 1 << 30  # bytes of a block that is not mapped by itself
_HUGE, _PAGE = 14, 4096  # MADV_HUGEPAGE of Linux's mman.h; what an address is rounded to
ALLOWED = Path("/sys/kernel/mm/transparent_hugepage/enabled")


@cache
def keep_large_blocks() -> bool:
    """Tell glibc not to give freed blocks back to the system; False where there is no glibc.

    By default each large tensor is mapped anew and its pages are cleared by the kernel, at every
    step. The process then holds what its widest step needed until it ends. Where Linux allows it,
    the first GB lies in pages of 2 MB, whose addresses are found sooner: nothing is taken before
    it is used.
    """
    if not sys.platform.startswith("linux"):
        return False
    try:
        library = ctypes.CDLL(None)
        kept = bool(library.mallopt(_MMAP, _LARGEST)) and bool(library.mallopt(_TRIM, 2**31 - 1))
    except (OSError, AttributeError):  # another C library
        return False
    if kept and in_huge_pages():
        _reserve(library)
    return kept


def in_huge_pages() -> bool:
    """Whether the system gives pages of 2 MB to who asks for them."""
    try:
        return "[madvise]" in ALLOWED.read_text()  # with "[always]" nobody need ask
    except OSError:
        return False


def _reserve(library: ctypes.CDLL) -> None:
    """The heap grows by a block that is freed at once, and stays: its pages will be large."""
    malloc, free, advise = library.malloc, library.free, library.madvise
    malloc.restype, malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
    free.restype, free.argtypes = None, [ctypes.c_void_p]
    advise.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
    size = _LARGEST - 2**20
    block = malloc(size)
    if not block:  # the process may not have as much
        return
    start = -(-block // _PAGE) * _PAGE
    advise(start, (block + size) // _PAGE * _PAGE - start, _HUGE)
    free(block)
