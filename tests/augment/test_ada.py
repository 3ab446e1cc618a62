"""ADA: each transform by hand, how often it comes, how p moves, and derivatives."""

import math

import pytest
import torch
from torch import Tensor, tensor

from gansaku.augment import ADA
from gansaku.augment.ada import AdaptiveAugmenter
from gansaku.augment.warp import SYM6, blit, resample, rotate, scale, shift
from gansaku.core.noise import Noise

# Columns of the draws. A gate at 0 is passed at any p > 0, at 1 never
FLIP, FLIP_BY, TURN, TURN_BY, SHIFT, SHIFT_X, SHIFT_Y = range(7)
ZOOM, ROTATE, ROTATE_BY, STRETCH, ROTATE2, ROTATE2_BY, FRACTION = range(7, 14)
BRIGHT, CONTRAST, LUMA, LUMA_BY, HUE, HUE_BY, SATURATION = range(14, 21)
N_ZOOM, N_STRETCH, N_X, N_Y, N_BRIGHT, N_CONTRAST, N_SATURATION = range(7)


class Loaded:
    """Noise that says what it is told: nothing happens but what is named."""

    def __init__(self, uniform: dict[int, float], normal: dict[int, float] | None = None):
        self._uniform, self._normal = uniform, normal or {}

    def uniform(self, n: int, columns: int) -> Tensor:
        draw = torch.ones(n, columns)
        for column, value in self._uniform.items():
            draw[:, column] = value
        return draw

    def normal(self, n: int, columns: int) -> Tensor:
        draw = torch.ones(n, columns)
        for column, value in self._normal.items():
            draw[:, column] = value
        return draw


def images(n: int = 2, channels: int = 3, height: int = 16, width: int = 16) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.rand(n, channels, height, width, generator=generator) * 2 - 1


def smooth(height: int = 48, width: int = 48, move: tuple[float, float] = (0, 0)) -> Tensor:
    """A blob that stands off the centre, moved by (x, y) pixels."""
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    x, y = x - (width - 1) / 2 - 4 - move[0], y - (height - 1) / 2 - 2 - move[1]
    return torch.exp(-(x.square() / 60 + y.square() / 25))[None, None].repeat(1, 3, 1, 1)


def made(x: Tensor, uniform: dict[int, float], normal: dict[int, float] | None = None) -> Tensor:
    return ADA(p=0.5).build()(x, Loaded(uniform, normal))


def test_p_zero_is_the_input_itself():
    x = images()
    assert ADA().build()(x, Noise(0)) is x


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_where_no_gate_opens_nothing_changes_to_the_bit(channels):
    x = images(channels=channels)
    assert torch.equal(made(x, {}), x)


@pytest.mark.parametrize(("height", "width"), [(16, 16), (12, 15)])
def test_flip_and_half_turn_are_exact(height, width):
    x = images(height=height, width=width)
    assert torch.equal(made(x, {FLIP: 0, FLIP_BY: 0.9}), x.flip(3))
    assert torch.equal(made(x, {FLIP: 0, FLIP_BY: 0.1}), x)
    assert torch.equal(made(x, {TURN: 0, TURN_BY: 0.6}), x.flip(2, 3))


@pytest.mark.parametrize("quarters", [0, 1, 2, 3])
def test_quarter_turns_are_exact(quarters):
    x = images(height=15, width=15)
    turned = made(x, {TURN: 0, TURN_BY: quarters / 4 + 0.1})
    assert torch.equal(turned, torch.rot90(x, -quarters, (2, 3)))  # clockwise


def test_whole_pixel_shifts_are_exact_and_mirror_at_the_border():
    x = images(height=16, width=24)
    moved = made(x, {SHIFT: 0, SHIFT_X: 0.9999, SHIFT_Y: 0.0})  # an eighth: 3 right, 2 up
    assert torch.equal(moved[:, :, :-2, 3:], x[:, :, 2:, :-3])
    assert torch.equal(moved[:, :, :-2, :3], x[:, :, 2:, 1:4].flip(3))
    assert torch.equal(moved[:, :, -2:, 3:], x[:, :, -3:-1, :-3].flip(2))


def test_flip_then_turn_then_shift():
    x = images()
    both = {FLIP: 0, FLIP_BY: 0.9, TURN: 0, TURN_BY: 0.3, SHIFT: 0, SHIFT_X: 0.9999, SHIFT_Y: 0.5}
    expected = torch.rot90(x.flip(3), -1, (2, 3))
    assert torch.equal(made(x, both)[:, :, :, 2:], expected[:, :, :, :-2])


def test_sym6_is_an_orthogonal_lowpass_filter():
    h = tensor(SYM6, dtype=torch.float64)
    assert h.sum().item() == pytest.approx(math.sqrt(2), abs=1e-11)
    for lag in range(0, 12, 2):
        assert (h[lag:] * h[: 12 - lag]).sum().item() == pytest.approx(float(lag == 0), abs=1e-11)


def test_resampling_by_the_identity_is_exact_inside():
    x = images(1, 3, 20, 26).double()
    same = resample(x, torch.eye(3)[None].double())
    torch.testing.assert_close(same[..., 6:-6, 6:-6], x[..., 6:-6, 6:-6], rtol=0, atol=1e-11)
    constant = torch.full((1, 1, 12, 12), 0.3)
    tilt = rotate(tensor([0.4])) @ scale(tensor([0.7]), tensor([1.3]))
    torch.testing.assert_close(resample(constant, tilt), constant, rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    ("inverse", "most"),
    # A turn shows the filter's asymmetry, a tenth of a pixel; half a fine sample would be 0.06
    [(shift(tensor([3.0]), tensor([-2.0])), 4e-3), (rotate(tensor([math.pi / 2])), 2e-2)],
)
def test_resampling_agrees_with_blitting_where_both_apply(inverse, most):
    x = smooth()
    torch.testing.assert_close(resample(x, inverse), blit(x, inverse), rtol=0, atol=most)


def test_fractional_shift_moves_right_and_down():
    moved = made(smooth(), {FRACTION: 0}, {N_X: 2.3 / 6, N_Y: 1.6 / 6})  # std is 48 / 8 = 6
    torch.testing.assert_close(moved, smooth(move=(2.3, 1.6)), rtol=0, atol=6e-3)


def test_zoom_enlarges_about_the_centre():
    enlarged = made(smooth(), {ZOOM: 0}, {N_ZOOM: 2.5})  # 2^(0.2 * 2.5) = sqrt 2
    y, x = torch.meshgrid(torch.arange(48) - 23.5, torch.arange(48) - 23.5, indexing="ij")
    x, y = x / math.sqrt(2) - 4, y / math.sqrt(2) - 2
    expected = torch.exp(-(x.square() / 60 + y.square() / 25)).expand(1, 3, -1, -1)
    torch.testing.assert_close(enlarged, expected, rtol=0, atol=8e-3)


def test_stretch_widens_and_flattens():
    stretched = made(smooth(), {STRETCH: 0}, {N_STRETCH: 2.5})
    y, x = torch.meshgrid(torch.arange(48) - 23.5, torch.arange(48) - 23.5, indexing="ij")
    x, y = x / math.sqrt(2) - 4, y * math.sqrt(2) - 2
    expected = torch.exp(-(x.square() / 60 + y.square() / 25)).expand(1, 3, -1, -1)
    torch.testing.assert_close(stretched, expected, rtol=0, atol=8e-3)


@pytest.mark.parametrize(("gate", "by"), [(ROTATE, ROTATE_BY), (ROTATE2, ROTATE2_BY)])
def test_rotation_by_a_quarter(gate, by):
    turned = made(smooth(), {gate: 0, by: 0.75})  # pi / 2
    torch.testing.assert_close(turned, torch.rot90(smooth(), -1, (2, 3)), rtol=0, atol=2e-2)


COLORS = tensor([0.8, -0.2, 0.3])


def flat(*values: float) -> Tensor:
    return tensor(values).view(1, -1, 1, 1).expand(1, -1, 4, 4)


@pytest.mark.parametrize(
    ("uniform", "normal", "expected"),
    [
        ({BRIGHT: 0}, {N_BRIGHT: 1.5}, COLORS + 0.3),
        ({CONTRAST: 0}, {N_CONTRAST: 2.0}, COLORS * 2),
        ({BRIGHT: 0, CONTRAST: 0}, {N_BRIGHT: 1.5, N_CONTRAST: -2.0}, (COLORS + 0.3) / 2),
        ({LUMA: 0, LUMA_BY: 0.7}, {}, COLORS - 2 * COLORS.mean()),
        ({LUMA: 0, LUMA_BY: 0.2}, {}, COLORS),
        ({HUE: 0, HUE_BY: 5 / 6}, {}, COLORS[[2, 0, 1]]),  # 2 pi / 3 permutes the channels
        ({HUE: 0, HUE_BY: 1 / 6}, {}, COLORS[[1, 2, 0]]),
        ({SATURATION: 0}, {N_SATURATION: 1.0}, 2 * COLORS - COLORS.mean()),
        ({SATURATION: 0}, {N_SATURATION: -40.0}, COLORS.mean().expand(3)),
    ],
)
def test_colors_by_hand(uniform, normal, expected):
    alpha = flat(*COLORS.tolist(), -0.7)
    y = made(alpha, uniform, normal)
    torch.testing.assert_close(y[:, :3], expected.view(1, 3, 1, 1).expand(1, 3, 4, 4))
    assert torch.equal(y[:, 3], alpha[:, 3])


@pytest.mark.parametrize(
    ("uniform", "normal"),
    [
        ({BRIGHT: 0, CONTRAST: 0}, {N_BRIGHT: 1.0, N_CONTRAST: 0.5}),
        ({LUMA: 0, LUMA_BY: 0.9, BRIGHT: 0}, {N_BRIGHT: -1.0}),
    ],
)
def test_grey_is_what_equal_channels_become(uniform, normal):
    grey = images(2, 1)
    as_rgb = made(grey.repeat(1, 3, 1, 1), uniform, normal)
    torch.testing.assert_close(made(grey, uniform, normal).repeat(1, 3, 1, 1), as_rgb)


def test_grey_ignores_hue_and_saturation():
    x = images(2, 1)
    assert torch.equal(made(x, {HUE: 0, HUE_BY: 0.9, SATURATION: 0}), x)


@pytest.mark.parametrize("p", [0.2, 0.7, 1.0])
def test_flips_and_turns_come_as_often_as_p_says_and_do_not_leak(p):
    """Each with probability p, uniform among its values, the neutral one included.

    While p < 1 the picture as it was stays the commonest: G cannot hide behind a turned one.
    """
    n = 4000
    x = torch.arange(9.0).view(1, 1, 3, 3).expand(n, -1, -1, -1)  # too small to be shifted
    y = ADA(p=p, policy="blit").build()(x, Noise(0))
    found = {}
    for flipped in (0, 1):
        for turns in range(4):
            pose = torch.rot90(x[0, 0].flip(1) if flipped else x[0, 0], turns)
            share = (y[:, 0] == pose).all(2).all(1).float().mean().item()
            expected = (p / 2 if flipped else 1 - p / 2) * (p / 4 + (1 - p) * (turns == 0))
            assert share == pytest.approx(expected, abs=4 * math.sqrt(expected / n))
            found[flipped, turns] = share
    assert sum(found.values()) == pytest.approx(1.0)
    assert p == 1.0 or max(found, key=found.get) == (0, 0)


@pytest.mark.parametrize("p", [0.1, 0.5])
def test_share_of_images_that_geometry_or_color_touch(p):
    """Four independent changes (the two rotations count once), and five."""
    x = images(3000, 3, 4, 4)
    for policy, changes in (("geometry", 4), ("color", 4.5)):  # half of the luma flips do nothing
        y = ADA(p=p, policy=policy).build()(x, Noise(1))
        touched = (y != x).flatten(1).any(1).float().mean().item()
        untouched = (1 - p) ** int(changes) * (1 - p / 2 if changes % 1 else 1)
        assert touched == pytest.approx(1 - untouched, abs=0.045)


def test_rows_depend_on_their_own_noise_alone():
    x = images(8, height=20, width=20)
    module = ADA(p=0.7).build()
    whole = module(x, Noise(0, ("a",)))
    parts = [module(x[4 * i : 4 * i + 4], Noise(0, ("a",), i, 2)) for i in range(2)]
    torch.testing.assert_close(torch.cat(parts), whole, rtol=0, atol=1e-5)
    assert (whole != x).flatten(1).any(1).all()


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_first_and_second_derivatives(channels):
    x = images(2, channels, 6, 5).double().requires_grad_()
    module = ADA(p=0.9).build()
    assert torch.autograd.gradcheck(lambda x: module(x, Noise(3)), x, fast_mode=True)
    assert torch.autograd.gradgradcheck(lambda x: module(x, Noise(3)).square(), x, fast_mode=True)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float64])
def test_dtype_is_kept_and_autocast_does_not_blur(dtype):
    x = images(4, height=20, width=20)
    module = ADA(p=0.8).build()
    assert module(x.to(dtype), Noise(0)).dtype == dtype
    with torch.autocast("cpu", torch.bfloat16):
        under = module(x, Noise(0))
    assert under.dtype == torch.float32
    assert torch.equal(under, module(x, Noise(0)))


@pytest.mark.parametrize(("height", "width"), [(2, 2), (3, 40), (28, 28), (33, 17)])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_any_size_and_channels(height, width, channels):
    x = images(6, channels, height, width).contiguous(memory_format=torch.channels_last)
    y = ADA(p=1.0).build()(x, Noise(0))
    assert y.shape == x.shape
    assert y.isfinite().all()


def adapted(config: ADA, sign: float, calls: int, images: int) -> AdaptiveAugmenter:
    module = config.build()
    for _ in range(calls):
        module.adapt({"real_sign": tensor(sign)}, images)
    return module


def test_p_crosses_one_in_speed_kimg():
    assert adapted(ADA(), 0.9, 500, 1000).p.item() == pytest.approx(1.0, abs=1e-4)
    assert adapted(ADA(speed_kimg=100.0), 0.9, 100, 500).p.item() == pytest.approx(0.5, abs=1e-4)


def test_p_moves_towards_the_target_and_not_below_zero():
    assert adapted(ADA(p=0.5), 0.7, 4, 1000).p.item() == pytest.approx(0.508)
    assert adapted(ADA(p=0.5), 0.5, 4, 1000).p.item() == pytest.approx(0.492)
    assert adapted(ADA(p=0.5, target=0.3), 0.5, 4, 1000).p.item() == pytest.approx(0.508)
    assert adapted(ADA(p=0.001), 0.0, 40, 1000).p.item() == 0.0
    assert adapted(ADA(p=0.25, target=None), 1.0, 40, 1000).p.item() == 0.25


def test_p_moves_once_an_interval_by_the_mean_sign():
    module = ADA(interval=3).build()
    for sign, p in [(1.0, 0.0), (1.0, 0.0), (-1.0, 0.0), (1.0, 0.0), (1.0, 0.0), (0.9, 6e-4)]:
        module.adapt({"real_sign": tensor(sign)}, 100)  # means 1/3 and 0.97 against 0.6
        assert module.p.item() == pytest.approx(p, abs=1e-7)


def test_watch_is_the_mean_sign_of_the_logits_on_reals():
    module = ADA().build()
    logits = tensor([[3.0], [0.1], [-2.0], [4.0]], requires_grad=True)
    seen = module.watch(logits)
    assert seen == {"real_sign": tensor(0.5)}
    assert not seen["real_sign"].requires_grad
    assert module.watch([logits, -logits])["real_sign"] == 0.0


def test_state_survives_and_p_is_free_to_be_set():
    module = adapted(ADA(), 0.9, 6, 1000)
    again = ADA().build()
    again.load_state_dict(module.state_dict())
    for copy in (module, again):
        for _ in range(6):
            copy.adapt({"real_sign": tensor(0.9)}, 1000)
    assert again.p == module.p > 0
    again.p.fill_(0.3)
    assert not torch.equal(again(images(), Noise(0)), images())
    assert {name for name, _ in module.named_buffers()} == set(module.state_dict())


def test_bad_input_is_named():
    with pytest.raises(ValueError, match=r"no policy 'colour'.*did you mean 'color'"):
        ADA(policy="blit,colour")
    with pytest.raises(ValueError, match="it is a probability"):
        ADA(p=1.5)
    with pytest.raises(ValueError, match="must be positive"):
        ADA(speed_kimg=0.0)
    with pytest.raises(ValueError, match="at least 2 x 2"):
        ADA().build()(torch.zeros(1, 3, 1, 8), Noise(0))
    with pytest.raises(ValueError, match="1 to 4 channels"):
        ADA().build()(torch.zeros(1, 5, 8, 8), Noise(0))
