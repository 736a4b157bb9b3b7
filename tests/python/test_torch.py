"""flexmac.torch: every GEMM against an oracle of NumPy, gradients, resuming, checked tiles, refusals."""

import copy

import numpy as np
import pytest
import torch
from torch import nn

import flexmac
import flexmac.torch as ft

ARRAY = flexmac.Array(rows=4, cols=4, lanes=2, max_bits=16)


def lenet():
    """LeNet's layers on images of 12 x 12."""
    torch.manual_seed(1)
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1), nn.MaxPool2d(2), nn.Conv2d(4, 6, 3, stride=2), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(6, 16), nn.ReLU(), nn.Linear(16, 10),
    )  # fmt: skip


def batch(number):
    generator = torch.Generator().manual_seed(number)
    images = torch.rand(8, 1, 12, 12, generator=generator)
    return images, torch.randint(10, (8,), generator=generator)


def iterate(model, run, optimizer, numbers):
    losses = []
    for number in numbers:
        images, labels = batch(number)
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(images), labels)
        loss.backward()
        optimizer.step()
        run.step(loss.item())
        losses.append(loss.item())
    return losses


def started(**settings):
    model, run = ft.convert(lenet(), array=ARRAY, seed=5, **settings)
    return model, run, torch.optim.SGD(model.parameters(), 0.05, momentum=0.9)


def rounded(values, format):
    """The oracle: to nearest, saturated, in units of the format."""
    scaled = np.asarray(values, np.float64) * 2.0**format.frac
    limit = 2 ** (format.bits - 1)
    return np.clip(np.floor(scaled + 0.5), -limit, limit - 1).astype(np.int64)


def requantized(sums, frac, format):
    shift = frac - format.frac
    limit = 2 ** (format.bits - 1)
    shifted = (sums + (1 << (shift - 1))) >> shift if shift > 0 else sums << -shift
    return np.clip(shifted, -limit, limit - 1)


def test_linear_agrees_with_an_oracle():
    formats = ft.LayerFormats(*(ft.Format(*pair) for pair in [(8, 6), (7, 7), (9, 4), (8, 9), (10, 8)]))

    class Fixed(ft.Policy):
        def formats(self, layer):
            return formats

    torch.manual_seed(2)
    layer = nn.Linear(9, 5)
    model, _ = ft.convert(layer, policy=Fixed(), array=ARRAY)
    x = torch.randn(7, 9, requires_grad=True)
    dy = torch.randn(7, 5) * 0.1
    y = model(x)
    y.backward(dy)
    a, w = rounded(x.detach().numpy(), formats.input), rounded(layer.weight.detach().numpy(), formats.weight)
    grid = formats.input.frac + formats.weight.frac
    sums = a @ w.T + rounded(layer.bias.detach().numpy(), ft.Format(32, grid))
    assert np.array_equal(y.detach().numpy() * 2.0**formats.output.frac, requantized(sums, grid, formats.output))
    g = rounded(dy.numpy(), formats.output_gradient)
    dx = requantized(g @ w, formats.output_gradient.frac + formats.weight.frac, formats.input_gradient)
    assert np.array_equal(x.grad.numpy() * 2.0**formats.input_gradient.frac, dx)
    out = ft.Format.of(32, formats.weight.integer_length + 8)
    dw = requantized(g.T @ a, formats.output_gradient.frac + formats.input.frac, out)
    # Compared as float32, in which such a gradient is handed to torch.
    assert np.array_equal(model.weight.grad.numpy(), (dw * 2.0**-out.frac).astype(np.float32))
    db = g.sum(axis=0) * 2.0**-formats.output_gradient.frac
    assert np.array_equal(model.bias.grad.numpy(), db.astype(np.float32))


@pytest.mark.parametrize(("kernel", "stride", "padding"), [(3, 1, 1), ((2, 3), (2, 1), (0, 2)), (1, 1, 0), (4, 3, 2)])
def test_convolution_agrees_with_torch_in_integers(kernel, stride, padding):
    """Operands that are exact, and a wide result: torch's convolution in float64 has the same integers."""
    formats = ft.LayerFormats(*(ft.Format(bits, 0) for bits in (8, 8, 32, 8, 32)))

    class Integers(ft.Policy):
        def formats(self, layer):
            return formats

    generator = torch.Generator().manual_seed(3)
    plain = nn.Conv2d(3, 5, kernel, stride, padding).double()
    with torch.no_grad():
        for parameter in plain.parameters():
            parameter.copy_(torch.randint(-100, 100, parameter.shape, generator=generator))
    model, _ = ft.convert(plain, policy=Integers(), array=ARRAY)
    x = torch.randint(-128, 128, (2, 3, 9, 8), generator=generator).double()
    ours, theirs = x.clone().requires_grad_(), x.clone().requires_grad_()
    model_y, plain_y = model(ours), plain(theirs)
    assert torch.equal(model_y, plain_y)
    dy = torch.randint(-128, 128, plain_y.shape, generator=generator).double()
    model_y.backward(dy)
    plain_y.backward(dy)
    assert torch.equal(ours.grad, theirs.grad)
    assert torch.equal(model.bias.grad, plain.bias.grad)
    # Weight gradients have 32 bits with the weight's integer length and 8: here, multiples of 2^-16.
    assert torch.equal(model.weight.grad, plain.weight.grad.clamp(-(2.0**15), 2.0**15 - 2.0**-16))


@pytest.mark.parametrize("layer", [nn.Linear(5, 3), nn.Conv2d(2, 3, 3, 2, 1)])
def test_gradcheck_in_float(layer):
    torch.manual_seed(4)
    model, _ = ft.convert(layer.double(), engine="float")
    shape = (4, 5) if isinstance(layer, nn.Linear) else (2, 2, 5, 4)
    x = torch.randn(shape, dtype=torch.float64, requires_grad=True)

    # The GEMMs are float32 and linear in each operand, so that a wide step is as exact.
    assert torch.autograd.gradcheck(model, (x,), eps=2**-3, atol=1e-4, rtol=1e-4)
    y = model(x)
    dy = torch.randn_like(y)
    y.backward(dy)
    plain = copy.deepcopy(layer)
    plain.zero_grad()
    plain(x.detach()).backward(dy)
    assert torch.allclose(model.weight.grad, plain.weight.grad, rtol=1e-4, atol=1e-5)
    assert torch.allclose(model.bias.grad, plain.bias.grad, rtol=1e-4, atol=1e-5)


def test_reference_and_checked_tiles_train_alike():
    one = started(rounding="stochastic")
    other = started(rounding="stochastic", engine="checked", check_rate=0.05, threads=2)
    images, labels = batch(0)
    nn.functional.cross_entropy(other[0](images), labels).backward()
    records = other[1].records
    assert [record.role for record in records[:4]] == ["forward"] * 4
    assert len(records) == 4 + 4 + 3  # images need no gradient
    assert 0 < sum(record.stats.tiles_checked for record in records) < sum(record.stats.tiles for record in records)
    other[0].zero_grad()
    assert iterate(*one, range(3)) == iterate(*other, range(3))
    assert all(map(torch.equal, one[0].parameters(), other[0].parameters()))


def test_a_seed_decides_stochastic_rounding():
    def trained(seed):
        model, run = ft.convert(lenet(), array=ARRAY, seed=seed, rounding="stochastic")
        iterate(model, run, torch.optim.SGD(model.parameters(), 0.05), range(3))
        return torch.cat([parameter.flatten() for parameter in model.parameters()])

    assert torch.equal(trained(1), trained(1))
    assert not torch.equal(trained(1), trained(2))


class Widening(ft.Policy):
    """A policy of one's own: a bit more in front of the point of what overflowed."""

    def __init__(self):
        self.lengths = {}

    def formats(self, layer):
        def of(name, start):
            return ft.Format.of(8, self.lengths.get(f"{layer.name}:{name}", start))

        starts = {"input": 0, "weight": 0, "output": 0, "output_gradient": -8, "input_gradient": -8}
        return ft.LayerFormats(**{name: of(name, start) for name, start in starts.items()})

    def step(self, observation):
        for (layer, name), counters in observation.counters.items():
            if counters.overflow_low + counters.overflow_high:
                key = f"{layer}:{name}"
                start = -8 if "gradient" in name else 0
                self.lengths[key] = self.lengths.get(key, start) + 1

    def state(self):
        return dict(self.lengths)

    def restore(self, state):
        self.lengths = dict(state)


def test_a_resumed_run_is_bit_identical(tmp_path):
    settings = {"rounding": "stochastic"}
    model, run, optimizer = started(policy=Widening(), **settings)
    iterate(model, run, optimizer, range(3))
    assert run.policy.lengths
    torch.save({"model": model.state_dict(), "optimizer": optimizer.state_dict()}, tmp_path / "run.pt")
    losses = iterate(model, run, optimizer, range(3, 6))

    again, second, optimizer_again = started(policy=Widening(), **settings)
    saved = torch.load(tmp_path / "run.pt")
    again.load_state_dict(saved["model"])
    optimizer_again.load_state_dict(saved["optimizer"])
    assert second.iteration == 3 and second.seed == 5
    assert iterate(again, second, optimizer_again, range(3, 6)) == losses
    assert all(map(torch.equal, model.parameters(), again.parameters()))
    assert second.policy.lengths == run.policy.lengths
    stranger, _, _ = started()
    with pytest.raises(ValueError, match="expected the state of policy Static, found Widening"):
        stranger.load_state_dict(saved["model"])


def test_an_evaluation_changes_nothing():
    one, other = started(rounding="stochastic"), started(rounding="stochastic")
    with torch.no_grad():
        one[0](batch(9)[0])
    assert one[1].records == []
    assert iterate(*one, range(2)) == iterate(*other, range(2))


def test_layers_left_out_stay_in_float():
    model, run = ft.convert(lenet(), array=ARRAY, skip=["0", "7"])
    assert type(model[0]) is nn.Conv2d and type(model[7]) is nn.Linear
    nn.functional.cross_entropy(model(batch(0)[0]), batch(0)[1]).backward()
    assert {record.layer for record in run.records} == {"2", "5"}
    assert model[0].weight.grad.abs().sum() > 0


def test_a_layer_that_a_model_has_twice_stays_one():
    layer = nn.Linear(3, 3)
    model, run = ft.convert(nn.Sequential(layer, nn.ReLU(), layer), array=ARRAY)
    assert model[0] is model[2] and isinstance(model[2], ft.Linear)
    model(torch.rand(2, 3)).sum().backward()
    assert len(run.records) == 2 + 3  # the input needs no gradient


@pytest.mark.parametrize(
    ("layer", "text"),
    [
        (nn.Conv2d(2, 2, 3, dilation=2), "dilation: expected (1, 1), found (2, 2)"),
        (nn.Conv2d(2, 2, 3, groups=2), "groups: expected 1, found 2"),
        (nn.Conv2d(2, 2, 3, padding=1, padding_mode="reflect"), "padding_mode: expected zeros, found reflect"),
        (nn.utils.weight_norm(nn.Linear(2, 2)), "expected no hooks"),
        (nn.Conv2d(2, 2, 3, padding="same"), "padding: expected numbers, found 'same'"),
    ],
)
def test_what_is_not_there_is_refused_by_name(layer, text):
    with pytest.raises(NotImplementedError) as caught:
        ft.convert(nn.Sequential(layer))
    assert "layer 0: " in str(caught.value) and text in str(caught.value)


def test_wrong_calls_are_refused():
    model, run, _ = started()
    images, _ = batch(0)
    with pytest.raises(ValueError, match="layer 0: input: quantize: expected numbers, found NaN at index 0"):
        model(images * float("nan"))
    with pytest.raises(TypeError, match="float32 or float64, found torch.float16"):
        model(images.half())
    with pytest.raises(ValueError, match="expected \\(batch, 1, rows, columns\\)"):
        model(images[0])
    with pytest.raises(ValueError, match="no smaller than the filter"):
        ft.convert(nn.Conv2d(1, 1, 5))[0](images[:, :, :2])
    with pytest.raises(ValueError, match="expected a model with a Linear"):
        ft.convert(nn.ReLU())
    with pytest.raises(ValueError, match="skip: expected layers among"):
        ft.convert(lenet(), skip=["conv"])
    with pytest.raises(ValueError, match="rounding: expected nearest"):
        ft.convert(lenet(), rounding="up")
    with pytest.raises(ValueError, match="layer 0: forward: gemm: operand A is 24 bits wide"):
        ft.convert(lenet(), policy=ft.Static(24), array=ARRAY)[0](images)
    with pytest.raises(RuntimeError, match="call step after backward"):
        loss = model(images).sum()
        run.step(0.0)
        loss.backward()
