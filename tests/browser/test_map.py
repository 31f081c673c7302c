"""The map in a real browser: what a person sees and does, against the numbers that it stands for."""

from __future__ import annotations

import io
import math
import re
import time

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect

from dataeval_ui.figures.palette import categorical_colors, rgb_of
from tests.browser.generated import N_BLOBS, generated_run

pytestmark = pytest.mark.browser

RUN = generated_run("n10000")


def open_map(open_page, query="", **options):
    page = open_page(f"/?run=n10000{query}", **options)
    page.wait_for_selector(".map[data-drawn]")
    return page


def overlay_box(page):
    """Where the map lies; a page that has just run again may not have laid it out yet."""
    boxes = []
    assert within(10, lambda: boxes.append(page.locator(".overlay").bounding_box()) or boxes[-1] is not None)
    return boxes[-1]


def pixel_of(page, row):
    """Place of a point in the window."""
    x, y = page.locator(".map").evaluate("(map, row) => map.inspect.pixelOf(row)", row)
    box = overlay_box(page)
    return box["x"] + x, box["y"] + y


def lonely_rows(n=6, least=0.25):
    """Rows with no other within a distance: what is drawn there is theirs alone."""
    xy = RUN.projection.xy
    rows = []
    for row in range(len(xy)):
        near = np.linalg.norm(xy - xy[row], axis=1) < least
        if near.sum() == 1 and RUN.blob[row] != 3 and np.abs(xy[row]).max() < 9:
            rows.append(row)
        if len(rows) == n:
            return rows
    raise AssertionError("too few lonely points")


LONELY = lonely_rows()


def colours_at(page, x, y):
    box = {"x": int(x) - 1, "y": int(y) - 1, "width": 4, "height": 4}
    return np.asarray(Image.open(io.BytesIO(page.screenshot(clip=box))).convert("RGB")).reshape(-1, 3).astype(float)


def assert_drawn(page, rows, *, dark):
    """Each point shows its colour over the page's, by the map's opacity, in one pixel at least."""
    colours = categorical_colors(N_BLOBS, dark=dark)
    ground = np.array([17, 22, 29] if dark else [255, 255, 255])
    for row in rows:
        expected = 0.8 * np.array(rgb_of(colours[RUN.blob[row]])) + 0.2 * ground
        place = pixel_of(page, row)
        assert within(5, lambda at=place, to=expected: np.abs(colours_at(page, *at) - to).max(axis=1).min() < 40), row


def within(seconds, condition):
    """Wait for something that only a picture shows."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


def drag(page, points, *, modifier=None):
    if modifier:
        page.keyboard.down(modifier)
    page.mouse.move(*points[0])
    page.mouse.down()
    for point in points[1:]:
        page.mouse.move(*point)
    page.mouse.up()
    if modifier:
        page.keyboard.up(modifier)


def circle(page, radius, *, at=(0.35, 0.5)):
    box = overlay_box(page)
    cx, cy = box["x"] + box["width"] * at[0], box["y"] + box["height"] * at[1]
    angles = [2 * math.pi * k / 30 for k in range(30)]
    return [(cx + radius * math.cos(a), cy + radius * math.sin(a)) for a in angles]


def rows_inside(polygon):
    """Even-odd rule over all points at once, in double precision."""
    x, y = RUN.projection.xy.astype(np.float64).T
    inside = np.zeros(len(x), bool)
    for (xa, ya), (xb, yb) in zip(polygon, polygon[-1:] + polygon[:-1], strict=True):
        if ya != yb:
            inside ^= ((ya > y) != (yb > y)) & (x < (xb - xa) * (y - ya) / (yb - ya) + xa)
    return np.flatnonzero(inside)


def expect_selected(page, rows):
    expect(page.get_by_text(re.compile(f"^selected={len(rows)}$"))).to_be_visible()
    expect(page.get_by_text(f"sum={int(np.sum(rows))}", exact=True)).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_point_is_drawn_in_its_colour_on_the_pages_own_ground(open_page, scheme):
    page = open_map(open_page, color_scheme=scheme)
    assert_drawn(page, LONELY, dark=scheme == "dark")


def test_hover_shows_the_image_and_what_is_known_of_it(open_page):
    page = open_map(open_page)
    row = LONELY[0]
    page.mouse.move(*pixel_of(page, row))
    image = page.locator(".tooltip img")
    expect(image).to_have_attribute("src", f"/api/runs/n10000/thumbs/{row}")
    page.wait_for_function("image => image.naturalWidth > 0", arg=image.element_handle())
    shown = page.locator(".tooltip dd").all_inner_texts()
    category = RUN.column("blob").categories[RUN.blob[row]]
    assert shown[0] == category
    expect(page.locator(".tooltip dt")).to_have_text(["Blob", "Score"])
    score = page.locator(".tooltip dd").nth(1).inner_text()
    assert score == "none" if np.isnan(RUN.score[row]) else float(score) == pytest.approx(RUN.score[row], abs=1e-3)
    page.mouse.move(5, 5)
    expect(page.locator(".tooltip")).to_be_hidden()


def test_lines_lead_to_the_true_neighbours_until_they_are_switched_off(open_page):
    page = open_map(open_page)

    def nearest():
        return page.locator(".map").evaluate("map => map.inspect.nearest()")

    def expected(row):
        return {"row": row, "rows": RUN.graph.indices[row].tolist()}

    button = page.get_by_role("button", name="Lines to the true nearest neighbours")
    row = LONELY[0]
    x, y = pixel_of(page, row)
    page.mouse.move(x, y)
    assert within(5, lambda: nearest() == expected(row))
    box = {"x": x - 90, "y": y - 90, "width": 180, "height": 180}
    with_lines = page.screenshot(clip=box)
    page.locator(".overlay").press("n")
    expect(button).to_have_attribute("aria-pressed", "false")
    assert nearest() is None
    assert within(5, lambda: page.screenshot(clip=box) != with_lines)
    page.locator(".overlay").press("n")
    assert within(5, lambda: nearest() == expected(row))
    page.locator(".overlay").press("ArrowRight")
    focused = page.locator(".map").evaluate("map => map.inspect.focused()")
    assert focused >= 0
    assert within(5, lambda: nearest() == expected(focused))
    button.click()
    expect(button).to_have_attribute("aria-pressed", "false")
    assert nearest() is None


def test_a_click_answers_with_the_row_and_its_neighbours_are_ringed(open_page):
    page = open_map(open_page)
    row = LONELY[1]
    page.mouse.click(*pixel_of(page, row))
    expect(page.get_by_text(f"clicked={row}", exact=True)).to_be_visible()
    expect(page.locator(".gallery button")).to_have_count(12)
    page.locator(".gallery button").nth(3).click()
    distance = np.linalg.norm(RUN.projection.xy - RUN.projection.xy[row], axis=1)
    expect(page.get_by_text(f"clicked={np.argsort(distance)[4]}", exact=True)).to_be_visible()


def test_a_lasso_returns_exactly_the_rows_inside_it(open_page):
    page = open_map(open_page)
    drag(page, circle(page, 110), modifier="Shift")
    polygon = page.locator(".map").evaluate("map => map.inspect.polygon()")
    rows = rows_inside(polygon)
    assert 100 < len(rows) < 9000
    expect_selected(page, rows)
    expect(page.locator(".chip")).to_contain_text(f"{len(rows):,} selected")


def test_control_adds_to_a_selection_and_alt_takes_from_it(open_page):
    page = open_map(open_page)
    page.get_by_role("button", name="Select with a lasso").click()
    polygons = []
    for modifier, radius, at in [(None, 80, (0.35, 0.5)), ("Control", 80, (0.6, 0.5)), ("Alt", 40, (0.35, 0.5))]:
        drag(page, circle(page, radius, at=at), modifier=modifier)
        polygons.append(set(rows_inside(page.locator(".map").evaluate("map => map.inspect.polygon()")).tolist()))
    assert all(polygons)
    expect_selected(page, sorted((polygons[0] | polygons[1]) - polygons[2]))


def test_a_box_selects_a_rectangle_of_what_the_legend_shows(open_page):
    page = open_map(open_page)
    page.get_by_role("button", name="blob 7").click()
    expect(page.get_by_text("hidden=[7]", exact=True)).to_be_visible()
    page.locator(".overlay").press("b")
    (x0, y0), (x1, y1) = circle(page, 150, at=(0.5, 0.5))[18], circle(page, 150, at=(0.6, 0.5))[3]
    drag(page, [(x0, y0), (x1, y1)])
    (ax, ay), (bx, by) = page.locator(".map").evaluate("map => map.inspect.polygon()")
    x, y = RUN.projection.xy.astype(np.float64).T
    inside = (x >= min(ax, bx)) & (x <= max(ax, bx)) & (y >= min(ay, by)) & (y <= max(ay, by))
    assert (inside & (RUN.blob == 7)).any()
    expect_selected(page, np.flatnonzero(inside & (RUN.blob != 7)))


def test_escape_clears_and_so_does_the_page(open_page):
    page = open_map(open_page)
    drag(page, circle(page, 110), modifier="Shift")
    expect(page.locator(".chip")).to_be_visible()
    page.locator(".overlay").press("Escape")
    expect(page.locator(".chip")).to_be_hidden()
    expect(page.get_by_text("selected=0", exact=True)).to_be_visible()
    drag(page, circle(page, 110), modifier="Shift")
    expect(page.locator(".chip")).to_be_visible()
    page.get_by_role("button", name="Clear from the page").click()
    expect(page.locator(".chip")).to_be_hidden()


def test_a_new_colour_fetches_no_geometry_and_keeps_zoom_and_selection(open_page):
    page = open_map(open_page)
    drag(page, circle(page, 110), modifier="Shift")
    expect(page.locator(".chip")).to_be_visible()
    page.locator(".overlay").press("+")
    zoom = page.locator(".map").evaluate("map => map.inspect.zoom()")
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.get_by_text("score", exact=True).click()
    expect(page.locator(".legend h3")).to_have_text("Score")
    expect(page.locator(".gradient")).to_be_visible()
    assert zoom > 1.3
    assert page.locator(".map").evaluate("map => map.inspect.zoom()") == zoom
    expect(page.locator(".chip")).to_be_visible()
    assert [url for url in asked if url.endswith("/points")] == []
    assert len([url for url in asked if "/columns/" in url]) <= 1


def test_the_legend_hides_isolates_and_shows_all(open_page):
    page = open_map(open_page)
    entry = page.get_by_role("button", name="blob 5")
    entry.click()
    expect(entry).to_have_attribute("aria-pressed", "false")
    expect(page.get_by_text("hidden=[5]", exact=True)).to_be_visible()
    entry.dblclick()
    others = [code for code in range(N_BLOBS) if code != 5]
    expect(page.get_by_text(f"hidden={others}", exact=True)).to_be_visible()
    page.get_by_role("button", name="Show all").click()
    expect(page.get_by_text("hidden=[]", exact=True)).to_be_visible()
    expect(entry).to_have_attribute("aria-pressed", "true")


def test_names_of_categories_are_text(open_page):
    page = open_map(open_page)
    expect(page.locator(".legend .name").first).to_have_text("<b>blob</b> 0")
    assert page.locator(".legend b").count() == 0


def test_the_whole_map_answers_to_the_keyboard(open_page):
    page = open_map(open_page)
    overlay = page.get_by_role("application", name="Generated points")
    overlay.focus()
    overlay.press("ArrowRight")
    first = page.locator(".map").evaluate("map => map.inspect.focused()")
    overlay.press("ArrowUp")
    row = page.locator(".map").evaluate("map => map.inspect.focused()")
    assert row != first
    assert RUN.projection.xy[row, 1] > RUN.projection.xy[first, 1]
    category = RUN.column("blob").categories[RUN.blob[row]]
    expect(page.locator(".unseen[aria-live]")).to_contain_text(f"Blob: {category}, Score: ")
    overlay.press("Enter")
    expect(page.get_by_text(f"clicked={row}", exact=True)).to_be_visible()
    for key, label in [("l", "Select with a lasso (L)"), ("b", "Select with a box (B)"), ("v", "Move the map (V)")]:
        overlay.press(key)
        expect(page.get_by_role("button", name=label)).to_have_attribute("aria-pressed", "true")
    overlay.press("+")
    assert page.locator(".map").evaluate("map => map.inspect.zoom()") == pytest.approx(1.4)
    overlay.press("0")
    assert page.locator(".map").evaluate("map => map.inspect.zoom()") == pytest.approx(1)


def test_wheel_zooms_at_the_pointer_and_double_click_resets(open_page):
    page = open_map(open_page)
    row = LONELY[2]
    before = pixel_of(page, row)
    page.mouse.move(*before)
    page.mouse.wheel(0, -400)
    zoom = page.locator(".map").evaluate("map => map.inspect.zoom()")
    assert zoom == pytest.approx(math.exp(0.0016 * 300))  # a turn of the wheel counts at most 300
    assert pixel_of(page, row) == pytest.approx(before, abs=1.0)
    box = page.locator(".overlay").bounding_box()
    page.mouse.dblclick(box["x"] + 3, box["y"] + box["height"] - 3)
    assert page.locator(".map").evaluate("map => map.inspect.zoom()") == pytest.approx(1)


COUNT_DRAWINGS = """
    window.drawings = 0;
    const draw = WebGL2RenderingContext.prototype.drawArrays;
    WebGL2RenderingContext.prototype.drawArrays = function (...all) {
        window.drawings += 1;
        return draw.apply(this, all);
    };
"""


def test_all_points_are_drawn_once_to_open_and_not_again_for_a_click(open_page):
    page = open_page("/")
    page.add_init_script(COUNT_DRAWINGS)
    page.goto(f"{page.url.split('?')[0]}?run=n10000")
    page.wait_for_selector(".map[data-drawn]")
    time.sleep(0.5)
    page.mouse.click(*pixel_of(page, LONELY[0]))
    page.get_by_text(f"clicked={LONELY[0]}", exact=True).wait_for()
    time.sleep(0.5)  # rings are drawn above the points
    assert page.evaluate("window.drawings") == 1


def test_the_map_is_drawn_again_after_the_card_was_lost(open_page):
    page = open_map(open_page)
    page.locator(".map").evaluate(
        """async map => {
            const loser = map.inspect.renderer.gl.getExtension("WEBGL_lose_context");
            const canvas = map.querySelector(".points");
            const lost = new Promise(done => canvas.addEventListener("webglcontextlost", done, { once: true }));
            loser.loseContext();
            await lost;
            const back = new Promise(done => canvas.addEventListener("webglcontextrestored", done, { once: true }));
            setTimeout(() => loser.restoreContext(), 50);
            await back;
            await new Promise(requestAnimationFrame);
            await new Promise(requestAnimationFrame);
        }"""
    )
    assert_drawn(page, LONELY, dark=False)


def test_images_take_the_place_of_points(open_page):
    page = open_map(open_page)
    asked = set()
    page.on("response", lambda answer: asked.update(re.findall(r"\d+", answer.url.partition("/thumbs?rows=")[2])))
    button = page.get_by_role("button", name="Show images")

    def share_covered():
        """Share of the stage under images; a screenshot of a software-drawn page may still show the frame before."""
        return page.locator(".overlay").evaluate(
            """canvas => {
                const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
                let covered = 0;
                for (let at = 3; at < data.length; at += 4) covered += data[at] > 0;
                return covered / (canvas.width * canvas.height);
            }"""
        )

    assert share_covered() == 0
    button.click()
    expect(button).to_have_attribute("aria-pressed", "true")
    assert within(10, lambda: share_covered() > 0.03)
    assert 10 <= len(asked) <= 150
    button.click()
    page.mouse.move(5, 5)
    assert within(10, lambda: share_covered() == 0)


def test_a_finger_taps_a_point_at_390_px(open_page):
    page = open_map(open_page, viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    expect(page.locator(".legend")).to_be_visible()
    x, y = pixel_of(page, LONELY[0])
    page.touchscreen.tap(x, y)
    expect(page.get_by_text(re.compile(r"^clicked=\d+$"))).to_be_visible()
    expect(page.locator(".tooltip")).to_be_visible()


def test_without_webgl2_the_page_is_told(open_page, browser, chromium):
    plain = browser.browser_type.launch(
        executable_path=chromium, args=["--no-sandbox", "--disable-gpu", "--disable-3d-apis"]
    )
    try:
        page = open_page("/?run=n10000", of=plain)
        expect(page.get_by_text("No WebGL2 here.")).to_be_visible()
    finally:
        plain.close()
