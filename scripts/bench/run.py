"""Whole runs of the command line on a folder: memory, exact groups, and what a rerun costs.

    python scripts/bench/run.py FOLDER [--new-share 0.01] [--only-reruns] [--keep DIR]

Prints, from one invocation on one machine:

- peak memory of the run's whole process tree, sampled ten times a second;
- groups of equal content that the run reports, against sha256 of every file computed here;
- files = images + findings;
- second run of the unchanged folder / first run, and a run after adding new images / first run (wall time of the whole
  command, start-up included).

The kernels of umap-learn are compiled beforehand, on a few images in a workspace of their own, so that the first run is
not flattered by a compilation that no later run has.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from pathlib import Path

import psutil

IMAGE_SUFFIXES = {".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp", ".tif", ".tiff"}


def tree_memory(process: psutil.Process) -> int:
    """Resident bytes of a process and its children; shared pages count once a process, so this is an upper bound."""
    total = 0
    for p in [process, *process.children(recursive=True)]:
        try:
            total += p.memory_info().rss
        except psutil.Error:
            continue
    return total


def run(source: Path, workspace: Path, numba: Path, *more: str) -> tuple[dict, float, float]:
    """Run the command; return its summary, wall seconds and peak bytes of the tree."""
    environment = dict(os.environ, DATAEVAL_UI_WORKSPACE=str(workspace))
    workspace.mkdir(parents=True, exist_ok=True)
    if not (workspace / "numba").exists():
        (workspace / "numba").symlink_to(numba)
    start = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "dataeval_ui", "run", str(source), "--json", *more],
        env=environment,
        stdout=subprocess.PIPE,
    )
    peak = 0

    def watch() -> None:
        nonlocal peak
        handle = psutil.Process(process.pid)
        while process.poll() is None:
            try:
                peak = max(peak, tree_memory(handle))
            except psutil.Error:
                break
            time.sleep(0.1)

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    out, _ = process.communicate()
    seconds = time.perf_counter() - start
    thread.join()
    if process.returncode:
        sys.exit(f"the run failed with exit code {process.returncode}")
    return json.loads(out), seconds, peak


def equal_groups(folder: Path) -> tuple[int, int, int]:
    """Return files, distinct contents and groups of equal content, by sha256."""
    paths: dict[str, int] = defaultdict(int)
    n_files = 0
    for root, _, names in os.walk(folder, followlinks=True):
        for name in names:
            path = Path(root) / name
            if path.suffix.lower() in IMAGE_SUFFIXES and path.is_file():
                n_files += 1
                paths[hashlib.sha256(path.read_bytes()).hexdigest()] += 1
    return n_files, len(paths), sum(n > 1 for n in paths.values())


def copy_share(folder: Path, to: Path, share: float) -> list[tuple[Path, Path]]:
    """Copy a folder's images but every 1/share-th, which are returned as (from, to) to be added later."""
    held: list[tuple[Path, Path]] = []
    step = max(2, round(1 / share))
    files = sorted(p for p in folder.rglob("*") if p.suffix.lower() in IMAGE_SUFFIXES and p.is_file())
    for i, path in enumerate(files):
        target = to / path.relative_to(folder)
        if i % step == 1:
            held.append((path, target))
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
    return held


def measure_whole(folder: Path, workspace: Path, numba: Path) -> None:
    """Print memory, counts and exact groups of a run on the whole folder."""
    summary, whole_s, peak = run(folder, workspace, numba)
    n_files, n_distinct, n_groups = equal_groups(folder)
    print(f"whole folder                       {whole_s:8.1f} s   peak memory of the tree {peak / 2**20:.0f} MiB")
    print(f"  files {summary['n_files']} = images {summary['n_images']} + unreadable {summary['n_unreadable']}", end="")
    print(f"   (found here: {n_files} files, {n_distinct} distinct contents)")
    print(f"  exact groups reported {summary['n_exact_duplicate_groups']}   counted here {n_groups}")
    print(f"  seconds {summary['seconds']}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--new-share", type=float, default=0.01)
    parser.add_argument("--only-reruns", action="store_true", help="leave out the whole folder and its exact groups")
    parser.add_argument("--keep", type=Path, help="folder to work in, kept afterwards")
    args = parser.parse_args()
    folder = args.folder.resolve()
    work = args.keep or Path(tempfile.mkdtemp(prefix="bench-run-"))
    work.mkdir(parents=True, exist_ok=True)
    numba = work / "numba"
    numba.mkdir(exist_ok=True)
    few = work / "few"
    files = sorted(p for p in folder.rglob("*") if p.suffix.lower() in IMAGE_SUFFIXES and p.is_file())
    few.mkdir(exist_ok=True)
    for i, path in enumerate(files[:: max(1, len(files) // 60)][:60]):
        shutil.copyfile(path, few / f"{i}{path.suffix}")
    _, seconds, _ = run(few, work / "ws-few", numba)
    print(f"warm-up on {len(list(few.iterdir()))} images (compiles once)  {seconds:8.1f} s")

    if not args.only_reruns:
        measure_whole(folder, work / "ws-whole", numba)
    copied = work / "images"
    held = copy_share(folder, copied, args.new_share)
    _, first_s, _ = run(copied, work / "ws", numba)
    again, second_s, _ = run(copied, work / "ws", numba)
    for path, target in held:
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
    added, added_s, _ = run(copied, work / "ws", numba)
    print(f"first run                          {first_s:8.1f} s   ratio 1")
    print(
        f"second run, unchanged              {second_s:8.1f} s   ratio {second_s / first_s:.4f}  (target 0.03)", end=""
    )
    print(f"   embedded {again['n_embedded']}")
    print(
        f"{len(held)} new images added             {added_s:8.1f} s   ratio {added_s / first_s:.4f}  (target 0.05)",
        end="",
    )
    print(f"   embedded {added['n_embedded']}, {added['seconds']}")
    if args.keep is None:
        shutil.rmtree(work)


if __name__ == "__main__":
    main()
