// Buttons inside the map: what dragging does, zoom, images.
import { element, icon } from "./dom.js";

const MODES = [
  ["pan", "Move the map (V)"],
  ["lasso", "Select with a lasso (L)"],
  ["box", "Select with a box (B)"],
];

export class Toolbar {
  constructor({ setMode, zoom, reset, toggleImages, toggleLines }) {
    const button = (name, label, act, pressed) =>
      element(
        "button",
        { type: "button", class: "tool", "aria-label": label, title: label, "aria-pressed": pressed, onclick: act },
        icon(name),
      );
    this.modes = new Map(MODES.map(([name, label]) => [name, button(name, label, () => setMode(name), "false")]));
    this.images = button("images", "Show images (I)", toggleImages, "false");
    this.lines = button("lines", "Lines to the true nearest neighbours (N)", toggleLines, "true");
    this.node = element(
      "div",
      { class: "toolbar", role: "toolbar", "aria-label": "Map tools" },
      element("div", { class: "tools", role: "group", "aria-label": "Dragging" }, ...this.modes.values()),
      element(
        "div",
        { class: "tools", role: "group", "aria-label": "Zoom" },
        button("zoomIn", "Zoom in (+)", () => zoom(1.5)),
        button("zoomOut", "Zoom out (-)", () => zoom(1 / 1.5)),
        button("reset", "Show the whole map (0)", reset),
      ),
      element("div", { class: "tools" }, this.images, this.lines),
    );
  }

  show(mode, showImages, showLines) {
    for (const [name, button] of this.modes) button.setAttribute("aria-pressed", String(name === mode));
    this.images.setAttribute("aria-pressed", String(showImages));
    this.lines.setAttribute("aria-pressed", String(showLines));
  }
}
