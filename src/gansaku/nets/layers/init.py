"""Initialisations, each of a whole network in place; apply them before spectral norm."""

from __future__ import annotations

from collections.abc import Iterator

from torch import nn

_WEIGHTED = (nn.Linear, nn.Conv2d, nn.ConvTranspose2d)
_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.GroupNorm, nn.LayerNorm, nn.InstanceNorm2d)


def weighted(net: nn.Module) -> Iterator[nn.Module]:
    """The linear and convolutional layers of `net`."""
    return (module for module in net.modules() if isinstance(module, _WEIGHTED))


def zero_biases(net: nn.Module) -> None:
    """Set the biases of all linear and convolutional layers to 0."""
    for layer in weighted(net):
        if layer.bias is not None:
            nn.init.zeros_(layer.bias)


def dcgan_init(net: nn.Module, std: float = 0.02) -> None:
    """Weights from N(0, .02), biases 0 (DCGAN, arXiv:1511.06434, section 4.1).

    The weights of normalisations are from N(1, .02), as in the reference code.
    """
    zero_biases(net)
    for layer in weighted(net):
        nn.init.normal_(layer.weight, 0.0, std)
    for module in net.modules():
        if isinstance(module, _NORMS) and module.weight is not None:
            nn.init.normal_(module.weight, 1.0, std)
            nn.init.zeros_(module.bias)


def he_init(net: nn.Module) -> None:
    """Weights uniform with variance 2 / fan-in (arXiv:1502.01852, equation 10), biases 0."""
    zero_biases(net)
    for layer in weighted(net):
        nn.init.kaiming_uniform_(layer.weight, nonlinearity="relu")


def orthogonal_init(net: nn.Module, gain: float = 1.0) -> None:
    """(Semi-)orthogonal weights times `gain` (arXiv:1312.6120), biases 0."""
    zero_biases(net)
    for layer in weighted(net):
        nn.init.orthogonal_(layer.weight, gain)


def uniform_init(net: nn.Module, limit: float) -> None:
    """Weights uniform in [-limit, limit], biases 0: the 2014 paper's code calls it irange."""
    zero_biases(net)
    for layer in weighted(net):
        nn.init.uniform_(layer.weight, -limit, limit)


def glorot_init(net: nn.Module, gain: float = 1.0) -> None:
    """Weights uniform with variance gain^2 * 2 / (fan-in + fan-out) (Glorot 2010), biases 0."""
    zero_biases(net)
    for layer in weighted(net):
        nn.init.xavier_uniform_(layer.weight, gain)


def msr_init(layer: nn.Module, gain: float = 1.0) -> None:
    """Weights from N(0, gain^2 / fan-in), biases 0 (arXiv:1502.01852)."""
    zero_biases(layer)
    for each in weighted(layer):
        nn.init.normal_(each.weight, 0.0, gain / each.weight[0].numel() ** 0.5)
