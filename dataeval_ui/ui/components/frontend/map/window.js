// The window on the map in the page's address, so that a link, a saved view and a reload open it again.
const REST_MS = 500; // a window that is still moving is not told

export class KeptWindow {
  constructor(map) {
    this.map = map;
    this.sent = []; // told, and not yet come back from Python
    this.wanted = null; // as Python said; kept through changes of the map's size until the user moves
  }

  // Python says where to look; what comes back to where it came from moves nothing.
  take(text) {
    const at = this.sent.indexOf(text ?? "");
    if (at >= 0) {
      this.sent.splice(0, at + 1);
      return;
    }
    this.wanted = parse(text);
    if (!this.wanted && this.map.view.atHome) return;
    if (this.wanted) this.show();
    else this.map.view.reset();
    this.map.requestPoints();
  }

  show() {
    const { view } = this.map;
    const [cx, cy, zoom] = this.wanted;
    Object.assign(view, { cx, cy, scale: zoom * view.home.scale, atHome: false });
  }

  resized() {
    if (this.wanted) this.show();
  }

  moved() {
    this.wanted = null;
    clearTimeout(this.waiting);
    if (this.map.data?.keepsWindow) this.waiting = setTimeout(() => this.tell(), REST_MS);
  }

  tell() {
    const text = format(this.map.view);
    if (text === (this.sent.at(-1) ?? this.map.data.window ?? "")) return;
    this.sent.push(text);
    writeAddress(text);
    this.map.component.setTriggerValue("window", text);
  }

  destroy() {
    clearTimeout(this.waiting);
  }
}

function format({ atHome, cx, cy, zoom }) {
  return atHome ? "" : [cx, cy, zoom].map((value) => String(Number(value.toPrecision(7)))).join("_");
}

function parse(text) {
  const numbers = (text ?? "").split("_").map(Number);
  return text && numbers.length === 3 && numbers.every(Number.isFinite) && numbers[2] > 0 ? numbers : null;
}

// The address as Python is about to write it: then Streamlit adds no step to the browser's history for a movement.
function writeAddress(text) {
  const others = location.search.slice(1).split("&").filter((part) => part && !part.startsWith("at="));
  const search = [...others, ...(text ? [`at=${text}`] : [])].join("&");
  history.replaceState(history.state, "", location.pathname + (search ? `?${search}` : "") + location.hash);
}
