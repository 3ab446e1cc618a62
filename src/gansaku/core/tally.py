"""A profiler's events added up: by player and part of its turn, and by family of operation."""

from __future__ import annotations

import collections
import re
from collections.abc import Iterable, Iterator
from typing import Any

from gansaku.core.spans import named

FAMILIES = (  # the first that is found in an operation's name
    ("communication", r"c10d|gloo|nccl"),
    ("convolution", r"conv"),
    ("matmul", r"aten::(mm|addmm|bmm|baddbmm|linear|matmul|dot|mv|addmv|einsum)\b"),
    ("normalisation", r"batch_norm|layer_norm|group_norm|instance_norm|weight_norm"),
    ("optimizer", r"_fused_|_foreach_"),
    ("resampling", r"upsample|pool|interpolate|grid_sampler|pixel_"),
    ("noise", r"rand|normal_|uniform_|bernoulli|dropout"),
    ("copies", r"copy|clone|contiguous|aten::(_?to|cat|stack|index|gather|slice|select|scatter)\b"),
    ("copies", r"im2col|col2im|unfold|fill_|zero_|aten::(zeros|ones|where|\w*pad\w*)\b"),
    ("reductions", r"aten::(sum|mean|var|std|norm|linalg|amax|amin|max|min|argmax|all|any|cumsum)"),
    ("elementwise", r"aten::"),
)
TURN = ("forward", "penalties", "backward", "optimizer", "after")  # parts of a player's turn
LOOP = ("data", "averages", "ranks", "logging")  # parts of a step that are no player's
BACKWARD = "autograd::engine::evaluate_function"


class Tally:
    """Shares of a step, in [0, 1]; `seconds` of a mean step, `busy` the device's share of it."""

    def __init__(self, steps: int, seconds: float, busy: float = 1.0) -> None:
        self.steps, self.seconds, self.busy = steps, seconds, busy
        self.parts: dict[tuple[str, str], float] = collections.defaultdict(float)
        self.families: dict[str, float] = collections.defaultdict(float)
        self.names: dict[str, float] = collections.defaultdict(float)

    def players(self) -> list[str]:
        """Those that played, the costliest first."""
        return sorted({who for who, _ in self.parts if who}, key=lambda who: -self.share(who))

    def share(self, who: str) -> float:
        return sum(value for (name, _), value in self.parts.items() if name == who)

    def of(self, what: str) -> float:
        """The share of one part of the turn, over all players."""
        return sum(value for (_, part), value in self.parts.items() if part == what)

    def player(self, who: str) -> str:
        """`68 %: forward 21 %, penalties 11 %, backward 34 %, optimizer 2 %`."""
        told = [(what, self.parts[(who, what)]) for what in TURN]
        return f"{percent(self.share(who))}: {listed(told)}"

    def rest(self) -> str:
        """What is no player's."""
        told = [(what, self.parts[("", what)]) for what in LOOP]
        between = self.share("") - sum(value for _, value in told)
        return f"{percent(self.share(''))}: {listed([*told, ('the loop', between)])}"

    def by_family(self) -> str:
        return listed(most(self.families, 7))

    def costliest(self) -> str:
        """The operations with the most time of their own."""
        return listed([(name.removeprefix("aten::"), n) for name, n in most(self.names, 4)])


def most(shares: dict[str, float], n: int) -> list[tuple[str, float]]:
    """The largest few."""
    return sorted(shares.items(), key=lambda item: -item[1])[:n]


def percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def listed(told: Iterable[tuple[str, float]]) -> str:
    """`forward 21 %, backward 34 %`; what is under half a percent goes without saying."""
    return ", ".join(f"{name} {percent(share)}" for name, share in told if share >= 0.005)


def family(name: str) -> str:
    """Which kind of work an operation is; ranges and autograd's own code are between operations."""
    found = (kind for kind, pattern in FAMILIES if re.search(pattern, name))
    return next(found, "other") if "::" in name and BACKWARD not in name else "between operations"


def tally(events: Iterable[Any], on_device: bool = False) -> Tally:
    """Add up the events of torch.profiler in the steps it saw; the first one is left out.

    Costs are an event's own time, of the processor or of the device's kernels. The backward pass
    of what a penalty computed counts as the penalty's: its operations have the same numbers.
    """
    events = [event for event in events if str(event.device_type).endswith("CPU")]
    seen = [event for event in events if named(event.name) == ("", "step")]
    steps = sorted(seen, key=lambda event: event.time_range.start)[len(seen) > 1 :]
    wall = sum(step.time_range.elapsed_us() for step in steps)
    if not steps or not wall:
        return Tally(0, 0.0)
    placed = list(placements(events, steps))
    costs = [_cost(event, on_device) for _, event in placed]
    whole = (sum(costs) or 1.0) if on_device else wall
    found = Tally(len(steps), wall / len(steps) / 1e6, sum(costs) / wall)
    for ((who, what), event), cost in zip(placed, costs, strict=True):
        found.parts[(who, what)] += cost / whole
        found.families[family(event.name)] += cost / whole
        found.names[event.name] += cost / whole if "::" in event.name else 0.0
    if on_device:  # what the host does while the device waits
        data = [event for (_, what), event in placed if what == "data" and named(event.name)]
        found.parts[("", "data")] = sum(event.time_range.elapsed_us() for event in data) / wall
    return found


def _cost(event: Any, on_device: bool) -> float:
    return event.self_device_time_total if on_device else event.self_cpu_time_total


def placements(events: list[Any], steps: list[Any]) -> Iterator[tuple[tuple[str, str], Any]]:
    """Every event of the steps with the part of the turn that it belongs to."""
    penalised = {number for step in steps for number in _penalised(step)}
    for step in steps:
        yield from _below(step, ("", "step"), penalised)
    strangers = [e for e in events if e.cpu_parent is None and named(e.name) is None]
    ranges = [e for e in events if named(e.name)]
    for event in strangers:  # a device's backward pass has a thread of its own
        start = event.time_range.start
        if any(s.thread != event.thread and _covers(s, start) for s in steps):
            around = [r for r in ranges if _covers(r, start)]
            inner = max(around, key=lambda r: r.time_range.start)
            yield from _below(event, _place(inner.name, ("", "step")), penalised)


def _below(
    root: Any, where: tuple[str, str], penalised: set[int]
) -> Iterator[tuple[tuple[str, str], Any]]:
    stack = [(root, where)]
    while stack:
        event, where = stack.pop()
        where = _place(event.name, where)
        if where[1] == "backward" and _is_backward(event) and event.sequence_nr in penalised:
            where = (where[0], "penalties")
        yield where, event
        stack += [(child, where) for child in event.cpu_children]


def _place(name: str, where: tuple[str, str]) -> tuple[str, str]:
    """A range's own place; penalties belong to whose turn they are in."""
    who, what = named(name) or where
    return who or (where[0] if what == "penalties" else ""), what


def _penalised(step: Any) -> Iterator[int]:
    """Numbers of the operations that penalties recorded for the backward pass."""
    for (_, what), event in _below(step, ("", "step"), set()):
        own = event.scope == 0 and not _is_backward(event)
        if what == "penalties" and own and event.sequence_nr >= 0:
            yield event.sequence_nr


def _is_backward(event: Any) -> bool:
    return event.name.startswith(BACKWARD)


def _covers(event: Any, moment: float) -> bool:
    return event.time_range.start <= moment <= event.time_range.end
