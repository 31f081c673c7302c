"""Light doors: the command line and the server start without the libraries that only a run needs.

Held by what is imported, not by seconds: a clock would fail on a busy machine and pass on a fast one.
"""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

HEAVY = {
    "numpy", "torch", "torchvision", "timm", "open_clip", "onnx", "onnxruntime", "umap", "hdbscan", "numba", "sklearn",
    "scipy", "faiss", "pyarrow", "pandas", "plotly", "sqlalchemy", "streamlit", "PIL",
}  # fmt: skip
OF_A_RUN = {"torch", "torchvision", "timm", "open_clip", "onnx", "umap", "hdbscan", "numba", "pynndescent"}


def modules_after(statement: str) -> set[str]:
    """Names of the top-level modules in a new process after a statement."""
    code = f"import sys, json\n{statement}\nprint(json.dumps(sorted({{name.split('.')[0] for name in sys.modules}})))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    return set(json.loads(result.stdout.splitlines()[-1]))


@pytest.mark.parametrize(
    "statement",
    [
        "import dataeval_ui",
        "import dataeval_ui.cli",
        "from dataeval_ui.cli import build_parser; build_parser().format_help()",
        "import dataeval_ui.commands",
        "import dataeval_ui.types, dataeval_ui.settings, dataeval_ui.errors",
    ],
)
def test_the_package_and_its_command_line_import_nothing_heavy(statement: str) -> None:
    assert not modules_after(statement) & HEAVY


@pytest.mark.parametrize(
    "room", ["data", "store", "analysis", "embed", "findings", "figures", "jobs", "share", "services"]
)
def test_every_module_of_a_room_imports_without_the_libraries_of_a_run(room: str) -> None:
    statement = (
        f"import importlib, pkgutil, dataeval_ui.{room} as room\n"
        "names = [module.name for module in pkgutil.walk_packages(room.__path__, room.__name__ + '.')]\n"
        # compiled loops are imported where they are called: they are numba's
        "[importlib.import_module(name) for name in names if not name.startswith('dataeval_ui.analysis.compiled')]"
    )
    assert not modules_after(statement) & HEAVY - {"PIL", "numpy", "sqlalchemy"}


def test_the_server_imports_neither_torch_nor_umap() -> None:
    assert not modules_after("import dataeval_ui.server.app") & OF_A_RUN
