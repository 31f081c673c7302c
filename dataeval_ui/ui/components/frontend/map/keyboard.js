// The map without a mouse: walk from point to point, zoom, choose.

const STEP_PX = 60;
const DIRECTIONS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

export function listenToKeys(canvas, map) {
  const acts = {
    Enter: () => map.chooseFocused(),
    " ": () => map.chooseFocused(),
    Escape: () => map.escape(),
    "+": () => map.zoom(1.4),
    "=": () => map.zoom(1.4),
    "-": () => map.zoom(1 / 1.4),
    _: () => map.zoom(1 / 1.4),
    0: () => map.reset(),
    Home: () => map.reset(),
    v: () => map.setMode("pan"),
    l: () => map.setMode("lasso"),
    b: () => map.setMode("box"),
    i: () => map.toggleImages(),
    n: () => map.toggleLines(),
  };
  canvas.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const direction = DIRECTIONS[event.key];
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    if (direction) {
      const [dx, dy] = direction;
      if (event.shiftKey) map.panBy(-dx * STEP_PX, -dy * STEP_PX);
      else map.walk(dx, dy);
    } else if (Object.hasOwn(acts, key)) {
      acts[key]();
    } else {
      return;
    }
    event.preventDefault();
    event.stopPropagation(); // Streamlit has single-letter keys of its own
  });
}
