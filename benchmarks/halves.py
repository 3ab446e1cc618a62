"""A training step in bf16 against float32 on this processor: ratio by ratio, the steps in turn.

    python benchmarks/halves.py --threads 1

Pays where the processor multiplies half precision in hardware (AMX; `torch.cpu.get_capabilities()`
says `amx_bf16`), in what is not computed in float32 anyway, as penalties and norms are.
"""

from __future__ import annotations

import statistics
import time
from typing import Any

import torch

from common import Results, arguments, parse, recipe_of, table
from gansaku.core.allocator import keep_large_blocks
from gansaku.core.loop import Run
from gansaku.core.precision import in_hardware
from gansaku.data import open_source

ROWS = (  # recipe, channels and pixels
    ("dcgan", 1, 28),
    ("DCGAN(batch_size=64)", 3, 64),
    ("SNGAN(batch_size=16)", 3, 32),
    ("bigan", 1, 28),
    ("aae", 1, 28),
    ("ALI(width=16, batch_size=64)", 1, 28),
    ("WGANGP(width=64, batch_size=16)", 3, 64),
    ("R3GAN(width=256, batch_size=16)", 3, 64),
)
BEFORE, PAIRS = 3, 9  # steps of each side: to warm up, and that are timed


def cell(recipe: str, channels: int, size: int) -> dict[str, Any]:
    """Milliseconds of the processor a step, and the median ratio with its quartiles."""
    made = torch.Generator().manual_seed(0)
    shape = (1024, size, size, channels)
    pictures = torch.randint(0, 256, shape, dtype=torch.uint8, generator=made).numpy()
    source = open_source(pictures)
    sides = [
        Run(recipe_of(recipe), source, precision=name, log_every=10**9) for name in ("fp32", "bf16")
    ]
    times: list[list[float]] = []
    for _ in range(BEFORE + PAIRS):
        times.append([])
        for run in sides:
            began = time.process_time()
            run.advance()
            times[-1].append(1e3 * (time.process_time() - began))
    ratios = [full / half for full, half in times[BEFORE:]]
    quarters = statistics.quantiles(ratios, n=4)
    full, half = (statistics.median(side) for side in zip(*times[BEFORE:], strict=True))
    spread = {"ratio": statistics.median(ratios), "quartiles": [quarters[0], quarters[2]]}
    return {"fp32_ms": full, "bf16_ms": half, **spread, "in_hardware": in_hardware("bf16")}


def main() -> None:
    args = arguments(__doc__)
    parse(args)
    keep_large_blocks()
    results, rows = Results("halves"), []
    for recipe, channels, size in ROWS:
        key = f"{recipe} on {channels}x{size}x{size}"
        found = results.cell(key, lambda: cell(recipe, channels, size))  # noqa: B023  called now
        low, high = found["quartiles"]
        ratio = f"**{found['ratio']:.2f}** ({low:.2f} to {high:.2f})"
        figures = (f"{found['fp32_ms']:.0f}", f"{found['bf16_ms']:.0f}", ratio)
        rows.append((f"`{recipe}`", f"{channels}x{size}x{size}", *figures))
    there = "are" if all(found["in_hardware"] for found in results.cells.values()) else "are not"
    head = ("recipe", "pictures", "fp32, ms a step", "bf16", "times as fast (quartiles)")
    said = f"Products of bf16 {there} in this processor's hardware.\n\n"
    results.publish("Half precision on a processor", said + table(head, rows))


if __name__ == "__main__":
    main()
