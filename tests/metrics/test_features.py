"""Feature networks: fixed by seed, named by hash, right about what they see."""

import builtins
import importlib
import importlib.util

import pytest
import torch

from gansaku.core.errors import UserError
from gansaku.metrics.features import backbone, random_conv, resize, rgb, shrink
from gansaku.nets.features import DigitsCNN, RandomConv, weights_hash


def images(n: int, *shape: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(n, *shape, generator=torch.Generator().manual_seed(seed)) * 2 - 1


@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 17, 40), (4, 4, 4), (3, 100, 80)])
def test_random_features_are_rows_of_one_width_for_any_image(shape: tuple[int, ...]) -> None:
    found = random_conv(shape[0])(images(5, *shape))
    assert found.shape == (5, 2 * (16 + 32 + 64) * (1 + 9))
    assert found.isfinite().all()
    assert not found.requires_grad


def test_random_features_are_the_same_for_a_seed_and_do_not_depend_on_batches() -> None:
    x = images(7, 3, 16, 16)
    first, second = RandomConv(3, seed=1), RandomConv(3, seed=1)
    assert torch.equal(first(x), second(x))
    assert weights_hash(first) == weights_hash(second) != weights_hash(RandomConv(3, seed=2))
    torch.testing.assert_close(torch.cat([first(x[:2]), first(x[2:])]), first(x))


def test_no_random_state_is_touched() -> None:
    torch.manual_seed(0)
    before = torch.get_rng_state()
    RandomConv(3, seed=9)
    assert torch.equal(before, torch.get_rng_state())


def test_hash_sees_a_single_weight() -> None:
    torch.manual_seed(0)
    net = DigitsCNN()
    before = weights_hash(net)
    assert len(before) == 8
    with torch.no_grad():
        net.head.bias[3] += 1e-6
    assert weights_hash(net) != before


def test_name_bears_network_and_hash() -> None:
    features = random_conv(3)
    assert features.name == f"random-conv-{features.hash}"
    with pytest.raises(UserError, match=r"\[N, C, H, W\] but found \[5, 3\]"):
        features(torch.zeros(5, 3))


def test_images_are_brought_to_what_a_network_takes() -> None:
    grey, alpha = images(2, 1, 8, 6), images(2, 4, 8, 6)
    assert torch.equal(rgb(grey), grey.repeat(1, 3, 1, 1))
    assert torch.equal(rgb(images(2, 2, 8, 6)), images(2, 2, 8, 6)[:, :1].repeat(1, 3, 1, 1))
    assert torch.equal(rgb(alpha), alpha[:, :3])
    assert resize(grey, 16).shape == (2, 1, 16, 16)
    assert shrink(images(2, 3, 128, 32), 64).shape == (2, 3, 64, 16)
    assert shrink(grey, 64) is grey


def test_backbone_that_is_absent_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> None:
        raise ImportError(name=name)

    monkeypatch.setattr(importlib, "import_module", absent)
    with pytest.raises(UserError, match=r"efficientnet_lite_pytorch.*gansaku\[backbone\]"):
        backbone.__wrapped__()


def test_backbone_knows_a_cat_and_a_cup() -> None:
    if not importlib.util.find_spec("efficientnet_lite_pytorch"):
        pytest.skip("the extra 'backbone' is not installed")
    data = pytest.importorskip("skimage.data")
    pictures = torch.cat([square(getattr(data, name)()) for name in ("chelsea", "coffee")])
    features = backbone(224)
    found = features(pictures)
    classes = features.extract.__closure__[0].cell_contents.net._fc(found).argmax(1)
    assert int(classes[0]) in range(281, 286)  # the cats of ImageNet
    assert int(classes[1]) in (504, 967, 968)  # coffee mug, espresso, cup
    assert found.shape == (2, 1280)


def square(picture: builtins.object) -> torch.Tensor:
    x = torch.as_tensor(picture).permute(2, 0, 1)[None].float() / 127.5 - 1
    side = min(x.shape[2:])
    top, left = (x.shape[2] - side) // 2, (x.shape[3] - side) // 2
    return resize(x[:, :, top : top + side, left : left + side], 224)
