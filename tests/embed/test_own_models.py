"""Models of one's own, end to end through the embedder, and hostile ones."""

from __future__ import annotations

import os
import re
import sys
import zipfile
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dataeval_ui.embed.choices import find_backbone, list_backbones
from dataeval_ui.embed.embedder import load_embedder
from dataeval_ui.embed.layer_lists import layers_of
from dataeval_ui.embed.own_models import record_model
from dataeval_ui.embed.preprocessing import normalise
from dataeval_ui.errors import CheckpointError, InputError, ParameterError, UnknownNameError
from dataeval_ui.settings import Settings, environment_of, load_settings
from dataeval_ui.store.workspace import Workspace, open_workspace
from dataeval_ui.types import OwnModel
from tests.embed.fakes import TINY

torch = pytest.importorskip("torch")
INPUT = {"input_px": 16, "interpolation": "bilinear", "mean": [0.5] * 3, "std": [0.5] * 3}
PIXELS = np.random.default_rng(0).integers(0, 256, (5, 16, 16, 3), dtype=np.uint8)


class _Net(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.conv = torch.nn.Conv2d(3, 8, 4, stride=4)
        self.head = torch.nn.Linear(8, 5)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        cells = self.conv(x).relu()
        return cells, self.head(cells.mean(dim=(2, 3)))


class _VectorFirst(_Net):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(x)[1]


def _expected(place: int = 1) -> np.ndarray:
    with torch.inference_mode():
        output = _Net().eval()(torch.from_numpy(normalise(PIXELS, TINY)))[place]
    return output.numpy() if place else output.mean(dim=(2, 3)).numpy()


def _onnx(path: Path, *, batch: int | None = None, names: tuple[str, str] = ("cells", "vector")) -> Path:
    torch.onnx.export(
        _Net().eval(),
        (torch.zeros(batch or 2, 3, 16, 16),),
        path,
        dynamo=True,
        dynamic_shapes=None if batch else {"x": {0: torch.export.Dim("n")}},
        input_names=["x"],
        output_names=list(names),
        external_data=False,
        verbose=False,
    )
    return path


def _pt2(path: Path, *, batch: int | None = None) -> Path:
    shapes = None if batch else {"x": {0: torch.export.Dim("n")}}
    program = torch.export.export(_VectorFirst().eval(), (torch.zeros(batch or 2, 3, 16, 16),), dynamic_shapes=shapes)
    torch.export.save(program, path)
    return path


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return open_workspace(tmp_path / "workspace")


def _embed(workspace: Workspace, table: dict[str, Any], **options: Any) -> np.ndarray:
    own = record_model({**INPUT, **table}, workspace=workspace)
    settings = Settings(workspace=workspace.root, n_threads=1)
    return load_embedder(own.name, workspace=workspace, settings=settings, **options).embed(PIXELS)


@pytest.mark.parametrize("batch", [None, 3])
def test_an_onnx_file_gives_what_the_network_gives_whatever_its_batch(
    tmp_path: Path, workspace: Workspace, batch: int | None
) -> None:
    got = _embed(workspace, {"kind": "onnx", "path": str(_onnx(tmp_path / "m.onnx", batch=batch))})
    np.testing.assert_allclose(got, _expected(), atol=1e-5)  # the first vector, not the first output


def test_outputs_and_inner_tensors_of_an_onnx_file_are_taken_by_name(tmp_path: Path, workspace: Workspace) -> None:
    path = _onnx(tmp_path / "m.onnx", names=("embedding", "logits"))
    np.testing.assert_allclose(_embed(workspace, {"kind": "onnx", "path": str(path)}), _expected(0), atol=1e-5)
    table = {"kind": "onnx", "path": str(path), "output": "logits"}
    np.testing.assert_allclose(_embed(workspace, table), _expected(), atol=1e-5)
    own = record_model({**INPUT, **table}, workspace=workspace)
    settings = Settings(workspace=workspace.root)
    layers = {
        layer.name: layer
        for layer in layers_of(
            find_backbone(own.name, settings=settings, workspace=workspace), settings=settings, workspace=workspace
        )
    }
    inner = next(name for name, layer in layers.items() if layer.kind == "Conv")
    assert layers[inner].shape == (8, 4, 4)
    got = _embed(workspace, table, layer=inner, pooling="flatten")
    with torch.inference_mode():
        expected = _Net().conv(torch.from_numpy(normalise(PIXELS, TINY))).flatten(1).numpy()
    np.testing.assert_allclose(got, expected, atol=1e-5)
    with pytest.raises(UnknownNameError, match="no tensor named 'nowhere'"):
        _embed(workspace, {**table, "output": "nowhere"})


@pytest.mark.parametrize("batch", [None, 3])
def test_a_torch_export_file_gives_what_the_network_gives_whatever_its_batch(
    tmp_path: Path, workspace: Workspace, batch: int | None
) -> None:
    got = _embed(workspace, {"kind": "exported", "path": str(_pt2(tmp_path / "m.pt2", batch=batch))})
    np.testing.assert_allclose(got, _expected(), atol=1e-5)


def test_a_checkpoint_of_a_known_architecture_gives_timms_features(tmp_path: Path, workspace: Workspace) -> None:
    import timm

    torch.manual_seed(0)
    theirs = timm.create_model("resnet10t", num_classes=0).eval()
    torch.save({"model": {f"module.{n}": t for n, t in theirs.state_dict().items()}}, tmp_path / "m.pth")
    got = _embed(workspace, {"kind": "checkpoint", "path": str(tmp_path / "m.pth"), "model": "resnet10t"})
    with torch.inference_mode():
        np.testing.assert_allclose(got, theirs(torch.from_numpy(normalise(PIXELS, TINY))).numpy(), atol=1e-4)


def test_a_factory_of_the_settings_is_called_and_its_file_is_in_the_key(
    tmp_path: Path, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = tmp_path / "own_factory_of_this_test.py"
    module.write_text("import torch\ndef build():\n    return torch.nn.Flatten()\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    (workspace.root / "settings.toml").write_text(
        '[[models]]\nname = "flat"\nkind = "factory"\nfactory = "own_factory_of_this_test:build"\n'
        'input_px = 16\nmean = [0.5, 0.5, 0.5]\nstd = [0.5, 0.5, 0.5]\nlicence = "MIT"\n'
    )
    settings = load_settings({"workspace": workspace.root}, environment={})
    assert "flat" in list_backbones(settings, workspace)
    embedder = load_embedder("flat", workspace=workspace, settings=settings)
    np.testing.assert_allclose(embedder.embed(PIXELS), normalise(PIXELS, TINY).reshape(5, -1), atol=1e-5)
    module.write_text("import torch\ndef build():\n    return torch.nn.Flatten(1)\n")
    assert load_embedder("flat", workspace=workspace, settings=settings).key != embedder.key
    assert not any("own_factory" in value for value in environment_of(settings).values())
    sys.modules.pop("own_factory_of_this_test", None)


def test_a_factory_is_known_from_the_settings_alone(tmp_path: Path, workspace: Workspace) -> None:
    file = tmp_path / "w.pth"
    file.write_bytes(b"")
    with pytest.raises(InputError, match=r"named in settings\.toml alone"):
        record_model({**INPUT, "kind": "factory", "path": str(file), "factory": "os:getcwd"}, workspace=workspace)
    folder = workspace.root / "own-models"
    folder.mkdir()
    (folder / "x.json").write_text('{"name": "x", "kind": "factory", "factory": "os:getcwd", "input_px": 8}')
    assert "x" not in list_backbones(Settings(workspace=workspace.root), workspace)


def test_everything_that_is_declared_is_in_the_key(tmp_path: Path, workspace: Workspace) -> None:
    path = _onnx(tmp_path / "m.onnx")
    settings = Settings(workspace=workspace.root)
    base = {**INPUT, "kind": "onnx", "path": str(path)}
    changes: list[dict[str, Any]] = [
        {},
        {"resize_px": 20},
        {"mean": [0.4, 0.5, 0.5]},
        {"std": [0.4, 0.5, 0.5]},
        {"interpolation": "bicubic"},
        {"squash": True},
        {"output": "cells"},
        {"pooling": "max", "output": "cells"},
    ]
    keys = set()
    for change in changes:
        own = record_model({**base, **change}, workspace=workspace)
        key = load_embedder(own.name, workspace=workspace, settings=settings).key
        keys.add(tuple(getattr(key, f.name) for f in fields(key) if f.name != "backbone"))
    assert len(keys) == len(changes)
    own = record_model(base, workspace=workspace)
    before = load_embedder(own.name, workspace=workspace, settings=settings).key
    _onnx(path, names=("cells", "vektor"))
    assert load_embedder(own.name, workspace=workspace, settings=settings).key.checkpoint != before.checkpoint


def _external(path: Path) -> None:
    import onnx

    _onnx(path)
    onnx.save(onnx.load(path), path, save_as_external_data=True, size_threshold=0, location="secret")


def _two_inputs(path: Path) -> None:
    class Two(torch.nn.Module):
        def forward(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
            return x.mean(dim=(2, 3)) + y

    torch.onnx.export(Two(), (torch.zeros(2, 3, 16, 16), torch.zeros(2, 3)), path, dynamo=True, verbose=False)


def _other_size(path: Path) -> None:
    torch.onnx.export(torch.nn.Flatten(), (torch.zeros(2, 3, 32, 32),), path, dynamo=True, verbose=False)


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (lambda path: path.write_bytes(b"\x80\x04no protobuf"), "cannot be read as ONNX"),
        (lambda path: path.write_bytes(b""), "is no ONNX model"),
        (
            lambda path: path.write_bytes(_onnx(path).read_bytes()[:900]),
            "cannot be read as ONNX|ONNX Runtime cannot run",
        ),
        (_external, "keeps its weights in other files"),
        (_two_inputs, "takes one tensor of images"),
        (_other_size, "input_px 16 is declared"),
    ],
)
def test_an_onnx_file_that_cannot_be_used_is_one_sentence(
    tmp_path: Path, workspace: Workspace, spoil: Any, why: str
) -> None:
    path = tmp_path / "a" / "b" / "m.onnx"
    path.parent.mkdir(parents=True)
    spoil(path)
    with pytest.raises(CheckpointError, match=why) as caught:
        _embed(workspace, {"kind": "onnx", "path": str(path)})
    assert "\n" not in str(caught.value)


class _Evil:
    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return os.system, ("touch evil",)


def _with_entry(path: Path, name: str, data: bytes, replace: str | None = None) -> None:
    """Write an archive again with one entry more, or another content of one."""
    with zipfile.ZipFile(path) as archive:
        entries = {info.filename: archive.read(info) for info in archive.infolist()}
    root = next(iter(entries)).split("/")[0]
    known = next((entry for entry in entries if replace and entry.endswith(replace)), None)
    entries[known or f"{root}/{name}"] = data
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for entry, content in entries.items():
            archive.writestr(entry, content)


@pytest.mark.parametrize("where", ["custom object", "compiled code", "sample inputs", "size", "call", "no archive"])
def test_code_in_a_torch_export_file_is_refused_and_never_run(
    tmp_path: Path, workspace: Workspace, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    import io
    import pickle

    monkeypatch.chdir(tmp_path)
    path = _pt2(tmp_path / "m.pt2")
    if where == "custom object":
        _with_entry(path, "data/constants/custom_obj_0", pickle.dumps(_Evil()))
    elif where == "compiled code":
        _with_entry(path, "data/aotinductor/model/model.so", b"\x7fELF")
    elif where == "sample inputs":
        buffer = io.BytesIO()
        torch.save(_Evil(), buffer)
        _with_entry(path, "", buffer.getvalue(), replace="data/sample_inputs/model.pt")
    elif where in ("size", "call"):
        with zipfile.ZipFile(path) as archive:
            name = next(n for n in archive.namelist() if n.endswith("models/model.json"))
            text = archive.read(name).decode()
        key = "expr_str" if where == "size" else "target"
        code = "__import__('os').system('touch evil')"
        spoiled = re.sub(rf'"{key}"\s*:\s*"[^"]*"', lambda _: f'"{key[:-1]}\\u{ord(key[-1]):04x}": "{code}"', text)
        assert spoiled != text
        _with_entry(path, "", spoiled.encode(), replace="models/model.json")
    else:
        path.write_bytes(pickle.dumps(_Evil()))
    with pytest.raises(CheckpointError) as caught:
        _embed(workspace, {"kind": "exported", "path": str(path)})
    assert str(path) in str(caught.value)
    assert not (tmp_path / "evil").exists()
    assert "TORCH_FORCE_WEIGHTS_ONLY_LOAD" not in os.environ


def test_a_torch_export_file_of_another_size_is_refused(tmp_path: Path, workspace: Workspace) -> None:
    path = _pt2(tmp_path / "m.pt2")
    own = record_model({**INPUT, "input_px": 32, "kind": "exported", "path": str(path)}, workspace=workspace)
    embedder = load_embedder(own.name, workspace=workspace, settings=Settings(workspace=workspace.root))
    with pytest.raises(CheckpointError, match="n x 3 x 32 x 32 is declared"):
        embedder.open()


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"input_px": 0}, r"input_px of the model 'm' must be in \[1, 2048\], got 0"),
        ({"input_px": True}, "input_px of the model 'm' must be"),
        ({"resize_px": 8}, r"resize_px of the model 'm' must be in \[16, 4096\], got 8"),
        ({"std": [1, 0, 1]}, "std of the model 'm' is three numbers above 0"),
        ({"mean": [float("nan")] * 3}, "mean of the model 'm' is three numbers"),
        ({"interpolation": "nearest"}, "bicubic or bilinear"),
        ({"kind": "pickle"}, "onnx, exported, checkpoint or factory, got 'pickle'"),
        ({"kind": "checkpoint"}, "of kind checkpoint needs path and model; model is missing"),
        ({"name": "../m"}, "name of a model has 1 to 64 letters"),
        ({"path": 3}, "path of the model 'm' is a text"),
        ({"inputs": 3}, "no key of a model named 'inputs'. Did you mean 'input_px'"),
    ],
)
def test_a_declaration_that_cannot_be_used_is_one_sentence(change: dict[str, Any], why: str) -> None:
    with pytest.raises((ParameterError, UnknownNameError), match=why):
        OwnModel.from_table({"name": "m", "kind": "onnx", "path": "m.onnx", "input_px": 16, **change})


def test_a_name_of_the_registry_is_not_taken_over(workspace: Workspace) -> None:
    own = OwnModel.from_table({"name": "resnet50", "kind": "onnx", "path": "m.onnx", "input_px": 16})
    with pytest.raises(InputError, match=r"'resnet50' in settings\.toml is taken"):
        list_backbones(Settings(workspace=workspace.root, models=(own,)), workspace)
