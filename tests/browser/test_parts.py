"""Gallery, pair and drop zones in a real browser."""

from __future__ import annotations

import hashlib
import re

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.browser


@pytest.fixture
def page(open_page):
    page = open_page("/parts")
    expect(page.get_by_text("image=None", exact=True)).to_be_visible()
    return page


def test_a_gallery_is_clicked_and_walked_by_keys(page):
    cards = page.get_by_role("group", name="Similar").get_by_role("button")
    expect(cards).to_have_count(12)
    cards.nth(4).click()
    expect(page.get_by_text("row=4", exact=True)).to_be_visible()
    expect(cards.nth(4)).to_have_attribute("aria-current", "true")
    assert cards.evaluate_all("cards => cards.filter(card => card.tabIndex === 0).length") == 1
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    expect(cards.nth(6)).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_text("row=6", exact=True)).to_be_visible()
    page.keyboard.press("Home")
    expect(cards.nth(0)).to_be_focused()


def test_an_empty_gallery_says_what_to_do(page):
    expect(page.get_by_text("Nothing here. Lasso some points.")).to_be_visible()


def test_a_card_is_named_by_its_caption_and_shows_its_thumbnail(page):
    card = page.get_by_role("button", name="a long name of an image, number 3.jpg")
    image = card.locator("img")
    image.scroll_into_view_if_needed()
    page.wait_for_function("image => image.naturalWidth > 0", arg=image.element_handle())
    assert image.get_attribute("data-row") == "3"
    expect(card.locator(".badge")).to_have_text("0.3")


def test_a_pair_shows_both_then_their_difference_then_each_in_turn(page):
    stage = page.locator(".stage")
    figures = stage.locator("figure")
    expect(figures).to_have_count(2)
    expect(stage.locator("figcaption").first).to_contain_text("<i>left</i>.jpg")
    left, right = figures.nth(0).bounding_box(), figures.nth(1).bounding_box()
    assert left["x"] + left["width"] <= right["x"]
    page.get_by_role("button", name="Difference").click()
    assert figures.nth(0).bounding_box() == figures.nth(1).bounding_box()
    page.get_by_role("button", name="Flicker").click()
    for front in ("1", "0"):
        expect(stage).to_have_attribute("data-front", front)
    page.get_by_role("button", name="Side by side").click()
    expect(figures.nth(0)).to_be_visible()
    expect(figures.nth(1)).to_be_visible()


def test_a_folder_is_sent_with_its_names(page, tmp_path):
    folder = tmp_path / "pets"
    contents = {f"cat/{k}.png": bytes([k]) * (k * 100) for k in range(5)} | {"dog/ä b.png": b"dog"}
    for name, content in contents.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    (folder / ".DS_Store").write_bytes(b"junk")
    page.locator("input[webkitdirectory]").set_input_files(folder)
    names = [name.split("/")[1] for name in sorted(contents)]
    digest = hashlib.sha256(b"".join(contents[name] for name in sorted(contents))).hexdigest()[:12]
    expect(page.get_by_text(f"upload=pets|6|{names}|{digest}", exact=True)).to_be_visible(timeout=15_000)
    expect(page.get_by_text("pets: 6 files received.")).to_be_visible()


def test_more_than_the_server_takes_is_refused_before_it_is_sent(page, tmp_path):
    (tmp_path / "big.zip").write_bytes(b"x" * 1_000_001)
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.locator("input[multiple]:not([webkitdirectory])").set_input_files(tmp_path / "big.zip")
    expect(page.get_by_text(re.compile("at most .* can be sent"))).to_be_visible()
    assert not [url for url in asked if "/uploads" in url]


def test_an_image_of_ones_own_is_picked_or_pasted(page, tmp_path):
    (tmp_path / "mine.png").write_bytes(b"mine")
    page.locator('input[accept="image/*"]').set_input_files(tmp_path / "mine.png")
    expect(page.get_by_text(f"image=mine.png|4|{hashlib.sha256(b'mine').hexdigest()[:12]}")).to_be_visible()
    page.evaluate(
        """() => {
            const transfer = new DataTransfer();
            transfer.items.add(new File(["pasted"], "image.png", { type: "image/png" }));
            document.body.dispatchEvent(new ClipboardEvent("paste", { clipboardData: transfer, bubbles: true }));
        }"""
    )
    expect(page.get_by_text(f"image=image.png|6|{hashlib.sha256(b'pasted').hexdigest()[:12]}")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_is_wider_than_a_phone(open_page, scheme):
    page = open_page("/parts", viewport={"width": 390, "height": 844}, color_scheme=scheme)
    expect(page.get_by_text("image=None", exact=True)).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
