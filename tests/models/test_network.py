"""The network's shapes, its size, and the reading of its description."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from support import line
from zpoints.config import AutoencoderSettings
from zpoints.errors import ArrayError, UsageError
from zpoints.models.autoencoder.layers import BatchNorm, TransposedConvolution
from zpoints.models.autoencoder.network import (
    Architecture,
    Autoencoder,
    pictures_to_tensor,
    tensor_to_pictures,
)

SMALL = AutoencoderSettings(channels=(4, 6, 8, 10), latent=7)


def parameters(network: torch.nn.Module) -> int:
    return sum(p.numel() for p in network.parameters())


def test_the_articles_network_has_256_components_and_over_ten_million_parameters_at_96x96() -> None:
    network = Autoencoder(Architecture.of((96, 96, 3), AutoencoderSettings(latent=256)))
    assert network.encoder.to_latent.out_features == 256
    assert parameters(network) > 10_000_000
    convolutions = [m for m in network.modules() if isinstance(m, torch.nn.Conv2d)]
    transposed = [m for m in network.modules() if isinstance(m, torch.nn.ConvTranspose2d)]
    assert len(convolutions) == len(transposed) == 4
    assert all(m.stride == (2, 2) for m in convolutions + transposed)
    assert not any(isinstance(m, torch.nn.BatchNorm2d) for m in network.modules())


@settings(max_examples=40)
@given(
    height=st.integers(16, 70),
    width=st.integers(16, 70),
    colours=st.sampled_from((1, 3)),
    kernel=st.integers(2, 7),
    layers=st.integers(1, 4),
    batch_norm=st.booleans(),
)
def test_any_size_comes_back_at_its_own_size(
    height: int, width: int, colours: int, kernel: int, layers: int, batch_norm: bool
) -> None:
    chosen = AutoencoderSettings(
        channels=(3, 4, 5, 6)[:layers], kernel=kernel, latent=5, batch_norm=batch_norm
    )
    network = Autoencoder(Architecture.of((height, width, colours), chosen)).eval()
    pictures = torch.rand(2, colours, height, width)
    with torch.inference_mode():
        z = network.encoder(pictures)
        rebuilt = network.decoder(z)
    assert z.shape == (2, 5)
    assert rebuilt.shape == pictures.shape
    assert rebuilt.min() >= 0
    assert rebuilt.max() <= 1


def test_orl_s_92x112_grey_pictures_fit() -> None:
    network = Autoencoder(Architecture.of((112, 92, 1), SMALL))
    assert network(torch.rand(2, 1, 112, 92)).shape == (2, 1, 112, 92)


@pytest.mark.parametrize("name", ["relu", "leaky_relu"])
def test_at_the_start_signals_neither_fade_nor_grow(name: str) -> None:
    torch.manual_seed(0)
    chosen = AutoencoderSettings(channels=(32, 48, 64, 96), latent=64, activation=name)
    network = Autoencoder(Architecture.of((64, 64, 3), chosen))
    sizes = []
    for layer in [*network.encoder.features, *network.decoder.pictures]:
        if isinstance(layer, torch.nn.Conv2d | torch.nn.ConvTranspose2d):
            # The mean square is read before an activation changes it in place.
            layer.register_forward_hook(lambda _, __, out: sizes.append(out.square().mean().item()))
    with torch.inference_mode():
        network(torch.randn(16, 3, 64, 64))
    assert len(sizes) == 8
    assert all(0.3 < size < 4 for size in sizes), sizes


@pytest.mark.parametrize("name", ["relu", "leaky_relu", "selu"])
def test_each_activation_is_in_the_network(name: str) -> None:
    network = Autoencoder(Architecture.of((32, 32, 3), SMALL.model_copy(update={"activation": name})))
    kinds = {type(m).__name__.lower() for m in network.modules()}
    assert name.replace("_", "") in kinds


def test_memory_order_does_not_change_the_result() -> None:
    torch.manual_seed(0)
    network = Autoencoder(Architecture.of((32, 48, 3), SMALL)).eval()
    pictures = torch.rand(3, 3, 32, 48)
    with torch.inference_mode():
        plain = network(pictures)
        network.to(memory_format=torch.channels_last)
        last = network(pictures.contiguous(memory_format=torch.channels_last))
    torch.testing.assert_close(plain, last, rtol=1e-4, atol=1e-5)


def test_under_autocast_latent_vectors_are_not_rounded_to_bfloat16() -> None:
    network = Autoencoder(Architecture.of((32, 32, 3), SMALL)).eval()
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
        z = network.encoder(torch.rand(8, 3, 32, 32))
    assert z.dtype == torch.float32
    assert (z != z.bfloat16().float()).any()


@settings(max_examples=25)
@given(
    shape=st.tuples(st.integers(1, 3), st.integers(1, 5), st.integers(2, 6), st.integers(2, 6)),
    out=st.integers(1, 5),
    kernel=st.integers(2, 5),
    extra=st.sampled_from(((0, 0), (1, 0), (1, 1))),
    last=st.booleans(),
)
def test_our_transposed_convolution_is_pytorch_s(
    shape: tuple[int, ...], out: int, kernel: int, extra: tuple[int, int], last: bool
) -> None:
    ours = TransposedConvolution(shape[1], out, kernel, 2, (kernel - 1) // 2, extra).double()
    theirs = torch.nn.ConvTranspose2d(shape[1], out, kernel, 2, (kernel - 1) // 2, extra).double()
    theirs.load_state_dict(ours.state_dict())
    order = torch.channels_last if last else torch.contiguous_format
    results = []
    x = torch.randn(shape, dtype=torch.float64)
    for layer in (ours, theirs):
        start = x.clone().contiguous(memory_format=order).requires_grad_()
        y = layer(start)
        y.sin().sum().backward()
        results.append((y, start.grad, layer.weight.grad, layer.bias.grad))
    for one, other in zip(*results, strict=True):
        torch.testing.assert_close(one, other)


def test_our_transposed_convolution_obeys_autocast() -> None:
    layer = TransposedConvolution(3, 4, 4, 2, 1)
    with torch.autocast("cpu", torch.bfloat16):
        y = layer(torch.randn(2, 3, 5, 5))
    assert y.dtype == torch.bfloat16
    y.float().sum().backward()
    assert layer.weight.grad.dtype == layer.bias.grad.dtype == torch.float32
    torch.testing.assert_close(layer.bias.grad, torch.full((4,), 200.0))


def test_our_batch_norm_is_pytorch_s_wherever_that_works() -> None:
    torch.manual_seed(0)
    ours, theirs = BatchNorm(3), torch.nn.BatchNorm2d(3)
    for shape in ((4, 3, 2, 2), (1, 3, 2, 1), (2, 3, 1, 1)):
        x = torch.randn(shape)
        torch.testing.assert_close(ours(x), theirs(x), rtol=0, atol=0)
    one = torch.randn(1, 3, 1, 1)
    before = {name: value.clone() for name, value in ours.state_dict().items()}
    learning = ours(one)
    torch.testing.assert_close(learning, theirs.eval()(one), rtol=0, atol=0)
    for name, value in ours.state_dict().items():  # one value teaches nothing
        torch.testing.assert_close(value, before[name], rtol=0, atol=0)


def test_pictures_too_small_for_the_layers_are_refused_in_one_line() -> None:
    with pytest.raises(UsageError) as caught:
        Architecture.of((8, 8, 3), SMALL)
    assert "8x8" in line(caught.value)


def test_architecture_survives_json() -> None:
    architecture = Architecture.of((64, 48, 1), SMALL)
    assert Architecture.from_json(architecture.to_json()) == architecture
    with pytest.raises(ArrayError) as caught:
        Architecture.from_json({"height": 3})
    line(caught.value)


def test_bytes_survive_the_way_to_a_tensor_and_back() -> None:
    pictures = torch.arange(256, dtype=torch.uint8).repeat(3, 1).T.reshape(1, 16, 16, 3).contiguous()
    values = pictures_to_tensor(pictures)
    assert values.shape == (1, 3, 16, 16)
    assert values.is_contiguous(memory_format=torch.channels_last)
    assert values.max() == 1
    assert torch.equal(tensor_to_pictures(values), pictures)
