"""Decoder processes: they open hostile files, a pace ahead of the network, and their images come back in order."""

from __future__ import annotations

import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import replace
from typing import TYPE_CHECKING, Self

from dataeval_ui.embed.crop_plans import CropTask, Plan, crops_here
from dataeval_ui.embed.decoder import Decoder, DecoderDiedError, IsKnown
from dataeval_ui.errors import DataEvalUIError
from dataeval_ui.types import DecodedImage

if TYPE_CHECKING:
    from dataeval_ui.settings import Settings
    from dataeval_ui.types import Preprocessing

__all__ = ["MAX_AHEAD", "DecoderPool", "IsKnown"]

MAX_AHEAD = 512
_MAX_AHEAD_BYTES = 64 * 2**20
_FILES_PER_PROCESS = 16
_START_TRIES = 3
_POLL_S = 0.1
_WAIT_S = 0.5


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
        self._decoders: set[Decoder] = set()
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

        def work(place: int) -> list[DecodedImage]:
            if self._executor is None:
                return [self._decode_here(paths[place], place, is_known)]
            return self._guarded(
                lambda decoder: [decoder.decode(paths[place], place, is_known, self._large)],
                lambda died: [self._given_up(died)],
            )

        return self._in_order(work, [1] * len(paths), on_wait)

    def decode_crops(
        self,
        tasks: Sequence[CropTask],
        *,
        plan: Plan,
        on_wait: Callable[[], None] = lambda: None,
    ) -> Iterator[DecodedImage]:
        """Decode files and give the crops of each, a pace ahead of the caller.

        Parameters
        ----------
        tasks : sequence of CropTask
        plan : callable
            Asked from several threads, possibly twice for a task, once a file's head was read.
        on_wait : callable, optional
            As for `decode`.

        Yields
        ------
        DecodedImage
            One a row of each task, in order: with the planned `image_id`, and decoded where the plan has a crop. Every
            row of a file that cannot be used has the `reason`.
        """

        def work(number: int) -> list[DecodedImage]:
            task = tasks[number]
            if self._executor is None:
                return crops_here(task, plan, preprocessing=self._preprocessing, settings=self._settings)
            return self._guarded(
                lambda decoder: decoder.decode_crops(task, plan, self._large),
                lambda died: [replace(self._given_up(died), image_id=None)] * len(task.rows),
            )

        return self._in_order(work, [len(task.rows) for task in tasks], on_wait)

    def _in_order(
        self, work: Callable[[int], list[DecodedImage]], sizes: Sequence[int], on_wait: Callable[[], None]
    ) -> Iterator[DecodedImage]:
        """Do pieces of work of given numbers of images, at most `n_ahead` images ahead of the caller."""
        pending: deque[tuple[Future[list[DecodedImage]], int]] = deque()
        n_pending = 0
        try:
            for piece, size in enumerate(sizes):
                if self._executor is None:
                    yield from work(piece)
                    continue
                pending.append((self._executor.submit(work, piece), size))
                n_pending += size
                while n_pending >= self.n_ahead:
                    future, n_done = pending.popleft()
                    n_pending -= n_done
                    yield from _result_of(future, on_wait)
            while pending:
                yield from _result_of(pending.popleft()[0], on_wait)
        finally:
            for future, _ in pending:
                future.cancel()

    def _decode_here(self, path: str, place: int, is_known: IsKnown | None) -> DecodedImage:
        from dataeval_ui.data import decode_bytes, image_id_of, read_bytes

        data, reason = read_bytes(path, settings=self._settings)
        if data is None:
            return DecodedImage(image_id=None, reason=reason)
        if is_known is not None and is_known(image_id := image_id_of(data), place):
            return DecodedImage(image_id=image_id)
        return decode_bytes(data, preprocessing=self._preprocessing, settings=self._settings)

    def _guarded(
        self,
        use: Callable[[Decoder], list[DecodedImage]],
        give_up: Callable[[DecoderDiedError], list[DecodedImage]],
    ) -> list[DecodedImage]:
        try:
            return self._attempt(use)
        except DecoderDiedError as first:
            if first.timed_out or self._closed.is_set():
                return give_up(first)
        with self._large:  # once more, alone: the system may have ended it for want of memory
            try:
                return self._attempt(use)
            except DecoderDiedError as second:
                return give_up(second)

    def _attempt(self, use: Callable[[Decoder], list[DecodedImage]]) -> list[DecodedImage]:
        decoder: Decoder | None = getattr(self._local, "decoder", None)
        if decoder is None:
            decoder = self._local.decoder = self._started()
        try:
            return use(decoder)
        except DecoderDiedError:
            self._local.decoder = None
            with self._lock:
                self._decoders.discard(decoder)
            decoder.close()
            raise

    def _started(self) -> Decoder:
        n_tries = 0
        while True:
            n_tries += 1
            decoder = Decoder(self._preprocessing, self._settings)
            with self._lock:
                self._decoders.add(decoder)
            if self._closed.is_set():  # `close` may have missed it, and ends it when no thread runs any more
                raise DecoderDiedError(None, timed_out=False, status=None)
            try:
                decoder.start()
            except DecoderDiedError as died:  # ended by a signal from elsewhere, not by a fault of its own
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

    def _given_up(self, died: DecoderDiedError) -> DecodedImage:
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


def _result_of(future: Future[list[DecodedImage]], on_wait: Callable[[], None]) -> list[DecodedImage]:
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
