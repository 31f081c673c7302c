// One map on the page: what the user does on it, by mouse, touch, keys, toolbar and legend.
import { describe, loadColumn, loadNearest } from "./data.js";
import { listenToKeys } from "./keyboard.js";
import { Legend } from "./legend.js";
import { combine, countMask, encodeMask, maskOfBox, maskOfPolygon } from "./masks.js";
import { buildParts, watchSize } from "./parts.js";
import { Pointer } from "./pointer.js";
import { Scene } from "./scene.js";

const REACH_MS = 60; // a pointer that only passes asks for no neighbours
const SEND_MS = 260; // legend clicks within this time are one event

export class ScatterMap extends Scene {
  constructor(root) {
    const acts = {};
    super(root, buildParts(acts));
    for (const name of ["setMode", "zoom", "reset", "toggleImages", "toggleLines", "clearSelection"]) {
      acts[name] = (...args) => this[name](...args);
    }
    const { node, overlay, stage } = this.parts;
    root.replaceChildren(node);
    this.pointer = new Pointer(overlay, this);
    listenToKeys(overlay, this);
    this.legend = new Legend({
      setHidden: (hidden) => this.changeHidden(hidden),
      setRange: (range) => this.changeRange(range),
    });
    node.append(this.legend.node);
    this.size = watchSize(stage, node, (size) => this.resize(size), () => this.retheme());
    // For people at the browser's console, and for tests.
    node.inspect = {
      pixelOf: (row) => this.place(row),
      planeOf: (px, py) => this.view.toPlane(px, py),
      zoom: () => this.view.zoom,
      renderer: this.renderer,
      focused: () => this.focused,
      polygon: () => this.polygon,
      selected: () => (this.selection ? countMask(this.selection) : 0),
      nearest: () => (this.showLines ? this.near : null),
    };
  }

  under(px, py) {
    if (!this.points) return -1;
    if (this.showImages) {
      const row = this.images.under(px, py, this.grid, this.view);
      if (row >= 0) return row;
    }
    return this.grid.nearest(this.view, px, py, Math.max(7, this.diameter() / 2 + 3), this.isVisible);
  }

  hover(px, py) {
    const row = this.under(px, py);
    this.parts.overlay.classList.toggle("over", row >= 0);
    if (row < 0) {
      if (this.hovered >= 0) this.leave();
      return;
    }
    if (row !== this.hovered) this.request();
    this.hovered = row;
    if (row === this.clicked) return; // its image is on the page by now, and would cover its neighbours
    this.clicked = -1;
    this.tell(row, px, py);
  }

  // Lines to where the true neighbours of a point lie, wherever the map has drawn them.
  reach(row) {
    if (this.near?.row === row || this.reaching === row) return;
    clearTimeout(this.waiting);
    this.reaching = row;
    this.near = null;
    if (row < 0 || !this.showLines || !this.data.nearest) return;
    this.waiting = setTimeout(async () => {
      const rows = await loadNearest(this.data.nearest.replace("{row}", row)).catch(() => []);
      if (this.reaching !== row) return;
      this.near = { row, rows: rows.filter((near) => near < this.points.n) };
      this.request();
    }, REACH_MS);
  }

  tell(row, px, py) {
    this.reach(row);
    this.parts.tooltip.show(row, this.thumbnail(row), this.facts(row), px, py, this.view);
    this.loadHover(() => {
      if (this.parts.tooltip.row !== row) return;
      this.parts.tooltip.row = -1;
      this.parts.tooltip.show(row, this.thumbnail(row), this.facts(row), px, py, this.view);
    });
  }

  // Further columns come when first asked for.
  async loadHover(then) {
    const { hover, n } = this.data;
    if (this.columns.length === hover.length) return;
    const columns = await Promise.all(hover.map(async (column) => [column, await loadColumn(column, n)]));
    if (hover !== this.data.hover && JSON.stringify(hover) !== JSON.stringify(this.data.hover)) return;
    this.columns = columns;
    then();
  }

  facts(row) {
    const all = [[this.data.colour, this.values], ...this.columns.filter(([c]) => c.url !== this.data.colour.url)];
    return all.map(([column, values]) => [column.title, describe(column, values, row)]);
  }

  leave() {
    this.hovered = -1;
    this.reach(-1);
    this.parts.tooltip.hide();
    this.request();
  }

  click(px, py, kind) {
    const row = this.under(px, py);
    this.clicked = kind === "touch" ? -1 : row;
    if (kind === "touch" && row >= 0) this.hover(px, py);
    else this.leave();
    this.focused = -1;
    if (row >= 0) this.component.setTriggerValue("click", row);
    this.request();
  }

  doubleClick(px, py) {
    if (this.under(px, py) < 0) this.reset();
  }

  shape(shape) {
    this.currentShape = shape;
    this.request();
  }

  select({ kind, path, start, end }, how) {
    if (!this.points) return;
    const { n } = this.points;
    const toPlane = (at) => this.view.toPlane(...at);
    this.polygon = kind === "box" ? [toPlane(start), toPlane(end)] : path.map(toPlane);
    const mask =
      kind === "box"
        ? maskOfBox(this.grid, n, ...this.polygon, this.isVisible)
        : maskOfPolygon(this.grid, n, this.polygon, this.isVisible);
    this.changeSelection(combine(this.selection, mask, how));
  }

  changeSelection(mask) {
    const count = countMask(mask);
    if (count === 0 && this.selection === null) return;
    this.selection = count ? mask : null;
    this.restate();
    this.parts.announce(count ? `${count.toLocaleString("en")} selected` : "Selection cleared");
    this.component.setTriggerValue("selection", encodeMask(mask));
  }

  changeHidden(hidden) {
    this.hidden = hidden;
    this.legend.showHidden(hidden);
    this.restate();
    clearTimeout(this.sending);
    this.sending = setTimeout(() => this.component.setTriggerValue("hidden", [...hidden].sort((a, b) => a - b)), SEND_MS);
  }

  changeRange(range) {
    this.range = range;
    this.restate();
  }

  clearSelection() {
    if (this.points && this.selection) this.changeSelection(new Uint8Array(this.points.n));
  }

  setMode(mode) {
    this.mode = mode;
    this.parts.overlay.dataset.mode = mode;
    this.showTools();
  }

  toggleImages() {
    this.showImages = !this.showImages;
    this.rechoose = true;
    this.showTools();
    this.request();
  }

  toggleLines() {
    this.showLines = !this.showLines;
    this.near = null;
    this.reaching = -1;
    this.reach(this.focused >= 0 ? this.focused : this.hovered);
    this.parts.announce(`Lines to the true nearest neighbours ${this.showLines ? "shown" : "hidden"}`);
    this.showTools();
    this.request();
  }

  panBy(dx, dy) {
    this.view.panBy(dx, dy);
    this.moved();
  }

  zoomAt(px, py, factor) {
    this.view.zoomAt(px, py, factor);
    this.leave();
    this.moved();
  }

  zoom(factor) {
    this.zoomAt(this.view.width / 2, this.view.height / 2, factor);
  }

  reset() {
    this.view.reset();
    this.moved();
  }

  escape() {
    if (this.pointer.cancel()) return;
    if (this.selection) this.clearSelection();
    else this.focused = -1;
    this.leave();
  }

  walk(dx, dy) {
    if (!this.points) return;
    const from = this.focused >= 0 ? this.place(this.focused) : [this.view.width / 2, this.view.height / 2];
    const row =
      this.focused >= 0
        ? this.grid.towards(this.view, ...from, dx, dy, this.isVisible)
        : this.grid.nearest(this.view, ...from, Math.max(this.view.width, this.view.height), this.isVisible);
    if (row < 0) return;
    this.focused = row;
    this.bringIntoView(row);
    this.tell(row, ...this.place(row));
    const announce = () =>
      this.parts.announce(this.facts(row).map(([title, value]) => `${title}: ${value}`).join(", "));
    announce();
    this.loadHover(announce);
    this.request();
  }

  chooseFocused() {
    if (this.focused >= 0) this.component.setTriggerValue("click", this.focused);
  }

  bringIntoView(row) {
    if (row === null || row === undefined) return;
    if (this.view.contains(...this.place(row), -20)) return;
    this.view.centreOn(this.points.x[row], this.points.y[row]);
    this.moved();
  }

  destroy() {
    this.size.stop();
    this.kept.destroy();
    clearTimeout(this.rest);
    cancelAnimationFrame(this.frame);
    this.renderer.destroy();
  }
}
