// The map's elements, and what it must know of the page around them: size and theme.
import { element, icon } from "./dom.js";
import { Toolbar } from "./toolbar.js";
import { Tooltip } from "./tooltip.js";

const KEYS =
  "Arrow keys walk from image to image, Enter finds its neighbours, plus and minus zoom, 0 shows the whole map, " +
  "L, B and V choose lasso, box and moving, I shows images, N draws lines to true neighbours, Escape clears the selection.";

export function buildParts(map) {
  const points = element("canvas", { class: "points", "aria-hidden": "true" });
  const overlay = element("canvas", {
    class: "overlay", tabindex: "0", role: "application", "aria-roledescription": "map", "aria-describedby": "keys",
  });
  const toolbar = new Toolbar({
    setMode: (mode) => map.setMode(mode),
    zoom: (factor) => map.zoom(factor),
    reset: () => map.reset(),
    toggleImages: () => map.toggleImages(),
    toggleLines: () => map.toggleLines(),
  });
  const tooltip = new Tooltip();
  const count = element("span");
  const chip = element(
    "div",
    { class: "chip", hidden: true },
    count,
    element(
      "button",
      {
        type: "button", "aria-label": "Clear the selection (Escape)", title: "Clear the selection (Escape)",
        onclick: () => map.clearSelection(),
      },
      icon("clear"),
    ),
  );
  const message = element("div", { class: "message", role: "status", hidden: true });
  const live = element("div", { class: "unseen", role: "status", "aria-live": "polite" });
  const keys = element("div", { class: "unseen", id: "keys" }, KEYS);
  const stage = element(
    "div", { class: "stage" }, points, overlay, toolbar.node, chip, tooltip.node, message, live, keys,
  );
  return {
    node: element("div", { class: "map" }, stage),
    stage, points, overlay, toolbar, tooltip,
    say(text) {
      message.textContent = text;
      message.hidden = text === "";
    },
    announce(text) {
      live.textContent = text;
    },
    showSelected(n) {
      chip.hidden = n === 0;
      count.textContent = `${n.toLocaleString("en")} selected`;
    },
  };
}

export function readTheme(node) {
  const style = getComputedStyle(node);
  const rgb = (style.backgroundColor.match(/[\d.]+/g) ?? [255, 255, 255]).slice(0, 3).map(Number);
  return {
    background: style.backgroundColor,
    backgroundRgb: rgb,
    text: style.color,
    primary: style.getPropertyValue("--accent").trim() || "#3f7fd9",
    font: style.fontFamily,
  };
}

// Calls onSize now and whenever size or pixel ratio change, and onTheme when the page's colours do.
export function watchSize(stage, node, onSize, onTheme) {
  const measure = () => {
    const { width, height } = stage.getBoundingClientRect();
    onSize({ width, height, ratio: Math.min(3, window.devicePixelRatio || 1) });
  };
  const observer = new ResizeObserver(measure);
  observer.observe(stage);
  let query;
  const watchRatio = () => {
    query?.removeEventListener("change", watchRatio);
    query = window.matchMedia(`(resolution: ${window.devicePixelRatio}dppx)`);
    query.addEventListener("change", watchRatio);
    measure();
  };
  watchRatio();
  node.addEventListener("transitionend", onTheme); // the background has a transition for this
  const stop = () => {
    observer.disconnect();
    query.removeEventListener("change", watchRatio);
    node.removeEventListener("transitionend", onTheme);
  };
  return { measure, stop };
}
