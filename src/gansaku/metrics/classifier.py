"""Measures by a classifier: class scores, class histograms, GAN-train and GAN-test."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

import torch
from torch import Tensor

from gansaku.core.errors import UserError
from gansaku.metrics.digits import logits_of, train
from gansaku.metrics.estimate import Estimate, jackknife, of_mean
from gansaku.nets.features import freeze


def classifier_score(probabilities: Tensor, splits: int = 10) -> Estimate:
    """exp(E KL(p(y|x) || p(y))), the mean over splits: arXiv:1606.03498 section 4.

    `probabilities [N, K]`: p(y|x) of N samples in random order, p(y) their mean in a split. Only
    with Inception's classes is it the Inception Score, customarily of 50,000 samples. As is
    customary the `error` is the standard deviation over splits (the population's, as the authors'
    code has it) and no standard error of the mean. Raises UserError unless rows are probabilities
    and there is one for each split.
    """
    _check(probabilities, splits)
    p = probabilities.double()
    scores = torch.tensor([_information(part).exp() for part in p.tensor_split(splits)])
    return Estimate(float(scores.mean()), float(scores.std(correction=0)))


def mode_score(probabilities: Tensor, reference: Tensor, folds: int = 10) -> Estimate:
    """exp(E KL(p(y|x) || p(y)) - KL(p(y) || p_data(y))): the MODE score, arXiv:1612.02136.

    The paper's formula measures both divergences from p_data; written so, p_data cancels and the
    Inception Score is left. This is the formula as arXiv:1806.07755 section 2 gives it, which
    does what the paper asks: classes in other shares than the data's lower it. `probabilities
    [N, K]`, `reference [K]`: the data's shares of the classes, or `[M, K]`, its own p(y|x). The
    error is a jackknife over folds of the samples. -> 0 where p_data lacks a class that samples
    have. Raises UserError unless all rows are probabilities of the same K classes.
    """
    _check(probabilities, folds)
    data = (reference if reference.ndim == 2 else reference[None]).double()
    _check(data, 1)
    if data.shape[1] != probabilities.shape[1]:
        found = f"{probabilities.shape[1]} and {data.shape[1]}"
        raise UserError(f"samples and reference have the same classes; found {found} of them")
    p, fold = probabilities.double(), torch.arange(len(probabilities)) % folds
    parts = [_mode(p[fold != k], data.mean(0)) for k in range(folds)] if folds > 1 else []
    return Estimate(_mode(p, data.mean(0)), jackknife(parts) if parts else math.nan)


@dataclasses.dataclass(frozen=True)
class ClassHistogram:
    """Shares of the classes among samples, beside those of a reference."""

    shares: tuple[float, ...]
    errors: tuple[float, ...]  # standard error of each share
    reference: tuple[float, ...]
    missing: tuple[int, ...]  # classes of the reference that no sample has
    distance: float  # total variation, 0 to 1: the share of samples in the wrong class

    def __str__(self) -> str:
        found = f"{len(self.missing)} of {len(self.shares)} classes missing"
        return f"{found}, {self.distance:.1%} of the samples would have to change class"


def class_histogram(
    labels: Tensor, classes: int, reference: Sequence[float] | Tensor | None = None
) -> ClassHistogram:
    """Shares of `labels [N]` (or of the argmax of p(y|x) `[N, K]`) over `classes` classes.

    `reference [K]`: shares or counts of the data; none: all classes alike. `distance` is above 0
    by chance, by about sqrt(K / (2 pi N)). Raises UserError for labels out of range.
    """
    found = labels.argmax(1) if labels.ndim == 2 else labels
    if len(found) == 0 or found.min() < 0 or found.max() >= classes:
        span = f"{int(found.min())} to {int(found.max())}" if len(found) else "none"
        raise UserError(f"labels of {classes} classes are 0 to {classes - 1} but found {span}")
    base = torch.ones(classes) if reference is None else torch.as_tensor(reference)
    if base.shape != (classes,) or base.min() < 0 or base.sum() <= 0:
        raise UserError(f"a reference has {classes} shares or counts; found {list(base.shape)}")
    base = base.double() / base.double().sum()
    p = torch.bincount(found.long(), minlength=classes).double() / len(found)
    missing = ((p == 0) & (base > 0)).nonzero()[:, 0].tolist()
    errors = (p * (1 - p) / len(found)).sqrt()
    distance = float((p - base).abs().sum()) / 2
    rows = (tuple(x.tolist()) for x in (p, errors, base))
    return ClassHistogram(*rows, tuple(missing), distance)


def gan_train(
    samples: Tensor,
    labels: Tensor,
    real: Tensor,
    real_labels: Tensor,
    *,
    steps: int = 1200,
    seed: int = 0,
) -> Estimate:
    """Accuracy on `real` test images of a network trained on samples: arXiv:1807.09499 section 3.

    Like recall: it falls with diversity and with quality. To be read beside the accuracy that
    training on as many real images reaches. Images `[N, C, H, W]` in [-1, 1]; the network is the
    small one of metrics.digits in place of the paper's ResNet, so that only figures of one
    network compare. The error counts the test images, not the training: repeat it with other
    seeds. Raises UserError where labels do not fit the images.
    """
    return _accuracy(samples, labels, real, real_labels, steps, seed)


def gan_test(
    samples: Tensor,
    labels: Tensor,
    real: Tensor,
    real_labels: Tensor,
    *,
    steps: int = 1200,
    seed: int = 0,
) -> Estimate:
    """Accuracy on samples of a network trained on `real` images: arXiv:1807.09499 section 3.

    Like precision: high also for a generator that repeats one good image a class, or the training
    set. Above the accuracy on held-out real images it speaks of memorised or too easy samples.
    Otherwise as `gan_train`.
    """
    return _accuracy(real, real_labels, samples, labels, steps, seed)


def _accuracy(x: Tensor, y: Tensor, test: Tensor, truth: Tensor, steps: int, seed: int) -> Estimate:
    for images, labels in ((x, y), (test, truth)):
        if images.ndim != 4 or labels.shape != images.shape[:1] or len(images) < 2:
            found = f"images {list(images.shape)}, labels {list(labels.shape)}"
            raise UserError(f"labelled images [N, C, H, W] are needed; found {found}")
    least = min(int(y.min()), int(truth.min()))
    most = max(int(y.max()), int(truth.max()))
    if least < 0 or x.shape[1:] != test.shape[1:]:
        found = f"labels from {least}, images {list(x.shape[1:])} and {list(test.shape[1:])}"
        raise UserError(f"both sets need labels from 0 and images of one shape; found {found}")
    net = freeze(train(x, y, torch.arange(len(x)), seed, steps, classes=most + 1))
    return of_mean((logits_of(net, test).argmax(1) == truth).double())


def _information(p: Tensor) -> Tensor:
    """E KL(p(y|x) || p(y)); 0 log 0 is 0."""
    return torch.xlogy(p, p).sum(1).mean() - torch.xlogy(p.mean(0), p.mean(0)).sum()


def _mode(p: Tensor, data: Tensor) -> float:
    share = p.mean(0)
    away = torch.xlogy(share, share) - torch.xlogy(share, data)
    return float((_information(p) - away.sum()).exp())


def _check(p: Tensor, parts: int) -> None:
    if p.ndim != 2 or len(p) < parts or p.shape[1] < 2:
        raise UserError(f"probabilities [N >= {parts}, K >= 2] are needed; found {list(p.shape)}")
    if not p.isfinite().all() or p.min() < 0 or (p.double().sum(1) - 1).abs().max() > 1e-3:
        span = f"{float(p.min()):.3g} to {float(p.max()):.3g}"
        raise UserError(f"rows must be probabilities that sum to 1 (softmax?); found {span}")
