"""Words and images in one space: search by words, and classes that the user types."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Sequence
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING

from dataeval_ui.errors import InputError
from dataeval_ui.services.run import WORDS

if TYPE_CHECKING:
    from dataeval_ui.embed.text import TextEmbedder
    from dataeval_ui.services.columns import Column
    from dataeval_ui.services.context import Services
    from dataeval_ui.services.run import Run
    from dataeval_ui.services.search import SearchResult
    from dataeval_ui.types.base import Bool, Float32

MAX_CLASSES = 50
TEMPLATE = "a photo of a {}."
"""What a class is asked with: the prompt that CLIP was evaluated with."""

_MINUS = re.compile(r'(?:(?<=\s)|^)-(?:"([^"]+)"|([^\s"]+))')


@dataclass(frozen=True, slots=True, kw_only=True)
class WordQuery:
    """What to look for, and what to subtract.

    Attributes
    ----------
    plus, minus : tuple of str
    """

    plus: tuple[str, ...]
    minus: tuple[str, ...] = ()


def parse_words(text: str) -> WordQuery:
    """Read `dog in snow -cat -"red car"`: one phrase to look for, and words to subtract.

    Raises
    ------
    InputError
        Nothing to look for.
    """
    minus = tuple((quoted or word).strip() for quoted, word in _MINUS.findall(text))
    plus = " ".join(_MINUS.sub(" ", text).split())
    if not plus:
        raise InputError("Type what to look for; a word with - before it is subtracted.")
    return WordQuery(plus=(plus,), minus=tuple(word for word in minus if word))


_text_embedders: dict[tuple[str, str], TextEmbedder] = {}
_lock = Lock()


def text_embedder_of(services: Services, run: Run) -> TextEmbedder:
    """Return the text side of a run's backbone, opened once a process.

    Raises
    ------
    InputError
        The backbone has no text tower (the sentence names one that has), or its weights have changed since the run.
    """
    from dataeval_ui.embed.checkpoints import resolve_checkpoint
    from dataeval_ui.embed.text import load_text_embedder
    from dataeval_ui.services.search import embedder_of

    name = (str(services.workspace.root), run.record.key.digest())
    with _lock:
        if name not in _text_embedders:
            backbone = embedder_of(services, run).backbone
            checkpoint = resolve_checkpoint(backbone, settings=services.settings, workspace=services.workspace)
            _text_embedders[name] = load_text_embedder(backbone, checkpoint, settings=services.settings)
        return _text_embedders[name]


def knows_words(run: Run) -> bool:
    """Whether a run's backbone has a text tower; without opening anything."""
    from dataeval_ui.embed.backbones import BACKBONES
    from dataeval_ui.embed.named_open_clip import OPEN_CLIP_POOLING
    from dataeval_ui.embed.text import has_text_tower

    if run.record.backbone.startswith("open_clip:"):  # its own features are not to be mistaken for an inner layer
        return run.record.key.pooling == OPEN_CLIP_POOLING
    backbone = BACKBONES.get(run.record.backbone)
    return backbone is not None and has_text_tower(backbone) and backbone.layer == run.record.key.layer


def search_words(
    services: Services, run: Run, query: WordQuery, *, k: int = 24, mask: Bool | None = None
) -> SearchResult:
    """Return the images that words fit best.

    Returns
    -------
    SearchResult
        `similarities` are the mean cosine to what is looked for, less the mean cosine to what is subtracted: in
        [-1, 1] without words to subtract, in [-2, 2] with.

    Raises
    ------
    InputError
        See `text_embedder_of`.
    """
    import numpy as np

    from dataeval_ui.services.search import SearchResult, search_vector

    embedder = text_embedder_of(services, run)
    vector = unit_rows(embedder.embed(query.plus)).mean(axis=0)
    if query.minus:
        vector = vector - unit_rows(embedder.embed(query.minus)).mean(axis=0)
    found = search_vector(run, vector.astype(np.float32), k=k, mask=mask)
    length = np.float32(np.linalg.norm(vector))
    return SearchResult(rows=found.rows, similarities=found.similarities * length)


def unit_rows(vectors: Float32) -> Float32:
    """Scale rows to length 1; a zero row stays zero."""
    import numpy as np

    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    units: Float32 = np.divide(vectors, lengths, out=np.zeros_like(vectors), where=lengths > 0)
    return units


def parse_classes(text: str) -> tuple[str, ...]:
    """Read "cat, dog, red car" as classes.

    Raises
    ------
    InputError
        Fewer than two, or more than 50.
    """
    names = tuple(dict.fromkeys(name.strip() for name in text.replace("\n", ",").split(",") if name.strip()))
    if not 2 <= len(names) <= MAX_CLASSES:
        raise InputError(f"Type 2 to {MAX_CLASSES} classes with commas between, such as: cat, dog, bird.")
    return names


def classes_name(classes: Sequence[str]) -> str:
    """Name of the column that tells these classes apart; `classes_column` reads it."""
    return WORDS + base64.urlsafe_b64encode(",".join(classes).encode()).decode("ascii").rstrip("=")


def classes_of(name: str) -> tuple[str, ...]:
    """Return the classes that a column's name holds.

    Raises
    ------
    InputError
        It is no such name.
    """
    text = name.removeprefix(WORDS)
    try:
        decoded = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError):
        raise InputError("The classes of this address cannot be read. Type them again.") from None
    return parse_classes(decoded)


def class_probabilities(services: Services, run: Run, classes: Sequence[str]) -> Float32:
    """How the images of a run fall to classes, by their names alone.

    Returns
    -------
    ndarray of shape (n_images, n_classes), float32
        Softmax over the classes of cosine times the network's own logit scale; each row sums to 1, also for an image
        of none of the classes.

    Raises
    ------
    InputError
        See `text_embedder_of`.
    """
    import numpy as np

    from dataeval_ui.types import batches

    embedder = text_embedder_of(services, run)
    words = unit_rows(embedder.embed([TEMPLATE.format(name) for name in classes]))
    scale = embedder.logit_scale
    probabilities = np.empty((run.n_images, len(classes)), dtype=np.float32)
    for rows in batches(run.n_images, 4096):
        logits = scale * (unit_rows(np.asarray(run.view.embeddings[rows], dtype=np.float32)) @ words.T)
        weights = np.exp(logits - logits.max(axis=1, keepdims=True))
        probabilities[rows] = weights / weights.sum(axis=1, keepdims=True)
    return probabilities


def classes_column(run: Run, name: str) -> Column:
    """Make the column that `classes_name` names: the most probable class of each image.

    Raises
    ------
    InputError
        See `text_embedder_of` and `classes_of`.
    """
    import numpy as np

    from dataeval_ui.services.columns import Column

    classes = classes_of(name)
    codes = class_probabilities(run.services, run, classes).argmax(axis=1).astype(np.uint16)
    return Column(name=name, title=f"Words: {', '.join(classes)}", kind="categorical", codes=codes, categories=classes)
