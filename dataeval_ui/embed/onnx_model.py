"""ONNX files of the user's own: which input, which output, and how they are run."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from dataeval_ui.embed.layers import Layer, fitting_poolings, pool
from dataeval_ui.embed.preprocessing import normalise
from dataeval_ui.embed.runners import CPU_BATCH, open_session
from dataeval_ui.errors import CheckpointError, UnknownNameError
from dataeval_ui.types import batches

if TYPE_CHECKING:
    from dataeval_ui.types import Backbone, Preprocessing
    from dataeval_ui.types.base import Float32, UInt8

EMBEDDING_NAMES = ("embedding", "embeddings", "image_embeds", "image_embeddings", "pooler_output", "features")
"""Outputs that are taken first, in this order, whatever their place in the file."""
_TYPES = {"tensor(float)": "float32", "tensor(float16)": "float16"}


@dataclass(frozen=True, slots=True, kw_only=True)
class OnnxPlan:
    """How a file is run.

    Attributes
    ----------
    input_name, output_name : str
    numeric_type : {"float32", "float16"}
        Of the input.
    layout : {"nchw", "nhwc"}
    n_fixed : int or None
        Images that the file takes at once; None for any number.
    """

    input_name: str
    output_name: str
    numeric_type: str
    layout: Literal["nchw", "nhwc"]
    n_fixed: int | None


class OnnxModelRunner:
    """An ONNX file of the user's own, in ONNX Runtime.

    Parameters
    ----------
    path : Path
    preprocessing : Preprocessing
    output : str or None
        Name of an output or of an inner tensor; None follows `choose_output`.
    pooling : str
        One of `dataeval_ui.embed.layers.POOLINGS`.
    n_threads : int
    device : str, default "cpu"
        See `dataeval_ui.embed.runners.open_session`.

    Raises
    ------
    CheckpointError
        The file is damaged, needs other files, takes more than one image tensor, or another size than is declared.
    UnknownNameError
        The file has no such tensor.
    """

    def __init__(
        self,
        path: Path,
        preprocessing: Preprocessing,
        *,
        output: str | None,
        pooling: str,
        n_threads: int,
        device: str = "cpu",
    ) -> None:
        self._path, self._preprocessing, self._pooling = path, preprocessing, pooling
        model = _read(path)
        inner = output if output is not None and output not in {o.name for o in model.graph.output} else None
        if inner is not None:
            _expose(model, inner)
        with _one_sentence(path):
            graph = model.SerializeToString() if inner else path
            self._session = open_session(graph, n_threads=n_threads, device=device)
        self.plan = plan_run(self._session, path, preprocessing, output=output)
        self.run(_blank(preprocessing, 2))  # a file that cannot run says so here, before any image is read

    def run(self, pixels: UInt8) -> Float32:
        """See `dataeval_ui.embed.runners.Runner`."""
        import numpy as np

        outputs = []
        for part in batches(len(pixels), self.plan.n_fixed or CPU_BATCH):
            inputs = normalise(pixels[part], self._preprocessing)
            n = len(inputs)
            if self.plan.n_fixed is not None and n < self.plan.n_fixed:
                inputs = np.concatenate([inputs, np.zeros((self.plan.n_fixed - n, *inputs.shape[1:]), np.float32)])
            if self.plan.layout == "nhwc":
                inputs = np.ascontiguousarray(inputs.transpose(0, 2, 3, 1))
            with _one_sentence(self._path):
                feeds = {self.plan.input_name: inputs.astype(self.plan.numeric_type)}
                output = self._session.run([self.plan.output_name], feeds)[0]
            shown: tuple[int, ...] = getattr(output, "shape", ())
            if len(shown) < 2 or shown[0] != len(inputs) or output.dtype.kind != "f":
                raise CheckpointError(
                    f"The output {self.plan.output_name!r} of {self._path} has the shape {tuple(shown)} for "
                    f"{len(inputs)} images; name one with a row of numbers an image (output)."
                )
            outputs.append(self._pool(output[:n].astype(np.float32)))
        return np.concatenate(outputs)

    def _pool(self, output: Float32) -> Float32:
        if output.ndim == 2 and self._pooling in ("auto", "none"):
            return output  # without torch, which a server does not load for it
        import torch

        pooled: Float32 = pool(torch.from_numpy(output), self._pooling).numpy()
        return pooled


def plan_run(session: Any, path: Path, preprocessing: Preprocessing, *, output: str | None) -> OnnxPlan:
    """Choose input, output and batch of an opened file.

    Raises
    ------
    CheckpointError
        It takes more than one tensor, no image, or another size than is declared.
    """
    inputs = session.get_inputs()
    shape = inputs[0].shape if inputs else []
    if len(inputs) != 1 or len(shape) != 4 or inputs[0].type not in _TYPES:
        told = ", ".join(f"{i.name} {i.type} {i.shape}" for i in inputs)[:200]
        raise CheckpointError(
            f"{path} takes {told or 'nothing'}; a model here takes one tensor of images, n x 3 x px x px."
        )
    layout: Literal["nchw", "nhwc"] = "nhwc" if shape[3] == 3 and shape[1] != 3 else "nchw"
    sides = shape[1:3] if layout == "nhwc" else shape[2:]
    px = preprocessing.input_px
    channels = shape[3] if layout == "nhwc" else shape[1]
    if (isinstance(channels, int) and channels != 3) or any(isinstance(s, int) and s != px for s in sides):
        raise CheckpointError(
            f"{path} takes images of shape {shape[1:]}, and input_px {px} is declared; mend input_px."
        )
    return OnnxPlan(
        input_name=inputs[0].name,
        output_name=output or choose_output([(o.name, o.shape) for o in session.get_outputs()]),
        numeric_type=_TYPES[inputs[0].type],
        layout=layout,
        n_fixed=shape[0] if isinstance(shape[0], int) and shape[0] > 0 else None,
    )


def choose_output(outputs: list[tuple[str, list[Any]]]) -> str:
    """Choose the embedding: by its usual name, else the first vector, else the first tensor.

    Parameters
    ----------
    outputs : list of (name, shape)
        In the order of the file.
    """
    names = [name for name, _ in outputs]
    for name in EMBEDDING_NAMES:
        if name in names:
            return name
    return next((name for name, shape in outputs if len(shape) == 2), names[0])


def list_tensors(backbone: Backbone) -> tuple[Layer, ...]:
    """List the tensors of a file that can be taken: those whose shape for one image is told by the graph itself.

    Raises
    ------
    CheckpointError
        The file is damaged or its graph contradicts itself.
    """
    import onnx

    path = Path(backbone.path or "")
    model = _read(path)
    px = backbone.preprocessing.input_px
    _fix_input(model, px)
    try:
        graph = onnx.shape_inference.infer_shapes(model).graph
    except (onnx.shape_inference.InferenceError, RuntimeError) as error:
        raise CheckpointError(f"{path} is no usable ONNX graph ({_first_line(error)}).") from None
    kinds = {name: node.op_type for node in model.graph.node for name in node.output}
    found = []
    for info in (*graph.value_info, *graph.output):
        dims = [d.dim_value for d in info.type.tensor_type.shape.dim]
        shape = tuple(dims[1:])
        if info.name in kinds and shape and all(n > 0 for n in shape) and (fits := fitting_poolings(shape)):
            kind = kinds[info.name]
            found.append(Layer(name=info.name, kind=kind, shape=shape, poolings=fits, n_flat=math.prod(shape)))
    return tuple(found)


def _fix_input(model: Any, px: int) -> None:
    for info in model.graph.input:
        dims = info.type.tensor_type.shape.dim
        for place, size in zip(dims, (1, 0, px, px), strict=False):
            if size and not place.dim_value:
                place.dim_value = size


def _read(path: Path) -> Any:
    """Read a file and refuse one that needs others: they would lie outside of its digest, or anywhere on the disk."""
    import onnx
    from google.protobuf.message import DecodeError

    try:
        model = onnx.load(path, load_external_data=False)
    except (DecodeError, OSError, ValueError, RuntimeError) as error:
        raise CheckpointError(f"{path} cannot be read as ONNX ({_first_line(error)}).") from None
    tensors = [*model.graph.initializer, *(a.t for node in model.graph.node for a in node.attribute)]
    if any(tensor.data_location == onnx.TensorProto.EXTERNAL for tensor in tensors):
        raise CheckpointError(f"{path} keeps its weights in other files; save it as one file.")
    if not model.graph.output:
        raise CheckpointError(f"{path} is no ONNX model: it gives nothing.")
    return model


def _expose(model: Any, name: str) -> None:
    """Make an inner tensor the output, and leave out what comes after it."""
    import onnx

    known = [tensor for node in model.graph.node for tensor in node.output if tensor]
    if name not in known:
        raise UnknownNameError("tensor", name, known)
    del model.graph.output[:]
    model.graph.output.append(onnx.helper.make_empty_tensor_value_info(name))


def _blank(preprocessing: Preprocessing, n: int) -> UInt8:
    import numpy as np

    return np.full((n, preprocessing.input_px, preprocessing.input_px, 3), 128, dtype=np.uint8)


@contextmanager
def _one_sentence(path: Path) -> Iterator[None]:
    from onnxruntime.capi import onnxruntime_pybind11_state as errors

    kinds = (
        errors.Fail,
        errors.RuntimeException,
        errors.InvalidGraph,
        errors.InvalidProtobuf,
        errors.InvalidArgument,
        errors.NotImplemented,
        errors.NoModel,
        errors.EPFail,
    )
    try:
        yield
    except kinds as error:
        if "alloc" in str(error).lower():
            raise MemoryError(str(error)) from error
        raise CheckpointError(f"ONNX Runtime cannot run {path} ({_first_line(error)}).") from None


def _first_line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0][:200].rstrip(".")
