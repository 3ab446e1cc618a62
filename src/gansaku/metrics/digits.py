"""A small digit classifier, trained on the spot: features and labels for images of digits."""

from __future__ import annotations

import dataclasses
import hashlib
import os
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from gansaku.core.errors import UserError
from gansaku.core.noise import Noise
from gansaku.metrics.features import Features, batched
from gansaku.nets.features import DigitsCNN, freeze, weights_hash


@dataclasses.dataclass(frozen=True)
class DigitClassifier:
    """A trained network with its accuracy on digits that it has not seen."""

    net: DigitsCNN
    accuracy: float
    hash: str

    @property
    def features(self) -> Features:
        """Penultimate features `[N, 64]`, named `digits-cnn-<hash>`, and the classes by them."""
        head = batched(lambda rows: self.net.head(rows).softmax(1), 1000)
        extract = self.net.features
        return Features("digits-cnn", self.hash, "hidden", "none", extract, batch=1000, head=head)

    @property
    def name(self) -> str:
        return self.features.name

    def logits(self, images: Tensor) -> Tensor:
        """`images [N, C, H, W]` in [-1, 1] -> logits `[N, 10]`, a batch at a time."""
        return logits_of(self.net, images)


def logits_of(net: DigitsCNN, images: Tensor) -> Tensor:
    """`images [N, C, H, W]` in [-1, 1] -> logits `[N, classes]`, a batch at a time."""
    with torch.no_grad():
        return torch.cat([net(part) for part in images.split(1000)])


def digit_classifier(
    images: Tensor,
    labels: Tensor,
    cache: str | Path | None = None,
    *,
    seed: int = 0,
    steps: int = 1200,
    holdout: float = 0.1,
) -> DigitClassifier:
    """A classifier trained on `images [N, C, H, W]` in [-1, 1] with `labels [N]` in 0..9.

    The last `holdout` of a fixed shuffle is kept for `accuracy`. Training is a function of the
    data and `seed`, takes 10 to 60 seconds, and is kept in the folder `cache` under a name that
    bears the weights' hash. Raises UserError where labels do not fit the images.
    """
    _check(images, labels)
    key = _fingerprint(images, labels, seed, steps, holdout)
    if cache is not None and (found := _load(Path(cache), key, images.shape[1])) is not None:
        return found
    order = Noise(seed, ("digits", "split")).uniform(len(images)).argsort()
    kept = max(int(len(images) * holdout), 1)
    net = train(images, labels, order[:-kept], seed, steps)
    digits = DigitClassifier(freeze(net), 0.0, weights_hash(net))
    right = digits.logits(images[order[-kept:]]).argmax(1) == labels[order[-kept:]]
    digits = dataclasses.replace(digits, accuracy=float(right.float().mean()))
    if cache is not None:
        _save(digits, Path(cache), key)
    return digits


def _check(images: Tensor, labels: Tensor) -> None:
    if images.ndim != 4 or labels.shape != images.shape[:1] or len(images) < 20:
        found = f"images {list(images.shape)}, labels {list(labels.shape)}"
        raise UserError(f"a digit classifier needs 20 or more labelled images but found {found}")
    if labels.min() < 0 or labels.max() > 9:
        span = f"{int(labels.min())} to {int(labels.max())}"
        raise UserError(f"labels of digits are 0 to 9 but found {span}")


def train(
    images: Tensor, labels: Tensor, rows: Tensor, seed: int, steps: int, classes: int = 10
) -> DigitsCNN:
    """A network trained on `rows` of small images `[N, C, H, W]` with labels below `classes`."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        net = DigitsCNN(images.shape[1], classes=classes)
    optimizer = torch.optim.AdamW(net.parameters(), 2e-3, weight_decay=1e-2)
    for step in range(steps):
        noise = Noise(seed, ("digits", step))
        picked = rows[noise.integers(128, below=len(rows))]
        x = _shift(images[picked], noise)
        for group in optimizer.param_groups:  # one cycle: up over a tenth, then down to nothing
            group["lr"] = 2e-3 * min(10 * (step + 1) / steps, (steps - step) / (0.9 * steps))
        optimizer.zero_grad(set_to_none=True)
        F.cross_entropy(net(x), labels[picked], label_smoothing=0.05).backward()
        optimizer.step()
    return net


def _shift(x: Tensor, noise: Noise) -> Tensor:
    """Each image moved by up to two pixels, so that a few thousand digits do for training."""
    n, _, height, width = x.shape
    padded = F.pad(x, (2, 2, 2, 2), mode="replicate")
    dy, dx = noise.integers(n, 2, below=5).T
    rows = (dy[:, None] + torch.arange(height))[:, :, None]
    columns = (dx[:, None] + torch.arange(width))[:, None, :]
    moved = padded.permute(0, 2, 3, 1)[torch.arange(n)[:, None, None], rows, columns]
    return moved.permute(0, 3, 1, 2)


def _fingerprint(images: Tensor, labels: Tensor, *numbers: float) -> str:
    digest = hashlib.blake2b(repr((list(images.shape), numbers)).encode(), digest_size=4)
    for tensor in (images, labels):
        digest.update(tensor.detach().cpu().contiguous().numpy())
    return digest.hexdigest()


def _save(digits: DigitClassifier, folder: Path, key: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"digits-cnn-{digits.hash}-of-{key}.safetensors"
    draft = path.with_suffix(f".{os.getpid()}")
    weights = {name: value.contiguous() for name, value in digits.net.state_dict().items()}
    save_file(weights, draft, {"accuracy": repr(digits.accuracy)})
    draft.replace(path)


def _load(folder: Path, key: str, channels: int) -> DigitClassifier | None:
    """The cached classifier; None where there is none or its weights are not what its name says."""
    for path in sorted(folder.glob(f"digits-cnn-*-of-{key}.safetensors")):
        net = DigitsCNN(channels)
        try:
            with safe_open(path, "pt") as file:
                names = list(file.keys())  # it is no mapping: it has no iterator of its own
                net.load_state_dict({name: file.get_tensor(name) for name in names})
                accuracy = float((file.metadata() or {})["accuracy"])
        except (SafetensorError, RuntimeError, KeyError, ValueError):
            continue  # damaged: it is only a cache, and training it again takes seconds
        if (found := weights_hash(net)) in path.name:
            return DigitClassifier(freeze(net), accuracy, found)
    return None
