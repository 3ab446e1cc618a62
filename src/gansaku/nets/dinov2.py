"""DINOv2's vision transformers, with the names of the official state dicts."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

PATCH = 14
DEPTHS = {384: 12, 768: 12, 1024: 24}  # of ViT-S, ViT-B and ViT-L, by width
NAMES = {384: "dinov2-vits14", 768: "dinov2-vitb14", 1024: "dinov2-vitl14"}


class Attention(nn.Module):
    """Self-attention with 64 channels a head."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.heads = width // 64
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        n, tokens, width = x.shape
        parts = self.qkv(x).view(n, tokens, 3, self.heads, width // self.heads)
        q, k, v = parts.permute(2, 0, 3, 1, 4)
        mixed = F.scaled_dot_product_attention(q, k, v)
        return self.proj(mixed.transpose(1, 2).reshape(n, tokens, width))


class MLP(nn.Module):
    """Two layers, four times as wide between, with GELU."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, 4 * width)
        self.fc2 = nn.Linear(4 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc2(F.gelu(self.fc1(x)))


class LayerScale(nn.Module):
    """A factor for each channel of a residual (arXiv:2103.17239, equation 3)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(width))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.gamma


class Block(nn.Module):
    """A pre-norm transformer block with scaled residuals."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width, eps=1e-6)
        self.attn = Attention(width)
        self.ls1 = LayerScale(width)
        self.norm2 = nn.LayerNorm(width, eps=1e-6)
        self.mlp = MLP(width)
        self.ls2 = LayerScale(width)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.ls1(self.attn(self.norm1(x)))
        return x + self.ls2(self.mlp(self.norm2(x)))


class PatchEmbed(nn.Module):
    """A linear map of each 14x14 patch."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.proj = nn.Conv2d(3, width, PATCH, PATCH)

    def forward(self, x: Tensor) -> Tensor:
        return self.proj(x).flatten(2).transpose(1, 2)


class DinoV2(nn.Module):
    """DINOv2 (arXiv:2304.07193) without registers: the normalised class token is the feature.

    `x [N, 3, H, W]`, with ImageNet's mean and deviation taken out and sides that 14 divides
    `-> [N, width]`. `width` 384, 768 and 1024 are ViT-S/14, ViT-B/14 and ViT-L/14, of 12, 12 and
    24 blocks; other widths, for tests, take `depth`. Raises ValueError where 14 does not divide.
    """

    def __init__(self, width: int = 384, depth: int | None = None, grid: int = 37) -> None:
        super().__init__()
        self.grid = grid  # of the positions: 518 pixels
        self.cls_token = nn.Parameter(torch.zeros(1, 1, width))
        self.pos_embed = nn.Parameter(torch.zeros(1, 1 + grid * grid, width))
        self.mask_token = nn.Parameter(torch.zeros(1, width))  # in the files; unused on images
        self.patch_embed = PatchEmbed(width)
        depth = DEPTHS[width] if depth is None else depth
        self.blocks = nn.ModuleList(Block(width) for _ in range(depth))
        self.norm = nn.LayerNorm(width, eps=1e-6)

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(self._tokens(x)[:, 0])

    def maps(self, x: Tensor) -> list[Tensor]:
        """The normalised patch tokens of the last block, `[N, width, H / 14, W / 14]`."""
        patches = self.norm(self._tokens(x)[:, 1:]).transpose(1, 2)
        return [patches.unflatten(2, (x.shape[2] // PATCH, x.shape[3] // PATCH))]

    def _tokens(self, x: Tensor) -> Tensor:
        if x.shape[2] % PATCH or x.shape[3] % PATCH:
            raise ValueError(f"sides of {list(x.shape[2:])} are no multiples of {PATCH}")
        tokens = torch.cat((self.cls_token.expand(len(x), -1, -1), self.patch_embed(x)), 1)
        tokens = tokens + self.positions(x.shape[2] // PATCH, x.shape[3] // PATCH)
        for block in self.blocks:
            tokens = block(tokens)
        return tokens

    def positions(self, rows: int, columns: int) -> Tensor:
        """The learned positions, bicubic for another grid of patches: `[1, 1 + rows*columns, D]`.

        The scale is (side + 0.1) / 37, not side / 37: so are the official features made.
        """
        if (rows, columns) == (self.grid, self.grid):
            return self.pos_embed
        first, patches = self.pos_embed[:, :1], self.pos_embed[:, 1:]
        patches = patches.unflatten(1, (self.grid, self.grid)).permute(0, 3, 1, 2)
        scale = ((rows + 0.1) / self.grid, (columns + 0.1) / self.grid)
        patches = F.interpolate(patches, scale_factor=scale, mode="bicubic")
        return torch.cat((first, patches.flatten(2).transpose(1, 2)), 1)
