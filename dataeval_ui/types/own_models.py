"""A model of the user's own, as it is declared."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, get_args

from dataeval_ui.errors import ParameterError, UnknownNameError
from dataeval_ui.types.images import Preprocessing

OwnKind = Literal["onnx", "exported", "checkpoint", "factory"]

_NAME = re.compile(r"[A-Za-z0-9][\w.-]{0,63}", re.ASCII)
_INPUT = ("input_px", "resize_px", "interpolation", "mean", "std", "squash")
_TEXTS = ("path", "model", "factory", "output", "layer", "pooling", "title", "licence")
MAX_INPUT_PX = 2048


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnModel:
    """A model of the user's own, as declared in `settings.toml` or on the command line.

    Attributes
    ----------
    name : str
        Letters, digits, `-`, `_` and `.`.
    kind : {"onnx", "exported", "checkpoint", "factory"}
        An ONNX file, a `torch.export` archive, weights of one of timm's architectures, or a Python function.
    path : str or None
        The file; for a factory, weights that it is given, or None.
    model : str or None
        timm's name of the architecture, for a checkpoint; or "smp:architecture/encoder".
    factory : str or None
        "module:function"; it returns a `torch.nn.Module`. Known from the settings alone.
    preprocessing : Preprocessing
    output : str or None
        Name of an output or of an inner tensor of an ONNX file; None follows the rule of `docs/backbones/own.md`.
    layer, pooling : str or None
        As on the command line.
    title, licence : str
        For the card.
    """

    name: str
    kind: OwnKind
    preprocessing: Preprocessing
    path: str | None = None
    model: str | None = None
    factory: str | None = None
    output: str | None = None
    layer: str | None = None
    pooling: str | None = None
    title: str = ""
    licence: str = "your own"

    def to_table(self) -> dict[str, Any]:
        """Return what `from_table` reads."""
        table = {f.name: getattr(self, f.name) for f in fields(self) if f.name != "preprocessing"}
        given = asdict(self.preprocessing)
        return {name: value for name, value in {**table, **{n: given[n] for n in _INPUT}}.items() if value is not None}

    @classmethod
    def from_table(cls, table: Mapping[str, Any]) -> OwnModel:
        """Read a table of `settings.toml`.

        Parameters
        ----------
        table : mapping
            `name`, `kind` and `input_px` are needed, and what the kind needs. Default: `resize_px` as `input_px`,
            ImageNet's mean and deviation, bicubic.

        Raises
        ------
        UnknownNameError
            A key that is not known.
        ParameterError
            A value of another type or outside its range, or one that is missing.
        """
        if not isinstance(table, Mapping):
            raise ParameterError(f"A model is a table with name, kind and input_px, got {table!r}.")
        for key in table:
            if key not in ("name", "kind", *_INPUT, *_TEXTS):
                raise UnknownNameError("key of a model", str(key), ("name", "kind", *_INPUT, *_TEXTS))
        name = table.get("name")
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise ParameterError(f"The name of a model has 1 to 64 letters, digits, '-', '_' and '.', got {name!r}.")
        kind: Any = table.get("kind")
        if kind not in get_args(OwnKind):
            raise ParameterError(
                f"The kind of the model {name!r} is onnx, exported, checkpoint or factory, got {kind!r}."
            )
        for key in _TEXTS:
            if not isinstance(table.get(key, ""), str):
                raise ParameterError(f"The {key} of the model {name!r} is a text, got {table[key]!r}.")
        needed = {"checkpoint": ("path", "model"), "factory": ("factory",)}.get(kind, ("path",))
        for key in needed:
            if not table.get(key):
                raise ParameterError(
                    f"The model {name!r} of kind {kind} needs {' and '.join(needed)}; {key} is missing."
                )
        return cls(
            name=name,
            kind=kind,
            preprocessing=_preprocessing(name, table),
            **{key: table[key] for key in _TEXTS if table.get(key)},
        )


def _preprocessing(name: str, table: Mapping[str, Any]) -> Preprocessing:
    input_px: Any = table.get("input_px")
    resize_px: Any = table.get("resize_px", input_px)
    if not _is_int(input_px) or not 1 <= input_px <= MAX_INPUT_PX:
        raise ParameterError(f"input_px of the model {name!r} must be in [1, {MAX_INPUT_PX}], got {input_px!r}.")
    if not _is_int(resize_px) or not input_px <= resize_px <= 2 * MAX_INPUT_PX:
        raise ParameterError(
            f"resize_px of the model {name!r} must be in [{input_px}, {2 * MAX_INPUT_PX}], got {resize_px!r}."
        )
    interpolation = table.get("interpolation", "bicubic")
    if interpolation not in ("bicubic", "bilinear"):
        raise ParameterError(f"interpolation of the model {name!r} is bicubic or bilinear, got {interpolation!r}.")
    squash = table.get("squash", False)
    if not isinstance(squash, bool):
        raise ParameterError(f"squash of the model {name!r} is true or false, got {squash!r}.")
    return Preprocessing(
        input_px=input_px,
        resize_px=resize_px,
        interpolation=interpolation,
        mean=_three(name, "mean", table.get("mean", (0.485, 0.456, 0.406))),
        std=_three(name, "std", table.get("std", (0.229, 0.224, 0.225)), above=0.0),
        squash=squash,
    )


def _is_int(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _three(name: str, key: str, value: Any, above: float | None = None) -> tuple[float, float, float]:
    numbers = list(value) if isinstance(value, (list, tuple)) else [value]
    good = len(numbers) == 3 and all(isinstance(n, (int, float)) and abs(n) <= 1000 for n in numbers)
    if not good or (above is not None and min(numbers) <= above):
        limit = f" above {above:g}" if above is not None else ""
        raise ParameterError(
            f"{key} of the model {name!r} is three numbers{limit}, of red, green and blue in [0, 1], got {value!r}."
        )
    return float(numbers[0]), float(numbers[1]), float(numbers[2])
