"""A decoder: the process that opens files nobody has vetted, and nothing else.

Started as `python -m dataeval_ui.embed.decode_process`. For each path it says the file's hash and size in pixels, hears
whether the image is wanted, and gives it. A file that ends or blocks it costs the run that file alone.
"""

from __future__ import annotations

import contextlib
import math
import os
import pickle
import signal
import stat
import struct
import sys
from typing import TYPE_CHECKING

from dataeval_ui.embed.decode_frames import BrokenFrameError, pack_image, read_frame, write_frame

if TYPE_CHECKING:
    from dataeval_ui.settings import Settings

_GRACE_S = 5.0


def peek(path: str, settings: Settings) -> tuple[str | None, int]:
    """Hash a file and read its size in pixels from its head.

    Returns
    -------
    image_id : str or None
        None for a file that cannot be read or is too large to be.
    n_pixels : int
        0 where the head does not say.
    """
    import xxhash
    from PIL import Image

    try:
        status = os.stat(path)  # noqa: PTH116 - paths may hold bytes that are no UTF-8
        if not stat.S_ISREG(status.st_mode) or status.st_size > settings.max_file_bytes:
            return None, 0
        with open(path, "rb") as stream:  # noqa: PTH123
            image_id = xxhash.xxh3_128_hexdigest(stream.read())
            stream.seek(0)
            try:
                with Image.open(stream) as image:
                    return image_id, image.width * image.height
            except Image.DecompressionBombError:
                return image_id, Image.MAX_IMAGE_PIXELS or 0
            except (ValueError, SyntaxError, OverflowError, struct.error):  # what Pillow's parsers raise beside OSError
                return image_id, 0
            except OSError:
                return image_id, 0
    except OSError:
        return None, 0


def main() -> None:
    """Serve the run at the other end of standard input until it closes it."""
    answers = os.fdopen(os.dup(1), "wb")
    silence = os.open(os.devnull, os.O_RDWR)
    os.dup2(silence, 1)  # image libraries print
    requests = sys.stdin.buffer
    _, body = read_frame(requests)
    preprocessing, settings = pickle.loads(body)  # noqa: S301 - from the run that started this process
    from dataeval_ui.data import decode_file

    write_frame(answers, {"ready": True})
    os.dup2(silence, 2)
    with contextlib.suppress(BrokenFrameError, BrokenPipeError, KeyboardInterrupt):
        while True:
            request, _ = read_frame(requests)
            path = request["path"]
            _end_after(settings.decode_timeout_s + _GRACE_S)
            image_id, n_pixels = peek(path, settings)
            write_frame(answers, {"image_id": image_id, "n_pixels": n_pixels})
            _end_after(0.0)  # waiting for a turn does not count
            answer, _ = read_frame(requests)
            if answer["decode"]:
                _end_after(settings.decode_timeout_s + _GRACE_S)
                image = decode_file(path, preprocessing=preprocessing, settings=settings)
                write_frame(answers, *pack_image(image))
                _end_after(0.0)


def _end_after(seconds: float) -> None:
    """Have the system end this process later, in case the run that would do it is gone; 0 takes it back."""
    if hasattr(signal, "alarm"):
        signal.alarm(math.ceil(seconds))


if __name__ == "__main__":
    main()
