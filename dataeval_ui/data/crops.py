"""Objects cut out of their image: which part, its id, and everything that is taken from it.

An object's crop is a square around its box, larger by the margin on each side, moved inside the image; where the image
is smaller than the square, it is what there is. A backbone looks at squares: of a tall box alone it would see the
middle.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from dataeval_ui.data.decode import decoding, describe, encode_jpeg, fitted, flattened, image_id_of, read_bytes
from dataeval_ui.data.formats import UnreadableImageError, open_header
from dataeval_ui.data.masks import mask_picture
from dataeval_ui.data.objects import Box
from dataeval_ui.data.raster import flatten, orientation_of, reduction, upright
from dataeval_ui.settings import Settings
from dataeval_ui.types import DecodedImage, Preprocessing

if TYPE_CHECKING:
    from PIL import Image

Rect = tuple[int, int, int, int]
"""Left, top, width, height, in whole pixels of the upright image."""

_BOX_COLOUR = "#ff2fd0"
_MASK_COLOUR = (255, 47, 208)


@dataclass(frozen=True, slots=True, kw_only=True)
class FileHead:
    """What an image's head tells, before anything is decoded.

    Attributes
    ----------
    image_id : str
        Of the whole file.
    width_px, height_px : int
        Of the upright image.
    orientation : int
        EXIF's, in [1, 8].
    format : str
        Pillow's name.
    """

    image_id: str
    width_px: int
    height_px: int
    orientation: int
    format: str


def read_head(data: bytes, image_id: str, *, settings: Settings) -> tuple[FileHead | None, str | None]:
    """Read the head of an image.

    Returns
    -------
    head : FileHead or None
    reason : str or None
        Why the bytes are no usable image; one of the two is None.
    """
    try:
        with decoding():
            header = open_header(data, max_pixels=settings.max_pixels)
            orientation = orientation_of(header)
    except (UnreadableImageError, MemoryError) as error:
        return None, str(error) or "The image needs more memory than there is: make it smaller."
    width, height = header.size
    if orientation in (5, 6, 7, 8):
        width, height = height, width
    head = FileHead(
        image_id=image_id, width_px=width, height_px=height, orientation=orientation, format=str(header.format)
    )
    return head, None


def crop_of(box: Box, *, size: tuple[int, int], margin: float) -> Rect:
    """Find the part of an image that stands for an object.

    Parameters
    ----------
    box : tuple of 4 floats
        Left, top, width, height, inside the image.
    size : tuple of 2 ints
        Width and height of the upright image.
    margin : float
        Part of the box's longer side that is added on each side, in [0, 1].

    Returns
    -------
    tuple of 4 ints
        Inside the image, at least a pixel wide and high, and holding the box where its square fits in.
    """
    x, y, width, height = box
    side = max(1, math.ceil(round(max(width, height) * (1 + 2 * margin), 6)))  # 1.2 times 10 is 12, not 13
    left, across = _span(x + width / 2, side, size[0])
    top, down = _span(y + height / 2, side, size[1])
    return left, top, across, down


def _span(middle: float, side: int, whole: int) -> tuple[int, int]:
    length = min(side, whole)
    return min(max(0, round(middle - length / 2)), whole - length), length


def crop_id(file_id: str, crop: Rect) -> str:
    """Name a crop by the file's content and the part that is cut out: 32 hexadecimal digits."""
    import xxhash

    return xxhash.xxh3_128_hexdigest(f"crop:{file_id}:{','.join(map(str, crop))}".encode())


def decode_crops(
    data: bytes, crops: Sequence[Rect], *, preprocessing: Preprocessing | None, settings: Settings
) -> Iterator[DecodedImage]:
    """Decode an image once, and take everything from each of its crops.

    Parameters
    ----------
    data : bytes
        Of the file.
    crops : sequence of Rect
        Inside the upright image.
    preprocessing : Preprocessing or None
    settings : Settings

    Yields
    ------
    DecodedImage
        One a crop, in order, with an empty `image_id`, or with the reason why the file is no usable image. Width and
        height are those of the crop.

    Notes
    -----
    The image is decoded at its full size, since an object may be small: memory is that of its pixels, and once more
    while it is turned. A large crop is reduced by a whole factor, as a large image is.
    """
    try:
        with decoding():
            header = open_header(data, max_pixels=settings.max_pixels)
            header.load()
            mode, format = header.mode, str(header.format)
            orientation = orientation_of(header)
            flat, transparent = flatten(header, factor=1)
            work = upright(flat, orientation)
            alpha = upright(_alpha_of(header), orientation) if transparent else None
        del header, flat
    except (UnreadableImageError, MemoryError) as error:
        reason = str(error) or "The image needs more memory than there is: make it smaller."
        for _ in crops:
            yield DecodedImage(image_id=None, reason=reason)
        return
    for left, top, width, height in crops:
        area = (left, top, left + width, top + height)
        part = work.crop(area)
        factor = reduction(width, height, resize_px=0 if preprocessing is None else preprocessing.resize_px)
        yield describe(
            part.reduce(factor) if factor > 1 else part,
            "",
            preprocessing=preprocessing,
            settings=settings,
            size=(width, height),
            format=format,
            mode=mode,
            transparent=0.0 if alpha is None else _transparency(alpha.crop(area)),
        )


def _alpha_of(image: Image.Image) -> Image.Image:
    if image.mode in ("La", "RGBa"):
        image = image.convert(image.mode.upper())
    return image.convert("RGBA").getchannel("A")


def _transparency(alpha: Image.Image) -> float:
    weighted = sum(n * (255 - value) for value, n in enumerate(alpha.histogram()))
    return weighted / (255 * alpha.width * alpha.height)


def render_object(
    path: Path | str,
    *,
    crop: Rect,
    box: Box | None,
    longer_px: int,
    settings: Settings,
    expected_id: str | None = None,
    mask: str | None = None,
) -> tuple[str | None, bytes | str]:
    """Write an object's crop anew, or its whole image with the box drawn into it, to be looked at.

    Parameters
    ----------
    path : Path or str
        Of the whole image.
    crop : Rect
        The part to be written; the whole image where there is a box.
    box : tuple of 4 floats or None
        Drawn into the whole image, in its pixels.
    longer_px : int
        Longer side of the result, in pixels.
    settings : Settings
    expected_id : str, optional
        A file of another content is not decoded.
    mask : str, optional
        Tinted within the whole image; see `dataeval_ui.data.masks`. What is no mask of this image is passed over.

    Returns
    -------
    image_id : str or None
        Of the whole file; None where the bytes could not be read.
    rendered : bytes or str
        The JPEG, or the reason why there is none. Never raises for a bad file.
    """
    data, reason = read_bytes(path, settings=settings)
    if data is None:
        return None, str(reason)
    image_id = image_id_of(data)
    if expected_id not in (None, image_id):
        return image_id, "The file has other content than expected."
    try:
        with decoding():
            header = open_header(data, max_pixels=settings.max_pixels)
        shown = max(header.size) if box else max(crop[2:])
        factor = max(1, shown // longer_px)
        # Of a draft the decoder may give more than it was asked for: what counts is what came.
        image, _, orientation = flattened(data, header, factor)
        head, _ = read_head(data, image_id, settings=settings)
        if head is None or not 1 <= orientation <= 8:
            return image_id, "The image cannot be decoded."
        scale = image.width / head.width_px
        if box is None:
            left, top, width, height = crop
            edges = [left * scale, top * scale, (left + width) * scale, (top + height) * scale]
            area = [round(edge) for edge in edges]
            area[2], area[3] = max(area[2], area[0] + 1), max(area[3], area[1] + 1)
            return image_id, encode_jpeg(fitted(image.crop((area[0], area[1], area[2], area[3])), longer_px))
        small = fitted(image, longer_px).convert("RGB")
        if mask is not None:
            picture = mask_picture(mask, size=(head.width_px, head.height_px), shown=small.size)
            if picture is not None:
                small.paste(_MASK_COLOUR, mask=picture.point(lambda inside: inside * 2 // 5))
        _draw(small, box, small.width / head.width_px)
        return image_id, encode_jpeg(small)
    except (UnreadableImageError, MemoryError) as error:
        return image_id, str(error) or "The image needs more memory than there is: make it smaller."


def _draw(image: Image.Image, box: Box, scale: float) -> None:
    """Draw a box around an object, not over it, that is seen on any picture: bright within dark."""
    from PIL import ImageDraw

    line = max(1, max(image.size) // 400)
    left, top = box[0] * scale, box[1] * scale
    right, bottom = left + max(box[2] * scale, 1), top + max(box[3] * scale, 1)
    draw = ImageDraw.Draw(image)
    for around, colour in ((2 * line, "black"), (line, _BOX_COLOUR)):
        edges = (left - around, top - around, right + around, bottom + around)
        draw.rectangle(edges, outline=colour, width=line)
