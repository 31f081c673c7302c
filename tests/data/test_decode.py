import os
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import xxhash
from PIL import Image, TiffImagePlugin

from dataeval_ui.data import decode_bytes, decode_file, read_image_id, render_image
from dataeval_ui.types import DecodedImage, Preprocessing
from tests.data.images import SETTINGS, SMALL, encoded, photo

EXACT = replace(SMALL, input_px=32, resize_px=32)


def decoded(data: bytes, preprocessing: Preprocessing | None = EXACT) -> DecodedImage:
    return decode_bytes(data, preprocessing=preprocessing, settings=SETTINGS)


def pixels(data: bytes) -> np.ndarray:
    image = decoded(data)
    assert image.reason is None
    assert image.pixels is not None
    assert image.pixels.shape == (32, 32, 3)
    assert image.pixels.dtype == np.uint8
    return image.pixels


def quadrants(mode: str = "RGB") -> Image.Image:
    """Four colours, so that every turn and mirror shows: red, green / blue, white."""
    image = Image.new("RGB", (32, 32), (255, 255, 255))
    for colour, box in [((255, 0, 0), (0, 0)), ((0, 255, 0), (16, 0)), ((0, 0, 255), (0, 16))]:
        image.paste(colour, (*box, box[0] + 16, box[1] + 16))
    return image.convert(mode)


LOSSLESS = {
    "PNG": {},
    "BMP": {},
    "TIFF": {},
    "WEBP": {"lossless": True},
    "GIF": {},
}


@pytest.mark.parametrize("format", LOSSLESS)
def test_lossless_formats_give_the_pixels_back(format: str) -> None:
    data = encoded(quadrants(), format, **LOSSLESS[format])
    np.testing.assert_array_equal(pixels(data), np.asarray(quadrants()))
    image = decoded(data)
    assert (image.format, image.width_px, image.height_px) == (format, 32, 32)
    assert image.image_id == xxhash.xxh3_128_hexdigest(data)


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
def test_jpeg_is_decoded_as_pillow_does(mode: str) -> None:
    data = encoded(photo(32, 32, mode="RGB").convert(mode), "JPEG", quality=95)
    import io

    np.testing.assert_array_equal(pixels(data), np.asarray(Image.open(io.BytesIO(data)).convert("RGB")))
    assert decoded(data).mode == mode


def test_an_inverted_cmyk_of_adobe_is_not_shown_as_a_negative() -> None:
    white = Image.new("CMYK", (32, 32), (0, 0, 0, 0))
    assert pixels(encoded(white, "JPEG")).min() > 250


def test_16_bit_and_palette_png() -> None:
    ramp = np.tile(np.linspace(0, 65535, 32).astype(np.uint16), (32, 1))
    found = pixels(encoded(Image.fromarray(ramp)))
    assert np.abs(found[..., 0].astype(int) - np.rint(ramp / 257).astype(int)).max() == 0
    palette = quadrants().quantize(4)
    palette.info["transparency"] = palette.getpixel((0, 0))
    data = encoded(palette, transparency=palette.getpixel((0, 0)))
    expected = np.asarray(quadrants()).copy()
    expected[:16, :16] = 255
    np.testing.assert_array_equal(pixels(data), expected)
    assert decoded(data).mode == "P"
    assert decoded(data).statistics["alpha_fraction"] == 0.25


@pytest.mark.parametrize("format", ["GIF", "TIFF", "WEBP", "PNG"])
def test_the_first_frame_of_several_is_taken(format: str) -> None:
    options = {"lossless": True} if format == "WEBP" else {}
    second = Image.new("RGB", (32, 32), (9, 9, 9))
    data = encoded(quadrants(), format, save_all=True, append_images=[second, second], **options)
    np.testing.assert_array_equal(pixels(data), np.asarray(quadrants()))


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(format: str, orientation: int) -> None:
    undo = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    upright = quadrants().resize((64, 32), Image.Resampling.NEAREST)
    stored = upright.transpose(undo[orientation]) if orientation in undo else upright
    exif = Image.Exif()
    exif[0x0112] = orientation
    image = decoded(encoded(stored, format, exif=exif, **({"quality": 95} if format == "JPEG" else {})))
    assert (image.width_px, image.height_px) == (64, 32)
    assert image.pixels is not None
    expected = np.asarray(upright.crop((16, 0, 48, 32))).astype(int)
    assert np.abs(image.pixels - expected).mean() < 12


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
def test_a_broken_exif_block_does_not_cost_the_image() -> None:
    data = encoded(quadrants(), "JPEG", exif=b"Exif\0\0II*\0\xff\xff\xff\xff")
    assert decoded(data).reason is None


def test_the_thumbnail_fits_and_is_not_enlarged() -> None:
    import io

    for size, expected in [
        ((400, 200), (128, 64)),
        ((50, 20), (50, 20)),
        ((4000, 3), (128, 1)),
        ((129, 129), (128, 128)),
    ]:
        image = decoded(encoded(photo(*size)))
        thumbnail = Image.open(io.BytesIO(image.thumbnail))
        assert (thumbnail.format, thumbnail.size) == ("JPEG", expected)
    white = decoded(encoded(Image.new("RGBA", (300, 300), (0, 0, 0, 0))))
    assert np.asarray(Image.open(io.BytesIO(white.thumbnail))).min() == 255


def test_what_does_not_depend_on_the_backbone_does_not_change_with_it() -> None:
    data = encoded(photo(900, 700), "JPEG")
    a, b = decoded(data, SMALL), decoded(data, None)
    assert b.pixels is None
    assert replace(a, pixels=None) == b


@pytest.mark.parametrize("format", ["JPEG", "PNG"])
def test_a_large_image_is_reduced_first_and_keeps_its_look(format: str) -> None:
    large = photo(2700, 2600, seed=3)
    plain = decoded(encoded(large.resize((1350, 1300), Image.Resampling.BOX)))
    found = decoded(encoded(large, format))
    assert found.pixels is not None
    assert plain.pixels is not None
    assert np.abs(found.pixels.astype(int) - plain.pixels).mean() < 1.5
    assert (found.phash ^ plain.phash).bit_count() <= 2


BAD = {
    "empty": (b"", "The file is empty."),
    "text": (b"hello world", "no image of a known format"),
    "svg": (b"<?xml version='1.0'?>\n<svg xmlns='http://www.w3.org/2000/svg'/>", "SVG drawing, not a raster image"),
    "html": (b"<!DOCTYPE html><html></html>", "web page"),
    "heic": (b"\0\0\0\x18ftypheic\0\0\0\0", "HEIC, which is not read: convert it"),
    "avif": (b"\0\0\0\x18ftypavif\0\0\0\0", "AVIF"),
    "mp4": (b"\0\0\0\x18ftypisom\0\0\0\0", "MP4 (video), not an image"),
    "ogg": (b"OggS\0", "Ogg, not an image"),
    "psd": (b"8BPS\0\1", "Photoshop"),
    "pdf": (b"%PDF-1.4", "PDF"),
    "zip": (b"PK\x03\x04", "zip"),
    "lfs": (b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
    "magic alone": (b"\x89PNG\r\n\x1a\n", "."),
    "truncated png": (encoded(photo(200, 200))[:5000], "cut short"),
    "truncated jpeg": (encoded(photo(200, 200), "JPEG")[:1500], "cut short"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_image_has_a_reason_and_an_id(name: str) -> None:
    data, says = BAD[name]
    image = decoded(data)
    assert image.reason is not None
    assert says in image.reason
    assert image.reason.endswith(".")
    assert image.image_id == xxhash.xxh3_128_hexdigest(data)
    assert (image.thumbnail, image.pixels, image.statistics) == (b"", None, {})


def huge_png(width: int, height: int) -> bytes:
    import struct
    import zlib

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


@pytest.mark.parametrize(("width", "height"), [(40_000, 25_000), (2**31 - 1, 2**31 - 1)])
def test_a_header_of_a_thousand_megapixels_is_refused_in_our_words(width: int, height: int) -> None:
    reason = str(decoded(huge_png(width, height)).reason)
    assert reason.startswith(f"The image is too large: {width:,} x {height:,} pixels")
    assert "max_pixels" in reason


def test_the_cap_on_pixels_is_the_settings() -> None:
    data = encoded(photo(20, 10))
    assert decode_bytes(data, preprocessing=None, settings=replace(SETTINGS, max_pixels=200)).reason is None
    assert decode_bytes(data, preprocessing=None, settings=replace(SETTINGS, max_pixels=199)).reason is not None


def test_a_tiff_that_asks_for_a_decoder_outside_the_list_is_not_followed() -> None:
    info = TiffImagePlugin.ImageFileDirectory_v2()
    info[259] = 34712  # JPEG 2000 inside TIFF
    data = encoded(quadrants(), "TIFF", tiffinfo=info)
    image = decoded(data)
    assert image.reason is not None or image.format == "TIFF"


def test_content_counts_and_not_the_extension(tmp_path: Path) -> None:
    (tmp_path / "photo.txt").write_bytes(encoded(quadrants(), "JPEG"))
    image = decode_file(tmp_path / "photo.txt", preprocessing=None, settings=SETTINGS)
    assert (image.reason, image.format) == (None, "JPEG")


def test_a_polyglot_is_what_its_first_bytes_say() -> None:
    assert decoded(encoded(quadrants()) + b"PK\x03\x04<script>alert(1)</script>").format == "PNG"
    assert "zip" in str(decoded(b"PK\x03\x04" + encoded(quadrants())).reason)
    assert "no image" in str(decoded(b"GIF88a<?php ?>" + encoded(quadrants())).reason)


def test_files_that_cannot_be_read_have_a_reason_and_no_id(tmp_path: Path) -> None:
    def reason(path: Path) -> str:
        image = decode_file(path, preprocessing=None, settings=replace(SETTINGS, max_file_bytes=100))
        assert image.image_id is None
        assert read_image_id(path, settings=replace(SETTINGS, max_file_bytes=100)) == (None, image.reason)
        return str(image.reason)

    (tmp_path / "large.png").write_bytes(bytes(101))
    assert reason(tmp_path / "large.png").startswith("The file is too large: 101 bytes")
    assert "does not exist" in reason(tmp_path / "none.png")
    assert reason(tmp_path) == "This is a folder, not a file."


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_pipes_and_devices_do_not_hang(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    found: list[DecodedImage] = []

    def read() -> None:
        for path in (tmp_path / "pipe", Path("/dev/zero")):
            found.append(decode_file(path, preprocessing=None, settings=SETTINGS))

    thread = threading.Thread(target=read, daemon=True)
    thread.start()
    thread.join(20)
    assert [image.reason for image in found] == ["This is a named pipe, not a file.", "This is a device, not a file."]


def test_read_image_id_agrees_with_the_decoder(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(encoded(quadrants()))
    (tmp_path / "b.png").write_bytes(b"damaged")
    for name in ("a.png", "b.png"):
        image = decode_file(tmp_path / name, preprocessing=SMALL, settings=SETTINGS)
        assert read_image_id(tmp_path / name, settings=SETTINGS) == (image.image_id, None)


def test_threads_give_what_one_thread_gives() -> None:
    from concurrent.futures import ThreadPoolExecutor

    files = [encoded(photo(200 + i, 150, seed=i), "JPEG") for i in range(12)]
    alone = [decoded(data) for data in files]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(decoded, files))
    for a, b in zip(alone, together, strict=True):
        np.testing.assert_array_equal(a.pixels, b.pixels)
        assert replace(a, pixels=None) == replace(b, pixels=None)


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize(
    ("stored", "orientation", "rendered"),
    [
        ((60, 40), 1, (60, 40)),
        ((60, 40), 6, (40, 60)),
        ((2600, 2570), 1, (2048, 2024)),
        ((5000, 300), 8, (123, 2048)),
        ((5000, 1), 1, (2048, 1)),
    ],
)
def test_an_image_to_look_at_is_upright_and_as_large_as_allowed(
    tmp_path: Path, format: str, stored: tuple[int, int], orientation: int, rendered: tuple[int, int]
) -> None:
    import io

    exif = Image.Exif()
    exif[0x0112] = orientation
    image = photo(*stored)
    path = tmp_path / "photo"
    path.write_bytes(encoded(image, format, exif=exif))
    image_id, content = render_image(path, longer_px=2048, settings=SETTINGS)
    assert image_id == xxhash.xxh3_128_hexdigest(path.read_bytes())
    assert isinstance(content, bytes)
    shown = Image.open(io.BytesIO(content))
    assert (shown.format, shown.size) == ("JPEG", rendered)
    turned = {1: None, 6: Image.Transpose.ROTATE_270, 8: Image.Transpose.ROTATE_90}[orientation]
    upright = (image if turned is None else image.transpose(turned)).resize(rendered)
    assert np.abs(np.asarray(shown).astype(int) - np.asarray(upright)).mean() < 8


def test_what_is_refused_is_not_rendered_either(tmp_path: Path) -> None:
    path = tmp_path / "photo.png"
    assert render_image(path, longer_px=2048, settings=SETTINGS) == (None, "The file does not exist any more.")
    for data in (b"", b"text", encoded(photo(), "PNG")[:200], encoded(photo(400, 400), "PNG")):
        path.write_bytes(data)
        small = replace(SETTINGS, max_pixels=100_000)
        image_id, reason = render_image(path, longer_px=2048, settings=small)
        assert image_id == xxhash.xxh3_128_hexdigest(data)
        assert reason == decode_bytes(data, preprocessing=None, settings=small).reason
