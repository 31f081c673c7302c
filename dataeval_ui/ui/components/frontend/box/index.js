// A box drawn on an image: with the pointer, or with the arrow keys (with Shift they change its size).

const STEP = 0.02;
const LEAST = 0.02;
const SEND_AFTER_MS = 500;
const SMALL_PX = 360; // a smaller image is drawn up to three times as large: a thumb must hit its parts

class Drawer {
  constructor(root) {
    this.stage = document.createElement("div");
    this.stage.className = "stage";
    this.image = new Image();
    this.image.draggable = false;
    this.image.addEventListener("load", () => this.enlarge());
    const clip = document.createElement("div");
    clip.className = "clip";
    this.frame = document.createElement("div");
    this.frame.className = "frame";
    this.frame.tabIndex = 0;
    this.frame.setAttribute("role", "application");
    this.frame.setAttribute("aria-roledescription", "box");
    clip.append(this.frame);
    this.stage.append(this.image, clip);
    const note = document.createElement("p");
    note.className = "note";
    note.textContent = "Draw a box, or focus it: arrows move it, Shift and arrows change its size.";
    root.replaceChildren(this.stage, note);
    this.stage.addEventListener("pointerdown", (event) => this.start(event));
    this.stage.addEventListener("pointermove", (event) => this.move(event));
    for (const name of ["pointerup", "pointercancel"]) this.stage.addEventListener(name, () => this.end());
    this.frame.addEventListener("keydown", (event) => this.key(event));
  }

  enlarge() {
    const { naturalWidth: width, naturalHeight: height } = this.image;
    const factor = Math.min(3, SMALL_PX / Math.max(width, height, 1));
    this.image.style.width = factor > 1 ? `${Math.round(width * factor)}px` : "";
  }

  at(event) {
    const { left, top, width, height } = this.image.getBoundingClientRect();
    const inside = (value) => Math.min(1, Math.max(0, value));
    return [inside((event.clientX - left) / width), inside((event.clientY - top) / height)];
  }

  start(event) {
    if (event.button !== 0) return;
    event.preventDefault();
    this.stage.setPointerCapture(event.pointerId);
    const moves = event.target === this.frame;
    this.drag = { from: this.at(event), box: this.box, moves };
    this.frame.focus({ preventScroll: true });
  }

  move(event) {
    if (!this.drag) return;
    const [x, y] = this.at(event);
    const { from, box, moves } = this.drag;
    if (moves) this.show([box[0] + x - from[0], box[1] + y - from[1], box[2], box[3]]);
    else if (Math.hypot(x - from[0], y - from[1]) > 0.01)
      this.show([Math.min(x, from[0]), Math.min(y, from[1]), Math.abs(x - from[0]), Math.abs(y - from[1])]);
  }

  end() {
    if (!this.drag) return;
    const changed = this.box !== this.drag.box;
    this.drag = null;
    if (changed) this.send();
  }

  key(event) {
    const steps = { ArrowLeft: [-STEP, 0], ArrowRight: [STEP, 0], ArrowUp: [0, -STEP], ArrowDown: [0, STEP] };
    const step = steps[event.key];
    if (!step) return;
    event.preventDefault();
    event.stopPropagation();
    const [left, top, width, height] = this.box;
    if (event.shiftKey) this.show([left, top, width + step[0], height + step[1]]);
    else this.show([left + step[0], top + step[1], width, height]);
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.send(), SEND_AFTER_MS);
  }

  show([left, top, width, height]) {
    const w = Math.min(1, Math.max(LEAST, width));
    const h = Math.min(1, Math.max(LEAST, height));
    this.box = [Math.min(1 - w, Math.max(0, left)), Math.min(1 - h, Math.max(0, top)), w, h];
    ["left", "top", "width", "height"].forEach((side, k) => (this.frame.style[side] = `${this.box[k] * 100}%`));
    const [x, y, across, down] = this.box.map((share) => Math.round(share * 100));
    this.frame.setAttribute("aria-label", `Box, ${x} % from the left, ${y} % from the top, ${across} % wide, ${down} % high`);
  }

  send() {
    clearTimeout(this.timer);
    this.component.setTriggerValue("box", this.box.map((share) => Math.round(share * 1e4) / 1e4));
  }

  update(component) {
    this.component = component;
    const { url, alt, box } = component.data;
    const said = JSON.stringify([url, box]);
    if (this.image.getAttribute("src") !== url) this.image.src = url;
    this.image.alt = alt;
    if (said !== this.said && !this.drag) this.show(box);
    this.said = said;
  }
}

const drawers = new WeakMap();

export default function (component) {
  const root = component.parentElement.querySelector(".root");
  if (!drawers.has(root)) drawers.set(root, new Drawer(root));
  drawers.get(root).update(component);
}
