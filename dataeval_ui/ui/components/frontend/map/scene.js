// What is drawn: points, colours, states and selection, as Python and the legend give them.
import { coloursOf, cssColour, isDark } from "./colours.js";
import { loadColumn, loadPoints } from "./data.js";
import { Grid } from "./grid.js";
import { Images } from "./images.js";
import { countMask, decodeMask } from "./masks.js";
import { Overlay } from "./overlay.js";
import { readTheme } from "./parts.js";
import { HIDDEN, MOVING_BUDGET, NORMAL, Renderer, SELECTED } from "./renderer.js";
import { View } from "./view.js";
import { KeptWindow } from "./window.js";

const REST_MS = 160; // after the last movement: draw all points again

export class Scene {
  constructor(root, parts) {
    this.root = root;
    this.parts = parts;
    this.view = new View();
    this.images = new Images(() => this.request());
    this.renderer = new Renderer(parts.points, () => this.requestPoints());
    this.overlay = new Overlay(parts.overlay);
    Object.assign(this, { mode: "pan", showImages: false, showLines: true, near: null, hovered: -1, focused: -1, currentShape: null });
    Object.assign(this, { points: null, selection: null, shown: null, hidden: new Set(), range: null, columns: [] });
    this.kept = new KeptWindow(this);
    this.given = {}; // what Python said last, to act on changes alone
  }

  // --- what Python says -----------------------------------------------------------------------------------------

  update(component) {
    this.component = component;
    const data = component.data;
    this.data = data;
    this.theme = readTheme(this.parts.node);
    this.parts.stage.style.height = data.heightPx ? `${data.heightPx}px` : ""; // else that of the style sheet
    this.parts.overlay.setAttribute("aria-label", data.label);
    if (!this.renderer.gl) {
      this.parts.say("This browser cannot draw the map: it has no WebGL2.");
      if (!this.told) component.setStateValue("webgl", false);
      this.told = true;
      return;
    }
    if (this.changed("mode", data.mode)) this.mode = data.mode;
    if (this.changed("images", data.showImages)) this.showImages = data.showImages;
    this.showTools();
    this.load(data);
  }

  showTools() {
    this.parts.toolbar.show(this.mode, this.showImages, this.showLines);
  }

  changed(name, value) {
    const text = JSON.stringify(value ?? null);
    if (this.given[name] === text) return false;
    this.given[name] = text;
    return true;
  }

  async load(data) {
    const turn = (this.turn = (this.turn ?? 0) + 1);
    try {
      if (this.changed("points", [data.points, data.version])) {
        this.parts.say(`Loading ${data.n.toLocaleString("en")} points…`);
        this.points = null;
        for (const name of ["colour", "hover", "selected", "shown", "hidden", "neighbours", "window"]) delete this.given[name];
      }
      const [points, values] = await Promise.all([loadPoints(data.points), loadColumn(data.colour, data.n)]);
      if (turn !== this.turn) return; // a later rerun has overtaken this one
      if (points.n !== data.n) throw new Error(`The map has ${points.n} points where ${data.n} were promised.`);
      if (this.points !== points) this.setPoints(points);
      this.apply(data, values);
      this.parts.say("");
    } catch (error) {
      if (turn !== this.turn) return;
      this.given = {};
      this.parts.say(`${error.message} Reload the page to try again.`);
    }
  }

  setPoints(points) {
    this.points = points;
    this.grid = new Grid(points);
    this.images.clear();
    Object.assign(this, { selection: null, shown: null, hidden: new Set(), range: null, hovered: -1, focused: -1 });
    this.near = null;
    this.view.atHome = true;
    this.view.setBounds(this.grid.bounds);
    this.renderer.setPoints(points);
    this.states = new Uint8Array(points.n).fill(NORMAL);
  }

  apply(data, values) {
    const { n } = this.points;
    let restated = false;
    const differs = (name, value) => {
      const changed = this.changed(name, value);
      restated ||= changed;
      return changed;
    };
    if (differs("colour", data.colour)) {
      this.values = values;
      this.range = null;
      this.recolour();
    }
    if (this.changed("hover", data.hover)) this.columns = [];
    if (differs("selected", data.selected?.digest)) {
      this.selection = data.selected ? decodeMask(data.selected.bits, n) : null;
    }
    if (differs("shown", data.shown?.digest)) this.shown = data.shown ? decodeMask(data.shown.bits, n) : null;
    if (differs("hidden", [data.hidden, data.colour.url])) this.hidden = new Set(data.hidden);
    // a window that comes with a query is the user's own, and may leave the query out
    const isPlaced = this.changed("window", data.window);
    if (isPlaced) this.kept.take(data.window);
    const isAnswered = this.changed("neighbours", [data.query, data.neighbours]);
    if (isAnswered && !(isPlaced && data.window)) this.bringIntoView(data.query);
    this.legend.showHidden(this.hidden);
    const lookChanged = this.changed("look", [data.pointPx, data.opacity]);
    if (restated) this.restate();
    else if (lookChanged) this.requestPoints();
    else this.request();
  }

  recolour() {
    const { colour } = this.data;
    this.dark = isDark(this.parts.node);
    this.theme = readTheme(this.parts.node);
    this.colours = coloursOf(colour, this.values, this.dark);
    this.renderer.setColours(this.colours);
    const missing = colour.kind === "continuous" ? Number.isNaN : (code) => code >= colour.categories.length;
    this.legend.show(colour, { hasMissing: this.values.some(missing), dark: this.dark });
    this.legend.showHidden(this.hidden);
  }

  retheme() {
    if (this.points && this.values && isDark(this.parts.node) !== this.dark) this.recolour();
    this.theme = readTheme(this.parts.node);
    this.requestPoints();
  }

  // Which points are drawn, and how; from the legend, the page's filter and the selection together.
  restate() {
    const { states, values, hidden, shown, range, selection } = this;
    const { kind, categories } = this.data.colour;
    const last = categories?.length ?? 0;
    for (let row = 0; row < states.length; row++) {
      const filtered =
        (shown && !shown[row]) ||
        (kind === "categorical"
          ? hidden.size > 0 && hidden.has(Math.min(values[row], last))
          : range && !(values[row] >= range[0] && values[row] <= range[1]));
      states[row] = filtered ? HIDDEN : selection?.[row] ? SELECTED : NORMAL;
    }
    this.renderer.setStates(states);
    this.parts.showSelected(selection ? countMask(selection) : 0);
    this.rechoose = true;
    this.requestPoints();
  }

  isVisible = (row) => this.states[row] !== HIDDEN;

  place = (row) => this.view.toPixels(this.points.x[row], this.points.y[row]);

  // --- drawing --------------------------------------------------------------------------------------------------

  resize({ width, height, ratio }) {
    if (this.view.width === width && this.view.height === height && this.ratio === ratio) return;
    this.ratio = ratio;
    this.view.resize(width, height, this.grid?.bounds);
    this.kept.resized();
    this.renderer.gl && this.renderer.resize(width, height, ratio);
    this.overlay.resize(width, height, ratio);
    this.rechoose = true;
    this.stale = true;
    this.draw(); // at once: a resized canvas is empty
  }

  // Draw all again in the next frame.
  requestPoints() {
    this.stale = true;
    this.request();
  }

  // Draw in the next frame what lies above the points; they stay as they are.
  request() {
    this.frame ??= requestAnimationFrame(() => {
      this.frame = undefined;
      if (this.stale) this.size.measure(); // a legend that has just come made the map narrower: else all is drawn twice
      this.draw();
    });
  }

  moved() {
    this.kept.moved();
    this.moving = true;
    clearTimeout(this.rest);
    this.rest = setTimeout(() => {
      this.moving = false;
      this.rechoose = true;
      if (this.points?.n > MOVING_BUDGET) this.stale = true;
      this.request();
    }, REST_MS);
    this.requestPoints();
  }

  // Points shrink as they become many, and grow as one looks closer.
  diameter() {
    const { width, height, zoom } = this.view;
    const chosen = this.data.pointPx;
    const base = chosen ?? Math.max(2.6, Math.min(10, 0.38 * Math.sqrt((width * height) / Math.max(1, this.points.n))));
    return Math.min(Math.max(18, base), base * Math.max(0.8, Math.min(5, zoom ** 0.4)));
  }

  draw() {
    if (!this.points || !this.colours || !this.theme) return;
    const diameter = this.diameter();
    if (this.stale) {
      this.stale = false;
      this.renderer.draw(this.view, {
        diameter,
        opacity: this.data.opacity,
        selecting: this.selection !== null,
        background: this.theme.backgroundRgb,
        moving: this.moving,
      });
    }
    if (this.showImages && this.rechoose && !this.moving) {
      this.images.choose(this.grid, this.view, this.isVisible);
      this.rechoose = false;
    }
    this.overlay.draw({
      view: this.view,
      theme: this.theme,
      diameter,
      place: this.place,
      images: this.showImages ? this.images : null,
      thumbnails: this.data.thumbnails,
      colourOf: (row) => cssColour(this.colours[row]),
      near: this.showLines ? this.near : null,
      lines: this.showLines,
      query: this.data.query,
      neighbours: this.data.neighbours,
      hovered: this.hovered,
      focused: this.focused,
      shape: this.currentShape,
    });
    this.parts.node.dataset.drawn ??= String(performance.now());
  }

  thumbnail = (row) => this.data.thumbnails.replace("{row}", row);
}
