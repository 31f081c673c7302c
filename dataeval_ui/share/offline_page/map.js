// The map: points on a canvas, panned by dragging, zoomed by the wheel or two fingers, asked by a click.
function numbers(text, Kind) {
  const raw = atob(text), bytes = new Uint8Array(raw.length);
  for (let i = 0; i < raw.length; i++) bytes[i] = raw.charCodeAt(i);
  return new Kind(bytes.buffer);
}

const N = DATA.n_images;
const X = numbers(DATA.x, Uint16Array), Y = numbers(DATA.y, Uint16Array);
const NEAR = DATA.neighbors ? numbers(DATA.neighbors, Uint32Array) : new Uint32Array(0);
const K = DATA.n_neighbors;
const CODES = DATA.columns.map((column) => numbers(column.codes, Uint16Array));
const dark = matchMedia("(prefers-color-scheme: dark)");
const sheets = new Map();

function sheet(at) {
  if (!sheets.has(at)) {
    const image = new Image();
    sheets.set(at, new Promise((done) => { image.onload = () => done(image); image.onerror = () => done(null); }));
    image.src = DATA.sheets[at];
  }
  return sheets.get(at);
}

async function paintThumb(canvas, row) {
  const px = DATA.thumb_px, per = DATA.per_side;
  canvas.width = canvas.height = px;
  canvas.dataset.row = row;
  const found = await sheet(Math.floor(row / (per * per)));
  if (!found || canvas.dataset.row !== String(row)) return;
  const at = row % (per * per);
  canvas.getContext("2d").drawImage(found, (at % per) * px, Math.floor(at / per) * px, px, px, 0, 0, px, px);
}

const view = { x: 0.5, y: 0.5, zoom: 1 };
let column = 0, marked = [], looked = null;

function place(row, width, height) {
  const scale = Math.min(width, height) * 0.92 * view.zoom;
  return [width / 2 + (X[row] / 65535 - view.x) * scale, height / 2 - (Y[row] / 65535 - view.y) * scale, scale];
}

let asked = false;
function drawSoon() {
  if (!asked) { asked = true; requestAnimationFrame(() => { asked = false; draw(); }); }
}

function draw() {
  const canvas = $("map"), ratio = devicePixelRatio || 1, { width, height } = canvas.getBoundingClientRect();
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(height * ratio);
  const pen = canvas.getContext("2d");
  pen.scale(ratio, ratio);
  const shown = DATA.columns[column], colours = dark.matches ? shown.dark : shown.light;
  const radius = Math.max(1.6, Math.min(6, (N > 3000 ? 2.2 : 3.6) * Math.sqrt(view.zoom)));
  const dim = marked.length > 0;
  const paths = colours.map(() => new Path2D());
  for (let row = 0; row < N; row++) {
    const [x, y] = place(row, width, height);
    if (x < -9 || y < -9 || x > width + 9 || y > height + 9) continue;
    const path = paths[Math.min(CODES[column][row], paths.length - 1)];
    path.moveTo(x + radius, y);
    path.arc(x, y, radius, 0, 6.2832);
  }
  pen.globalAlpha = dim ? 0.3 : 0.8;
  paths.forEach((path, code) => { pen.fillStyle = colours[code]; pen.fill(path); });
  pen.globalAlpha = 1;
  const ring = (row, size, colour) => {
    const [x, y] = place(row, width, height);
    pen.beginPath(); pen.arc(x, y, size, 0, 6.2832);
    pen.fillStyle = colours[Math.min(CODES[column][row], colours.length - 1)]; pen.fill();
    pen.lineWidth = 2; pen.strokeStyle = colour; pen.stroke();
  };
  const ink = getComputedStyle(document.body).color;
  for (const row of marked) ring(row, radius + 2, ink);
  if (looked !== null) ring(looked, radius + 5, dark.matches ? "#f0a04b" : "#c2570c");
}

function rowAt(x, y) {
  const { width, height } = $("map").getBoundingClientRect();
  let best = null, nearest = 14 * 14;
  for (let row = 0; row < N; row++) {
    const [px, py] = place(row, width, height), far = (px - x) ** 2 + (py - y) ** 2;
    if (far < nearest) { nearest = far; best = row; }
  }
  return best;
}

function zoomAt(x, y, factor) {
  const { width, height } = $("map").getBoundingClientRect(), scale = Math.min(width, height) * 0.92;
  const before = scale * view.zoom, zoom = Math.min(200, Math.max(0.5, view.zoom * factor)), after = scale * zoom;
  view.x += (x - width / 2) * (1 / before - 1 / after);
  view.y -= (y - height / 2) * (1 / before - 1 / after);
  view.zoom = zoom;
  drawSoon();
}

function listenToMap(onPick) {
  const canvas = $("map"), tip = $("tip"), fingers = new Map();
  let moved = 0;
  const at = (event) => { const box = canvas.getBoundingClientRect(); return [event.clientX - box.left, event.clientY - box.top]; };
  canvas.addEventListener("pointerdown", (event) => { canvas.setPointerCapture(event.pointerId); fingers.set(event.pointerId, at(event)); moved = 0; });
  canvas.addEventListener("pointermove", (event) => {
    const [x, y] = at(event), from = fingers.get(event.pointerId);
    if (!from) { hover(x, y); return; }
    tip.hidden = true;
    const { width, height } = canvas.getBoundingClientRect(), scale = Math.min(width, height) * 0.92 * view.zoom;
    if (fingers.size === 2) {
      const [other] = [...fingers].filter(([id]) => id !== event.pointerId).map(([, point]) => point);
      const span = (a, b) => Math.hypot(a[0] - b[0], a[1] - b[1]) || 1;
      zoomAt((x + other[0]) / 2, (y + other[1]) / 2, span([x, y], other) / span(from, other));
    } else {
      view.x -= (x - from[0]) / scale;
      view.y += (y - from[1]) / scale;
    }
    moved += Math.abs(x - from[0]) + Math.abs(y - from[1]);
    fingers.set(event.pointerId, [x, y]);
    drawSoon();
  });
  canvas.addEventListener("pointerup", (event) => {
    fingers.delete(event.pointerId);
    const row = moved < 6 ? rowAt(...at(event)) : null;
    if (row !== null) onPick(row);
  });
  canvas.addEventListener("pointercancel", (event) => fingers.delete(event.pointerId));
  canvas.addEventListener("pointerleave", () => { tip.hidden = true; });
  canvas.addEventListener("wheel", (event) => { event.preventDefault(); zoomAt(...at(event), Math.exp(-event.deltaY / 400)); }, { passive: false });
  canvas.addEventListener("keydown", (event) => {
    const step = 0.08 / view.zoom, moves = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, step], ArrowDown: [0, -step] };
    const box = canvas.getBoundingClientRect();
    if (moves[event.key]) { view.x += moves[event.key][0]; view.y += moves[event.key][1]; }
    else if (event.key === "+" || event.key === "=") zoomAt(box.width / 2, box.height / 2, 1.4);
    else if (event.key === "-") zoomAt(box.width / 2, box.height / 2, 1 / 1.4);
    else return;
    event.preventDefault();
    drawSoon();
  });
  function hover(x, y) {
    const row = rowAt(x, y);
    tip.hidden = row === null;
    if (row === null) return;
    paintThumb(tip.firstElementChild, row);
    tip.lastElementChild.textContent = DATA.paths[row];
    const { width, height } = canvas.getBoundingClientRect();
    tip.style.left = Math.min(x + 14, width - 150) + "px";
    tip.style.top = Math.min(y + 14, height - 130) + "px";
  }
  new ResizeObserver(drawSoon).observe(canvas);
  dark.addEventListener("change", () => { drawLegend(); drawSoon(); });
}

function drawLegend() {
  const shown = DATA.columns[column], colours = dark.matches ? shown.dark : shown.light;
  $("legend").replaceChildren(...shown.names.slice(0, 60).map((name, code) => {
    const swatch = el("i");
    swatch.style.background = colours[code];
    return el("span", {}, swatch, name);
  }));
}
