"""DCGAN's networks: any size, and at 64 x 64 exactly the published ones."""

import copy

import pytest
import torch
from beartype import beartype
from hypothesis import given, settings
from hypothesis import strategies as st
from jaxtyping import Float, jaxtyped
from torch import Tensor, nn

from gansaku.nets import DCGANCritic, DCGANGenerator, parameters


@jaxtyped(typechecker=beartype)
def play(
    generator: nn.Module, critic: nn.Module, z: Float[Tensor, "n z"]
) -> tuple[Float[Tensor, "n c h w"], Float[Tensor, " n"]]:
    images = generator(z)
    return images, critic(images)


@given(
    st.integers(8, 130),
    st.integers(8, 130),
    st.integers(1, 4),
    st.sampled_from(["transpose", "nearest"]),
    st.sampled_from([("batch", "batch"), ("layer", "spectral"), ("instance", "none")]),
)
@settings(max_examples=25, deadline=None)
def test_any_size(height, width, channels, up, norms):
    shape = (channels, height, width)
    generator = DCGANGenerator(shape, z=3, width=2, norm=norms[0], up=up)
    critic = DCGANCritic(shape, width=2, norm=norms[1])
    images, logits = play(generator, critic, torch.randn(2, 3))
    assert images.shape == (2, *shape)
    assert images.abs().max() <= 1
    assert images.isfinite().all()
    assert logits.isfinite().all()


def test_published_parameter_counts():
    # the PyTorch example's netG and netD with nz 100, ngf = ndf = 64, nc 3
    assert parameters(DCGANGenerator((3, 64, 64))) == 3_576_704
    assert parameters(DCGANCritic((3, 64, 64))) == 2_765_568


def reference_generator(net: DCGANGenerator) -> nn.Sequential:
    """The published network as a plain list of layers, with `net`'s weights."""
    layers: list[nn.Module] = [nn.ConvTranspose2d(10, 64, 4, 1, 0, bias=False)]
    for inputs, outputs in [(64, 32), (32, 16), (16, 8), (8, 3)]:
        layers += [nn.BatchNorm2d(inputs), nn.ReLU()]
        layers.append(nn.ConvTranspose2d(inputs, outputs, 4, 2, 1, bias=False))
    with torch.no_grad():
        first = net.basis.linear.weight.unflatten(0, (4, 4, 64)).permute(3, 2, 0, 1)
        for ours, theirs in zip(list(net.parameters())[1:], _tail(layers), strict=True):
            theirs.copy_(ours)
        layers[0].weight.copy_(first)
    return nn.Sequential(*layers, nn.Tanh())


def _tail(layers: list[nn.Module]) -> list[nn.Parameter]:
    return [p for layer in layers[1:] for p in layer.parameters()]


def test_generator_is_the_published_function():
    net = DCGANGenerator((3, 64, 64), z=10, width=8)
    z = torch.randn(4, 10)
    expected = reference_generator(net)(z[:, :, None, None])
    torch.testing.assert_close(net(z), expected, rtol=1e-4, atol=1e-5)


def test_critic_is_the_published_function():
    net = DCGANCritic((3, 64, 64), width=8)
    layers: list[nn.Module] = [nn.Conv2d(3, 8, 4, 2, 1, bias=False), nn.LeakyReLU(0.2)]
    for inputs, outputs in [(8, 16), (16, 32), (32, 64)]:
        layers.append(nn.Conv2d(inputs, outputs, 4, 2, 1, bias=False))
        layers += [nn.BatchNorm2d(outputs), nn.LeakyReLU(0.2)]
    reference = nn.Sequential(*layers, nn.Conv2d(64, 1, 4, 1, 0, bias=False), nn.Flatten(0))
    with torch.no_grad():
        for ours, theirs in zip(list(net.parameters())[:-1], reference.parameters(), strict=False):
            theirs.copy_(ours)
        head = net.head.linear.weight.unflatten(1, (4, 4, 64)).permute(0, 3, 1, 2)
        reference[-2].weight.copy_(head)
    x = torch.randn(4, 3, 64, 64)
    torch.testing.assert_close(net(x), reference(x), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("norm", ["batch", "layer", "instance", "none", "spectral"])
def test_critic_gradients_twice_are_those_of_contiguous_memory(norm):
    critic = DCGANCritic((3, 14, 11), width=4, norm=norm).double()
    plain = copy.deepcopy(critic).to(memory_format=torch.contiguous_format)
    x = torch.randn(3, 3, 14, 11, dtype=torch.double)
    found = _penalty_gradient(critic, x.to(memory_format=torch.channels_last))
    assert torch.linalg.vector_norm(found) > 1e-8
    torch.testing.assert_close(found, _penalty_gradient(plain, x), rtol=1e-9, atol=1e-12)


def _penalty_gradient(critic: nn.Module, x: Tensor) -> Tensor:
    x = x.detach().requires_grad_()
    (slope,) = torch.autograd.grad(critic(x).sum(), x, create_graph=True)
    weights = [p for p in critic.parameters() if p.ndim > 1]
    grads = torch.autograd.grad(slope.square().sum(), weights)
    return torch.cat([g.contiguous().flatten() for g in grads])


def test_gradient_twice_against_finite_differences():
    critic = DCGANCritic((2, 9, 8), width=2, norm="none").double()
    x = torch.randn(2, 2, 9, 8, dtype=torch.double, requires_grad=True)
    assert torch.autograd.gradcheck(critic, x)
    assert torch.autograd.gradgradcheck(lambda x: critic(x).tanh(), x, fast_mode=True)


def test_every_pixel_reaches_the_logit_and_every_latent_the_image():
    generator = DCGANGenerator((1, 28, 20), z=5, width=4).eval()
    critic = DCGANCritic((1, 28, 20), width=4, norm="none")
    z = torch.randn(1, 5, requires_grad=True)
    image = generator(z)
    image.retain_grad()
    critic(image).sum().backward()
    assert (image.grad != 0).all()
    assert (z.grad != 0).all()
    (grad,) = torch.autograd.grad(generator(z)[0, 0, 0, 0], z)
    assert (grad != 0).all()


@pytest.mark.parametrize("norm", ["batch", "spectral"])
def test_state_round_trip_is_identical(norm):
    nets = [DCGANCritic((3, 20, 30), width=4, norm=norm) for _ in range(2)]
    x = torch.randn(4, 3, 20, 30)
    nets[0](x)
    state = {name: value.clone().contiguous() for name, value in nets[0].state_dict().items()}
    nets[1].load_state_dict(state)
    assert torch.equal(nets[0](x), nets[1](x))
    assert torch.equal(nets[0].eval()(x), nets[1].eval()(x))


def test_weights_lie_channels_last_and_images_leave_so():
    generator = DCGANGenerator((3, 32, 32), width=8)
    for p in [*generator.parameters(), *DCGANCritic((3, 32, 32), width=8).parameters()]:
        assert p.ndim < 4 or p.is_contiguous(memory_format=torch.channels_last)
    x = generator(torch.randn(2, 100))
    assert x.is_contiguous(memory_format=torch.channels_last)


def test_initial_weights():
    critic = DCGANCritic((3, 64, 64))
    convs = [m for m in critic.modules() if isinstance(m, nn.Conv2d)]
    assert len(convs) == 4
    assert all(conv.bias is None for conv in convs)
    assert all(abs(conv.weight.std().item() / 0.02 - 1) < 0.05 for conv in convs)
    norms = [m for m in critic.modules() if isinstance(m, nn.BatchNorm2d)]
    assert [norm.num_features for norm in norms] == [128, 256, 512]
    assert torch.cat([norm.weight for norm in norms]).mean().item() == pytest.approx(1, abs=0.005)


def test_layers_and_widest_shape_the_network():
    generator = DCGANGenerator((1, 28, 28), width=16, layers=2, widest=1)
    assert generator.basis.shape == (7, 7, 16)
    assert DCGANCritic((1, 28, 28), width=16, layers=1).head.linear.in_features == 14 * 14 * 16


def test_what_cannot_be_built_is_refused():
    with pytest.raises(ValueError, match="5x64 is too small"):
        DCGANGenerator((3, 5, 64))
    with pytest.raises(ValueError, match="norm is 'spectral'; it must be one of"):
        DCGANGenerator((3, 64, 64), norm="spectral")
    with pytest.raises(ValueError, match="norm is 'weight'"):
        DCGANCritic((3, 64, 64), norm="weight")
    with pytest.raises(ValueError, match="up is 'bilinear'; it must be transpose or nearest"):
        DCGANGenerator((3, 64, 64), up="bilinear")
