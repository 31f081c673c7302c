"""What readers of annotations share: reading a side file safely, and a listing of places with objects."""

# Strings, not Paths: a Path for each of a million files costs seconds.
# ruff: noqa: PTH116

from __future__ import annotations

import os
import stat
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from dataeval_ui.data.labels import folder_labels
from dataeval_ui.data.objects import AnnotatedObject, objects_table
from dataeval_ui.data.paths import is_within
from dataeval_ui.data.places import Place, make_listing
from dataeval_ui.errors import NoImagesError, SourceError
from dataeval_ui.types import LabelRule, Listing

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(slots=True, kw_only=True)
class AnnotatedImage:
    """What the annotations say of one image.

    Attributes
    ----------
    objects : list of AnnotatedObject
    splits : list of str
        Splits that name it, the first first.
    """

    objects: list[AnnotatedObject] = field(default_factory=list)
    splits: list[str] = field(default_factory=list)

    @property
    def label(self) -> str | None:
        """The most frequent class of its usable objects; of equally frequent ones the first in the alphabet."""
        counts = Counter(one.label for one in self.objects if one.label is not None and one.reason is None)
        return min(counts, key=lambda name: (-counts[name], name)) if counts else None


def read_side_file(path: str, root: str, *, max_bytes: int) -> bytes:
    """Read a file of annotations that lies in the dataset.

    Raises
    ------
    SourceError
        It leads out of the root, is no regular file, is too large, or cannot be opened.
    """
    shown = os.path.relpath(path, root)
    if not is_within(os.path.realpath(path), root):
        raise SourceError(f"{shown} leads out of the dataset's folder: copy it into the folder.")
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            raise SourceError(f"{shown} is not a file.")
        with open(path, "rb") as file:  # noqa: PTH123
            data = file.read(max_bytes + 1)
    except OSError as error:
        raise SourceError(f"{shown} cannot be opened ({error.strerror or error}): check its rights.") from None
    if len(data) > max_bytes:
        raise SourceError(f"{shown} is larger than {max_bytes:,} bytes, as no such file is: check what it holds.")
    return data


def list_annotated(
    root: str,
    places: Sequence[Place],
    images: Mapping[str, AnnotatedImage],
    *,
    rule: LabelRule,
    metadata: Mapping[str, pa.ChunkedArray] | None = None,
) -> Listing:
    """Make the listing of places and what annotations say of them.

    Parameters
    ----------
    root : str
        Resolved folder.
    places : sequence of Place
        Paths unique. Those that the annotations do not name have no objects.
    images : mapping of str to AnnotatedImage
        By path; each must be among the places.
    rule : LabelRule
        Under the default "folder", the label is the most frequent class among the objects, and the split is that of
        the annotations, else of the folders.
    metadata : mapping of str to array, optional
        See `make_listing`.

    Returns
    -------
    Listing
        With `objects`, and a column `meta.n_objects` that counts them, the unusable ones too. `meta.also_in` names
        further splits of an image that annotations name in several.

    Raises
    ------
    SourceError
        There are no places.
    """
    import pyarrow as pa

    if not places:
        raise NoImagesError(f"The folder {root} holds no images: choose a folder with image files in it or below it.")
    folder_labels(rule)  # refuses a rule that names a column
    nothing = AnnotatedImage()
    found = [images.get(place.path, nothing) for place in places]
    for place, image in zip(places, found, strict=True):
        if rule.label_from == "folder":
            place.label = image.label
        if rule.split_from == "folder" and image.splits:
            place.split = image.splits[0]
    columns = dict(metadata or {})
    columns["n_objects"] = pa.chunked_array([pa.array([len(image.objects) for image in found], pa.int32())])
    if any(len(image.splits) > 1 for image in found):
        also = [", ".join(image.splits[1:]) or None for image in found]
        columns["also_in"] = pa.chunked_array([pa.array(also, pa.string())])
    listing = make_listing(root, places, columns)
    objects = objects_table((path, images[path].objects) for path in sorted(images))
    return Listing(root=root, table=listing.table, objects=objects)
