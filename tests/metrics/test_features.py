"""Feature networks: fixed by seed, named by hash, right about what they see."""

import builtins
import dataclasses
import importlib
import importlib.util
import weakref
from collections.abc import Iterator

import pytest
import torch

from gansaku.core.errors import UserError
from gansaku.metrics.features import Features, backbone, random_conv, resize, rgb, shrink
from gansaku.metrics.frechet import Moments
from gansaku.nets.features import DigitsCNN, EfficientNetLite0, RandomConv, freeze, weights_hash


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


@pytest.fixture
def installed() -> None:
    if not importlib.util.find_spec("efficientnet_lite_pytorch"):
        pytest.skip("the extra 'backbone' is not installed")


def test_backbone_knows_a_cat_and_a_cup(installed: None) -> None:
    data = pytest.importorskip("skimage.data")
    pictures = torch.cat([square(getattr(data, name)()) for name in ("chelsea", "coffee")])
    features = backbone(224)
    sure, classes = features.classify(pictures).max(1)
    assert int(classes[0]) in range(281, 286)  # the cats of ImageNet
    assert int(classes[1]) in (504, 967, 968)  # coffee mug, espresso, cup
    assert sure.min() > 0.2
    found = features(pictures)
    assert found.shape == (2, 1280)
    torch.testing.assert_close(features.head(found), features.classify(pictures))


def test_folded_backbone_is_the_published_one(installed: None) -> None:
    x = images(3, 3, 64, 64)
    net = freeze(EfficientNetLite0())
    assert backbone().hash == weights_hash(net)  # the name is that of the weights as published
    plain, maps = net(x), net.maps(x)
    norms = [m for m in net.modules() if isinstance(m, torch.nn.BatchNorm2d)]
    net.fold()
    assert norms
    assert not [m for m in net.modules() if isinstance(m, torch.nn.BatchNorm2d)]
    torch.testing.assert_close(net(x), plain, rtol=1e-4, atol=1e-4)
    sides = [(16, 32), (24, 16), (40, 8), (112, 4), (320, 2)]
    assert [(m.shape[1], m.shape[2]) for m in net.maps(x)] == sides
    for before, after in zip(maps, net.maps(x), strict=True):
        torch.testing.assert_close(after, before, rtol=1e-3, atol=1e-3)


def test_maps_of_random_convolutions_are_what_is_summed_up() -> None:
    features = random_conv(3)
    maps = features.maps(images(2, 3, 128, 64))
    assert [tuple(m.shape[1:]) for m in maps] == [(16, 64, 32), (32, 32, 16), (64, 16, 8)]
    found = features(images(2, 3, 128, 64))
    torch.testing.assert_close(found[:, :16], maps[0].mean((2, 3)))


def test_no_gradients_leak_out_of_a_stream_nor_in() -> None:
    for _ in random_conv(1).stream([images(2, 1, 8, 8)]):
        assert torch.is_grad_enabled()  # the consumer's own, while the stream is held open


def counted(parts: int, size: int, alive: weakref.WeakSet) -> Iterator[torch.Tensor]:
    for seed in range(parts):
        part = images(size, 1, 4, 4, seed=seed)
        alive.add(part)
        yield part
        del part
        assert len(alive) <= 2


def test_moments_of_a_stream_take_the_memory_of_a_batch() -> None:
    alive, sizes = weakref.WeakSet(), []

    def extract(x: torch.Tensor) -> torch.Tensor:
        sizes.append(len(x))
        found = x.flatten(1)[:, :5].clone()
        alive.add(found)
        return found

    features = Features("pixels", "0" * 8, "first", "none", extract, batch=100)
    total = Moments.streamed(features.stream(counted(300, 250, alive)))
    assert total.count == 75_000
    assert max(sizes) == 100
    whole = torch.cat([images(250, 1, 4, 4, seed=s).flatten(1)[:, :5] for s in range(300)])
    direct = Moments.of(whole)
    torch.testing.assert_close(total.mean, direct.mean, rtol=1e-10, atol=1e-12)
    torch.testing.assert_close(total.scatter, direct.scatter, rtol=1e-10, atol=1e-8)


def test_titles_are_published_ones_only_where_the_network_is() -> None:
    features = random_conv(3)
    told = f"kernel distance ({features.name})"
    assert features.title("kernel distance") == features.title("KID") == told
    assert features.title("Vendi score") == f"Vendi score ({features.name})"
    standard = dataclasses.replace(features, standard="inception")
    assert standard.title("kernel distance") == "KID"
    assert standard.title("LPIPS") == f"perceptual distance ({features.name})"


def square(picture: builtins.object) -> torch.Tensor:
    x = torch.as_tensor(picture).permute(2, 0, 1)[None].float() / 127.5 - 1
    side = min(x.shape[2:])
    top, left = (x.shape[2] - side) // 2, (x.shape[3] - side) // 2
    return resize(x[:, :, top : top + side, left : left + side], 224)
