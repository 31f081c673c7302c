// A grid of thumbnails, each a button; one of them is in the tab order, arrows go to the others.
import { thumbnail } from "../shared/thumbnails.js";

// Thumbnails are fetched when they come near the window, together.
const nearby = new IntersectionObserver(
  (entries) => {
    for (const { target, isIntersecting } of entries) if (isIntersecting) load(target);
  },
  { rootMargin: "400px" },
);

async function load(image) {
  nearby.unobserve(image);
  const { template, row } = image.wanted;
  const address = await thumbnail(template, row);
  if (image.wanted.template === template && image.wanted.row === row) image.src = address;
}

// An image is another one as soon as it is asked for: what stood there must not be taken for it meanwhile.
function want(image, template, row) {
  if (image.wanted?.template === template && image.wanted.row === row) return;
  image.wanted = { template, row };
  image.dataset.row = row;
  image.removeAttribute("src");
  nearby.unobserve(image);
  nearby.observe(image);
}

function build(root) {
  const grid = document.createElement("div");
  grid.className = "gallery";
  grid.setAttribute("role", "group");
  const empty = document.createElement("p");
  empty.className = "empty";
  root.replaceChildren(grid, empty);
  const state = { grid, empty, rows: [], current: 0, component: null };
  grid.addEventListener("click", (event) => {
    const card = event.target.closest("button");
    if (!card) return;
    focusCard(state, [...grid.children].indexOf(card), false);
    state.component.setTriggerValue("click", state.rows[state.current]);
  });
  grid.addEventListener("keydown", (event) => {
    const columns = getComputedStyle(grid).gridTemplateColumns.split(" ").length;
    const steps = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns };
    const last = state.rows.length - 1;
    let next = state.current + (steps[event.key] ?? 0);
    if (event.key === "Home") next = 0;
    if (event.key === "End") next = last;
    if (!(event.key in steps) && event.key !== "Home" && event.key !== "End") return;
    event.preventDefault();
    event.stopPropagation();
    if (next >= 0 && next <= last) focusCard(state, next, true);
  });
  return state;
}

function focusCard(state, index, focus) {
  state.grid.children[state.current]?.setAttribute("tabindex", "-1");
  state.current = index;
  const card = state.grid.children[index];
  card?.setAttribute("tabindex", "0");
  if (focus) card?.focus();
}

function newCard() {
  const card = document.createElement("button");
  card.type = "button";
  const frame = document.createElement("span");
  frame.className = "frame";
  const image = new Image();
  image.decoding = "async";
  image.addEventListener("error", () => card.classList.add("lost"));
  image.addEventListener("load", () => {
    card.classList.remove("lost");
    drawHeat(card);
  });
  const badge = document.createElement("span");
  badge.className = "badge";
  frame.append(image, badge);
  const caption = document.createElement("span");
  caption.className = "caption";
  const sub = document.createElement("span");
  sub.className = "sub";
  card.append(frame, caption, sub);
  return card;
}

// The heat covers the whole image: a canvas of the thumbnail's own size is fitted into the frame as the image is.
function drawHeat(card) {
  const frame = card.firstChild;
  const image = frame.querySelector("img");
  frame.querySelector("canvas")?.remove();
  if (!card.heat || !image.naturalWidth) return;
  const cells = Uint8Array.from(atob(card.heat), (letter) => letter.charCodeAt(0));
  const side = Math.round(Math.sqrt(cells.length));
  const small = new OffscreenCanvas(side, side);
  const pixels = new Uint8ClampedArray(4 * cells.length);
  cells.forEach((heat, k) => pixels.set([255, 30, 140, heat * 0.8], 4 * k));
  small.getContext("2d").putImageData(new ImageData(pixels, side, side), 0, 0);
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [image.naturalWidth, image.naturalHeight];
  canvas.getContext("2d").drawImage(small, 0, 0, canvas.width, canvas.height);
  frame.insertBefore(canvas, frame.lastChild);
}

function fill(card, [row, caption, sub, badge], { thumbnails, selected, heat }) {
  const [frame, captionNode, subNode] = card.children;
  const newHeat = heat?.[row] ?? "";
  const isChanged = card.heat !== newHeat;
  card.heat = newHeat;
  const image = frame.querySelector("img");
  const badgeNode = frame.lastChild;
  want(image, thumbnails, row);
  if (isChanged) drawHeat(card);
  image.alt = ""; // the caption below says the same
  captionNode.textContent = caption;
  subNode.textContent = sub;
  subNode.hidden = sub === "";
  badgeNode.textContent = badge;
  badgeNode.hidden = badge === "";
  card.title = [caption, sub].filter(Boolean).join("\n");
  if (row === selected) card.setAttribute("aria-current", "true");
  else card.removeAttribute("aria-current");
}

const states = new WeakMap();

export default function (component) {
  const { data, parentElement } = component;
  const root = parentElement.querySelector(".root");
  let state = states.get(root);
  if (!state) {
    state = build(root);
    states.set(root, state);
  }
  state.component = component;
  const { grid } = state;
  grid.setAttribute("aria-label", data.label);
  grid.style.setProperty("--size", `${data.sizePx}px`);
  const rows = data.items.map((item) => item[0]);
  if (rows.length !== state.rows.length || rows.some((row, k) => row !== state.rows[k])) state.current = 0;
  state.rows = rows;
  while (grid.children.length < rows.length) grid.append(newCard());
  while (grid.children.length > rows.length) {
    nearby.unobserve(grid.lastChild.querySelector("img"));
    grid.lastChild.remove();
  }
  data.items.forEach((item, k) => {
    fill(grid.children[k], item, data);
    grid.children[k].setAttribute("tabindex", k === state.current ? "0" : "-1");
  });
  grid.hidden = rows.length === 0;
  state.empty.hidden = rows.length !== 0;
  state.empty.textContent = data.empty;
}
