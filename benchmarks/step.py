"""Time a training step of a recipe: images/s, ms/step, and the share of the matmul peak.

python benchmarks/step.py dcgan
python benchmarks/step.py 'WGANGP(width=32)' --data photos/ --size 64 --batch 32
"""

from __future__ import annotations

import json
import statistics
import time

import torch
from torch.utils.flop_counter import FlopCounterMode

from common import RESULTS, arguments, command, machine, now, parse, recipe_of
from gansaku.core.loop import Run
from gansaku.data import open_source


def matmul_peak(n: int = 2048, seconds: float = 1.0) -> float:
    """Best float32 FLOP/s of an n x n matrix product on this machine, now."""
    a, b = torch.randn(n, n), torch.randn(n, n)
    a @ b
    best, end = float("inf"), time.perf_counter() + seconds
    while time.perf_counter() < end:
        began = time.perf_counter()
        a @ b
        best = min(best, time.perf_counter() - began)
    return 2 * n**3 / best


def time_steps(run: Run, seconds: float) -> list[float]:
    """Seconds of each step for as long as the budget lasts, after two that warm up."""
    times: list[float] = []
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or len(times) < 5:
        began = time.perf_counter()
        run.advance()
        times.append(time.perf_counter() - began)
    return times[2:]


def measure(run: Run, seconds: float) -> dict[str, float]:
    """What one step takes, with the peak measured before and after: the machine may be shared."""
    run.step = run.steps = 1001  # past the warm-ups that some papers begin with, off log cadences
    peaks = [matmul_peak()]
    images = -run.images
    counter = FlopCounterMode(display=False)
    with counter:
        run.advance()
    images += run.images
    times = time_steps(run, seconds)
    peaks.append(matmul_peak())
    step, flops = statistics.median(times), counter.get_total_flops()
    return {
        "ms_per_step": 1e3 * step,
        "fastest_ms": 1e3 * min(times),
        "images_per_s": images / step,
        "gflop_per_step": flops / 1e9,
        "peak_gflops": max(peaks) / 1e9,
        "share_of_peak": flops / step / max(peaks),
        "steps_timed": len(times),
    }


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("recipe", help="a name such as dcgan, or a config text")
    parser.add_argument("--data", default="mnist5k")
    parser.add_argument("--size", type=int, help="pixels")
    parser.add_argument("--batch", type=int, help="real samples in a critic update")
    parser.add_argument("--seconds", type=float, default=10.0, help="how long to time")
    parser.add_argument("--device", default="cpu")
    args = parse(parser)
    recipe = recipe_of(args.recipe, **({"batch_size": args.batch} if args.batch else {}))
    source = open_source(args.data, seed=0, **({"size": args.size} if args.size else {}))
    run = Run(recipe, source, device=args.device, log_every=10**9)
    found = {name: round(value, 3) for name, value in measure(run, args.seconds).items()}
    shape = "x".join(map(str, source.spec.shape))
    print(
        f"{args.recipe} on {args.data} [{shape}], batch {recipe.batch_size}: "
        f"{found['images_per_s']:.0f} images/s, {found['ms_per_step']:.1f} ms/step, "
        f"{found['gflop_per_step']:.2f} GFLOP/step, {found['share_of_peak']:.0%} of the matmul "
        f"peak of {found['peak_gflops']:.0f} GFLOP/s"
    )
    line = {"date": now(), "command": command(), "recipe": repr(recipe), "shape": shape, **found}
    RESULTS.mkdir(parents=True, exist_ok=True)
    with open(RESULTS / "steps.jsonl", "a", encoding="utf-8") as file:
        file.write(json.dumps(line | {"machine": machine()}) + "\n")


if __name__ == "__main__":
    main()
