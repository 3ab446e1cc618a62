"""Networks by torch.compile, but for what is differentiated twice, which it cannot do."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable, Generator, Iterable
from typing import Any

import torch
from torch import nn

from gansaku.core import kernels
from gansaku.core.errors import UserError
from gansaku.core.noise import Noise

NOISE = (  # of the compiler, about what is meant so: constants, and inputs with a graph
    "Dynamo detected a call to a `functools.lru_cache`",
    "The .grad attribute of a Tensor that is not a leaf",
)
_ROWS = Noise._rows


class _Now:
    twice = 0  # how many are open


@contextlib.contextmanager
def twice(norms: bool = True) -> Generator[None]:
    """What is computed in here may be differentiated twice, and is not compiled.

    `norms`: some of it may be batch norm, whose second derivative has a way of its own.
    """
    _Now.twice += 1
    try:
        with kernels.twice() if norms else contextlib.nullcontext():
            yield
    finally:
        _Now.twice -= 1


def compiled(networks: Iterable[nn.Module], backend: str = "inductor") -> None:
    """From now on a call of each goes by torch.compile, where it is differentiated once.

    Names in checkpoints stay as they are; copies that are made of a network are not compiled.
    """
    for known in NOISE:
        warnings.filterwarnings("ignore", known)
    Noise._rows = torch.compiler.disable(_ROWS)  # Python draws
    for network in dict.fromkeys(networks):
        network._compiled_call_impl = _choosing(network, backend)


def _choosing(network: nn.Module, backend: str) -> Callable[..., Any]:
    from torch._dynamo.exc import BackendCompilerFailed  # takes its time: not where none compiles

    def plain(*args: Any, **kwargs: Any) -> Any:  # the compiler leaves torch's own frames alone
        return network._call_impl(*args, **kwargs)

    fast = torch.compile(plain, backend=backend, dynamic=False)

    def call(*args: Any, **kwargs: Any) -> Any:
        if _Now.twice:
            return plain(*args, **kwargs)
        try:
            return fast(*args, **kwargs)
        except BackendCompilerFailed as error:
            cause, *_ = f"{error.inner_exception}\n".splitlines()
            raise UserError(
                f"torch.compile cannot compile on this machine: {cause}. It needs a C++ compiler "
                "for a CPU (g++) and Triton for a GPU; without --compile nothing is needed"
            ) from error

    return call
