from __future__ import annotations

from collections import OrderedDict, namedtuple

import numpy as np
import pytest

from dataeval_ui.embed.layers import MAX_FLAT, fitting_poolings, list_layers, pool, run_layers, tap
from dataeval_ui.errors import ParameterError, UnknownNameError

torch = pytest.importorskip("torch")
Pair = namedtuple("Pair", ["map", "tokens"])


class _Net(torch.nn.Module):
    """Gives its output in whatever way is asked for, and counts its forward passes."""

    def __init__(self, form: str = "tensor") -> None:
        super().__init__()
        torch.manual_seed(0)
        self.stem = torch.nn.Conv2d(3, 4, 4, stride=4)
        self.body = torch.nn.Sequential(torch.nn.ReLU(), torch.nn.Conv2d(4, 6, 1))
        self.form = form
        self.n_passes = 0

    def forward(self, x: torch.Tensor) -> object:
        self.n_passes += 1
        y = self.body(self.stem(x))
        if self.form == "raises":
            raise ZeroDivisionError
        tokens = y.flatten(2).transpose(1, 2)
        return {
            "tensor": y.mean(dim=(2, 3)),
            "tuple": (y, tokens),
            "dict": OrderedDict(map=y, tokens=tokens),
            "named": Pair(y, tokens),
        }[self.form]


def _hooks(network: torch.nn.Module) -> int:
    return sum(len(module._forward_hooks) for module in network.modules())


@pytest.mark.parametrize(
    ("pooling", "expected"),
    [
        ("mean", [2.5, 0.0]),
        ("max", [4.0, 0.0]),
        ("gem", [(100 / 4) ** (1 / 3), 1e-6]),
        ("flatten", [1, 2, 3, 4, 0, 0, 0, 0]),
    ],
)
def test_poolings_of_a_map_by_hand(pooling: str, expected: list[float]) -> None:
    two_channels = torch.tensor([[[[1.0, 2.0], [3.0, 4.0]], [[0.0, 0.0], [0.0, 0.0]]]])
    np.testing.assert_allclose(pool(two_channels, pooling)[0], expected, atol=1e-5)


def test_the_class_token_is_the_first_one_and_is_offered_where_one_is() -> None:
    tokens = torch.arange(10.0).reshape(1, 5, 2)
    assert pool(tokens, "cls").tolist() == [[0.0, 1.0]]
    assert "cls" in fitting_poolings((197, 384))
    assert "cls" not in fitting_poolings((196, 384))


def test_a_map_with_channels_last_is_pooled_like_one_with_channels_first() -> None:
    first = torch.rand(2, 5, 3, 3)
    for pooling in ("mean", "max", "gem"):
        torch.testing.assert_close(pool(first.permute(0, 2, 3, 1), pooling), pool(first, pooling))


def test_a_pooling_that_does_not_fit_is_told_with_those_that_do_and_the_flat_size() -> None:
    with pytest.raises(
        ParameterError, match=r"'cls' does not fit .* 8 x 4 x 4; mean, max, gem, flatten does.* 128 numbers"
    ):
        pool(torch.zeros(1, 8, 4, 4), "cls")
    side = int((MAX_FLAT + 1) ** 0.5) + 1
    with pytest.raises(ParameterError, match="'flatten' does not fit"):
        pool(torch.zeros(1, 1, side, side), "flatten")


def test_layers_are_listed_with_shapes_and_poolings() -> None:
    layers = {layer.name: layer for layer in list_layers(_Net(), input_px=16)}
    assert list(layers) == ["stem", "body.0", "body.1", "body", "output"]
    assert layers["stem"].shape == (4, 4, 4)
    assert layers["stem"].n_flat == 64
    assert layers["body.1"].kind == "Conv2d"
    assert (layers["output"].shape, layers["output"].poolings) == ((6,), ("none",))


def test_every_listed_layer_can_be_taken() -> None:
    for form in ("tensor", "tuple", "dict", "named"):
        network = _Net(form)
        for layer in list_layers(network, input_px=16):
            for pooling in layer.poolings:
                assert tap(network, layer.name, pooling)(torch.zeros(2, 3, 16, 16)).shape[0] == 2


@pytest.mark.parametrize(
    ("form", "name"), [("tuple", "output.1"), ("dict", "output.tokens"), ("named", "output.tokens")]
)
def test_entries_of_tuples_dicts_and_named_tuples_are_taken(form: str, name: str) -> None:
    network, inputs = _Net(form), torch.rand(2, 3, 16, 16)
    expected = _Net("tensor")(inputs)
    torch.testing.assert_close(tap(network, name, "mean")(inputs), expected)
    torch.testing.assert_close(tap(network, "output", "mean")(inputs), expected)  # the first tensor


def test_an_output_of_transformers_is_taken_by_its_field() -> None:
    outputs = pytest.importorskip("transformers.modeling_outputs", reason="needs the extra hf")

    class Model(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> object:
            return outputs.BaseModelOutput(last_hidden_state=x.flatten(2).transpose(1, 2))

    inputs = torch.rand(2, 3, 4, 4)
    torch.testing.assert_close(tap(Model(), "output.last_hidden_state", "mean")(inputs), inputs.mean(dim=(2, 3)))


def test_several_layers_come_from_one_pass_and_no_hook_stays() -> None:
    network = _Net()
    found = run_layers(network, torch.rand(1, 3, 16, 16), ["body.1", "stem"], with_output=True)
    assert list(found) == ["stem", "body.1", "output"]
    assert network.n_passes == 1
    assert _hooks(network) == 0


@pytest.mark.parametrize("names", [["stem"], ["stem", "nowhere"]])
def test_no_hook_stays_after_an_error(names: list[str]) -> None:
    network = _Net("raises")
    with pytest.raises((ZeroDivisionError, UnknownNameError)):
        run_layers(network, torch.rand(1, 3, 16, 16), names)
    assert _hooks(network) == 0


def test_an_unknown_layer_is_told_with_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match=r"no layer named 'stemm'\. Did you mean 'stem'"):
        tap(_Net(), "stemm", "mean")
    with pytest.raises(UnknownNameError, match=r"no entry of the output named 'output\.token'.*'output\.tokens'"):
        tap(_Net("dict"), "output.token", "mean")(torch.zeros(1, 3, 16, 16))
    with pytest.raises(UnknownNameError, match="no pooling named 'average'"):
        tap(_Net(), "stem", "average")


def test_a_tapped_layer_is_exported_to_onnx_without_what_comes_after() -> None:
    from dataeval_ui.embed.onnx import export_network
    from dataeval_ui.embed.preprocessing import normalise
    from dataeval_ui.embed.runners import OnnxRunner
    from tests.embed.fakes import TINY

    network = tap(_Net("dict"), "stem", "gem")
    pixels = np.random.default_rng(0).integers(0, 256, (3, 16, 16, 3), dtype=np.uint8)
    got = OnnxRunner(export_network(network, TINY), n_threads=1).run(pixels)
    with torch.inference_mode():
        expected = network(torch.from_numpy(normalise(pixels, TINY))).numpy()
    np.testing.assert_allclose(got, expected, atol=1e-5)
    assert got.shape == (3, 4)
