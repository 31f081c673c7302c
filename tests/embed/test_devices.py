"""Where a network is computed: what may be asked for, how a batch is divided, found and halved."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dataeval_ui.embed import devices
from dataeval_ui.embed.devices import Device, check_device, choose_devices, computes_mixed, select_devices
from dataeval_ui.embed.embedder import Embedder, embedder_of_backbone, key_of
from dataeval_ui.embed.engines import numeric_type_of, open_engine
from dataeval_ui.embed.runners import TorchRunner
from dataeval_ui.errors import ParameterError
from dataeval_ui.settings import Settings
from dataeval_ui.store.workspace import open_workspace
from tests.embed.fakes import TINY, CountingRunner, tiny_backbone, tiny_embedder

torch = pytest.importorskip("torch")
PIXELS = np.random.default_rng(0).integers(0, 256, (11, 16, 16, 3), dtype=np.uint8)


class Small(torch.nn.Module):
    """A small network with room for `n_room` images; notes every batch."""

    def __init__(self, n_room: int | None = None) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.conv = torch.nn.Conv2d(3, 48, 3, stride=2)
        self.n_room = n_room

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.n_room is not None and len(x) > self.n_room:
            raise torch.OutOfMemoryError("no room")
        return self.conv(x).relu().mean(dim=(2, 3))


def expected() -> np.ndarray:
    return TorchRunner(Small().eval(), TINY).run(PIXELS)


@pytest.mark.parametrize("device", ["auto", "cpu", "cuda", "cuda:0", "cuda:12", "mps"])
def test_a_device_may_be_named(device: str) -> None:
    check_device(device)


@pytest.mark.parametrize("device", ["", "gpu", "cuda:", "cuda:-1", "cuda:01", "cuda:0 ", "cuda:0\n", "CPU", "meta"])
def test_what_names_no_device_is_refused(device: str) -> None:
    with pytest.raises(ParameterError, match="device must be auto, cpu, cuda, cuda:N or mps"):
        check_device(device)


def test_a_precision_is_full_or_mixed() -> None:
    with pytest.raises(ParameterError, match="precision must be full or mixed, got 'half'"):
        check_device("cpu", "half")


@pytest.mark.parametrize(
    ("device", "n_cuda", "has_mps", "chosen"),
    [
        ("auto", 0, False, ("cpu",)),
        ("auto", 2, False, ("cuda:0", "cuda:1")),
        ("auto", 0, True, ("mps",)),
        ("cuda", 2, False, ("cuda:0", "cuda:1")),
        ("cuda:1", 2, False, ("cuda:1",)),
        ("mps", 0, True, ("mps",)),
    ],
)
def test_the_device_is_selected_from_what_is_there(
    device: str, n_cuda: int, has_mps: bool, chosen: tuple[str, ...]
) -> None:
    cuda = tuple(f"cuda:{i}" for i in range(n_cuda))
    assert select_devices(device, cuda=cuda, has_mps=has_mps) == chosen


@pytest.mark.parametrize("device", ["cuda", "cuda:2", "mps"])
def test_a_device_that_is_not_there_is_told_with_what_is(device: str) -> None:
    cuda = () if device == "cuda" else ("cuda:0",)
    there = ", ".join(["cpu", *cuda])
    with pytest.raises(ParameterError, match=rf"no device '{device}' that torch can use; it has {there}\. Use auto"):
        select_devices(device, cuda=cuda, has_mps=False)


def test_the_cpu_needs_no_torch_and_is_never_mixed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "looks_accelerated", lambda: False)
    monkeypatch.setitem(__import__("sys").modules, "torch", None)
    assert choose_devices("auto") == choose_devices("cpu") == ("cpu",)
    assert numeric_type_of(tiny_backbone(), Settings(precision="mixed")) == "float32"
    assert computes_mixed(("cuda:0",), "mixed")
    assert not computes_mixed(("cuda:0",), "full")


def test_devices_are_listed_by_another_process(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    said = "a warning\ndevices:\ncuda:0\tNVIDIA A\ncuda:1\tNVIDIA B\n"
    monkeypatch.setattr(devices, "looks_accelerated", lambda: True)
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: subprocess.CompletedProcess([], 0, stdout=said))
    devices.list_devices.cache_clear()
    assert devices.list_devices() == (Device(name="cuda:0", title="NVIDIA A"), Device(name="cuda:1", title="NVIDIA B"))
    devices.list_devices.cache_clear()
    exec(devices._LIST, {})  # what that process is asked, of the torch of this machine
    head, *lines = capsys.readouterr().out.splitlines()
    assert head == "devices:"
    assert bool(lines) == (torch.cuda.is_available() or torch.backends.mps.is_available())


@pytest.mark.parametrize("n_devices", [2, 3, 16])
def test_a_batch_is_divided_between_devices_in_order(n_devices: int) -> None:
    runner = TorchRunner(Small().eval(), TINY, devices=("cpu",) * n_devices)
    np.testing.assert_allclose(runner.run(PIXELS), expected(), atol=1e-5)
    np.testing.assert_allclose(runner.run(PIXELS[:1]), expected()[:1], atol=1e-5)


def test_each_device_has_a_copy_of_its_own() -> None:
    runner = TorchRunner(Small().eval(), TINY, devices=("cpu", "cpu"))
    first, second = (next(network.parameters()) for network in runner._networks)
    assert first.data_ptr() != second.data_ptr()


def test_mixed_precision_stays_close_to_full_and_gives_float32() -> None:
    mixed = TorchRunner(Small().eval(), TINY, is_mixed=True).run(PIXELS)  # bfloat16 here, coarser than float16
    full = expected()
    assert mixed.dtype == np.float32
    assert (mixed != full).any()
    cosines = (mixed * full).sum(1) / np.linalg.norm(mixed, axis=1) / np.linalg.norm(full, axis=1)
    assert cosines.min() >= 0.999


class Timed(TorchRunner):
    """Costs a fixed time a pass and `an_image` an image, in a clock of its own; has room for `n_room`."""

    def __init__(self, a_pass: float, an_image: float, n_room: int) -> None:
        super().__init__(Small(n_room).eval(), TINY, devices=("cpu", "cpu"))
        self.a_pass, self.an_image = a_pass, an_image
        self.tried: list[int] = []

    def _seconds_an_image(self, pixels: np.ndarray) -> float | None:
        self.tried.append(len(pixels))
        if super()._seconds_an_image(pixels) is None:
            return None
        return self.a_pass / len(pixels) + self.an_image


@pytest.mark.parametrize(
    ("a_pass", "n_room", "n_first", "n_max", "found", "tried"),
    [
        (100.0, 1000, 4, 64, 64, [4, 8, 16, 32, 64]),  # doubled to the bound
        (100.0, 8, 4, 64, 16, [4, 8, 16, 32]),  # two devices with room for 8 each
        (0.0, 1000, 4, 64, 4, [4, 8]),  # a doubling that gains nothing is not taken
        (100.0, 2, 32, 64, 4, [32, 16, 8, 4, 8]),  # halved first
        (100.0, 1000, 128, 64, 64, [64]),
    ],
)
def test_the_batch_is_found_by_doubling_and_halving(
    a_pass: float, n_room: int, n_first: int, n_max: int, found: int, tried: list[int]
) -> None:
    runner = Timed(a_pass, 1.0, n_room)
    assert runner.find_batch(n_first, n_max) == found
    assert runner.tried == tried


def test_on_the_cpu_no_batch_is_tried() -> None:
    runner = TorchRunner(Small(n_room=0).eval(), TINY)
    assert runner.find_batch(32, 256) == 32


def test_an_embedder_takes_the_batch_that_its_runner_finds_and_halves_it_where_memory_runs_out() -> None:
    class Finding(CountingRunner):
        def find_batch(self, n_first: int, n_max: int) -> int:
            assert (n_first, n_max) == (4, 64)
            return 8

    runner = Finding(max_batch=5)
    told = tiny_embedder(runner)
    embedder = Embedder(backbone=told.backbone, key=told.key, open_runner=lambda: runner, batch_size=4, max_batch=64)
    embeddings = embedder.embed(PIXELS)
    assert runner.batches == [4, 4, 3]
    assert embedder.batch_size == 4
    np.testing.assert_array_equal(embeddings, tiny_embedder(CountingRunner()).embed(PIXELS))


def test_a_device_that_this_machine_lacks_is_told_before_anything_is_exported(tmp_path: Path) -> None:
    settings = Settings(workspace=tmp_path, device="cuda:99")
    with pytest.raises(ParameterError, match="no device 'cuda:99'"):
        open_engine(tiny_backbone(), tiny_embedder(CountingRunner()).key, None, workspace=None, settings=settings)


def _accelerator() -> str | None:
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else None


@pytest.mark.skipif(_accelerator() is None, reason="needs a CUDA or MPS device that torch can use")
@pytest.mark.parametrize(("precision", "min_cosine"), [("full", 0.99999), ("mixed", 0.999)])
def test_the_default_backbone_agrees_with_the_cpu(tmp_path: Path, precision: str, min_cosine: float) -> None:
    from dataeval_ui.embed.backbones import get_backbone
    from tests.embed.generated import golden_images

    settings = Settings(workspace=tmp_path, device=_accelerator() or "auto", precision=precision)
    workspace = open_workspace(tmp_path)
    backbone = get_backbone("efficientnet-lite0")
    there = embedder_of_backbone(backbone, workspace=workspace, settings=settings)
    here = embedder_of_backbone(backbone, workspace=workspace, settings=replace(settings, device="cpu"))
    assert (there.key == here.key) == (precision == "full")
    images = golden_images()
    a, b = there.embed(images), here.embed(images)
    assert there.batch_size >= 1
    assert ((a * b).sum(1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)).min() >= min_cosine


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device that torch can use")
def test_memory_that_runs_out_on_cuda_is_a_memory_error() -> None:
    class Greedy(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            free, _ = torch.cuda.mem_get_info(x.device)
            return torch.empty(free * 2, dtype=torch.uint8, device=x.device)

    with pytest.raises(MemoryError):
        TorchRunner(Greedy(), TINY, devices=("cuda:0",)).run(PIXELS)


def test_mixed_embeddings_have_a_key_of_their_own() -> None:
    class Weights:
        digest = "c"

    full = key_of(tiny_backbone(), Weights())  # type: ignore[arg-type]
    mixed = key_of(tiny_backbone(), Weights(), numeric_type="mixed")  # type: ignore[arg-type]
    assert full.numeric_type == "float32"
    assert full.digest() != mixed.digest()
