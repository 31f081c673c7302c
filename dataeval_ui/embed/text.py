"""Words as embeddings, in the space of a contrastive backbone's images."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol

from dataeval_ui.errors import InputError, ParameterError
from dataeval_ui.types import EmbeddingKey, digest_of

if TYPE_CHECKING:
    from dataeval_ui.embed.checkpoints import Checkpoint
    from dataeval_ui.settings import Settings
    from dataeval_ui.types import Backbone
    from dataeval_ui.types.base import Float32

MAX_CHARS = 1_000
_N_KEPT = 4_096


class TextRunner(Protocol):
    """A text tower that is ready to compute.

    Attributes
    ----------
    logit_scale : float
        What the network multiplies cosines with before a softmax.
    """

    logit_scale: float

    def run(self, texts: Sequence[str]) -> Float32:
        """Embed texts: (n, n_dims), not scaled to unit length."""


class TextEmbedder:
    """The text tower of a backbone, with the weights of its image tower.

    Parameters
    ----------
    key : EmbeddingKey
        Names what this embedder computes.
    open_runner : callable
        Opens the tower; called at the first text.

    Notes
    -----
    Safe to use from several threads. The last texts are kept.
    """

    def __init__(self, *, key: EmbeddingKey, open_runner: Callable[[], TextRunner]) -> None:
        self.key = key
        self._open_runner = open_runner
        self._runner: TextRunner | None = None
        self._kept: OrderedDict[str, Float32] = OrderedDict()
        self._lock = threading.Lock()

    def embed(self, texts: Sequence[str]) -> Float32:
        """Embed texts.

        Parameters
        ----------
        texts : sequence of str
            Each with something in it, at most 1,000 characters; what is beyond the tower's context is cut off.

        Returns
        -------
        ndarray of shape (n, n_dims), float32
            What the library's `encode_text` gives, not scaled to unit length.

        Raises
        ------
        ParameterError
            An empty text, one that is too long, or none.
        BackboneUnavailableError
            The tower or its tokenizer cannot be opened here.
        """
        import numpy as np

        if not texts or any(not text.strip() or len(text) > MAX_CHARS for text in texts):
            raise ParameterError(f"Words must be texts of 1 to {MAX_CHARS:,} characters.")
        with self._lock:
            new = [text for text in dict.fromkeys(texts) if text not in self._kept]
            found = dict(zip(new, self._open().run(new), strict=True)) if new else {}
            found |= {text: self._kept[text] for text in texts if text in self._kept}
            for text, vector in found.items():
                self._kept[text] = vector
                self._kept.move_to_end(text)
            while len(self._kept) > _N_KEPT:
                self._kept.popitem(last=False)
        return np.stack([found[text] for text in texts]).astype(np.float32)

    @property
    def logit_scale(self) -> float:
        """What cosines are multiplied with before a softmax over classes."""
        with self._lock:
            return self._open().logit_scale

    def _open(self) -> TextRunner:
        if self._runner is None:
            self._runner = self._open_runner()
        return self._runner


def has_text_tower(backbone: Backbone) -> bool:
    """Whether words lie in the space of a backbone's embeddings: open_clip's own features, no inner layer's."""
    return backbone.source == "open_clip" and not backbone.tapped


def backbone_with_words() -> str:
    """Name a backbone of the registry that has a text tower, the first one."""
    from dataeval_ui.embed.backbones import BACKBONES

    return next(name for name, backbone in BACKBONES.items() if has_text_tower(backbone))


def load_text_embedder(backbone: Backbone, checkpoint: Checkpoint, *, settings: Settings) -> TextEmbedder:
    """Get the text tower of a backbone ready; it opens, in a process of its own, at the first text.

    Raises
    ------
    InputError
        The backbone has no text tower; the sentence names one that has.
    """
    if not has_text_tower(backbone):
        raise InputError(
            f"{backbone.name} has no text tower, so it does not know words; run the dataset with "
            f"{backbone_with_words()} to search by them."
        )
    from dataeval_ui.embed.open_clip_loader import architecture_of

    key = EmbeddingKey(
        backbone=backbone.name,
        checkpoint=checkpoint.digest,
        layer="text",
        pooling="text",
        input_px=0,
        preprocessing=digest_of(["tokenizer", architecture_of(backbone)]),
    )

    def open_runner() -> TextRunner:
        from dataeval_ui.embed.text_process import TextProcess

        return TextProcess(backbone, checkpoint.path, n_threads=settings.n_threads, offline=settings.offline)

    return TextEmbedder(key=key, open_runner=open_runner)
