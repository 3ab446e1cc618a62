"""Networks from the user's files: the oracles' numbers, standard names, and plain errors."""

from __future__ import annotations

import shutil
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from oracles import oracle, random_state
from torch import Tensor

from gansaku.core.errors import UserError
from gansaku.metrics import pretrained, weights
from gansaku.metrics.features import Features, open_features
from gansaku.metrics.perceptual import perceptual_distance
from gansaku.metrics.pretrained import dinov2, inception, lpips
from gansaku.metrics.resizing import resize_bicubic, resize_tensorflow, to_bytes
from gansaku.nets.dinov2 import DinoV2
from gansaku.nets.features import weights_hash
from gansaku.nets.inception import InceptionV3
from gansaku.nets.lpips import WIDTHS, alexnet

# What torch-fidelity 0.4.0 gives for `pictures(2)` with the weights of `state`: some features, and
# some unbiased logits less the first one.
FEATURES = [
    [0.0, 0.530544, 0.001257, 0.0, 0.424509, 0.080311, 0.024146, 0.0902],
    [0.0, 0.553686, 0.00463, 0.0, 0.444522, 0.067278, 0.026542, 0.088256],
]
LOGITS = [
    [0.0, -0.33928, -0.36451, -0.39991, -0.36691, -0.28388, 0.25338, 0.64482, 0.42464],
    [0.0, -0.35275, -0.39818, -0.42068, -0.38684, -0.2734, 0.24308, 0.63637, 0.42554],
]
LPIPS_014 = [1.2308598756790161, 1.1513991355895996]  # of lpips 0.1.4, for the weights below


def pictures(n: int, side: int = 40, channels: int = 3, seed: int = 1) -> Tensor:
    """Smooth colours with some noise, in [-1, 1]."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand(n, channels, 5, 5, generator=generator) * 2 - 1
    smooth = torch.nn.functional.interpolate(coarse, (side, side + 8), mode="bilinear")
    return (smooth + 0.2 * torch.randn(smooth.shape, generator=generator)).clamp(-1, 1)


@pytest.fixture(autouse=True)
def _no_caches(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No weights of the person who runs the tests."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.delenv("GANSAKU_WEIGHTS", raising=False)
    monkeypatch.setattr(pretrained, "_package", list)


@pytest.fixture(scope="module")
def state() -> dict[str, Tensor]:
    with torch.device("meta"):
        net = InceptionV3()
    return random_state(net)


@pytest.fixture(scope="module")
def file(state: dict[str, Tensor], tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "pt_inception-2015-12-05-6726825d.pth"
    torch.save(state, path)
    return path


@pytest.fixture(scope="module")
def network(file: Path) -> Features:
    return inception(file)


# --- Inception ---


def test_inception_gives_what_torch_fidelity_gave(network: Features) -> None:
    x = pictures(2)
    found = network(x)
    assert found.shape == (2, 2048)
    torch.testing.assert_close(found[:, ::256], torch.tensor(FEATURES), rtol=1e-4, atol=1e-5)
    logits = network.head(found).log()
    logits = logits - logits[:, :1]  # the softmax took one number away
    torch.testing.assert_close(logits[:, ::112], torch.tensor(LOGITS), rtol=1e-3, atol=1e-4)
    torch.testing.assert_close(network.classify(x), network.head(found))


def test_inception_equals_torch_fidelity(network: Features, file: Path) -> None:
    module = oracle("torch_fidelity.feature_extractor_inceptionv3")
    layers = ["2048", "logits_unbiased"]
    theirs = module.FeatureExtractorInceptionV3("standard", layers, str(file))
    x = pictures(3, side=50, seed=2)
    features, logits = theirs(to_bytes(x).byte())
    torch.testing.assert_close(network(x), features, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(network.classify(x), logits.softmax(1), rtol=1e-4, atol=1e-7)


def test_early_maps_have_the_images_own_size(network: Features) -> None:
    first, second = network.maps(pictures(1, side=40, channels=1))
    assert first.shape == (1, 64, 17, 21)
    assert second.shape == (1, 192, 6, 8)


def test_only_published_contents_bear_published_names(
    network: Features, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert network.standard is None  # the name of the file is right, its contents are not
    assert network.title("FID") == f"Frechet distance ({network.name})"
    monkeypatch.setitem(weights.PUBLISHED, weights.sha256(file), "inception")
    standard = inception(file)
    titles = [standard.title(name) for name in ("Frechet distance", "KID", "IS", "SIFID")]
    assert titles == ["FID", "KID", "IS", "SIFID"]
    assert standard.title("perceptual distance") == f"perceptual distance ({standard.name})"
    assert standard.title("precision") == f"precision ({standard.name})"
    assert standard.name == network.name == f"inception-v3-{network.hash}"
    assert standard.resizer == "tensorflow-bilinear-299"


def test_inception_is_found_in_the_caches(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(
        UserError, match=r"FID's Inception v3 were not found.*https.*GANSAKU_WEIGHTS"
    ):
        open_features("inception")
    monkeypatch.setenv("GANSAKU_WEIGHTS", str(file.parent))
    assert open_features("inception").network == "inception-v3"
    monkeypatch.delenv("GANSAKU_WEIGHTS")
    cache = tmp_path / "home" / ".cache" / "dnnlib" / "downloads"
    cache.mkdir(parents=True)
    copy = cache / "0123abcd_inception-2015-12-05.pt"
    shutil.copy(file, copy)
    assert weights.locate(None, pretrained.INCEPTION_FILES, "it", "there") == copy


def test_other_inceptions_are_refused(state: dict[str, Tensor], tmp_path: Path) -> None:
    path = tmp_path / "inception_v3_google-0cc3c7bd.pth"
    torchvision = dict(state) | {"fc.weight": torch.zeros(1000, 2048), "fc.bias": torch.zeros(1000)}
    torch.save(torchvision, path)
    told = r"'fc.weight' must be \[1008, 2048\] but found \[1000, 2048\]"
    with pytest.raises(UserError, match=told):
        inception(path)


def test_old_files_lack_counters_and_others_have_an_auxiliary_head(
    state: dict[str, Tensor], tmp_path: Path
) -> None:
    path = tmp_path / "w.pth"
    old = {name: value for name, value in state.items() if "num_batches" not in name}
    torch.save(old | {"AuxLogits.fc.bias": torch.zeros(3)}, path)
    assert inception(path).hash == inception_hash(state)


def inception_hash(state: dict[str, Tensor]) -> str:
    with torch.device("meta"):
        net = InceptionV3()
    net.load_state_dict(state, assign=True)
    return weights_hash(net)


# --- TorchScript ---


class Scripted(torch.nn.Module):
    """The interface of NVIDIA's file: features or probabilities, of bytes at any size."""

    def __init__(self, width: int = 2048) -> None:
        super().__init__()
        self.register_buffer("w", torch.linspace(-1, 1, width))
        self.output = torch.nn.Linear(width, 8)

    def forward(
        self,
        img: Tensor,
        return_features: bool = False,
        use_fp16: bool = False,
        no_output_bias: bool = False,
    ) -> Tensor:
        assert img.dtype == torch.uint8
        features = img.float().mean((1, 2, 3)).unsqueeze(1) * self.w
        if return_features:
            return features
        logits = features @ self.output.weight.t()
        if not no_output_bias:
            logits = logits + self.output.bias
        return torch.softmax(logits, 1)


def script(path: Path, width: int = 2048) -> Scripted:
    net = Scripted(width).eval()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        torch.jit.script(net).save(str(path))
    return net


def test_torchscript_is_known_by_its_contents(tmp_path: Path) -> None:
    path = tmp_path / "inception-2015-12-05.pt"
    net = script(path)
    found = inception(path)
    x = pictures(20)
    expected = to_bytes(x).mean((1, 2, 3))[:, None] * net.w
    torch.testing.assert_close(found(x), expected)
    torch.testing.assert_close(found.classify(x), (expected @ net.output.weight.T).softmax(1))
    assert found.name == f"inception-v3-torchscript-{weights.sha256(path)[:8]}"
    assert (found.standard, found.maps) == (None, None)


def test_torchscript_of_something_else_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "inception-2015-12-05.pt"
    script(path, width=64)
    with pytest.raises(UserError, match=r"must give features \[1, 2048\] but found \[1, 64\]"):
        inception(path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        torch.jit.script(torch.nn.Linear(3, 2)).save(str(path))
    with pytest.raises(UserError, match="is not FID's Inception as TorchScript"):
        inception(path)


# --- the resizers ---


@pytest.mark.parametrize("shape", [(7, 5), (32, 32), (11, 30)])
def test_tensorflow_resizer_equals_a_loop(shape: tuple[int, int]) -> None:
    x = to_bytes(torch.rand(1, 2, *shape, generator=torch.Generator().manual_seed(0)) * 2 - 1)
    size = 17
    slow = np.zeros((2, size, size))
    for c in range(2):
        for i in range(size):
            for j in range(size):
                y, z = i * shape[0] / size, j * shape[1] / size
                top, left = int(y), int(z)
                down, right = min(top + 1, shape[0] - 1), min(left + 1, shape[1] - 1)
                dy, dx = y - top, z - left
                image = x[0, c].double().numpy()
                upper = image[top, left] * (1 - dx) + image[top, right] * dx
                lower = image[down, left] * (1 - dx) + image[down, right] * dx
                slow[c, i, j] = upper * (1 - dy) + lower * dy
    np.testing.assert_allclose(resize_tensorflow(x, size)[0].numpy(), slow, atol=1e-3)
    half_pixel = torch.nn.functional.interpolate(x, (size, size), mode="bilinear")
    assert (half_pixel - resize_tensorflow(x, size)).abs().max() > 1  # the common mistake


def test_tensorflow_resizer_equals_the_one_inside_the_torchscript() -> None:
    """NVIDIA's network shifts an affine grid by half a pixel of either size."""
    x, size = to_bytes(pictures(1, side=40)), 299
    theta = torch.eye(2, 3)
    theta[0, 2] = 1 / x.shape[3] - 1 / size
    theta[1, 2] = 1 / x.shape[2] - 1 / size
    grid = torch.nn.functional.affine_grid(theta[None], [1, 3, size, size], align_corners=False)
    other = torch.nn.functional.grid_sample(x, grid, padding_mode="border", align_corners=False)
    torch.testing.assert_close(resize_tensorflow(x, size), other, atol=0.02, rtol=0)


def test_tensorflow_resizer_leaves_the_size_itself() -> None:
    x = to_bytes(pictures(1, side=20))[..., :20]
    assert torch.equal(resize_tensorflow(x, 20), x)


def test_bicubic_is_pillows() -> None:
    image = pytest.importorskip("PIL.Image")
    x = pictures(1, side=60)[..., :60]
    bytes_ = to_bytes(x).byte()[0].permute(1, 2, 0).numpy()
    theirs = np.asarray(image.fromarray(bytes_).resize((28, 28), image.Resampling.BICUBIC))
    ours = to_bytes(resize_bicubic(torch.from_numpy(bytes_).permute(2, 0, 1)[None] / 127.5 - 1, 28))
    assert np.abs(ours[0].permute(1, 2, 0).numpy() - theirs).max() <= 1
    assert resize_bicubic(torch.eye(4).repeat(1, 3, 1, 1) * 2 - 1, 9).abs().max() == 1


# --- DINOv2 ---


def test_dinov2_is_told_by_its_width(tmp_path: Path) -> None:
    with torch.device("meta"):
        net = DinoV2(384)
    path = tmp_path / "dinov2_vits14_pretrain.pth"
    torch.save(random_state(net), path)
    features = open_features(f"dinov2:{path}")
    found = features(pictures(1, side=30, channels=1))
    assert found.shape == (1, 384)
    assert float(found.std()) > 0.5  # normalised: a LayerNorm with weights about 1
    assert features.title("Frechet distance").startswith("Frechet distance (dinov2-vits14-")
    assert features.maps(pictures(1))[0].shape == (1, 384, 16, 16)
    assert features.resizer == "bicubic-antialias-224"


def test_dinov2_of_other_sizes_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "dinov2_vitg14_pretrain.pth"
    torch.save({"cls_token": torch.zeros(1, 1, 1536)}, path)
    with pytest.raises(UserError, match="ViT-L/14: it has tokens of width 1536"):
        dinov2(path)
    torch.save({"cls_token": torch.zeros(1, 1, 384), "register_tokens": torch.zeros(1)}, path)
    with pytest.raises(UserError, match="'pos_embed' must be"):
        dinov2(path)


# --- LPIPS ---


def lpips_files(folder: Path, kind: str = "alex") -> tuple[Path, Path]:
    folder.mkdir(exist_ok=True)
    trunk, linear = folder / pretrained.LPIPS_TRUNKS[kind][0], folder / f"{kind}.pth"
    torch.save({f"features.{n}": v for n, v in random_state(alexnet()).items()}, trunk)
    generator = torch.Generator().manual_seed(3)
    torch.save(
        {
            f"lin{level}.model.1.weight": torch.rand(1, width, 1, 1, generator=generator)
            for level, width in enumerate(WIDTHS[kind])
        },
        linear,
    )
    return trunk, linear


def distance(features: Features, a: Tensor, b: Tensor) -> Tensor:
    return perceptual_distance(features.maps(a), features.maps(b), features.channel_weights)


def test_lpips_gives_what_its_authors_code_gave(tmp_path: Path) -> None:
    trunk, linear = lpips_files(tmp_path)
    found = distance(lpips("alex", trunk, linear), pictures(2, 64), pictures(2, 64, seed=5))
    torch.testing.assert_close(found, torch.tensor(LPIPS_014), rtol=1e-4, atol=0)


def test_lpips_equals_its_authors_code(tmp_path: Path) -> None:
    trunk, linear = lpips_files(tmp_path)
    oracle("torchvision")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of torchvision's old arguments
        theirs = oracle("lpips").LPIPS(net="alex", pnet_rand=True, pretrained=False, verbose=False)
    state = torch.load(trunk, weights_only=True)
    for name, value in theirs.net.named_parameters():
        value.data = state["features." + name.partition(".")[2]]
    theirs.load_state_dict(torch.load(linear, weights_only=True), strict=False)
    a, b = pictures(2, 64), pictures(2, 64, seed=5)
    found = distance(lpips("alex", trunk, linear), a, b)
    torch.testing.assert_close(found, theirs(a, b).detach().flatten(), rtol=1e-4, atol=0)


def test_only_the_authors_files_are_lpips(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trunk, linear = lpips_files(tmp_path / "w")
    monkeypatch.setenv("GANSAKU_WEIGHTS", str(tmp_path / "w"))
    other = open_features("lpips-alex")
    assert other.title("LPIPS") == f"perceptual distance ({other.name})"
    monkeypatch.setitem(weights.PUBLISHED, weights.sha256(trunk)[:8], "lpips-alex-trunk")
    monkeypatch.setitem(weights.PUBLISHED, weights.sha256(linear), "lpips-alex-linear")
    own = open_features(f"lpips-alex:{trunk},{linear}")
    assert own.title("perceptual distance") == "LPIPS (alex)"
    assert own.title("FID") == f"Frechet distance ({own.name})"
    assert own(pictures(3, 70)).shape == (3, 256)


def test_lpips_of_wrong_files_is_refused(tmp_path: Path) -> None:
    trunk, linear = lpips_files(tmp_path)
    with pytest.raises(UserError, match=r"not LPIPS's vgg: lin0.model.1.weight|lin1.model.1"):
        lpips("vgg", trunk, linear)
    with pytest.raises(UserError, match=r"not LPIPS's alex: lin0.model.1.weight must be"):
        lpips("alex", trunk, trunk)
    with pytest.raises(UserError, match=r"features.0.weight is missing"):
        lpips("alex", linear, linear)
    with pytest.raises(UserError, match="takes two files"):
        open_features(f"lpips-alex:{trunk}")


# --- names and files ---


def test_names_are_checked_and_the_nearest_is_told() -> None:
    with pytest.raises(UserError, match=r"named 'incepton'; did you mean 'inception'\?; the netw"):
        open_features("incepton:/w.pth")
    with pytest.raises(UserError, match="backbone takes no file"):
        open_features("backbone:/w.pth")
    assert open_features("random-conv", 1)(pictures(2, channels=1)).shape[0] == 2


def test_files_that_are_missing_or_damaged_are_told(tmp_path: Path) -> None:
    (tmp_path / "weights.pth").write_bytes(b"<html>404</html>")
    with pytest.raises(UserError, match=r"found no file; did you mean 'weights.pth'\?"):
        inception(tmp_path / "weihgts.pth")
    with pytest.raises(UserError, match="found a folder"):
        inception(tmp_path)
    with pytest.raises(UserError, match="cannot be read as weights"):
        inception(tmp_path / "weights.pth")
    torch.save([torch.zeros(1)], tmp_path / "weights.pth")
    with pytest.raises(UserError, match="no state dict of tensors but list"):
        inception(tmp_path / "weights.pth")


def test_code_in_a_file_is_not_run(tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> tuple:
            return (Path.touch, (tmp_path / "ran",))

    torch.save({"fc.weight": Evil()}, tmp_path / "w.pth")
    with pytest.raises(UserError, match="cannot be read as weights"):
        inception(tmp_path / "w.pth")
    assert not (tmp_path / "ran").exists()


def test_safetensors_are_read_too(tmp_path: Path) -> None:
    from safetensors.torch import save_file

    save_file({"x": torch.ones(2)}, tmp_path / "w.safetensors")
    assert torch.equal(weights.read_state(tmp_path / "w.safetensors")["x"], torch.ones(2))
