"""PatchGAN: a critic that judges every patch of a picture on its own (arXiv:1611.07004, 3.2.2)."""

from __future__ import annotations

from torch import Tensor, nn

from gansaku.nets.layers.init import dcgan_init
from gansaku.nets.layers.norm import InstanceNorm2d, norm2d
from gansaku.nets.layers.resample import channels_last

HALVINGS = {16: 1, 34: 2, 70: 3, 142: 4, 286: 5}  # receptive field in pixels -> stride-2 layers
PATCHES = (1, *HALVINGS)
NORMS = ("batch", "instance", "bare", "none")


class PatchCritic(nn.Module):
    """Logits of overlapping patches of `patch` x `patch` pixels.

    `x [N, channels, H, W] -> [N, 1, h, w]`; for patch 70, h is H / 8 - 2. Layers are those of the
    paper's appendix 6.1.2: 4 x 4 convolutions C64-C128-C256-C512 of which the last has stride 1,
    and one to a logit; the first has no norm. At 6 channels patch 70 has 2,768,705 parameters,
    as the authors' own. Patch 1 is made of 1 x 1 convolutions. `norm`: "batch"; "instance", with
    gains: what batch norm is at the paper's batch of one; "bare", instance norm without gains, as
    CycleGAN's code has it (2,764,737 parameters at 3 channels); "none". Convolutions have a bias
    where no norm with gains follows. Raises ValueError for another patch or norm, and where a
    patch is too large for pictures of `size` (height, width).
    """

    def __init__(
        self,
        channels: int,
        width: int = 64,
        patch: int = 70,
        norm: str = "instance",
        size: tuple[int, ...] | None = None,
    ) -> None:
        super().__init__()
        if patch not in PATCHES:
            raise ValueError(f"patch is {patch}; it must be one of {', '.join(map(str, PATCHES))}")
        if norm not in NORMS:
            raise ValueError(f"norm is {norm!r}; it must be one of {', '.join(NORMS)}")
        self.patch = patch
        if size is not None:
            self.check_size(size)
        if patch == 1:
            layers = pixel_layers(channels, width, norm)
        else:
            layers = patch_layers(channels, width, HALVINGS[patch], norm)
        self.layers = nn.Sequential(*layers)
        dcgan_init(self)
        channels_last(self)

    def forward(self, x: Tensor) -> Tensor:
        self.check_size(tuple(x.shape[2:]))
        return self.layers(x)

    def check_size(self, size: tuple[int, ...]) -> None:
        least = smallest(self.patch)
        if min(size) < least:
            raise ValueError(
                f"D judges patches that need pictures of {least} pixels or more a side, and these "
                f"are {size[1]}x{size[0]}: give a larger --size, or a smaller --patch (16, 34)"
            )


def smallest(patch: int) -> int:
    """The shortest side of a picture of which a critic of this patch says anything."""
    return 2 if patch == 1 else 3 * 2 ** HALVINGS[patch]


def patch_layers(channels: int, width: int, halvings: int, norm: str) -> list[nn.Module]:
    """Convolutions of stride 2, one of stride 1, and one to a logit."""
    layers: list[nn.Module] = [nn.Conv2d(channels, width, 4, 2, 1), nn.LeakyReLU(0.2, True)]
    before = width
    for level in range(1, halvings + 1):
        after = width * min(2**level, 8)
        stride = 2 if level < halvings else 1
        layers += [nn.Conv2d(before, after, 4, stride, 1, bias=biased(norm)), normed(norm, after)]
        layers += [nn.LeakyReLU(0.2, True)]
        before = after
    return [*layers, nn.Conv2d(before, 1, 4, 1, 1)]


def pixel_layers(channels: int, width: int, norm: str) -> list[nn.Module]:
    """C64-C128 and a logit, all 1 x 1: the PixelGAN of appendix 6.1.2."""
    return [
        nn.Conv2d(channels, width, 1),
        nn.LeakyReLU(0.2, True),
        nn.Conv2d(width, 2 * width, 1, bias=biased(norm)),
        normed(norm, 2 * width),
        nn.LeakyReLU(0.2, True),
        nn.Conv2d(2 * width, 1, 1, bias=biased(norm)),
    ]


def biased(norm: str) -> bool:
    """Whether a convolution before this norm has a bias."""
    return norm in ("bare", "none")


def normed(norm: str, channels: int) -> nn.Module:
    """The normalisation by name."""
    return InstanceNorm2d(channels) if norm == "bare" else norm2d(norm, channels)
