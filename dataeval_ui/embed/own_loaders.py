"""Networks of the user's own: `torch.export` archives and Python factories."""

from __future__ import annotations

import importlib
import json
import os
import re
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

from dataeval_ui.errors import CheckpointError, InputError

if TYPE_CHECKING:
    import torch

    from dataeval_ui.types import Backbone

_ALLOWED = re.compile(
    r"[^/]+/(archive_format|archive_version|byteorder|version|\.format_version|\.storage_alignment"
    r"|\.data/[\w.-]+|models/[\w.-]+\.json|data/(weights|constants|sample_inputs)/[\w.-]+|extra/[\w.-]+)"
)
_FORBIDDEN = re.compile(r"custom_obj|aotinductor|\.so$|opaque")
_SAFE_EXPRESSION = re.compile(
    r"(?:Symbol\('[a-z]+\d+'(?:, (?:positive|negative|nonnegative|nonpositive|nonzero|integer)=(?:True|False))*\)"
    r"|[suz]\d+|Add|Mul|Pow|Integer|Rational|Max|Min|Mod|FloorDiv|CeilDiv|CleanDiv|PythonMod|IntTrueDiv|true|false"
    r"|\d+|[ +*/%(),<>=-])*",
    re.ASCII,
)
"""Sizes as torch writes them: it has sympy evaluate them, which would run whatever else is written there."""
_SAFE_TARGET = re.compile(r"torch\.ops\.\w+\.[\w.]+|_operator\.\w+|math\.\w+|torch\._?sym_\w+", re.ASCII)
_MAX_JSON_BYTES = 256 * 2**20
_loading = Lock()


def load_exported(backbone: Backbone, checkpoint: Path | None) -> torch.nn.Module:
    """Open a `torch.export` archive.

    Returns
    -------
    torch.nn.Module
        Takes (n, 3, px, px) for any n, even where the archive was made for one batch size alone. On the CPU.

    Raises
    ------
    CheckpointError
        The archive is damaged, holds more than a graph and tensors, or takes another input than is declared.

    Notes
    -----
    Tensors are read by torch's `weights_only`. Compiled code, custom objects and expressions that are more than
    arithmetic are refused before torch sees the archive.
    """
    import torch

    path = Path(backbone.path or "")
    _check_archive(path)
    try:
        with _weights_only(), _loading:
            program = torch.export.load(path)
            module = program.module()
    except (RuntimeError, ValueError, KeyError, TypeError, AttributeError, AssertionError, OSError) as error:
        raise CheckpointError(f"{path} cannot be opened as a torch.export file ({_first_line(error)}).") from None
    except Exception as error:
        if type(error).__module__.split(".")[0] in ("torch", "pickle", "_pickle", "json", "zipfile"):
            raise CheckpointError(f"{path} cannot be opened as a torch.export file ({_first_line(error)}).") from None
        raise
    names = set(program.graph_signature.user_inputs)
    inputs = [node.meta["val"] for node in program.graph.nodes if node.op == "placeholder" and node.name in names]
    px = backbone.preprocessing.input_px
    if len(inputs) != 1 or inputs[0].ndim != 4 or tuple(map(str, inputs[0].shape[1:])) != ("3", str(px), str(px)):
        shapes = ", ".join(" x ".join(map(str, getattr(value, "shape", ["?"]))) for value in inputs)
        raise CheckpointError(
            f"{path} takes {shapes or 'nothing'}, and n x 3 x {px} x {px} is declared; mend input_px."
        )
    first = inputs[0].shape[0]
    return _any_batch(module, first if isinstance(first, int) else None)


def load_factory(backbone: Backbone, checkpoint: Path | None) -> torch.nn.Module:
    """Call the Python function that the settings name.

    Raises
    ------
    InputError
        There is no such module or function, or it gives no network.
    """
    import torch

    module_name, _, function_name = backbone.model.partition(":")
    try:
        function = getattr(importlib.import_module(module_name), function_name)
    except (ImportError, AttributeError, ValueError) as error:
        raise InputError(f"The factory {backbone.model!r} of {backbone.name} cannot be imported: {error}.") from None
    network = function(Path(backbone.path)) if backbone.path is not None else function()
    if not isinstance(network, torch.nn.Module):
        raise InputError(f"The factory {backbone.model!r} gives a {type(network).__name__}, not a torch.nn.Module.")
    return network.eval()


def _any_batch(module: Any, n_fixed: int | None) -> torch.nn.Module:
    import torch

    class Exported(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.run = module.forward  # not as a submodule: exported modules refuse eval()

        def forward(self, inputs: torch.Tensor) -> object:
            if n_fixed is None:
                return self.run(inputs)
            outputs = []
            for part in torch.split(inputs, n_fixed):
                padded = torch.cat([part, part.new_zeros(n_fixed - len(part), *part.shape[1:])])
                outputs.append(_map(self.run(padded), len(part)))
            return _join(outputs)

    return Exported().eval()


def _map(output: Any, n: int) -> Any:
    """Cut every tensor of an output down to its first n rows."""
    if isinstance(output, dict):
        return {key: _map(value, n) for key, value in output.items()}
    if isinstance(output, (list, tuple)):
        return [_map(value, n) for value in output]
    return output[:n]


def _join(outputs: list[Any]) -> Any:
    import torch

    first = outputs[0]
    if isinstance(first, dict):
        return {key: _join([output[key] for output in outputs]) for key in first}
    if isinstance(first, list):
        return [_join([output[i] for output in outputs]) for i in range(len(first))]
    return torch.cat(outputs)


def _check_archive(path: Path) -> None:
    try:
        with zipfile.ZipFile(path) as archive:
            for info in archive.infolist():
                if not _ALLOWED.fullmatch(info.filename) or _FORBIDDEN.search(info.filename):
                    raise CheckpointError(
                        f"{path} holds {info.filename[:80]!r}, which is no graph and no tensor, and is not opened. "
                        "Export the network alone with torch.export.save of torch 2.8 or later."
                    )
                if not info.filename.endswith(".json"):
                    continue
                if info.file_size > _MAX_JSON_BYTES:
                    raise CheckpointError(f"{path} describes its graph in {info.file_size} bytes and is not opened.")
                _check_graph(path, json.loads(archive.read(info)))
    except (
        zipfile.BadZipFile,
        OSError,
        RuntimeError,
        NotImplementedError,
        UnicodeDecodeError,
        json.JSONDecodeError,
    ) as error:
        raise CheckpointError(f"{path} is no torch.export file ({_first_line(error)}).") from None


def _check_graph(path: Path, graph: Any) -> None:
    """Refuse sizes that are more than arithmetic, and calls of more than operators."""
    waiting = [graph]
    while waiting:
        value = waiting.pop()
        if isinstance(value, list):
            waiting += value
        elif isinstance(value, dict):
            waiting += value.values()
            size, target = value.get("expr_str"), value.get("target")
            if size is not None and not (isinstance(size, str) and _SAFE_EXPRESSION.fullmatch(size)):
                raise CheckpointError(f"{path} has a size {str(size)[:60]!r} that is no arithmetic; it is not opened.")
            # in signatures, which have no inputs, "target" is the name of a weight
            if {"inputs", "target"} <= value.keys() and not (
                isinstance(target, str) and _SAFE_TARGET.fullmatch(target)
            ):
                raise CheckpointError(f"{path} calls {str(target)[:60]!r}, which is no operator; it is not opened.")


@contextmanager
def _weights_only() -> Iterator[None]:
    """Have torch read every tensor in an archive by `weights_only`, which it does not do by itself."""
    name = "TORCH_FORCE_WEIGHTS_ONLY_LOAD"
    before = os.environ.get(name)
    os.environ[name] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before


def _first_line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0][:160].rstrip(".")
