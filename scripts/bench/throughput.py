"""What a run's one decode pass costs beyond the fastest decode alone and the fastest forward pass alone.

    python scripts/bench/throughput.py [FOLDER] [--backbone NAME] [--limit N] [--rounds N]

Without a folder it makes 600 PNGs and JPEGs. Everything is measured in one run on the same images and threads, several
rounds in turn, and the best round of each counts. Processes are warm, the network is exported and no image is known.
The ratio of wall times is what a user waits for; the ratio of CPU times holds on a machine that others use too.
"""

from __future__ import annotations

import argparse
import os
import selectors
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import psutil

from dataeval_ui.data import list_source
from dataeval_ui.embed.backbones import BACKBONES, DEFAULT_BACKBONE, get_backbone
from dataeval_ui.embed.decoders import DecoderPool
from dataeval_ui.embed.embedder import load_embedder
from dataeval_ui.embed.pipeline import embed_listing
from dataeval_ui.settings import Settings
from dataeval_ui.store.workspace import open_workspace
from dataeval_ui.types import LabelRule, Silent

# A decoder that keeps what it decodes to itself: the decode alone, without the way to another process.
DECODE_ALONE = """
import sys
from dataeval_ui.data import decode_file
from dataeval_ui.embed.backbones import get_backbone
from dataeval_ui.settings import Settings
preprocessing, settings = get_backbone(sys.argv[1]).preprocessing, Settings()
decode_file(sys.argv[2], preprocessing=preprocessing, settings=settings)
print(flush=True)
for line in sys.stdin:
    decode_file(line[:-1], preprocessing=preprocessing, settings=settings)
    print(flush=True)
"""


@dataclass(frozen=True)
class Cost:
    wall_s: float
    cpu_s: float


def cpu_seconds() -> float:
    times = psutil.Process().cpu_times()
    return times.user + times.system + times.children_user + times.children_system


def measured(work: Callable[[], object]) -> Cost:
    wall, cpu = time.perf_counter(), cpu_seconds()
    work()
    return Cost(time.perf_counter() - wall, cpu_seconds() - cpu)


def best(costs: list[Cost]) -> Cost:
    return Cost(min(c.wall_s for c in costs), min(c.cpu_s for c in costs))


def make_images(folder: Path, n: int = 600) -> Path:
    from PIL import Image

    for i in range(n):
        rng = np.random.default_rng(i)
        coarse = rng.integers(0, 256, (12, 16, 3), dtype=np.uint8)
        image = Image.fromarray(coarse).resize((640, 480), Image.Resampling.BICUBIC)
        image.save(folder / f"{i:04d}.{'jpg' if i % 2 else 'png'}")
    return folder


def decode_alone(files: list[str], backbone: str, n_processes: int) -> Cost:
    """Start-up is not counted: each process decodes one file first."""
    command = [sys.executable, "-c", DECODE_ALONE, backbone, files[0]]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    processes = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)
        for _ in range(n_processes)
    ]
    for process in processes:
        process.stdout.readline()  # type: ignore[union-attr]
    watched = [psutil.Process(process.pid) for process in processes]
    before = sum(sum(p.cpu_times()[:2]) for p in watched)
    started = time.perf_counter()
    waiting = iter(files)
    selector = selectors.DefaultSelector()
    for process in processes:
        if (file := next(waiting, None)) is not None:
            print(file, file=process.stdin, flush=True)
            selector.register(process.stdout, selectors.EVENT_READ, process)  # type: ignore[arg-type]
    while selector.get_map():
        for key, _ in selector.select():
            key.data.stdout.readline()
            if (file := next(waiting, None)) is None:
                selector.unregister(key.fileobj)
            else:
                print(file, file=key.data.stdin, flush=True)
    cost = Cost(time.perf_counter() - started, sum(sum(p.cpu_times()[:2]) for p in watched) - before)
    for process in processes:
        process.stdin.close()  # type: ignore[union-attr]
        process.wait()
    return cost


def runners(
    backbone_name: str, settings: Settings, models: Path, no_torch: bool
) -> dict[str, Callable[[np.ndarray], object]]:
    found: dict[str, Callable[[np.ndarray], object]] = {}
    if not no_torch:
        found |= torch_runners(backbone_name, settings)
    if (model := next(models.glob("*.onnx"), None)) is not None:
        import onnxruntime

        from dataeval_ui.embed.runners import OnnxRunner

        found["ONNX Runtime"] = OnnxRunner(model, n_threads=settings.n_threads).run
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = settings.n_threads
        session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        found["ONNX Runtime, spinning"] = lambda pixels: session.run(None, {"pixels": pixels})
    return found


def torch_runners(backbone_name: str, settings: Settings) -> dict[str, Callable[[np.ndarray], object]]:
    import torch

    from dataeval_ui.embed.checkpoints import resolve_checkpoint
    from dataeval_ui.embed.networks import load_network
    from dataeval_ui.embed.preprocessing import normalise
    from dataeval_ui.embed.runners import TorchRunner

    backbone = get_backbone(backbone_name)
    workspace = open_workspace(settings.workspace)
    checkpoint = resolve_checkpoint(backbone, settings=settings, workspace=workspace)
    network = load_network(backbone, checkpoint.path)
    torch.set_num_threads(settings.n_threads)

    def eager(pixels: np.ndarray) -> object:
        with torch.inference_mode():
            return network(torch.from_numpy(normalise(pixels, backbone.preprocessing)))

    channels_last = TorchRunner(
        load_network(backbone, checkpoint.path), backbone.preprocessing, n_threads=settings.n_threads
    )
    return {"torch eager": eager, "torch channels-last": channels_last.run}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("--backbone", default=DEFAULT_BACKBONE, choices=list(BACKBONES))
    parser.add_argument("--limit", type=int, default=600, help="images at most (default %(default)s)")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--n-threads", type=int)
    parser.add_argument("--n-decoders", type=int)
    parser.add_argument("--batch-size", type=int)
    parser.add_argument("--no-torch", action="store_true", help="leave torch out, which takes longest")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        root = Path(temporary)
        (root / "images").mkdir()
        folder = arguments.folder or make_images(root / "images")
        given = {k: getattr(arguments, k) for k in ("n_threads", "n_decoders", "batch_size")}
        settings = replace(Settings(), workspace=root / "warm", **{k: v for k, v in given.items() if v is not None})
        bench(folder, arguments.backbone, arguments.limit, arguments.rounds, settings, root, arguments.no_torch)


def bench(folder: Path, backbone: str, limit: int, rounds: int, settings: Settings, root: Path, no_torch: bool) -> None:
    listing = list_source(str(folder), rule=LabelRule(), settings=settings)
    step = max(1, listing.n_files // limit)
    listing = replace(listing, table=listing.table.take(list(range(0, listing.n_files, step))[:limit]))
    warm = open_workspace(settings.workspace)
    embedder = load_embedder(backbone, workspace=warm, settings=settings)
    files = [str(Path(listing.root) / path) for path in listing.table.column("path").to_pylist()]
    with DecoderPool(preprocessing=embedder.backbone.preprocessing, settings=settings) as pool:
        first: dict[str | None, int] = {}
        images = list(pool.decode(files))
    for row, image in enumerate(images):
        if image.pixels is not None:
            first.setdefault(image.image_id, row)
    rows = list(first.values())  # equal contents are decoded and embedded once
    pixels = np.stack([images[row].pixels for row in rows])
    files, listing = [files[row] for row in rows], replace(listing, table=listing.table.take(rows))
    del images
    embedder.embed(pixels[: settings.batch_size])  # exports the network
    batches = [pixels[i : i + settings.batch_size] for i in range(0, len(pixels), settings.batch_size)]
    ways = runners(backbone, settings, warm.models_dir, no_torch)

    forward: dict[str, list[Cost]] = {name: [] for name in ways}
    decode: dict[int, list[Cost]] = {n: [] for n in sorted({1, settings.n_decoders, settings.n_threads}) if n > 0}
    whole: list[Cost] = []
    for i in range(rounds):
        for n_processes, costs in decode.items():
            costs.append(decode_alone(files, backbone, n_processes))
        for name, run in ways.items():
            run(batches[0])
            forward[name].append(measured(lambda run=run: [run(batch) for batch in batches]))
        fresh = open_workspace(root / f"run-{i}")
        shutil.copytree(warm.models_dir, fresh.models_dir, dirs_exist_ok=True)
        again = load_embedder(backbone, workspace=fresh, settings=replace(settings, workspace=fresh.root))
        again.embed(batches[0])
        whole.append(
            measured(
                lambda again=again, fresh=fresh: embed_listing(
                    listing,
                    embedder=again,
                    workspace=fresh,
                    previous=None,
                    settings=settings,
                    progress=Silent(),
                )
            )
        )
    n = len(pixels)
    print(f"{n} distinct images; n_threads={settings.n_threads} n_decoders={settings.n_decoders}", end=" ")
    print(f"batch_size={settings.batch_size} commit_size={settings.commit_size}; best of {rounds} rounds")
    print(f"{'':32}{'img/s':>8}{'wall ms':>10}{'CPU ms':>9}   (per image)")
    lines = {f"decode alone, {k} processes": best(costs) for k, costs in decode.items()}
    lines |= {f"forward alone, {k}": best(costs) for k, costs in forward.items()}
    lines["run: decode, embed, commit"] = best(whole)
    for name, cost in lines.items():
        print(f"{name:32}{n / cost.wall_s:8.1f}{1e3 * cost.wall_s / n:10.2f}{1e3 * cost.cpu_s / n:9.2f}")
    parts = [min((best(c) for c in costs.values()), key=lambda cost: cost.wall_s) for costs in (decode, forward)]
    cheap = [min(best(c).cpu_s for c in costs.values()) for costs in (decode, forward)]
    run = best(whole)
    print(f"run / (fastest decode + fastest forward), wall: {run.wall_s / sum(p.wall_s for p in parts):.3f}")
    print(f"run / (cheapest decode + cheapest forward), CPU: {run.cpu_s / sum(cheap):.3f}")


if __name__ == "__main__":
    main()
