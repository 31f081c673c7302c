"""A decoder: the process that opens files nobody has vetted, and nothing else.

Started as `python -m dataeval_ui.embed.decode_process`. For each path it says the file's hash and size in pixels, hears
whether the image, or which crops of it, are wanted, and gives them. A file that ends or blocks it costs the run that
file alone.
"""

from __future__ import annotations

import contextlib
import math
import os
import pickle
import signal
import sys
from dataclasses import asdict
from typing import Any

from dataeval_ui.embed.decode_frames import BrokenFrameError, pack_image, read_frame, write_frame
from dataeval_ui.types import DecodedImage

_GRACE_S = 5.0


def main() -> None:
    """Serve the run at the other end of standard input until it closes it."""
    answers = os.fdopen(os.dup(1), "wb")
    silence = os.open(os.devnull, os.O_RDWR)
    os.dup2(silence, 1)  # image libraries print
    requests = sys.stdin.buffer
    _, body = read_frame(requests)
    preprocessing, settings = pickle.loads(body)  # noqa: S301 - from the run that started this process
    from dataeval_ui.data import count_pixels, decode_bytes, decode_crops, image_id_of, read_bytes, read_head

    write_frame(answers, {"ready": True})
    os.dup2(silence, 2)
    with contextlib.suppress(BrokenFrameError, BrokenPipeError, KeyboardInterrupt):
        while True:
            request, _ = read_frame(requests)
            path = request["path"]
            _end_after(settings.decode_timeout_s + _GRACE_S)
            data, reason = read_bytes(path, settings=settings)
            if data is None:
                write_frame(answers, *pack_image(DecodedImage(image_id=None, reason=reason)))
                continue
            image_id = image_id_of(data)
            said: dict[str, Any] = {"image_id": image_id, "n_pixels": count_pixels(data, settings=settings)}
            if request.get("crops"):
                head, reason = read_head(data, image_id, settings=settings)
                said |= {"head": None if head is None else asdict(head), "reason": reason}
            write_frame(answers, said)
            _end_after(0.0)  # waiting for a turn does not count
            answer, _ = read_frame(requests)
            if answer["decode"]:
                _end_after(answer["limit_s"] + _GRACE_S)
                image = decode_bytes(data, preprocessing=preprocessing, settings=settings)
                write_frame(answers, *pack_image(image))
                _end_after(0.0)
            elif crops := answer.get("crops"):
                _end_after(settings.decode_timeout_s + _GRACE_S)
                for image in decode_crops(data, crops, preprocessing=preprocessing, settings=settings):
                    write_frame(answers, *pack_image(image))
                    _end_after(settings.decode_timeout_s + _GRACE_S)
                _end_after(0.0)


def _end_after(seconds: float) -> None:
    """Have the system end this process later, in case the run that would do it is gone; 0 takes it back."""
    if hasattr(signal, "alarm"):
        signal.alarm(math.ceil(seconds))


if __name__ == "__main__":
    main()
