"""Freed blocks stay with the process: their pages are not faulted in again."""

from __future__ import annotations

import subprocess
import sys

import pytest

FAULTS = """
import resource, sys, torch
from gansaku.core.allocator import keep_large_blocks
if sys.argv[1] == "keep" and not keep_large_blocks():
    print(-1); sys.exit()
for _ in range(8):
    torch.ones(10_000_000)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(8):
    torch.ones(10_000_000)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""

LARGE = """
import re, torch
from pathlib import Path
from gansaku.core.allocator import in_huge_pages, keep_large_blocks
if not (keep_large_blocks() and in_huge_pages()):
    print(-1)
else:
    held = torch.ones(20_000_000)
    told = Path("/proc/self/smaps").read_text()
    print(1024 * sum(map(int, re.findall(r"AnonHugePages: *(\\d+) kB", told))))
"""


def faults(word: str) -> int:
    command = [sys.executable, "-c", FAULTS, word]
    return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def test_kept_blocks_are_not_faulted_in_again():
    kept = faults("keep")
    if kept < 0:
        pytest.skip("this C library has no mallopt")
    returned = faults("give back")
    if returned < 8 * 40_000_000 // 4096 // 8:
        pytest.skip("huge pages hide the faults here")
    assert kept < returned / 2


def test_large_pages_are_asked_for():
    found = subprocess.run(
        [sys.executable, "-c", LARGE], capture_output=True, text=True, check=True
    )
    large = int(found.stdout)
    if large < 0:
        pytest.skip("the system gives large pages to all or to nobody, or this is no glibc")
    if large == 0:
        pytest.skip("the system had no large pages left")
    assert large > 40_000_000


def test_no_memory_is_taken_before_it_is_used():
    code = """
import resource
from gansaku.core.allocator import keep_large_blocks
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
keep_large_blocks()
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(found.stdout) < 50_000  # KB


def test_a_process_that_may_not_have_a_gb_goes_on():
    pytest.importorskip("resource", reason="limits are a Unix thing")
    code = """
import resource
from gansaku.core.allocator import keep_large_blocks
resource.setrlimit(resource.RLIMIT_DATA, (2**29, 2**29))
print(keep_large_blocks())
"""
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() in ("True", "False")
