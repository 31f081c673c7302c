"""Pin what the container image installs, with hashes: `python scripts/lock_image.py [--upgrade]`.

Needs `uv` on the path, and the package index that pip is set up with. Writes `docker/requirements.txt`, everything but
PyTorch, and `docker/requirements-torch.txt`, PyTorch as the index has it, with its CUDA libraries. No address of an
index is written. `--check` changes nothing and fails where the files do not fit `pyproject.toml` any more.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PYTHON = "3.11"
PLATFORM = "x86_64-manylinux_2_28"
COMMON, TORCH = ROOT / "docker" / "requirements.txt", ROOT / "docker" / "requirements-torch.txt"
OF_TORCH = re.compile(r"(torch|torchvision|triton|nvidia-.*|cuda-.*)==")
HEAD = (
    "# Written by scripts/lock_image.py for Python {python} on Linux, x86-64. "
    "Install with --no-deps --require-hashes.\n"
)


def resolve(upgrade: bool) -> str:
    """Resolve the product with password, OpenID Connect and PostgreSQL; the pins that stand are kept if they fit."""
    if shutil.which("uv") is None:
        sys.exit("This needs uv: pip install uv.")
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out.txt"
        if not upgrade and COMMON.exists() and TORCH.exists():
            out.write_text(COMMON.read_text() + TORCH.read_text())
        argv = ["uv", "pip", "compile", "--generate-hashes", "--no-header", "--no-annotate", "--quiet"]
        argv += ["--python-version", PYTHON, "--python-platform", PLATFORM, "--extra", "postgres", "--extra", "oidc"]
        subprocess.run([*argv, "--output-file", str(out), str(ROOT / "pyproject.toml")], check=True)
        return out.read_text()


def pins(text: str) -> list[str]:
    """Cut a file of requirements into its pins, each with its hashes."""
    lines = "".join(line for line in text.splitlines(keepends=True) if not line.startswith("#"))
    return [f"{pin.strip()}\n" for pin in re.split(r"(?m)^(?=[A-Za-z0-9])", lines) if pin.strip()]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--upgrade", action="store_true", help="take the newest versions, not those that stand")
    parser.add_argument("--check", action="store_true", help="fail where the files are out of date")
    args = parser.parse_args()
    every = pins(resolve(args.upgrade))
    head = HEAD.format(python=PYTHON)
    wanted = {
        COMMON: head + "".join(pin for pin in every if not OF_TORCH.match(pin)),
        TORCH: head + "".join(pin for pin in every if OF_TORCH.match(pin)),
    }
    if args.check:
        stale = [path.name for path, text in wanted.items() if not path.exists() or path.read_text() != text]
        if stale:
            sys.exit(f"{' and '.join(stale)} do not fit pyproject.toml: run scripts/lock_image.py.")
        return
    for path, text in wanted.items():
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        print(f"{path.relative_to(ROOT)}: {len(pins(text))} packages")


if __name__ == "__main__":
    main()
