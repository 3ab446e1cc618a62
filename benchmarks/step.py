"""Time a training step of a recipe: images/s, ms/step, and the share of the machine's peak.

python benchmarks/step.py dcgan
python benchmarks/step.py 'WGANGP(width=32)' --data photos/ --size 64 --batch 32
"""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from common import RESULTS, arguments, command, machine, now, parse, recipe_of
from gansaku.core.loop import Run
from gansaku.data import open_source

Clock = Callable[[], float]


class Flops(TorchDispatchMode):
    """Counts operations as torch's FlopCounterMode does, in penalties' double backward too.

    That mode follows modules by hooks, which `autograd.grad` refuses; the sum needs no modules.
    """

    total = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        if count := flop_registry.get(func._overloadpacket):
            self.total += count(*args, **(kwargs or {}), out_val=out)
        elif func._opname == "_linear_pointwise":  # oneDNN's product, which torch does not count
            self.total += 2 * args[0].numel() * len(args[1])
        return out


def sgemm(n: int = 2048, clock: Clock = time.perf_counter) -> float:
    """Best float32 FLOP/s of an n x n matrix product on this machine, now."""
    a, b = torch.randn(n, n), torch.randn(n, n)
    return 2 * n**3 / fastest(lambda: a @ b, clock=clock)


def convolution(
    channels: int = 256, size: int = 32, batch: int = 4, clock: Clock = time.perf_counter
) -> float:
    """Best float32 FLOP/s of a large 3x3 convolution.

    On some processors torch's convolutions use wider instructions than its matrix product: what
    a step is held against is the better of the two.
    """
    x = torch.randn(batch, channels, size, size).contiguous(memory_format=torch.channels_last)
    w = torch.randn(channels, channels, 3, 3).contiguous(memory_format=torch.channels_last)
    seconds = fastest(lambda: torch.nn.functional.conv2d(x, w, padding=1), clock=clock)
    return 2 * 9 * channels**2 * size**2 * batch / seconds


def fastest(
    work: Callable[[], object], seconds: float = 1.0, clock: Clock = time.perf_counter
) -> float:
    """Seconds, by `clock`, of the fastest of many repetitions."""
    work()
    best, end = float("inf"), time.perf_counter() + seconds
    while time.perf_counter() < end:
        began = clock()
        work()
        best = min(best, clock() - began)
    return best


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
    gemms, convolutions = [sgemm()], [convolution()]
    images = -run.images
    counter = Flops()
    with counter:
        run.advance()
    images += run.images
    times = time_steps(run, seconds)
    gemms.append(sgemm())
    convolutions.append(convolution())
    peak = max(gemms + convolutions)
    step, flops = statistics.median(times), counter.total
    return {
        "ms_per_step": 1e3 * step,
        "fastest_ms": 1e3 * min(times),
        "images_per_s": images / step,
        "gflop_per_step": flops / 1e9,
        "sgemm_gflops": max(gemms) / 1e9,
        "convolution_gflops": max(convolutions) / 1e9,
        "share_of_peak": flops / step / peak,
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
        f"{found['gflop_per_step']:.2f} GFLOP/step, {found['share_of_peak']:.0%} of the "
        f"peak (sgemm {found['sgemm_gflops']:.0f}, convolution "
        f"{found['convolution_gflops']:.0f} GFLOP/s)"
    )
    line = {"date": now(), "command": command(), "recipe": repr(recipe), "shape": shape, **found}
    RESULTS.mkdir(parents=True, exist_ok=True)
    with open(RESULTS / "steps.jsonl", "a", encoding="utf-8") as file:
        file.write(json.dumps(line | {"machine": machine()}) + "\n")


if __name__ == "__main__":
    main()
