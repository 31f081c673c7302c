"""The page in one file: its policy, and hostile text as data."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import re

from PIL import Image

from dataeval_ui.share.offline import PER_SIDE, THUMB_PX, page_parts, sprite_sheets

HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(1)> <!-- \u2028 & ' \""


def page(**payload: object) -> str:
    return "".join(page_parts({"title": HOSTILE, "paths": [HOSTILE], **payload}, iter(["data:image/webp;base64,AA=="])))


def test_text_of_the_user_is_data_and_never_markup():
    text = page()
    assert text.count("<script") == 2
    assert "alert(1)</script><img" not in text
    [held] = re.findall(r'<script type="application/json" id="data">(.*?)</script>', text, flags=re.DOTALL)
    data = json.loads(held)
    assert data["paths"] == [HOSTILE]
    assert data["sheets"] == ["data:image/webp;base64,AA=="]


def test_the_policy_allows_the_pages_own_script_by_its_hash_and_no_connection():
    text = page()
    policy = re.search(r'Content-Security-Policy" content="(.*?)"', text)
    assert policy
    allowed = policy[1].replace("&#x27;", "'")
    script = text.rsplit("<script>", 1)[1].split("</script>")[0]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}';" in allowed
    assert "default-src 'none'" in allowed
    assert "connect-src 'none'" in allowed
    assert "unsafe" not in allowed
    assert not re.search(r"https?://", text)


def test_thumbnails_lie_in_sheets_in_the_order_of_the_rows():
    def thumbnail(row: int) -> bytes | None:
        buffer = io.BytesIO()
        Image.new("RGB", (128, 64), (255, 0, 0) if row == 257 else (0, 0, 255)).save(buffer, "JPEG")
        return None if row == 1 else buffer.getvalue()

    sheets = list(sprite_sheets(thumbnail, 258))
    assert len(sheets) == 2
    first, second = (Image.open(io.BytesIO(base64.b64decode(sheet.split(",")[1]))).convert("RGB") for sheet in sheets)
    assert first.size == (PER_SIDE * THUMB_PX, PER_SIDE * THUMB_PX)
    assert second.size == (PER_SIDE * THUMB_PX, THUMB_PX)
    middle = THUMB_PX // 2
    red, _, blue = second.getpixel((THUMB_PX + middle, middle))
    assert red > 200 > 60 > blue
    assert max(first.getpixel((THUMB_PX + middle, middle))) < 140, "a lost thumbnail leaves its place grey"
