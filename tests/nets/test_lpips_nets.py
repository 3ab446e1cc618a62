"""The networks of LPIPS: torchvision's numbering, the five maps, the channel weights."""

import pytest
import torch

from gansaku.nets.lpips import LPIPS, TAPS, WIDTHS, alexnet, vgg16


def linear(kind: str) -> dict[str, torch.Tensor]:
    sizes = enumerate(WIDTHS[kind])
    return {f"lin{i}.model.1.weight": torch.full((1, n, 1, 1), float(i)) for i, n in sizes}


def trunk(kind: str) -> dict[str, torch.Tensor]:
    net = alexnet() if kind == "alex" else vgg16()
    return {f"features.{name}": value for name, value in net.state_dict().items()}


def test_layers_are_numbered_as_torchvision_numbers_them() -> None:
    alex = {n: tuple(v.shape) for n, v in alexnet().state_dict().items() if v.ndim > 1}
    assert alex == {
        "0.weight": (64, 3, 11, 11),
        "3.weight": (192, 64, 5, 5),
        "6.weight": (384, 192, 3, 3),
        "8.weight": (256, 384, 3, 3),
        "10.weight": (256, 256, 3, 3),
    }
    vgg = {n.partition(".")[0]: v.shape[0] for n, v in vgg16().state_dict().items() if v.ndim > 1}
    places = ["0", "2", "5", "7", "10", "12", "14", "17", "19", "21", "24", "26", "28"]
    assert list(vgg) == places
    assert list(vgg.values()) == [64] * 2 + [128] * 2 + [256] * 3 + [512] * 6
    for kind, net in (("alex", alexnet()), ("vgg", vgg16())):
        assert all(isinstance(net[tap], torch.nn.ReLU) for tap in TAPS[kind])


@pytest.mark.parametrize(
    ("kind", "sides"), [("alex", (15, 7, 3, 3, 3)), ("vgg", (64, 32, 16, 8, 4))]
)
def test_maps_are_five_and_their_channels_are_weighted(kind: str, sides: tuple[int, ...]) -> None:
    net = LPIPS(kind, trunk(kind) | {"classifier.6.bias": torch.zeros(3)}, linear(kind)).eval()
    found = net(torch.zeros(2, 3, 64, 64))
    expected = [(2, width, side, side) for width, side in zip(WIDTHS[kind], sides, strict=True)]
    assert [tuple(x.shape) for x in found] == expected
    assert [tuple(w.shape) for w in net.weights] == [(width,) for width in WIDTHS[kind]]
    assert [float(w[0]) for w in net.weights] == [0, 1, 2, 3, 4]


def test_colours_are_scaled_by_imagenet_as_images_from_minus_one_to_one() -> None:
    net = LPIPS("alex", trunk("alex"), linear("alex"))
    mean = torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1)
    std = torch.tensor([0.229, 0.224, 0.225]).view(1, 3, 1, 1)
    x = torch.rand(1, 3, 8, 8) * 2 - 1
    torch.testing.assert_close(
        (x - net.shift) / net.scale, ((x + 1) / 2 - mean) / std, atol=1e-5, rtol=1e-4
    )


def test_state_dicts_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match=r"features.0.weight is missing"):
        LPIPS("alex", {}, linear("alex"))
    with pytest.raises(ValueError, match=r"lin1.model.1.weight must be \[1, 128, 1, 1\]"):
        LPIPS("vgg", trunk("vgg"), linear("alex"))
    with pytest.raises(ValueError, match=r"features.3.weight must be"):
        LPIPS("alex", trunk("alex") | {"features.3.weight": torch.zeros(2)}, linear("alex"))
