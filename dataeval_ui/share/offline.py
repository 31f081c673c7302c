"""A run in one HTML file: data, thumbnails and script inside, nothing asked of a network.

The page's policy allows the one script and the one style that are in it, by their hashes, and images out of the page
itself; it forbids every connection. What the user named (labels, paths, sentences) is data, never markup.
"""

from __future__ import annotations

import base64
import hashlib
import html
import io
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

THUMB_PX = 64
PER_SIDE = 16
QUALITY = 62
_FOLDER = Path(__file__).parent / "offline_page"
_SCRIPTS = ("review.js", "map.js", "panel.js")


def page_parts(payload: Mapping[str, Any], sheets: Iterator[str]) -> Iterator[str]:
    """Write the page piece by piece; the sheets, most of it, are held one at a time.

    Parameters
    ----------
    payload : mapping
        What `services.offline` gathers; JSON-able.
    sheets : iterator of str
        `data:` addresses of the sheets of thumbnails.
    """
    style = (_FOLDER / "page.css").read_text(encoding="utf-8")
    script = "\n".join((_FOLDER / name).read_text(encoding="utf-8") for name in _SCRIPTS)
    filled = (_FOLDER / "page.html").read_text(encoding="utf-8")
    policy = "; ".join(
        (
            "default-src 'none'",
            "img-src data: blob:",
            f"style-src {_hash(style)}",
            f"script-src {_hash(script)}",
            "connect-src 'none'",
            "form-action 'none'",
            "base-uri 'none'",
        )
    )
    head, rest = filled.split("{{data}}")
    for name, text in (
        ("policy", html.escape(policy)),
        ("title", html.escape(str(payload["title"]))),
        ("style", style),
    ):
        head = head.replace("{{" + name + "}}", text)
    yield head
    yield _json(payload)[:-1] + ',"sheets":['
    for at, sheet in enumerate(sheets):
        yield ("," if at else "") + _json(sheet)
    yield "]}" + rest.replace("{{script}}", script)


def sprite_sheets(thumbnail: Callable[[int], bytes | None], n_images: int) -> Iterator[str]:
    """Draw thumbnails into sheets of 16 x 16, as WebP in a `data:` address; a lost one leaves its place empty.

    Parameters
    ----------
    thumbnail : callable
        Row to JPEG.
    n_images : int
    """
    from PIL import Image

    per_sheet, side = PER_SIDE * PER_SIDE, PER_SIDE * THUMB_PX
    for start in range(0, n_images, per_sheet):
        rows = range(start, min(start + per_sheet, n_images))
        height = -(-len(rows) // PER_SIDE) * THUMB_PX
        sheet = Image.new("RGB", (side, height), (127, 127, 127))
        for at, row in enumerate(rows):
            stored = thumbnail(row)
            if stored is None:
                continue
            with Image.open(io.BytesIO(stored)) as opened:
                opened.draft("RGB", (THUMB_PX, THUMB_PX))
                small = opened.convert("RGB")
            small.thumbnail((THUMB_PX, THUMB_PX), Image.Resampling.BICUBIC)
            left = at % PER_SIDE * THUMB_PX + (THUMB_PX - small.width) // 2
            sheet.paste(small, (left, at // PER_SIDE * THUMB_PX + (THUMB_PX - small.height) // 2))
        buffer = io.BytesIO()
        sheet.save(buffer, "WEBP", quality=QUALITY, method=4)
        yield "data:image/webp;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")


def packed(array: Any, dtype: str) -> str:
    """Return an array as base64 of its little-endian numbers."""
    import numpy as np

    return base64.b64encode(np.ascontiguousarray(array, dtype=dtype).tobytes()).decode("ascii")


def _json(value: Any) -> str:
    """Write JSON that no HTML parser can take for markup."""
    text = json.dumps(value, ensure_ascii=True, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode('utf-8')).digest()).decode('ascii')}'"
