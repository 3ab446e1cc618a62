"""Spectral normalisation (arXiv:1802.05957)."""

from __future__ import annotations

from torch import nn
from torch.nn.utils.parametrizations import spectral_norm

from gansaku.nets.layers.init import weighted


def spectral(net: nn.Module) -> nn.Module:
    """Divide every weight in `net` by its largest singular value (equation 8, algorithm 1).

    One power iteration a forward in training, none in eval. The vectors u and v are buffers, so
    they travel with the state, and are cloned at each use, so that a loss may use several
    forwards and differentiate twice. Initialise weights first: 15 iterations run here.
    """
    for layer in list(weighted(net)):
        spectral_norm(layer)
    return net
