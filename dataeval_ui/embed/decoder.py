"""One decoder process, seen from the run."""

from __future__ import annotations

import contextlib
import os
import pickle
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from dataeval_ui.embed.crop_plans import CropTask, Plan, planned_crops
from dataeval_ui.embed.decode_frames import BrokenFrameError, read_frame, unpack_image, write_frame
from dataeval_ui.errors import DataEvalUIError
from dataeval_ui.types import DecodedImage

if TYPE_CHECKING:
    from dataeval_ui.settings import Settings
    from dataeval_ui.types import Preprocessing

IsKnown = Callable[[str, int], bool]
"""Whether the image with this id need not be decoded for the file at this place of the list."""

LARGE_PIXELS = 24_000_000
"""From this size on, one image at a time is decoded: each may take a dozen bytes a pixel."""
_START_TIMEOUT_S = 120.0
_ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


class DecoderDiedError(Exception):
    """The process ended, or was ended, over a file."""

    def __init__(self, image_id: str | None, *, timed_out: bool, status: int | None) -> None:
        super().__init__("decoder died")
        self.image_id, self.timed_out, self.status = image_id, timed_out, status


class Decoder:
    """One decoder process. Used by one thread; `kill` may come from any."""

    def __init__(self, preprocessing: Preprocessing | None, settings: Settings) -> None:
        self._input_px = None if preprocessing is None else preprocessing.input_px
        self._timeout_s = settings.decode_timeout_s
        self._configuration = pickle.dumps((preprocessing, settings))
        self.deadline: float | None = None
        self.timed_out = False
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed in `close`
        package_parent = str(Path(__file__).absolute().parents[2])
        python_path = os.pathsep.join(filter(None, [package_parent, os.environ.get("PYTHONPATH")]))
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "dataeval_ui.embed.decode_process"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            env={**os.environ, **_ONE_THREAD, "PYTHONPATH": python_path},
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._requests, self._answers = self._process.stdin, self._process.stdout

    def start(self) -> None:
        """Wait until it is ready; raises DecoderDiedError, or DataEvalUIError where it cannot be started."""
        self.deadline = time.monotonic() + _START_TIMEOUT_S
        try:
            write_frame(self._requests, {}, self._configuration)
            read_frame(self._answers)
        except (BrokenFrameError, OSError):
            self.kill()
            if (status := self._process.wait()) < 0:
                raise DecoderDiedError(None, timed_out=self.timed_out, status=status) from None
            self._errors.seek(0)
            said = self._errors.read().decode(errors="replace").strip().splitlines()
            raise DataEvalUIError(
                f"A decoder process cannot be started ({said[-1] if said else 'it ended at once'}). "
                "Set n_decoders to 0 to decode without one."
            ) from None
        self.deadline = None

    def decode(self, path: str, place: int, is_known: IsKnown | None, large: threading.RLock) -> DecodedImage:
        """Have it decode a file; raises DecoderDiedError."""
        image_id: str | None = None
        try:
            self.deadline = time.monotonic() + self._timeout_s
            write_frame(self._requests, {"path": path})
            head, body = read_frame(self._answers)
            self.deadline = None
            if "n_pixels" not in head:  # the bytes could not be read
                return unpack_image(head, body, input_px=self._input_px)
            image_id = str(head["image_id"])
            if is_known is not None and is_known(image_id, place):
                write_frame(self._requests, {"decode": False})
                return DecodedImage(image_id=image_id)
            n_pixels = int(head["n_pixels"])
            with large if n_pixels >= LARGE_PIXELS else contextlib.nullcontext():
                limit_s = self._timeout_s * max(1.0, n_pixels / LARGE_PIXELS)
                self.deadline = time.monotonic() + limit_s
                write_frame(self._requests, {"decode": True, "limit_s": limit_s})
                image = unpack_image(*read_frame(self._answers), input_px=self._input_px)
            self.deadline = None
            return image
        except (BrokenFrameError, OSError, KeyError, TypeError, ValueError, OverflowError):
            self.kill()
            status = self._process.wait()
            raise DecoderDiedError(image_id, timed_out=self.timed_out, status=status) from None

    def decode_crops(self, task: CropTask, plan: Plan, large: threading.RLock) -> list[DecodedImage]:
        """Have it decode the crops of a file; raises DecoderDiedError."""
        image_id: str | None = None
        try:
            self.deadline = time.monotonic() + self._timeout_s
            write_frame(self._requests, {"path": task.path, "crops": True})
            said, body = read_frame(self._answers)
            self.deadline = None
            if "n_pixels" not in said:  # the bytes could not be read
                unread = unpack_image(said, body, input_px=self._input_px)
                return [unread] * len(task.rows)
            image_id = str(said["image_id"])
            planned = planned_crops(task, plan, said)
            wanted = [one.crop for one in planned if one.crop is not None]
            is_large = int(said["n_pixels"]) >= LARGE_PIXELS
            with large if wanted and is_large else contextlib.nullcontext():
                write_frame(self._requests, {"decode": False, "crops": wanted})
                images = [one.image() for one in planned]
                for row, one in enumerate(planned):
                    if one.crop is not None:
                        self.deadline = time.monotonic() + self._timeout_s
                        images[row] = one.image(unpack_image(*read_frame(self._answers), input_px=self._input_px))
                self.deadline = None
            return images
        except (BrokenFrameError, OSError, KeyError, TypeError, ValueError, OverflowError):
            self.kill()
            status = self._process.wait()
            raise DecoderDiedError(image_id, timed_out=self.timed_out, status=status) from None

    def kill(self) -> None:
        """End it."""
        self._process.kill()

    def close(self) -> None:
        """Reap the process."""
        self._process.kill()
        self._process.wait()
        with contextlib.suppress(OSError):  # what was still to be written
            self._requests.close()
        self._answers.close()
        self._errors.close()
