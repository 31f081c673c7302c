from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dataeval_ui.embed import onnx
from dataeval_ui.embed.onnx import open_cpu_runner
from dataeval_ui.embed.preprocessing import normalise
from dataeval_ui.embed.runners import OnnxRunner, Runner, TorchRunner
from dataeval_ui.store.durable import read_json
from tests.embed.fakes import TINY, CountingRunner, tiny_embedder

torch = pytest.importorskip("torch")
KEY = tiny_embedder(CountingRunner()).key


class _Small(torch.nn.Module):
    """A small network; `twist` makes it give something else once it is exported."""

    def __init__(self, twist: str = "") -> None:
        super().__init__()
        torch.manual_seed(0)
        self.conv = torch.nn.Conv2d(3, 8, 3, stride=2)
        self.twist = twist

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.conv(x).relu().mean(dim=(2, 3))
        if self.twist == "wrong" and torch.compiler.is_compiling():
            return y.flip(1)
        if self.twist == "fails" and x.sum().item() > 1e9:  # control flow on values cannot be exported
            return y * 2
        return y


class _Loader:
    def __init__(self, twist: str = "") -> None:
        self.n_calls = 0
        self.twist = twist

    def __call__(self) -> torch.nn.Module:
        self.n_calls += 1
        return _Small(self.twist).eval()


def _open(load: _Loader, models_dir: Path) -> Runner:
    return open_cpu_runner(load, key=KEY, preprocessing=TINY, models_dir=models_dir, n_threads=1)


def _pixels(n: int) -> np.ndarray:
    return np.random.default_rng(n).integers(0, 256, (n, 16, 16, 3), dtype=np.uint8)


def _expected(pixels: np.ndarray) -> np.ndarray:
    with torch.inference_mode():
        return _Small().eval()(torch.from_numpy(normalise(pixels, TINY))).numpy()


def test_the_export_gives_what_torch_gives_for_every_batch_size_and_is_made_once(tmp_path: Path) -> None:
    load = _Loader()
    first, second = _open(load, tmp_path), _open(load, tmp_path)
    assert load.n_calls == 1
    for runner in (first, second):
        assert isinstance(runner, OnnxRunner)
        for n in (1, 3, 17):
            np.testing.assert_allclose(runner.run(_pixels(n)), _expected(_pixels(n)), atol=1e-5)


@pytest.mark.parametrize("twist", ["wrong", "fails"])
def test_torch_is_used_and_remembered_where_the_export_is_wrong_or_fails(tmp_path: Path, twist: str) -> None:
    load = _Loader(twist)
    for _ in range(2):
        runner = _open(load, tmp_path)
        assert isinstance(runner, TorchRunner)
        np.testing.assert_allclose(runner.run(_pixels(5)), _expected(_pixels(5)), atol=1e-5)
    (decision,) = tmp_path.glob("*.json")
    assert read_json(decision)["runner"] == "torch"
    assert ("has a cosine" in read_json(decision)["why"]) == (twist == "wrong")
    assert list(tmp_path.glob("*.onnx")) == []


def test_a_lost_export_or_decision_is_made_again(tmp_path: Path) -> None:
    load = _Loader()
    _open(load, tmp_path)
    next(tmp_path.glob("*.onnx")).unlink()
    _open(load, tmp_path)
    next(tmp_path.glob("*.json")).write_text("{")
    assert isinstance(_open(load, tmp_path), OnnxRunner)
    assert load.n_calls == 3


def test_an_export_with_one_changed_bit_is_never_run(tmp_path: Path) -> None:
    load = _Loader()
    expected = _open(load, tmp_path).run(_pixels(3))
    path = next(tmp_path.glob("*.onnx"))
    data = bytearray(path.read_bytes())
    for n_calls, place in enumerate((4, len(data) // 2, len(data) - 1), start=2):
        data[place] ^= 1
        path.write_bytes(data)
        np.testing.assert_array_equal(_open(load, tmp_path).run(_pixels(3)), expected)
        assert load.n_calls == n_calls
        data = bytearray(path.read_bytes())


def test_another_version_of_the_exporter_exports_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    load = _Loader()
    _open(load, tmp_path)
    monkeypatch.setattr(onnx, "EXPORT_VERSION", -1)
    _open(load, tmp_path)
    assert load.n_calls == 2
