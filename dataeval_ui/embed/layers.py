"""Any layer of a network as an embedding: which layers there are, which poolings fit, and the network that gives it.

A layer is named as `named_modules` names it; "output" is what the network itself gives. Where that is a dict, a tuple
or an object with fields, ".FIELD" after the name takes one entry (of a tuple: its place), else the first tensor counts.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from typing import TYPE_CHECKING, Any

from dataeval_ui.errors import ParameterError, UnknownNameError

if TYPE_CHECKING:
    import torch

OUTPUT = "output"
POOLINGS = ("auto", "mean", "max", "gem", "cls", "flatten", "none")
"""The first that fits; mean, maximum and generalised mean over places; the class token; all numbers in a row; a vector
as it is."""
CELLS = "cells"
"""Of parts alone: the cells of a map or the patches of a transformer, row by row, at most `MAX_CELL_SIDE` on a side."""
MAX_CELL_SIDE = 16
MAX_EXTRA_TOKENS = 8
"""Class and register tokens, which come before the patches."""
MAX_FLAT = 65_536
"""Numbers that `flatten` may give: 10,000 images of these are 2.6 GB."""
GEM_POWER = 3.0
_N_LEVELS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """A layer as one dry run showed it.

    Attributes
    ----------
    name : str
    kind : str
        Name of its class.
    shape : tuple of int
        Of its output for one image.
    poolings : tuple of str
        Those that fit, the most usual first.
    n_flat : int
        Numbers that `flatten` gives, whether or not that is allowed.
    """

    name: str
    kind: str
    shape: tuple[int, ...]
    poolings: tuple[str, ...]
    n_flat: int


def fitting_poolings(shape: Sequence[int]) -> tuple[str, ...]:
    """Tell which poolings fit an output.

    Parameters
    ----------
    shape : sequence of int
        Without the batch: (dims,), (tokens, dims), (channels, height, width) or (height, width, channels).

    Returns
    -------
    tuple of str
        "cls" only where the tokens are no full square, since a class token comes on top of a square of patches.
    """
    flat = ("flatten",) if math.prod(shape) <= MAX_FLAT else ()
    match len(shape):
        case 1:
            return ("none",)
        case 2:
            has_extra = math.isqrt(shape[0]) ** 2 != shape[0]
            return (*(("cls",) if has_extra else ()), "mean", "max", "gem", *flat)
        case 3:
            return ("mean", "max", "gem", *flat)
        case _:
            return ()


def list_layers(network: torch.nn.Module, *, input_px: int) -> tuple[Layer, ...]:
    """List the layers that give a usable output, in the order of their run.

    Parameters
    ----------
    network : torch.nn.Module
        Takes (n, 3, input_px, input_px).
    input_px : int

    Notes
    -----
    One forward pass of a grey image. Layers below the third level of the network are left out; any may still be named.
    """
    import torch

    modules = dict(network.named_modules())
    names = [name for name in modules if name and name.count(".") < _N_LEVELS]
    with torch.inference_mode():
        outputs = run_layers(network, torch.zeros(1, 3, input_px, input_px), names, with_output=True)
    found = []
    for name, value in outputs.items():
        for full, tensor in _tensors(name, value):
            shape = tuple(tensor.shape[1:])
            if tensor.is_floating_point() and tensor.shape[:1] == (1,) and (fits := fitting_poolings(shape)):
                kind = type(network if name == OUTPUT else modules[name]).__name__
                found.append(Layer(name=full, kind=kind, shape=shape, poolings=fits, n_flat=math.prod(shape)))
    return tuple(found)


def run_layers(
    network: torch.nn.Module, inputs: torch.Tensor, names: Sequence[str], *, with_output: bool = False
) -> dict[str, Any]:
    """Give what several layers give, from one forward pass. No hook stays, whatever happens.

    Parameters
    ----------
    network : torch.nn.Module
    inputs : Tensor of shape (n, 3, px, px)
    names : sequence of str
        Of modules.
    with_output : bool, default False
        Add what the network gives, as "output".

    Returns
    -------
    dict of str to object
        By layer in the order of their run; a layer that runs several times gives its last output.

    Raises
    ------
    UnknownNameError
        The network has no layer of that name.
    """
    modules = dict(network.named_modules())
    found: dict[str, Any] = {}
    handles = []
    try:
        for name in names:
            if not name or name not in modules:
                raise UnknownNameError("layer", name, [*filter(None, modules), OUTPUT])
            handles.append(modules[name].register_forward_hook(_Keep(found, name)))
        output = network(inputs)
    finally:
        for handle in handles:
            handle.remove()
    if with_output:
        found[OUTPUT] = output
    return found


class _Keep:
    """A hook that keeps a layer's output."""

    def __init__(self, found: dict[str, Any], name: str) -> None:
        self._found, self._name = found, name

    def __call__(self, _module: object, _inputs: object, output: Any) -> None:
        self._found[self._name] = output


def entry(output: Any, field: str) -> torch.Tensor:
    """Take one entry of an output, or the first tensor of it where `field` is empty.

    Raises
    ------
    UnknownNameError
        There is no such entry.
    """
    entries = dict(_tensors(OUTPUT, output))
    name = f"{OUTPUT}.{field}" if field else next(iter(entries), OUTPUT)
    if name not in entries:
        raise UnknownNameError("entry of the output", name, entries)
    return entries[name]


def pool(tensor: torch.Tensor, pooling: str) -> torch.Tensor:
    """Pool an output to one vector an image.

    Parameters
    ----------
    tensor : Tensor of shape (n, dims), (n, tokens, dims), (n, channels, height, width) or (n, height, width, channels)
        Places are the tokens (with the class token, where there is one), or the cells of the map. A map is read as
        channels last where its first two sides are equal and its last one is not.
    pooling : str
        One of `POOLINGS`; "auto" is the first of `fitting_poolings`.

    Returns
    -------
    Tensor of shape (n, dims), float32

    Raises
    ------
    ParameterError
        The pooling does not fit the shape; the sentence names those that do, and what `flatten` would give.
    """
    shape = tuple(tensor.shape[1:])
    if pooling == CELLS:
        return _cells(tensor.float())
    fits = fitting_poolings(shape)
    if pooling == "auto" and fits:
        pooling = fits[0]
    if pooling not in fits:
        size = f" Flat it has {math.prod(shape):,} numbers." if len(shape) > 1 else ""
        raise ParameterError(
            f"The pooling {pooling!r} does not fit an output of shape {_shape(shape)}; "
            f"{', '.join(fits) or 'none'} does.{size}"
        )
    tensor = tensor.float()
    if pooling in ("none", "flatten"):
        return tensor.flatten(1)
    if pooling == "cls":
        return tensor[:, 0]
    places = _places(tensor)
    if pooling == "mean":
        return places.mean(dim=1)
    if pooling == "max":
        return places.amax(dim=1)
    # the clamp keeps the power of numbers that are not positive defined, as in the papers on image retrieval
    return places.clamp(min=1e-6).pow(GEM_POWER).mean(dim=1).pow(1.0 / GEM_POWER)


def tap(network: torch.nn.Module, layer: str, pooling: str) -> torch.nn.Module:
    """Make a network that gives one pooled layer of another.

    Returns
    -------
    torch.nn.Module
        Takes what `network` takes and gives (n, n_dims); in evaluation mode.

    Raises
    ------
    UnknownNameError
        There is no such layer. Entries of outputs are looked up at the first forward pass.
    ParameterError
        There is no such pooling.
    """
    import torch

    if pooling not in (*POOLINGS, CELLS):
        raise UnknownNameError("pooling", pooling, POOLINGS)
    name, field = _split(layer, dict(network.named_modules()))

    class Tapped(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.network = network

        def forward(self, inputs: torch.Tensor) -> torch.Tensor:
            names = [] if name == OUTPUT else [name]
            output = run_layers(self.network, inputs, names, with_output=not names)[name]
            return pool(entry(output, field), pooling)

    return Tapped().eval()


def _split(layer: str, modules: Mapping[str, object]) -> tuple[str, str]:
    """Cut a name into that of a module, or "output", and that of an entry, which may be empty."""
    parts = layer.split(".")
    for n in range(len(parts), 0, -1):
        name = ".".join(parts[:n])
        if name and (name in modules or name == OUTPUT):
            return name, ".".join(parts[n:])
    raise UnknownNameError("layer", layer, [*filter(None, modules), OUTPUT])


def _places(tensor: torch.Tensor) -> torch.Tensor:
    """Bring a map or tokens to (n, places, dims)."""
    if tensor.ndim == 3:
        return tensor
    rows, columns, last = tensor.shape[1:]
    is_channels_last = rows == columns and last != columns
    return tensor.flatten(1, 2) if is_channels_last else tensor.flatten(2).transpose(1, 2)


def cell_side(shape: Sequence[int], *, joined: bool = False) -> int | None:
    """Tell how many cells an output has on a side; None where its places are no square.

    Parameters
    ----------
    shape : sequence of int
        As for `fitting_poolings`.
    joined : bool, default False
        Once cells of a finer map were joined, two by two or more, so that at most `MAX_CELL_SIDE` are left.
    """
    side = 0
    if len(shape) == 2:
        side = math.isqrt(shape[0])
        if shape[0] - side**2 > MAX_EXTRA_TOKENS:
            return None
    elif len(shape) == 3 and (shape[1] == shape[2] or shape[0] == shape[1]):
        side = shape[0] if shape[0] == shape[1] != shape[2] else shape[2]
    if side < 2:
        return None
    return -(-side // -(-side // MAX_CELL_SIDE)) if joined else side


def _cells(tensor: torch.Tensor) -> torch.Tensor:
    """Give the cells of a map or of tokens as (n, cells * dims)."""
    import torch

    shape = tuple(tensor.shape[1:])
    side = cell_side(shape)
    if side is None:
        raise ParameterError(f"An output of shape {_shape(shape)} tells no places of an image apart.")
    places = _places(tensor)[:, -side * side :]
    factor = -(-side // MAX_CELL_SIDE)
    if factor > 1:
        square = places.transpose(1, 2).reshape(len(places), -1, side, side)
        pooled = torch.nn.functional.avg_pool2d(square, factor, ceil_mode=True, count_include_pad=False)
        places = pooled.flatten(2).transpose(1, 2)
    return places.flatten(1)


def _tensors(name: str, value: Any) -> list[tuple[str, torch.Tensor]]:
    """List the tensors of an output with their names; a tensor alone has the name of the layer."""
    import torch

    if isinstance(value, torch.Tensor):
        return [(name, value)]
    items: list[tuple[Any, Any]] = []
    if isinstance(value, Mapping):
        items = list(value.items())
    elif isinstance(value, (list, tuple)):
        keys: Sequence[Any] = getattr(value, "_fields", range(len(value)))
        items = list(zip(keys, value, strict=True))
    elif is_dataclass(value):
        items = [(field.name, getattr(value, field.name)) for field in fields(value)]
    found = []
    for key, inner in items:
        found += _tensors(f"{name}.{key}", inner)
    return found


def _shape(shape: Sequence[int]) -> str:
    return " x ".join(map(str, shape)) or "a number"
