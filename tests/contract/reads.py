"""Where the package reads numbers of tensors, for which a processor would wait for a GPU."""

from __future__ import annotations

import traceback

from torch.utils._python_dispatch import TorchDispatchMode

READS = {  # whose answer, or whose answer's size, the processor must know
    *("aten::_local_scalar_dense", "aten::nonzero", "aten::masked_select", "aten::equal"),
    *("aten::_unique2", "aten::unique_dim", "aten::unique_consecutive"),
}
ON_CPU = {  # file and the line's words: why; on a GPU nothing is read there
    ("core/slopes.py", 'device.type != "cpu"'): "asked on the CPU alone",
    ("losses/slopes.py", 'device.type != "cpu"'): "the same",
    ("augment/ada.py", 'device.type == "cpu"'): "the same",
    ("nets/layers/label.py", "F.one_hot"): "torch checks the classes on the CPU alone",
    ("losses/information.py", "F.one_hot"): "the same",
    ("nets/spade.py", "F.one_hot"): "the same",
}
ALLOWED = ON_CPU | {
    ("core/likeness.py", "nets.costs.tolist()"): "the costs decide who plays (arXiv:1512.09300)",
    ("recipes/began.py", "nets.balance.rate"): "the measure decides the learning rate",
    ("core/pool.py", "places.tolist()"): "once a turn: where a picture enters the pool",
    ("losses/transport.py", "float(cost.max())"): "how many halvings of epsilon",
    ("losses/transport.py", "error = float("): "whether the iteration has converged",
    ("core/pyramid_pace.py", ""): "whether a scale is finished",
    ("core/gathering.py", "type(norm).forward"): "SinGAN's cumulative moments, between scales",
    ("core/pyramid_game.py", "torch.randint(2**62"): "drawn on the CPU",
    ("data/draw.py", "maps[:, 0].cpu()"): "these tests' own source, which paints its maps",
}


def place() -> tuple[str, str]:
    """The line of the package that is being computed: its file and its words."""
    frames = traceback.extract_stack()
    inside = [f for f in frames if "/gansaku/" in f.filename and "test_" not in f.filename]
    inside = [f for f in inside if not f.filename.endswith("core/kernels.py")]  # passes on
    return inside[-1].filename.rpartition("/gansaku/")[2], inside[-1].line or ""


def known(found: tuple[str, str], among: dict[tuple[str, str], str]) -> bool:
    return any(found[0] == file and words in found[1] for file, words in among)


class Reads(TorchDispatchMode):
    """Notes who of the package reads a number of a tensor."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, str]] = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        if func._schema.name in READS:
            self.note()
        return func(*args, **(kwargs or {}))

    def note(self) -> None:
        self.found.append(place())

    def unforeseen(self) -> list[tuple[str, str]]:
        return [found for found in self.found if not known(found, ALLOWED)]
