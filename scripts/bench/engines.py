"""What runs a network fastest on this machine's CPU: each engine as a ratio to torch eager, and its cosine to it.

    python scripts/bench/engines.py [--backbone NAME ...] [--batch N ...] [--only WORD ...] [--n-threads N] [--rounds N]
                                     [--session]

Engines take turns within a round, so that whatever else the machine does meets all of them; a ratio is taken in each
round, and the median over rounds is printed with the lowest and the highest, of wall time and of the processor's time:
the latter holds on a machine that others use too. Every engine starts from uint8 pixels, as the product does. "default
path" is what a run uses, opened by the code that a run uses. Where a backbone's weights are not on this machine they
are random, which changes neither the cost nor what a cosine tells about the arithmetic; the table says so. OpenVINO is
measured where it is installed; the product does not need it. --session tries ONNX Runtime's own options.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from dataeval_ui.embed.backbones import BACKBONES, DEFAULT_BACKBONE, get_backbone
from dataeval_ui.embed.checkpoints import resolve_checkpoint
from dataeval_ui.embed.embedder import key_of
from dataeval_ui.embed.networks import from_pixels, load_whole_network
from dataeval_ui.embed.onnx import open_cpu_runner
from dataeval_ui.embed.preprocessing import normalise
from dataeval_ui.embed.runners import TorchRunner
from dataeval_ui.errors import BackboneUnavailableError
from dataeval_ui.settings import Settings
from dataeval_ui.store.workspace import open_workspace
from dataeval_ui.types import Backbone

Engine = Callable[[np.ndarray], np.ndarray]


def load(backbone: Backbone, settings: Settings) -> tuple[Any, str]:
    """Load a network, with random weights where its own are not here."""
    import torch

    try:
        path: Path | None = resolve_checkpoint(
            backbone, settings=settings, workspace=open_workspace(settings.workspace)
        ).path
    except BackboneUnavailableError:
        path = None
    torch.manual_seed(0)
    network = load_whole_network(backbone, path).eval()
    if path is None:  # statistics of a batch norm that never saw an image would let activations grow without bound
        network.train()
        px = backbone.preprocessing.input_px
        with torch.no_grad():
            for _ in range(3):
                network(torch.randn(8, 3, px, px))
        network.eval()
    return network, "own weights" if path else "random weights"


def engines(backbone: Backbone, settings: Settings, folder: Path, *, session: bool) -> tuple[dict[str, Engine], str]:
    """Open every engine on the same network."""
    import torch

    network, weights = load(backbone, settings)
    preprocessing, n_threads = backbone.preprocessing, settings.n_threads
    torch.set_num_threads(n_threads)
    state = {name: tensor.clone() for name, tensor in network.state_dict().items()}

    def again() -> Any:  # an engine may change the network that it is given, to channels-last order for one
        copy, _ = load(backbone, settings)
        copy.load_state_dict(state)
        return copy.eval()

    def eager(pixels: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            return network(torch.from_numpy(normalise(pixels, preprocessing))).numpy()

    def torch_compile() -> Engine:
        compiled = torch.compile(from_pixels(again(), preprocessing).to(memory_format=torch.channels_last))

        def run(pixels: np.ndarray) -> np.ndarray:
            with torch.inference_mode():
                return compiled(torch.from_numpy(pixels)).numpy()

        return run

    key = replace(key_of(backbone, _Named("bench")), checkpoint="bench")  # type: ignore[arg-type]
    default = open_cpu_runner(again, key=key, preprocessing=preprocessing, models_dir=folder, n_threads=n_threads)
    found: dict[str, Engine] = {
        "torch eager": eager,
        "torch channels-last": TorchRunner(again(), preprocessing, n_threads=n_threads).run,
        "torch.compile": torch_compile(),
        f"default path ({type(default).__name__})": default.run,
    }
    if exports := list(folder.glob("*.onnx")):
        found |= onnx_engines(exports[0], n_threads, session=session)
        if find_spec("openvino"):
            found["OpenVINO"] = openvino_engine(exports[0], n_threads)
    return found, weights


class _Named:
    def __init__(self, digest: str) -> None:
        self.digest = digest


def onnx_engines(path: Path, n_threads: int, *, session: bool) -> dict[str, Engine]:
    """Open ONNX Runtime as it comes, which takes the whole batch at once, and with other options."""
    import onnxruntime as ort

    def opened(**entries: str) -> Engine:
        options = ort.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = n_threads, 1
        options.log_severity_level = 3
        if entries.pop("memory", "") == "off":
            options.enable_mem_pattern = options.enable_cpu_mem_arena = False
        if level := entries.pop("level", ""):
            options.graph_optimization_level = getattr(ort.GraphOptimizationLevel, f"ORT_ENABLE_{level}")
        for name, value in entries.items():
            options.add_session_config_entry(name.replace("_DOT_", "."), value)
        ran = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        return lambda pixels: ran.run(None, {"pixels": pixels})[0]

    found = {"ONNX Runtime, as it comes": opened()}
    if session:
        found |= {
            "ORT, no spinning": opened(session_DOT_intra_op_DOT_allow_spinning="0"),
            "ORT, no memory arena": opened(memory="off"),
            "ORT, extended fusions": opened(level="EXTENDED"),
            "ORT, layout (NHWC) fusions": opened(level="LAYOUT"),
            "ORT, denormals as zero": opened(session_DOT_set_denormal_as_zero="1"),
        }
    return found


def openvino_engine(path: Path, n_threads: int) -> Engine:
    """Open OpenVINO in float32: by itself it takes bfloat16 where the processor has it, which is another network."""
    import openvino

    config = {"INFERENCE_NUM_THREADS": n_threads, "INFERENCE_PRECISION_HINT": "f32", "PERFORMANCE_HINT": "LATENCY"}
    compiled = openvino.Core().compile_model(path, "CPU", config)
    return lambda pixels: compiled(pixels)[0]


def cosine(a: np.ndarray, b: np.ndarray) -> float:
    """Lowest cosine of two embeddings of the same image."""
    a, b = a.astype(np.float64), b.astype(np.float64)
    return float(((a * b).sum(1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)).min())


def bench(
    name: str, batch_sizes: list[int], rounds: int, settings: Settings, *, session: bool, only: list[str]
) -> None:
    """Print the table of one backbone."""
    backbone = get_backbone(name)
    px = backbone.preprocessing.input_px
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, (max(batch_sizes), px, px, 3), dtype=np.uint8)
    with tempfile.TemporaryDirectory() as folder:
        found, weights = engines(backbone, settings, Path(folder), session=session)
        kept = [name for name in found if name == "torch eager" or any(word in name for word in only or [""])]
        found = {name: found[name] for name in kept}
        for n in batch_sizes:
            pixels = noise[:n]
            n_calls = max(1, 32 // n)
            expected = found["torch eager"](pixels)
            cosines = {engine: cosine(expected, np.asarray(run(pixels))) for engine, run in found.items()}
            wall: dict[str, list[float]] = {engine: [] for engine in found}
            cpu: dict[str, list[float]] = {engine: [] for engine in found}
            order = list(found)
            for turn in range(rounds):
                for engine in order[turn % len(order) :] + order[: turn % len(order)]:
                    run = found[engine]
                    run(pixels)
                    started, used = time.perf_counter(), time.process_time()
                    for _ in range(n_calls):
                        run(pixels)
                    wall[engine].append((time.perf_counter() - started) / n_calls / n)
                    cpu[engine].append((time.process_time() - used) / n_calls / n)
            print(f"\n{name} ({weights}), batch {n}, {settings.n_threads} threads, {rounds} rounds")
            print(f"{'':32}{'img/s':>8}{'x eager':>9}{'from':>7}{'to':>7}{'x CPU':>7}   lowest cosine")
            for engine in found:
                ratios = over(wall["torch eager"], wall[engine])
                print(
                    f"{engine:32}{1 / statistics.median(wall[engine]):8.1f}{statistics.median(ratios):9.2f}"
                    f"{min(ratios):7.2f}{max(ratios):7.2f}"
                    f"{statistics.median(over(cpu['torch eager'], cpu[engine])):7.2f}   {cosines[engine]:.7f}",
                    flush=True,
                )


def over(eager: list[float], engine: list[float]) -> list[float]:
    """How many times as fast an engine was, round by round."""
    return [a / b for a, b in zip(eager, engine, strict=True)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--backbone",
        nargs="+",
        choices=list(BACKBONES),
        default=[DEFAULT_BACKBONE, "resnet50", "dinov2-small"],
        metavar="NAME",
    )
    parser.add_argument("--batch", nargs="+", type=int, default=[1, 8, 32], metavar="N")
    parser.add_argument("--n-threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--session", action="store_true", help="try ONNX Runtime's own options too")
    parser.add_argument("--only", nargs="+", default=[], metavar="WORD", help="engines with such a word in their name")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as workspace:
        settings = replace(Settings(), workspace=Path(workspace), n_threads=arguments.n_threads, offline=True)
        for name in arguments.backbone:
            bench(name, arguments.batch, arguments.rounds, settings, session=arguments.session, only=arguments.only)


if __name__ == "__main__":
    main()
