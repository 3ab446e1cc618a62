"""The networks of the adversarial autoencoder (arXiv:1511.05644, appendix A)."""

from __future__ import annotations

from torch import Tensor, nn

from gansaku.nets.encoders import ConvTrunk, MLPTrunk, body_of
from gansaku.nets.layers.init import dcgan_init
from gansaku.nets.mlp import MLP


class AAEEncoder(nn.Module):
    """Two layers of 1000 ReLU (or DCGAN's convolutions) that a code and a label share.

    `x [N, *shape] -> codes [N, outputs], label logits [N, classes] or None`.
    """

    def __init__(
        self,
        shape: tuple[int, ...],
        outputs: int,
        classes: int = 0,
        body: str = "auto",
        width: int = 64,
        units: int = 1000,
        norm: str = "none",
    ) -> None:
        super().__init__()
        conv = body_of(body, shape) == "conv"
        self.trunk = ConvTrunk(shape, width) if conv else MLPTrunk(shape, units, norm=norm)
        self.code = nn.Linear(self.trunk.features, outputs)
        self.label = nn.Linear(self.trunk.features, classes) if classes else None
        if not conv:
            dcgan_init(self, 0.01)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor | None]:
        h = self.trunk(x)
        return self.code(h), None if self.label is None else self.label(h)


class CodeCritic(MLP):
    """Two layers of 1000 ReLU: `codes [N, inputs] -> logits [N]`; weights from N(0, .01)."""

    def __init__(self, inputs: int, units: int = 1000) -> None:
        super().__init__([inputs, units, units, 1])
        dcgan_init(self, 0.01)

    def forward(self, code: Tensor) -> Tensor:
        return super().forward(code).squeeze(1)
