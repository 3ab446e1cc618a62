"""Inception v3 of FID: its names, its size, and what sets it apart from torchvision's."""

import torch
import torch.nn.functional as F

from gansaku.nets.inception import InceptionA, InceptionE, InceptionV3, average_pool


def test_names_and_number_of_parameters_are_those_of_the_published_file() -> None:
    with torch.device("meta"):
        net = InceptionV3()
    state = net.state_dict()
    # torchvision's 27,161,264 without the auxiliary head's 3,326,696, and 8 classes more.
    assert sum(p.numel() for p in net.parameters()) == 27161264 - 3326696 + 8 * 2049
    assert len([name for name in state if name.endswith("conv.weight")]) == 94
    some = {
        "Conv2d_1a_3x3.conv.weight": (32, 3, 3, 3),
        "Conv2d_4a_3x3.bn.running_var": (192,),
        "Mixed_5d.branch5x5_2.conv.weight": (64, 48, 5, 5),
        "Mixed_6a.branch3x3dbl_3.bn.bias": (96,),
        "Mixed_6c.branch7x7dbl_2.conv.weight": (160, 160, 7, 1),
        "Mixed_7a.branch7x7x3_4.conv.weight": (192, 192, 3, 3),
        "Mixed_7c.branch3x3dbl_3b.conv.weight": (384, 384, 3, 1),
        "Mixed_7b.branch_pool.conv.weight": (192, 1280, 1, 1),
        "fc.weight": (1008, 2048),
    }
    assert {name: tuple(state[name].shape) for name in some} == some


def test_pools_do_not_count_the_padding() -> None:
    ones = torch.ones(1, 1, 4, 4)
    assert torch.equal(average_pool(ones), ones)
    assert F.avg_pool2d(ones, 3, 1, 1)[0, 0, 0, 0] < 0.5  # torchvision's


def test_only_the_last_block_pools_by_the_maximum() -> None:
    x = torch.zeros(1, 8, 5, 5)
    x[0, 0, 2, 2] = 1
    for last, expected in ((False, 1 / 9), (True, 1.0)):
        block = InceptionE(8, last).eval()
        seen = []
        block.branch_pool.register_forward_pre_hook(lambda _, args, to=seen: to.append(args[0]))
        assert block(x).shape == (1, 2048, 5, 5)
        assert abs(float(seen[0][0, 0, 1, 1]) - expected) < 1e-6


def test_sizes_are_the_graphs() -> None:
    assert InceptionA(192, pool=32).eval()(torch.zeros(1, 192, 5, 5)).shape == (1, 256, 5, 5)
    net = InceptionV3().eval().requires_grad_(False)
    first, second = net.maps(torch.zeros(1, 3, 299, 299))
    assert (first.shape, second.shape) == ((1, 64, 147, 147), (1, 192, 71, 71))
    pooled = net(torch.randn(2, 3, 96, 96))
    assert pooled.shape == (2, 2048)
    logits = net.logits(pooled)
    torch.testing.assert_close(logits, net.fc(pooled) - net.fc.bias, rtol=1e-4, atol=1e-5)
