"""Decoder processes: they open hostile files, a pace ahead of the network, and their images come back in order."""

from __future__ import annotations

import contextlib
import os
import pickle
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import TYPE_CHECKING, Self

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
MAX_AHEAD = 256
_MAX_AHEAD_BYTES = 64 * 2**20
_FILES_PER_PROCESS = 16
_START_TIMEOUT_S = 120.0
_START_TRIES = 3
_POLL_S = 0.1
_WAIT_S = 0.5
_ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


class _DecoderDiedError(Exception):
    def __init__(self, image_id: str | None, *, timed_out: bool, status: int | None) -> None:
        super().__init__("decoder died")
        self.image_id, self.timed_out, self.status = image_id, timed_out, status


class DecoderPool:
    """Processes that decode files, replaced where a file ends or blocks one.

    Parameters
    ----------
    preprocessing : Preprocessing or None
        None gives images without `pixels`.
    settings : Settings
        `n_decoders` processes at most; 0 decodes in this process, with no protection from files that end it.
    n_files : int or None, optional
        How many files there will be, so that few files start few processes.

    Notes
    -----
    Use it as a context manager: leaving it ends the processes. Images larger than `LARGE_PIXELS` are decoded one at a
    time over all processes, which bounds memory, and may take longer than `decode_timeout_s` by as much as they are
    larger.
    """

    def __init__(self, *, preprocessing: Preprocessing | None, settings: Settings, n_files: int | None = None) -> None:
        self._preprocessing = preprocessing
        self._settings = settings
        self._input_px = None if preprocessing is None else preprocessing.input_px
        n_useful = settings.n_decoders if n_files is None else -(-n_files // _FILES_PER_PROCESS)
        self._n_decoders = min(settings.n_decoders, max(1, n_useful))
        self._large = threading.RLock()
        self._lock = threading.Lock()
        self._local = threading.local()
        self._decoders: set[_Decoder] = set()
        self._closed = threading.Event()
        self._executor: ThreadPoolExecutor | None = None
        if self._n_decoders > 0:
            self._executor = ThreadPoolExecutor(self._n_decoders, thread_name_prefix="decoder")
            threading.Thread(target=self._watch, name="decoder-watch", daemon=True).start()

    @property
    def n_ahead(self) -> int:
        """Images that may be decoded and not yet taken."""
        n_bytes = 3 * (self._input_px or 1) ** 2
        return max(4 * self._n_decoders, min(MAX_AHEAD, _MAX_AHEAD_BYTES // n_bytes))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End all processes; files that were not taken yet are dropped."""
        self._closed.set()
        with self._lock:
            decoders = list(self._decoders)
        for decoder in decoders:
            decoder.kill()
        if self._executor is not None:
            self._executor.shutdown(wait=True, cancel_futures=True)
        for decoder in self._decoders:  # also those that were being started meanwhile
            decoder.close()
        self._decoders.clear()

    def decode(
        self,
        paths: Sequence[str],
        *,
        is_known: IsKnown | None = None,
        on_wait: Callable[[], None] = lambda: None,
    ) -> Iterator[DecodedImage]:
        """Decode files, a pace ahead of the caller.

        Parameters
        ----------
        paths : sequence of str
        is_known : callable, optional
            Asked from several threads for each file's id, once it was hashed and before it is decoded.
        on_wait : callable, optional
            Called twice a second while the next image is not there yet; what it raises ends the wait.

        Yields
        ------
        DecodedImage
            One a path, in their order. A file that ended its process or took too long has a `reason`. One that
            `is_known` claimed has its `image_id` alone and neither `reason` nor `thumbnail`.

        Raises
        ------
        DataEvalUIError
            No decoder can be started on this machine.
        """
        pending: deque[Future[DecodedImage]] = deque()
        try:
            for place, path in enumerate(paths):
                if self._executor is None:
                    yield self._decode_here(path, place, is_known)
                    continue
                pending.append(self._executor.submit(self._decode_one, path, place, is_known))
                if len(pending) >= self.n_ahead:
                    yield _result_of(pending.popleft(), on_wait)
            while pending:
                yield _result_of(pending.popleft(), on_wait)
        finally:
            for future in pending:
                future.cancel()

    def _decode_here(self, path: str, place: int, is_known: IsKnown | None) -> DecodedImage:
        from dataeval_ui.data import decode_bytes, image_id_of, read_bytes

        data, reason = read_bytes(path, settings=self._settings)
        if data is None:
            return DecodedImage(image_id=None, reason=reason)
        if is_known is not None and is_known(image_id := image_id_of(data), place):
            return DecodedImage(image_id=image_id)
        return decode_bytes(data, preprocessing=self._preprocessing, settings=self._settings)

    def _decode_one(self, path: str, place: int, is_known: IsKnown | None) -> DecodedImage:
        try:
            return self._attempt(path, place, is_known)
        except _DecoderDiedError as first:
            if first.timed_out or self._closed.is_set():
                return self._given_up(first)
        with self._large:  # once more, alone: the system may have ended it for want of memory
            try:
                return self._attempt(path, place, is_known)
            except _DecoderDiedError as second:
                return self._given_up(second)

    def _attempt(self, path: str, place: int, is_known: IsKnown | None) -> DecodedImage:
        decoder: _Decoder | None = getattr(self._local, "decoder", None)
        if decoder is None:
            decoder = self._local.decoder = self._started()
        try:
            return decoder.decode(path, place, is_known, self._large)
        except _DecoderDiedError:
            self._local.decoder = None
            with self._lock:
                self._decoders.discard(decoder)
            decoder.close()
            raise

    def _started(self) -> _Decoder:
        n_tries = 0
        while True:
            n_tries += 1
            decoder = _Decoder(self._preprocessing, self._settings)
            with self._lock:
                self._decoders.add(decoder)
            if self._closed.is_set():  # `close` may have missed it, and ends it when no thread runs any more
                raise _DecoderDiedError(None, timed_out=False, status=None)
            try:
                decoder.start()
            except _DecoderDiedError as died:  # ended by a signal from elsewhere, not by a fault of its own
                with self._lock:
                    self._decoders.discard(decoder)
                decoder.close()
                if n_tries == _START_TRIES or self._closed.is_set():
                    raise DataEvalUIError(
                        f"Decoder processes are ended by the system while they start{_cause(died.status)}. "
                        "Close other programs, or set n_decoders lower."
                    ) from None
            else:
                return decoder

    def _given_up(self, died: _DecoderDiedError) -> DecodedImage:
        if died.timed_out:
            limit = self._settings.decode_timeout_s
            reason = f"Decoding took longer than {limit:g} s and was given up; see the setting decode_timeout_s."
        else:
            reason = f"Decoding ended its process{_cause(died.status)}; the file is damaged or made to do harm."
        return DecodedImage(image_id=died.image_id, reason=reason)

    def _watch(self) -> None:
        while not self._closed.wait(_POLL_S):
            now = time.monotonic()
            with self._lock:
                late = [d for d in self._decoders if d.deadline is not None and d.deadline < now]
            for decoder in late:
                decoder.timed_out = True
                decoder.kill()


class _Decoder:
    """One decoder process, seen from the run. Used by one thread; `kill` may come from any."""

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
        self.deadline = time.monotonic() + _START_TIMEOUT_S
        try:
            write_frame(self._requests, {}, self._configuration)
            read_frame(self._answers)
        except (BrokenFrameError, OSError):
            self.kill()
            if (status := self._process.wait()) < 0:
                raise _DecoderDiedError(None, timed_out=self.timed_out, status=status) from None
            self._errors.seek(0)
            said = self._errors.read().decode(errors="replace").strip().splitlines()
            raise DataEvalUIError(
                f"A decoder process cannot be started ({said[-1] if said else 'it ended at once'}). "
                "Set n_decoders to 0 to decode without one."
            ) from None
        self.deadline = None

    def decode(self, path: str, place: int, is_known: IsKnown | None, large: threading.RLock) -> DecodedImage:
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
            raise _DecoderDiedError(image_id, timed_out=self.timed_out, status=status) from None

    def kill(self) -> None:
        self._process.kill()

    def close(self) -> None:
        """Reap the process."""
        self._process.kill()
        self._process.wait()
        with contextlib.suppress(OSError):  # what was still to be written
            self._requests.close()
        self._answers.close()
        self._errors.close()


def _result_of(future: Future[DecodedImage], on_wait: Callable[[], None]) -> DecodedImage:
    while not wait([future], timeout=_WAIT_S).done:
        on_wait()
    return future.result()


def _cause(status: int | None) -> str:
    if status is None or status >= 0:
        return ""
    try:
        return f" ({signal.Signals(-status).name})"
    except ValueError:
        return f" (signal {-status})"
