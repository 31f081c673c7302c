"""Choose the drawings of the demo: classes that hold together, and no two drawings that could pass for copies.

The planted copies are the truth that the demo is held to, so the source's own copies must stay out: it holds the same
drawing under several names, in several colours, mirrored and turned.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

import numpy as np
from demo_sources import CLASSES, EXCLUDED, RECOLOURED
from PIL import Image
from scipy.fft import dctn

HASH_DISTANCE = 12
"""Two drawings of the demo are farther apart than this, in bits of 64, however one of them is turned or mirrored."""

CORRELATION = 0.93
"""And their 16 x 16 colour thumbnails correlate less than this."""

MIN_INK = 0.06
"""Share of a drawing, once trimmed, that is not white."""

MAX_SOURCE_PIXELS = 12_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Original:
    """A drawing, trimmed to what is drawn.

    Attributes
    ----------
    source : str
        Path below the source folder.
    label : str
    image : PIL.Image.Image
        RGBA, the longer side `MAX_SIDE_PX` at most.
    """

    source: str
    label: str
    image: Image.Image


def on_white(image: Image.Image) -> Image.Image:
    """Composite an image on white."""
    image = image.convert("RGBA")
    ground = Image.new("RGBA", image.size, "white")
    ground.alpha_composite(image)
    return ground.convert("RGB")


def load_trimmed(path: Path, *, side_px: int) -> Image.Image | None:
    """Read a drawing, cut its empty margin off and shrink it; None for one with too little to see."""
    try:
        with Image.open(path) as image:
            if image.width * image.height > MAX_SOURCE_PIXELS:
                return None
            image.thumbnail((6 * side_px, 6 * side_px))
            image = image.convert("RGBA")
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        return None
    drawn = np.asarray(on_white(image)).min(axis=2) < 245
    rows, columns = np.flatnonzero(drawn.any(axis=1)), np.flatnonzero(drawn.any(axis=0))
    if not len(rows):
        return None
    margin = max(2, max(image.size) // 40)
    box = (columns[0] - margin, rows[0] - margin, columns[-1] + 1 + margin, rows[-1] + 1 + margin)
    image = image.crop(tuple(int(v) for v in box))
    if min(image.size) < 24 or max(image.size) < side_px * 0.7 or max(image.size) > 3 * min(image.size):
        return None
    image.thumbnail((side_px, side_px), Image.Resampling.LANCZOS)
    ink = (np.asarray(on_white(image)).min(axis=2) < 245).mean()
    return image if ink >= MIN_INK else None


def perceptual_hash(grey: np.ndarray) -> np.ndarray:
    """64 bits of the low frequencies of a 32 x 32 grey image."""
    low = dctn(grey, norm="ortho")[:8, :8].ravel()
    return low > np.median(low[1:])


def turned(array: np.ndarray) -> Iterator[np.ndarray]:
    """The eight ways to turn and mirror an image."""
    for mirrored in (array, array[:, ::-1]):
        for n_quarters in range(4):
            yield np.rot90(mirrored, n_quarters)


class Distinct:
    """Drawings accepted so far; accepts another only if it is like none of them."""

    def __init__(self) -> None:
        self._hashes: list[np.ndarray] = []
        self._colours: list[np.ndarray] = []

    def accepts(self, image: Image.Image) -> bool:
        """Tell whether the image is unlike all before, and remember it if so."""
        flat = on_white(image)
        grey = np.asarray(flat.convert("L").resize((32, 32), Image.Resampling.BOX), dtype=float)
        colour = np.asarray(flat.resize((16, 16), Image.Resampling.BOX), dtype=float)
        hashes = np.stack([perceptual_hash(way) for way in turned(grey)])
        if self._hashes:
            seen = np.stack(self._hashes)
            distances = (hashes[:, None, :] != seen[None]).sum(axis=2)
            if distances.min() <= HASH_DISTANCE:
                return False
            ways = np.stack([_centred(way) for way in turned(colour)])
            if (ways @ np.stack(self._colours).T).max() >= CORRELATION:
                return False
        self._hashes.append(hashes[0])
        self._colours.append(_centred(colour))
        return True


def _family(name: str) -> str:
    return name.removesuffix(".png").rstrip("0123456789").rstrip("-_")


def _centred(colour: np.ndarray) -> np.ndarray:
    flat = colour.ravel() - colour.mean()
    return flat / max(float(np.linalg.norm(flat)), 1e-9)


def find_originals(source: Path, *, side_px: int) -> dict[str, list[Original]]:
    """Read every class's folders and keep what is distinct, in the order of names; links are left out.

    Parameters
    ----------
    source : Path
        The unpacked PNG tree.
    side_px : int
        Longer side of a drawing, in pixels.
    """
    distinct = Distinct()
    families: set[str] = set()
    found: dict[str, list[Original]] = {}
    for label, folders in CLASSES.items():
        found[label] = []
        for folder in folders:
            for path in sorted((source / folder).glob("*.png")):
                name = f"{folder}/{path.name}"
                family = _family(name) if label in RECOLOURED else name
                if path.is_symlink() or family in families or any(fnmatch(name, pattern) for pattern in EXCLUDED):
                    continue
                image = load_trimmed(path, side_px=side_px)
                if image is not None and distinct.accepts(image):
                    families.add(family)
                    found[label].append(Original(source=name, label=label, image=image))
    return found
