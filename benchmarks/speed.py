"""A training step of ours against the plain way: the same networks and losses, ratio by ratio.

    python benchmarks/speed.py --threads 1
    python benchmarks/speed.py --threads 1 --only wgan

Both sides take turns, a step each, in a process of their own, as a user runs them: ours keeps large
blocks of memory as `gansaku train` does. The figure is the median ratio of the processor's time,
with the quartiles of the ratios of neighbouring steps. Use one thread.
The share of the peak is that of our side, against the faster of a matrix product and a convolution
on this machine now.
"""

from __future__ import annotations

import multiprocessing
import statistics
import time
from collections.abc import Iterator
from typing import Any

import torch

from common import IMAGES, Results, arguments, parse, table
from gansaku.core.allocator import keep_large_blocks
from speed_rows import LOADING, ROWS, Row, stepper
from step import Flops, convolution, sgemm


def serve(pipe: Any, name: str, side: str) -> None:
    """One side, in its process: a step whenever asked, its time as the answer; then its work."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    if side == "ours":
        keep_large_blocks()
    step = stepper(name, side)
    for _ in range(2):
        step()
    while pipe.recv():
        began = time.process_time()
        step()
        pipe.send(time.process_time() - began)
    counter = Flops()
    with counter:
        step()
    pipe.send(counter.total)


def measured(name: str, pairs: int) -> dict[str, Any]:
    """Milliseconds of the processor for each side, steps in turn, the ratios, and our share."""
    peaks = [measure(clock=time.process_time) for measure in (sgemm, convolution)]
    times, flops = interleaved(name, pairs)
    peaks += [measure(clock=time.process_time) for measure in (sgemm, convolution)]
    ratios = [a / b for a, b in times]
    quarters = statistics.quantiles(ratios, n=4)
    theirs, mine = (1e3 * statistics.median(each) for each in zip(*times, strict=True))
    return {
        "plain_ms": theirs,
        "ours_ms": mine,
        "ratio": statistics.median(ratios),
        "quartiles": [quarters[0], quarters[2]],
        "pairs": pairs,
        "share_of_peak": flops / (mine / 1e3) / max(peaks),
        "sgemm_gflops": max(peaks[0], peaks[2]) / 1e9,
    }


def interleaved(name: str, pairs: int) -> tuple[list[tuple[float, float]], int]:
    """Seconds of the plain side and of ours, in turn; and the operations of a step of ours."""
    start = multiprocessing.get_context("spawn")
    pipes, children = [], []
    for side in ("plain", "ours"):
        mine, theirs = start.Pipe()
        children.append(start.Process(target=serve, args=(theirs, name, side), daemon=True))
        children[-1].start()
        theirs.close()  # a side that dies is heard of
        pipes.append(mine)

    def asked(pipe: Any) -> float:
        pipe.send(True)
        return pipe.recv()

    times = [(asked(pipes[0]), asked(pipes[1])) for _ in range(pairs)]
    for pipe in pipes:
        pipe.send(False)
    flops = [pipe.recv() for pipe in pipes][1]
    for child in children:
        child.join()
    return times, flops


def report(results: Results) -> None:
    rows = []
    for name, cell in ordered(results):
        low, high = cell["quartiles"]
        share = f"{100 * cell['share_of_peak']:.0f} %" if cell["share_of_peak"] else "-"
        rows.append(
            (
                name,
                *(f"{cell[side]:.1f}" for side in ("plain_ms", "ours_ms")),
                f"**{cell['ratio']:.2f}** ({low:.2f} to {high:.2f})",
                f"{cell['floor']:g}",
                f"{cell['goal']:g}",
                share,
            )
        )
    header = ("step", "plain, ms", "ours, ms", "ratio (quartiles)", "floor", "goal", "of peak")
    results.publish("A training step against the plain way", table(header, rows))
    chart(results)


def ordered(results: Results) -> list[tuple[str, dict[str, Any]]]:
    """Cells as their rows stand, whenever they were measured."""
    names = [*(row.name for row in ROWS), LOADING]
    return [(name, results.cells[name]) for name in names if name in results.cells]


def chart(results: Results) -> None:
    """The ratios as bars, with floors."""
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot as plt

    cells = ordered(results)[::-1]
    figure, axes = plt.subplots(figsize=(9, 0.42 * len(cells) + 1.0), layout="constrained")
    for i, (_, cell) in enumerate(cells):
        low, high = cell["quartiles"]
        axes.barh(i, cell["ratio"] - 1, left=1, color="#3b6ea5", height=0.7)
        axes.plot([low, high], [i, i], color="#1b2f45", lw=1.5)
        axes.plot([cell["floor"]] * 2, [i - 0.4, i + 0.4], color="#c0392b", lw=1.5)
        right = max(high, cell["floor"])
        axes.text(1.03 * right, i, f"{cell['ratio']:.2f}", va="center", fontsize=9)
    axes.set_yticks(range(len(cells)), [name for name, _ in cells], fontsize=9)
    axes.set_xscale("log")
    axes.set_xlim(1, 16)
    axes.set_xticks([1, 1.5, 2, 3, 5, 10], ["1", "1.5", "2", "3", "5", "10"])
    axes.minorticks_off()
    axes.set_xlabel(
        "times as fast as the plain way; red: the floor we ask of ourselves", fontsize=9
    )
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(IMAGES / "speed.png", dpi=110)
    plt.close(figure)


def chosen(only: str) -> Iterator[Row]:
    return (row for row in ROWS if only.lower() in row.name.lower())


def main() -> None:
    parser = arguments(__doc__ or "")
    parser.add_argument("--only", default="", help="rows whose name holds this")
    parser.add_argument("--again", action="store_true", help="measure rows that were measured")
    args = parse(parser)
    results = Results("speed")
    if args.again:
        for row in chosen(args.only):
            results.cells.pop(row.name, None)
    for row in chosen(args.only):
        bounds = {"floor": row.floor, "goal": row.goal}
        results.cell(row.name, lambda row=row, b=bounds: measured(row.name, row.pairs) | b)
    if args.only.lower() in LOADING:
        results.cell(LOADING, lambda: measured(LOADING, 25) | {"floor": 8.0, "goal": 10.0})
    report(results)


if __name__ == "__main__":
    main()
