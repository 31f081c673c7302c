// What the colours mean; also the filter by them.
import { element } from "./dom.js";
import { columnColours, missingColour } from "./colours.js";
import { formatNumber } from "./data.js";

const SEARCH_FROM = 16;

export class Legend {
  constructor({ setHidden, setRange }) {
    this.setHidden = setHidden;
    this.setRange = setRange;
    this.node = element("section", { class: "legend", "aria-label": "Legend" });
    this.buttons = [];
  }

  // Builds the legend of a column; hasMissing tells whether any point has no value.
  show(column, { hasMissing, dark }) {
    this.column = column;
    this.buttons = [];
    // "Show all" keeps its place while it is hidden: the entries must not move under a double-click.
    this.all = element(
      "button",
      { type: "button", class: "all", hidden: true, onclick: () => this.setHidden(new Set()) },
      "Show all",
    );
    const head = element("div", { class: "head" }, element("h3", { title: column.title }, column.title), this.all);
    const parts =
      column.kind === "continuous"
        ? this.continuous(column, hasMissing, dark)
        : this.categorical(column, hasMissing, dark);
    this.node.replaceChildren(head, ...parts);
  }

  categorical(column, hasMissing, dark) {
    const colours = columnColours(column, dark);
    const entries = column.categories.map((name, code) => [code, name, colours[code], column.counts[code]]);
    if (hasMissing) entries.push([column.categories.length, "none", missingColour(column, dark), undefined]);
    this.buttons = entries.map(([code, name, colour, count]) => {
      const swatch = element("span", { class: "swatch" });
      swatch.style.setProperty("--swatch", colour);
      const button = element(
        "button",
        {
          type: "button",
          class: "entry",
          "aria-pressed": "true",
          title: `${name}\nClick hides or shows it, double-click or Alt-click shows it alone.`,
          onclick: (event) => this.click(code, event),
        },
        swatch,
        element("span", { class: "name" }, name),
        element("span", { class: "count" }, count === undefined ? "" : count.toLocaleString("en")),
      );
      return { code, name, button };
    });
    const list = element(
      "div",
      { class: "entries", role: "group", "aria-label": `${column.title}: shown on the map` },
      ...this.buttons.map((entry) => entry.button),
    );
    if (entries.length < SEARCH_FROM) return [list];
    const search = element("input", {
      type: "search",
      class: "search",
      placeholder: "Find…",
      "aria-label": `Find in ${column.title}`,
      oninput: () => {
        const wanted = search.value.trim().toLowerCase();
        for (const { name, button } of this.buttons) button.hidden = !name.toLowerCase().includes(wanted);
      },
    });
    return [search, list];
  }

  continuous(column, hasMissing, dark) {
    const bar = element("div", { class: "gradient", role: "img" });
    bar.setAttribute("aria-label", `From ${formatNumber(column.low)} to ${formatNumber(column.high)}`);
    bar.style.background = `linear-gradient(to right, ${columnColours(column, dark).join(", ")})`;
    const step = (column.high - column.low) / 200 || 1;
    const slider = (label, value) =>
      element("input", {
        type: "range", min: column.low, max: column.high, step, value, "aria-label": `${label} of ${column.title}`,
        oninput: () => this.slide(),
      });
    this.low = slider("Least", column.low);
    this.high = slider("Greatest", column.high);
    this.range = element("output", { class: "range" });
    this.slide(true);
    const parts = [
      bar,
      element("div", { class: "ends" }, element("span", {}, formatNumber(column.low)),
        element("span", {}, formatNumber(column.high))),
      element("div", { class: "sliders" }, this.low, this.high),
      this.range,
    ];
    if (hasMissing) {
      const swatch = element("span", { class: "swatch" });
      swatch.style.setProperty("--swatch", missingColour(column, dark));
      parts.push(element("div", { class: "entry plain" }, swatch, element("span", { class: "name" }, "no value")));
    }
    return parts;
  }

  slide(silent = false) {
    const ends = [Number(this.low.value), Number(this.high.value)];
    const [low, high] = [Math.min(...ends), Math.max(...ends)];
    // A slider's steps may stop short of the end by rounding; at its end it filters nothing.
    const step = Number(this.low.step);
    const all = low <= this.column.low + step / 2 && high >= this.column.high - step / 2;
    this.range.textContent = all ? "All values shown" : `Shown: ${formatNumber(low)} to ${formatNumber(high)}`;
    if (!silent) this.setRange(all ? null : [low, high]);
  }

  click(code, event) {
    const codes = this.buttons.map((entry) => entry.code);
    const isAlone = codes.every((other) => this.hidden.has(other) !== (other === code));
    if (event.altKey || event.detail >= 2) {
      this.setHidden(isAlone && event.altKey ? new Set() : new Set(codes.filter((other) => other !== code)));
      return;
    }
    const hidden = new Set(this.hidden);
    if (!hidden.delete(code)) hidden.add(code);
    this.setHidden(hidden);
  }

  showHidden(hidden) {
    this.hidden = hidden;
    for (const { code, button } of this.buttons) button.setAttribute("aria-pressed", String(!hidden.has(code)));
    if (this.all) this.all.hidden = hidden.size === 0;
  }
}
