"""A text tower in a process of its own, so that neither torch nor the network's memory is in the server.

Frames on both pipes: 8 bytes of length, big-endian, then JSON. An answer with embeddings is followed by their bytes,
float32, little-endian.
"""

from __future__ import annotations

import json
import os
import struct
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from dataeval_ui.embed.open_clip_loader import architecture_of, build_open_clip
from dataeval_ui.errors import BackboneUnavailableError, CheckpointError
from dataeval_ui.types import batches

if TYPE_CHECKING:
    import torch

    from dataeval_ui.types import Backbone
    from dataeval_ui.types.base import Float32

ANSWERS_WITHIN_S = 300.0
IDLE_S = 600.0
"""A tower takes as much memory as its weights; it goes after so long without a text, and comes back with the next."""

_BATCH = 64
_LENGTH = struct.Struct(">Q")


class TextProcess:
    """A running text tower; see `dataeval_ui.embed.text.TextRunner`.

    Raises
    ------
    BackboneUnavailableError
        Its tokenizer is not on this machine, or its process ended.
    CheckpointError
        The weights do not fit.
    """

    def __init__(self, backbone: Backbone, checkpoint: Path, *, n_threads: int, offline: bool) -> None:
        self._name = backbone.name
        self._hello = {
            "architecture": architecture_of(backbone),
            "checkpoint": str(checkpoint),
            "name": backbone.name,
            "n_threads": n_threads,
        }
        self._offline = offline
        self._lock = threading.Lock()
        self._child: subprocess.Popen[bytes] | None = None
        self._idle: threading.Timer | None = None
        with self._lock:
            self.logit_scale = float(self._start()["logit_scale"])
            self._rest()

    def run(self, texts: Sequence[str]) -> Float32:
        """See `TextRunner`."""
        import numpy as np

        with self._lock:
            if self._child is None or self._child.poll() is not None:
                self._start()
            answer, data = self._ask({"texts": list(texts)})
            self._rest()
        return np.frombuffer(data, dtype="<f4").reshape(answer["shape"]).astype(np.float32)

    def close(self) -> None:
        """End the process; the next text starts another one."""
        with self._lock:
            self._end()

    def _start(self) -> dict[str, Any]:
        package_parent = str(Path(__file__).absolute().parents[2])
        python_path = os.pathsep.join(filter(None, [package_parent, os.environ.get("PYTHONPATH")]))
        offline = {"HF_HUB_OFFLINE": "1"} if self._offline else {}
        try:
            self._child = subprocess.Popen(
                [sys.executable, "-P", "-m", "dataeval_ui.embed.text_process"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env={**os.environ, "PYTHONPATH": python_path, **offline},
                creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
            )
        except OSError as error:
            raise BackboneUnavailableError(f"No process could be started for the words of {self._name}.") from error
        return self._ask(self._hello)[0]

    def _ask(self, question: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
        child = self._child
        assert child is not None  # started above
        assert child.stdin is not None
        assert child.stdout is not None
        deadline = threading.Timer(ANSWERS_WITHIN_S, child.kill)
        deadline.daemon = True
        deadline.start()
        try:
            write_frame(child.stdin, question)
            answer = read_frame(child.stdout)
            n_bytes = 4 * answer["shape"][0] * answer["shape"][1] if answer and "shape" in answer else 0
            data = child.stdout.read(n_bytes)
        except OSError:  # it ended while it was written to
            answer, n_bytes, data = None, 0, b""
        finally:
            deadline.cancel()
        if answer is None or len(data) != n_bytes:
            self._end()
            raise BackboneUnavailableError(
                f"The process that knows the words of {self._name} ended. Close other programs and try again; the "
                "log says more."
            )
        if "error" in answer:
            self._end()
            error: type[CheckpointError | BackboneUnavailableError] = (
                CheckpointError if answer["kind"] == "CheckpointError" else BackboneUnavailableError
            )
            raise error(answer["error"])
        return answer, data

    def _rest(self) -> None:
        if self._idle is not None:
            self._idle.cancel()
        self._idle = threading.Timer(IDLE_S, self.close)
        self._idle.daemon = True
        self._idle.start()

    def _end(self) -> None:
        if self._child is not None:
            self._child.kill()
            self._child.communicate()
            self._child = None


def write_frame(stream: BinaryIO | Any, value: dict[str, Any], data: bytes = b"") -> None:
    """Write one frame and what follows it."""
    text = json.dumps(value).encode()
    stream.write(_LENGTH.pack(len(text)) + text + data)
    stream.flush()


def read_frame(stream: BinaryIO | Any) -> dict[str, Any] | None:
    """Read one frame; None where the other side has gone."""
    head = stream.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        return None
    (n_bytes,) = _LENGTH.unpack(head)
    text = stream.read(n_bytes)
    if len(text) < n_bytes:
        return None
    value: dict[str, Any] = json.loads(text)
    return value


def main() -> None:
    """Answer texts with embeddings until standard input ends."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints must not get between the frames
    hello = read_frame(sys.stdin.buffer)
    if hello is None:
        return
    import torch

    torch.set_num_threads(int(hello["n_threads"]))
    try:
        network, encode = load_text_tower(hello["architecture"], Path(hello["checkpoint"]), name=hello["name"])
    except (CheckpointError, BackboneUnavailableError) as error:
        write_frame(answers, {"error": str(error), "kind": type(error).__name__})
        return
    write_frame(answers, {"logit_scale": float(torch.as_tensor(network.logit_scale).exp())})
    while (question := read_frame(sys.stdin.buffer)) is not None:
        texts = question["texts"]
        with torch.inference_mode():
            parts = [encode(texts[part]).float() for part in batches(len(texts), _BATCH)]
        embeddings = torch.cat(parts).numpy().astype("<f4")
        write_frame(answers, {"shape": list(embeddings.shape)}, embeddings.tobytes())


def load_text_tower(
    architecture: str, checkpoint: Path, *, name: str
) -> tuple[torch.nn.Module, Callable[[list[str]], torch.Tensor]]:
    """Load open_clip's network, and its tokenizer.

    Returns
    -------
    network : torch.nn.Module
        With `logit_scale`; without its image tower.
    encode : callable
        From texts to embeddings.

    Raises
    ------
    BackboneUnavailableError
        The tokenizer is not on this machine.
    CheckpointError
        The weights do not fit.
    """
    import open_clip
    import torch

    from dataeval_ui.embed.state_dicts import load_weights, read_state_dict

    try:
        tokenize = open_clip.get_tokenizer(architecture)
    except (OSError, ImportError, ValueError) as error:
        raise BackboneUnavailableError(
            f"The tokenizer of {name} is not on this machine ({str(error).splitlines()[0][:160]}). Open it once with a "
            "network, or search by words with clip-vit-b-32, whose tokenizer comes with the installation."
        ) from error
    network: Any = build_open_clip(architecture, backbone=name)
    load_weights(network, read_state_dict(checkpoint), backbone=name)
    network.visual = torch.nn.Identity()  # the image tower's memory is not needed
    network.eval()

    def encode(texts: list[str]) -> torch.Tensor:
        embeddings: torch.Tensor = network.encode_text(tokenize(texts))
        return embeddings

    return network, encode


if __name__ == "__main__":
    main()
