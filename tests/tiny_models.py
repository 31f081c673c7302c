"""A network of one convolution as a model of one's own: what surrounds a network is tested without waiting for one."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from dataeval_ui.embed.own_models import record_model
from dataeval_ui.store.workspace import Workspace
from dataeval_ui.types import Preprocessing

INPUT_PX = 112
N_CELLS, N_CHANNELS, N_DIMS = 14, 24, 384
DECLARED = {"input_px": INPUT_PX, "interpolation": "bilinear", "mean": [0.5] * 3, "std": [0.5] * 3}
PREPROCESSING = Preprocessing(
    input_px=INPUT_PX, resize_px=INPUT_PX, interpolation="bilinear", mean=(0.5,) * 3, std=(0.5,) * 3
)
_KERNEL = INPUT_PX // N_CELLS


def weights() -> tuple[np.ndarray, np.ndarray]:
    """Return the convolution's weights, the same ones every time: half look at colours, half at edges."""
    rng = np.random.default_rng(3)
    kernels = rng.normal(size=(N_CHANNELS, 3, _KERNEL, _KERNEL)) / _KERNEL**2
    kernels[::2] = kernels[::2, :, :1, :1] * _KERNEL  # one weight a colour: a cell's mean colour
    return kernels.astype(np.float32), rng.normal(scale=0.1, size=N_CHANNELS).astype(np.float32)


def write_onnx(path: Path) -> Path:
    """Write it as ONNX: `cells` of 24 x 14 x 14, then `embedding`, their means over a grid of 4 x 4."""
    from onnx import TensorProto, checker, helper, numpy_helper, save

    kernels, bias = weights()
    nodes = [
        helper.make_node("Conv", ["x", "kernels", "bias"], ["linear"], strides=[_KERNEL, _KERNEL]),
        helper.make_node("Relu", ["linear"], ["cells"]),
        helper.make_node("AveragePool", ["cells"], ["grid"], kernel_shape=[5, 5], strides=[3, 3]),
        helper.make_node("Flatten", ["grid"], ["embedding"]),
    ]
    image = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3, INPUT_PX, INPUT_PX])
    vector = helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["n", N_DIMS])
    tensors = [numpy_helper.from_array(kernels, "kernels"), numpy_helper.from_array(bias, "bias")]
    model = helper.make_model(
        helper.make_graph(nodes, "tiny", [image], [vector], tensors), opset_imports=[helper.make_opsetid("", 18)]
    )
    model.ir_version = 9
    checker.check_model(model)
    save(model, path)
    return path


def write_exported(path: Path) -> Path:
    """Write the same network as `torch.export` saves it."""
    import torch

    class Tiny(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            kernels, bias = weights()
            self.conv = torch.nn.Conv2d(3, N_CHANNELS, _KERNEL, stride=_KERNEL)
            self.conv.load_state_dict({"weight": torch.from_numpy(kernels), "bias": torch.from_numpy(bias)})

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.nn.functional.avg_pool2d(self.conv(x).relu(), 5, stride=3).flatten(1)

    example = (torch.zeros(2, 3, INPUT_PX, INPUT_PX),)
    program = torch.export.export(Tiny().eval(), example, dynamic_shapes={"x": {0: torch.export.Dim("n")}})
    torch.export.save(program, path)
    return path


def record_tiny(workspace: Workspace) -> str:
    """Make it a model of one's own of a workspace; returns the backbone's name."""
    path = write_onnx(workspace.root / "tiny.onnx")
    return record_model({**DECLARED, "kind": "onnx", "path": str(path)}, workspace=workspace).name
