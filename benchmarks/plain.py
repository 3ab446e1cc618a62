"""The plain way: networks and loops in the style of public training scripts.

What `speed.py` measures against. Each function gives a step: a closure that trains the networks
once, as a straightforward script does. All weights want gradients all the time, real and fake go
through the critic one after the other, fakes of a critic's turn are cut off by `detach` after a
forward that built its graph (the most copied script of WGAN-GP with perceptrons does not even cut
them off: nor does ours here), Adam is torch's default, batches come from a DataLoader that makes
each sample on its own, by way of Pillow as torchvision's data sets do. The networks and the losses
are those of our side. Translators are in `plain_translators.py`, SinGAN in
`plain_singan.py`.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm
from torch.utils.data import DataLoader, Dataset

Step = Callable[[], None]


class Pictures(Dataset):
    """Bytes `[N, C, H, W]` as torchvision's sets and transforms serve them, step by step.

    An array becomes a Pillow image, is flipped at random, becomes a float tensor in [0, 1], and is
    normalised to [-1, 1] with a mean and a deviation a channel.
    """

    def __init__(self, x: Tensor, y: Tensor | None = None, flip: bool = True) -> None:
        self.x, self.flip = x.permute(0, 2, 3, 1).squeeze(3).numpy(), flip
        self.y = torch.zeros(len(x), dtype=torch.long) if y is None else y
        self.channels = x.shape[1]

    def __len__(self) -> int:
        return len(self.x)

    def __getitem__(self, i: int) -> tuple[Tensor, int]:
        image = Image.fromarray(self.x[i])
        if self.flip and torch.rand(1) < 0.5:
            image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        pixels = torch.from_numpy(np.array(image, copy=True))
        pixels = pixels.view(image.size[1], image.size[0], self.channels)
        x = pixels.permute((2, 0, 1)).contiguous().to(torch.float32).div(255)
        mean = torch.as_tensor([0.5] * self.channels)
        return x.clone().sub_(mean.view(-1, 1, 1)).div_(mean.view(-1, 1, 1)), int(self.y[i])


def batches(x: Tensor, n: int, y: Tensor | None = None, flip: bool = False) -> Iterator:
    loader = DataLoader(Pictures(x, y, flip), batch_size=n, shuffle=True, drop_last=True)
    return itertools.chain.from_iterable(itertools.repeat(loader))


def adam(net: nn.Module, lr: float = 2e-4, betas: tuple[float, float] = (0.5, 0.999)):
    return torch.optim.Adam(net.parameters(), lr=lr, betas=betas)


# --- DCGAN, as the PyTorch example ---


def dcgan_generator(z: int = 100, width: int = 64, channels: int = 3) -> nn.Sequential:
    widths = [width * 8, width * 4, width * 2, width]
    layers: list[nn.Module] = [
        nn.ConvTranspose2d(z, widths[0], 4, 1, 0, bias=False),
        nn.BatchNorm2d(widths[0]),
        nn.ReLU(True),
    ]
    for before, after in itertools.pairwise(widths):
        layers.append(nn.ConvTranspose2d(before, after, 4, 2, 1, bias=False))
        layers += [nn.BatchNorm2d(after), nn.ReLU(True)]
    layers += [nn.ConvTranspose2d(width, channels, 4, 2, 1, bias=False), nn.Tanh()]
    return nn.Sequential(*layers)


def dcgan_critic(width: int = 64, channels: int = 3, norm: bool = True) -> nn.Sequential:
    layers: list[nn.Module] = [
        nn.Conv2d(channels, width, 4, 2, 1, bias=not norm),
        nn.LeakyReLU(0.2, inplace=True),
    ]
    for before, after in itertools.pairwise([width, width * 2, width * 4, width * 8]):
        layers.append(nn.Conv2d(before, after, 4, 2, 1, bias=not norm))
        layers += [nn.BatchNorm2d(after)] if norm else []
        layers.append(nn.LeakyReLU(0.2, inplace=True))
    layers.append(nn.Conv2d(width * 8, 1, 4, 1, 0, bias=not norm))
    return nn.Sequential(*layers, nn.Flatten(0))


def adversarial(g: nn.Module, d: nn.Module, data: Iterator, z: Callable[[int], Tensor]) -> Step:
    """Binary cross entropy: real, then fake, then the generator through the same fakes."""
    g_step, d_step = adam(g), adam(d)

    def step() -> None:
        real, _ = next(data)
        ones, zeros = torch.ones(len(real)), torch.zeros(len(real))
        d.zero_grad()
        F.binary_cross_entropy_with_logits(d(real), ones).backward()
        fake = g(z(len(real)))
        F.binary_cross_entropy_with_logits(d(fake.detach()), zeros).backward()
        d_step.step()
        g.zero_grad()
        F.binary_cross_entropy_with_logits(d(fake), ones).backward()
        g_step.step()

    return step


def dcgan(x: Tensor, n: int) -> Step:
    return adversarial(
        dcgan_generator(), dcgan_critic(), batches(x, n), lambda n: torch.randn(n, 100, 1, 1)
    )


# --- a small DCGAN with nearest upsampling ---


def small_generator(z: int = 100, channels: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(z, 128 * 8 * 8),
        nn.Unflatten(1, (128, 8, 8)),
        nn.BatchNorm2d(128),
        nn.Upsample(scale_factor=2),
        nn.Conv2d(128, 128, 3, padding=1),
        nn.BatchNorm2d(128),
        nn.LeakyReLU(0.2, inplace=True),
        nn.Upsample(scale_factor=2),
        nn.Conv2d(128, 64, 3, padding=1),
        nn.BatchNorm2d(64),
        nn.LeakyReLU(0.2, inplace=True),
        nn.Conv2d(64, channels, 3, padding=1),
        nn.Tanh(),
    )


def small_critic(channels: int = 1) -> nn.Sequential:
    layers: list[nn.Module] = []
    for before, after in itertools.pairwise([channels, 16, 32, 64, 128]):
        layers.append(nn.Conv2d(before, after, 3, 2, 1))
        layers += [nn.LeakyReLU(0.2, inplace=True)]
        layers += [nn.BatchNorm2d(after)] if before != channels else []
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(128 * 2 * 2, 1), nn.Flatten(0))


def small_dcgan(x: Tensor, n: int) -> Step:
    return adversarial(
        small_generator(), small_critic(), batches(x, n), lambda n: torch.randn(n, 100)
    )


# --- WGAN-GP ---


def perceptron_generator(z: int = 100, pixels: int = 784) -> nn.Sequential:
    layers: list[nn.Module] = [nn.Linear(z, 128), nn.LeakyReLU(0.2, inplace=True)]
    for before, after in itertools.pairwise([128, 256, 512, 1024]):
        layers += [nn.Linear(before, after), nn.BatchNorm1d(after)]
        layers.append(nn.LeakyReLU(0.2, inplace=True))
    side = round(pixels**0.5)
    return nn.Sequential(
        *layers, nn.Linear(1024, pixels), nn.Tanh(), nn.Unflatten(1, (1, side, side))
    )


def perceptron_critic(pixels: int = 784) -> nn.Sequential:
    return nn.Sequential(
        nn.Flatten(),
        nn.Linear(pixels, 512),
        nn.LeakyReLU(0.2, inplace=True),
        nn.Linear(512, 256),
        nn.LeakyReLU(0.2, inplace=True),
        nn.Linear(256, 1),
        nn.Flatten(0),
    )


def gradient_penalty(d: nn.Module, real: Tensor, fake: Tensor) -> Tensor:
    share = torch.rand(len(real), 1, 1, 1)
    x = (share * real + (1 - share) * fake).requires_grad_(True)
    out = d(x)
    slope = torch.autograd.grad(
        out, x, torch.ones_like(out), create_graph=True, retain_graph=True, only_inputs=True
    )[0]
    return ((slope.flatten(1).norm(2, dim=1) - 1) ** 2).mean()


def wasserstein(
    g: nn.Module,
    d: nn.Module,
    data: Iterator,
    z: Callable[[int], Tensor],
    updates: int,
    cut: bool = True,
) -> Step:
    betas = (0.5, 0.9)
    g_step, d_step = adam(g, 1e-4, betas), adam(d, 1e-4, betas)

    def step() -> None:
        for _ in range(updates):
            real, _ = next(data)
            d_step.zero_grad()
            fake = g(z(len(real)))
            penalty = gradient_penalty(d, real.data, fake.data)
            loss = -d(real).mean() + d(fake.detach() if cut else fake).mean() + 10 * penalty
            loss.backward()
            d_step.step()
        g_step.zero_grad()
        (-d(g(z(len(real)))).mean()).backward()
        g_step.step()

    return step


def wgan_gp_perceptrons(x: Tensor, n: int) -> Step:
    nets = perceptron_generator(), perceptron_critic()
    return wasserstein(*nets, batches(x, n), lambda n: torch.randn(n, 100), 5, cut=False)


def wgan_gp_convolutions(x: Tensor, n: int) -> Step:
    nets = dcgan_generator(), dcgan_critic(norm=False)
    return wasserstein(*nets, batches(x, n), lambda n: torch.randn(n, 100, 1, 1), 1)


# --- CGAN by perceptrons ---


class LabelledGenerator(nn.Module):
    def __init__(self, pixels: int = 1024) -> None:
        super().__init__()
        self.told, self.side = nn.Embedding(10, 10), round(pixels**0.5)
        self.mlp = perceptron_generator(110, pixels)

    def forward(self, z: Tensor, y: Tensor) -> Tensor:
        return self.mlp(torch.cat([self.told(y), z], 1))


class LabelledCritic(nn.Module):
    def __init__(self, pixels: int = 1024) -> None:
        super().__init__()
        self.told = nn.Embedding(10, 10)
        layers: list[nn.Module] = [nn.Linear(10 + pixels, 512), nn.LeakyReLU(0.2, inplace=True)]
        for _ in range(2):
            layers += [nn.Linear(512, 512), nn.Dropout(0.4), nn.LeakyReLU(0.2, inplace=True)]
        self.mlp = nn.Sequential(*layers, nn.Linear(512, 1), nn.Flatten(0))

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        return self.mlp(torch.cat([x.flatten(1), self.told(y)], 1))


def cgan(x: Tensor, n: int) -> Step:
    g, d = LabelledGenerator(), LabelledCritic()
    g_step, d_step = adam(g), adam(d)
    data = batches(x, n, torch.arange(len(x)) % 10)

    def step() -> None:
        real, y = next(data)
        ones, zeros = torch.ones(n), torch.zeros(n)
        g_step.zero_grad()
        asked = torch.randint(10, (n,))
        fake = g(torch.randn(n, 100), asked)
        F.mse_loss(d(fake, asked), ones).backward()
        g_step.step()
        d_step.zero_grad()
        at_real, at_fake = d(real, y), d(fake.detach(), asked)
        ((F.mse_loss(at_real, ones) + F.mse_loss(at_fake, zeros)) / 2).backward()
        d_step.step()

    return step


# --- SNGAN, residual ---


class Up(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.branch = nn.Sequential(
            nn.BatchNorm2d(width),
            nn.ReLU(),
            nn.Upsample(scale_factor=2),
            nn.Conv2d(width, width, 3, padding=1),
            nn.BatchNorm2d(width),
            nn.ReLU(),
            nn.Conv2d(width, width, 3, padding=1),
        )
        self.side = nn.Sequential(nn.Upsample(scale_factor=2), nn.Conv2d(width, width, 1))

    def forward(self, x: Tensor) -> Tensor:
        return self.branch(x) + self.side(x)


class Down(nn.Module):
    def __init__(self, inputs: int, width: int, first: bool, half: bool) -> None:
        super().__init__()
        pool: list[nn.Module] = [nn.AvgPool2d(2)] if half else []
        self.branch = nn.Sequential(
            *([] if first else [nn.ReLU()]),
            spectral_norm(nn.Conv2d(inputs, width, 3, padding=1)),
            nn.ReLU(),
            spectral_norm(nn.Conv2d(width, width, 3, padding=1)),
            *pool,
        )
        # the order of the public code: the first block pools before its shortcut
        side = [spectral_norm(nn.Conv2d(inputs, width, 1))] if half else []
        self.side = nn.Sequential(*(pool + side if first else side + pool))

    def forward(self, x: Tensor) -> Tensor:
        return self.branch(x) + self.side(x)


class ResidualGenerator(nn.Module):
    def __init__(self, z: int = 128, width: int = 256) -> None:
        super().__init__()
        self.net = nn.Sequential(
            nn.Linear(z, width * 16),
            nn.Unflatten(1, (width, 4, 4)),
            *(Up(width) for _ in range(3)),
            nn.BatchNorm2d(width),
            nn.ReLU(),
            nn.Conv2d(width, 3, 3, padding=1),
            nn.Tanh(),
        )

    def forward(self, z: Tensor) -> Tensor:
        return self.net(z)


class ResidualCritic(nn.Module):
    def __init__(self, width: int = 128) -> None:
        super().__init__()
        self.net = nn.Sequential(
            Down(3, width, True, True),
            Down(width, width, False, True),
            Down(width, width, False, False),
            Down(width, width, False, False),
            nn.ReLU(),
        )
        self.head = spectral_norm(nn.Linear(width, 1))

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.net(x).sum((2, 3))).squeeze(1)


def sngan(x: Tensor, n: int) -> Step:
    g, d = ResidualGenerator(), ResidualCritic()
    betas = (0.0, 0.9)
    g_step, d_step = adam(g, betas=betas), adam(d, betas=betas)
    data = batches(x, n)

    def step() -> None:
        real, _ = next(data)
        d_step.zero_grad()
        fake = g(torch.randn(n, 128)).detach()
        (F.relu(1 - d(real)).mean() + F.relu(1 + d(fake)).mean()).backward()
        d_step.step()
        g_step.zero_grad()
        (-d(g(torch.randn(n, 128))).mean()).backward()
        g_step.step()

    return step


# --- samples ---


def samples(g: nn.Module, n: int, z: int = 100) -> Step:
    """A batch of a trained generator's samples."""
    g.eval()

    def step() -> None:
        with torch.no_grad():
            g(torch.randn(n, z, 1, 1))

    return step
