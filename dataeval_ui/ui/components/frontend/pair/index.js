// Two images to compare: side by side, their difference, or one after the other in one place.

const VIEWS = [
  ["side", "Side by side"],
  ["difference", "Difference"],
  ["flicker", "Flicker"],
];
const FLICKER_MS = 600; // slower than three flashes a second

const MAX_TURNED_PX = 1600;

// Draw a picture by a matrix, round its middle. A flip or quarter turn fills the canvas; a small turn keeps the
// picture's own frame, and what it turns out of it is cut off.
function turned(source, [a, b, c, d]) {
  const w = source.naturalWidth;
  const h = source.naturalHeight;
  const scale = Math.min(1, MAX_TURNED_PX / Math.max(w, h));
  const swaps = Math.abs(a) < Math.abs(b);
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round((swaps ? h : w) * scale));
  canvas.height = Math.max(1, Math.round((swaps ? w : h) * scale));
  const context = canvas.getContext("2d");
  context.translate(canvas.width / 2, canvas.height / 2);
  context.transform(a * scale, b * scale, c * scale, d * scale, 0, 0);
  context.drawImage(source, -w / 2, -h / 2);
  return canvas;
}

class Pair {
  constructor(root) {
    this.root = root;
    this.view = "side";
    this.bar = document.createElement("div");
    this.bar.className = "views";
    this.bar.setAttribute("role", "group");
    this.bar.setAttribute("aria-label", "How to compare");
    this.buttons = VIEWS.map(([view, label]) => {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = label;
      button.addEventListener("click", () => this.show(view));
      this.bar.append(button);
      return [view, button];
    });
    this.stage = document.createElement("div");
    this.stage.className = "stage";
    this.figures = [0, 1].map((k) => {
      const figure = document.createElement("figure");
      const image = new Image();
      image.decoding = "async";
      const missing = document.createElement("p");
      missing.className = "missing";
      missing.hidden = true;
      missing.textContent = "This image cannot be shown; its file may have been moved or changed.";
      image.addEventListener("load", () => (missing.hidden = true));
      image.addEventListener("error", () => (missing.hidden = false));
      const caption = document.createElement("figcaption");
      const name = document.createElement("span");
      const sub = document.createElement("span");
      sub.className = "sub";
      caption.append(name, sub);
      figure.append(image, missing, caption);
      figure.dataset.place = String(k);
      return { figure, image, name, sub };
    });
    this.stage.append(...this.figures.map((f) => f.figure));
    this.stage.addEventListener("click", () => this.view === "flicker" && this.swap());
    this.note = document.createElement("p");
    this.note.className = "note";
    this.note.setAttribute("role", "status");
    root.replaceChildren(this.bar, this.stage, this.note);
    this.show("side");
  }

  update({ images, heightPx }) {
    this.root.style.setProperty("--height", `${heightPx}px`);
    images.forEach(([url, caption, sub, turn], k) => {
      const { figure, image, name, sub: subNode } = this.figures[k];
      this.load(figure, image, url, turn);
      image.alt = `${k ? "Second" : "First"} image: ${caption}`;
      name.textContent = caption;
      name.title = caption;
      subNode.textContent = sub;
    });
  }

  // A turned picture is drawn anew, so that every view treats it as any other.
  load(figure, image, url, turn) {
    const wanted = `${url} ${turn}`;
    if (figure.dataset.shown === wanted) return;
    figure.dataset.shown = wanted;
    figure.dataset.turn = turn.join(" ");
    if (turn.join() === "1,0,0,1") {
      image.src = url;
      return;
    }
    const source = new Image();
    source.addEventListener("error", () => (image.src = url));
    source.addEventListener("load", () => {
      if (figure.dataset.shown !== wanted) return;
      const canvas = turned(source, turn);
      canvas.toBlob((blob) => {
        if (!blob || figure.dataset.shown !== wanted) return;
        const made = URL.createObjectURL(blob);
        image.addEventListener("load", () => URL.revokeObjectURL(made), { once: true });
        image.src = made;
      });
    });
    source.src = url;
  }

  show(view) {
    this.view = view;
    this.stage.dataset.view = view;
    for (const [name, button] of this.buttons) button.setAttribute("aria-pressed", String(name === view));
    clearInterval(this.timer);
    this.first = true;
    this.stage.dataset.front = "0";
    this.note.textContent =
      view === "difference"
        ? "Black where both are the same, brighter where they differ; the second is stretched over the first."
        : "";
    if (view === "flicker") {
      const still = window.matchMedia("(prefers-reduced-motion: reduce)").matches;
      this.note.textContent = still ? "Click the image to swap the two." : "The two in turn, in one place.";
      if (!still) this.timer = setInterval(() => this.swap(), FLICKER_MS);
    }
  }

  swap() {
    this.first = !this.first;
    this.stage.dataset.front = this.first ? "0" : "1";
  }

  destroy() {
    clearInterval(this.timer);
  }
}

const pairs = new WeakMap();

export default function ({ data, parentElement }) {
  const root = parentElement.querySelector(".root");
  let pair = pairs.get(root);
  if (!pair) {
    pair = new Pair(root);
    pairs.set(root, pair);
  }
  pair.update(data);
  return () => {
    pair.destroy();
    pairs.delete(root);
  };
}
