"""DINOv2: transformers' implementation, golden numbers, and the positions of other sizes."""

import importlib.util
import math

import pytest
import torch

from gansaku.nets.dinov2 import DinoV2

# transformers 5.23.0's Dinov2Model on `weights` and `pixels`: the first of each class token.
GOLDEN = [[-0.648828, 1.16137, 1.720363, 1.166855], [-0.11426, 1.258892, -1.181198, -1.900369]]


def weights(net: DinoV2) -> DinoV2:
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for name, parameter in net.named_parameters():
            drawn = torch.randn(parameter.shape, generator=generator)
            if parameter.ndim == 1:
                parameter.copy_(drawn / 10 + (not name.endswith("bias")))
            else:
                parameter.copy_(drawn * parameter[0].numel() ** -0.5 * 1.5)
    return net.eval()


def pixels(side: int) -> torch.Tensor:
    return torch.randn(2, 3, side, side, generator=torch.Generator().manual_seed(1))


@torch.no_grad()
def test_gives_what_transformers_gave() -> None:
    found = weights(DinoV2(128, depth=2, grid=3))(pixels(42))
    torch.testing.assert_close(found[:, :4], torch.tensor(GOLDEN), rtol=1e-4, atol=1e-5)


@torch.no_grad()
def test_equals_transformers() -> None:
    if importlib.util.find_spec("transformers") is None:
        pytest.skip("transformers is not installed; golden numbers stand in for it")
    from transformers import Dinov2Config, Dinov2Model

    config = Dinov2Config(
        hidden_size=128, num_hidden_layers=2, num_attention_heads=2, image_size=42, patch_size=14
    )
    ours, theirs = weights(DinoV2(128, depth=2, grid=3)), Dinov2Model(config).eval()
    theirs.load_state_dict(as_theirs(ours.state_dict()), strict=True)
    for side in (42, 70):  # as large as the positions, and larger
        if side == 70:  # transformers leaves the 0.1 out, so positions are set beside one another
            positions = ours.positions(5, 5)
            theirs.embeddings.interpolate_pos_encoding = lambda *_, p=positions: p
        found = theirs(pixels(side)).last_hidden_state
        torch.testing.assert_close(ours(pixels(side)), found[:, 0], rtol=1e-4, atol=1e-5)
        patches = ours.maps(pixels(side))[0].flatten(2).transpose(1, 2)
        torch.testing.assert_close(patches, found[:, 1:], rtol=1e-4, atol=1e-5)


def as_theirs(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    renamed = {
        "embeddings.cls_token": state["cls_token"],
        "embeddings.mask_token": state["mask_token"],
        "embeddings.position_embeddings": state["pos_embed"],
        "embeddings.patch_embeddings.projection.weight": state["patch_embed.proj.weight"],
        "embeddings.patch_embeddings.projection.bias": state["patch_embed.proj.bias"],
        "layernorm.weight": state["norm.weight"],
        "layernorm.bias": state["norm.bias"],
    }
    for name, value in state.items():
        if not name.startswith("blocks."):
            continue
        _, layer, rest = name.split(".", 2)
        if rest.startswith("attn.qkv"):
            kind = rest.rpartition(".")[2]
            for part, piece in zip("qkv", value.chunk(3), strict=True):
                renamed[f"encoder.layer.{layer}.attention.{part}_proj.{kind}"] = piece
            continue
        for ours, their in (("attn.proj", "attention.o_proj"), ("ls", "layer_scale")):
            rest = rest.replace(ours, their)
        rest = rest.replace(".gamma", ".lambda1")
        renamed[f"encoder.layer.{layer}.{rest}"] = value
    return renamed


def test_names_are_the_official_ones() -> None:
    with torch.device("meta"):
        net = DinoV2(384)
    state = net.state_dict()
    assert len(net.blocks) == 12
    assert tuple(state["pos_embed"].shape) == (1, 1370, 384)
    assert tuple(state["blocks.11.attn.qkv.weight"].shape) == (1152, 384)
    assert {name for name in state if not name.startswith("blocks.")} == {
        "cls_token", "pos_embed", "mask_token", "patch_embed.proj.weight",
        "patch_embed.proj.bias", "norm.weight", "norm.bias",
    }  # fmt: skip
    assert {name.partition(".3.")[2] for name in state if name.startswith("blocks.3.")} == {
        "norm1.weight", "norm1.bias", "attn.qkv.weight", "attn.qkv.bias", "attn.proj.weight",
        "attn.proj.bias", "ls1.gamma", "norm2.weight", "norm2.bias", "mlp.fc1.weight",
        "mlp.fc1.bias", "mlp.fc2.weight", "mlp.fc2.bias", "ls2.gamma",
    }  # fmt: skip
    # 22,056,576 is the published number of parameters of ViT-S/14.
    assert sum(p.numel() for p in net.parameters()) == 22_056_576


@torch.no_grad()
def test_positions_of_another_size_are_the_official_bicubic_ones() -> None:
    net = weights(DinoV2(64, depth=0, grid=6))
    assert net.positions(6, 6) is net.pos_embed
    found = net.positions(4, 5)
    assert torch.equal(found[:, 0], net.pos_embed[:, 0])
    grid = net.pos_embed[0, 1:, 0].reshape(6, 6).tolist()
    for i in range(4):
        for j in range(5):
            y, x = (i + 0.5) * 6 / 4.1 - 0.5, (j + 0.5) * 6 / 5.1 - 0.5
            assert abs(cubic(grid, y, x) - float(found[0, 1 + 5 * i + j, 0])) < 1e-5


def cubic(grid: list[list[float]], y: float, x: float) -> float:
    def weight(d: float, a: float = -0.75) -> float:
        d = abs(d)
        if d <= 1:
            return (a + 2) * d**3 - (a + 3) * d**2 + 1
        return a * (d**3 - 5 * d**2 + 8 * d - 4) if d < 2 else 0.0

    total, last = 0.0, len(grid) - 1
    for i in range(math.floor(y) - 1, math.floor(y) + 3):
        for j in range(math.floor(x) - 1, math.floor(x) + 3):
            held = grid[min(max(i, 0), last)][min(max(j, 0), last)]
            total += held * weight(y - i) * weight(x - j)
    return total


def test_sides_that_14_does_not_divide_are_refused() -> None:
    with pytest.raises(ValueError, match="no multiples of 14"):
        DinoV2(64, depth=0, grid=3)(torch.zeros(1, 3, 40, 42))
