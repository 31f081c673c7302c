// Mouse, pen and fingers: move, zoom, hover, click, lasso, box.

const DRAG_PX = { mouse: 4, pen: 6, touch: 10 };

export class Pointer {
  // `map` is told: hover, leave, click, shape (while drawn), select, panBy, zoomAt, reset.
  constructor(canvas, map) {
    this.canvas = canvas;
    this.map = map;
    this.down = new Map();
    this.gesture = null;
    const listen = (name, act, options) => canvas.addEventListener(name, act, options);
    listen("pointerdown", (event) => this.press(event));
    listen("pointermove", (event) => this.move(event));
    listen("pointerup", (event) => this.release(event));
    listen("pointercancel", (event) => this.drop(event));
    listen("pointerleave", (event) => event.pointerType !== "touch" && map.leave()); // a finger leaves when it is lifted
    listen("wheel", (event) => this.wheel(event), { passive: false });
    listen("dblclick", (event) => map.doubleClick(...this.place(event)));
  }

  place(event) {
    const box = this.canvas.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  }

  press(event) {
    if (event.button !== 0) return;
    this.canvas.setPointerCapture(event.pointerId);
    const at = this.place(event);
    this.down.set(event.pointerId, at);
    if (this.down.size === 2) {
      this.gesture = { kind: "pinch", ...this.pinch() };
      this.map.shape(null);
      return;
    }
    const kind = event.shiftKey ? "lasso" : this.map.mode;
    this.gesture = {
      kind, path: [at], start: at, last: at, moved: false, far: DRAG_PX[event.pointerType] ?? 6,
    };
  }

  pinch() {
    const [[ax, ay], [bx, by]] = [...this.down.values()];
    return { centre: [(ax + bx) / 2, (ay + by) / 2], distance: Math.hypot(ax - bx, ay - by) || 1 };
  }

  move(event) {
    const at = this.place(event);
    const gesture = this.gesture;
    if (!this.down.has(event.pointerId)) {
      if (event.pointerType !== "touch") this.map.hover(...at);
      return;
    }
    this.down.set(event.pointerId, at);
    if (!gesture) return;
    if (gesture.kind === "pinch") {
      if (this.down.size < 2) return;
      const next = this.pinch();
      this.map.panBy(next.centre[0] - gesture.centre[0], next.centre[1] - gesture.centre[1]);
      this.map.zoomAt(...next.centre, next.distance / gesture.distance);
      Object.assign(gesture, next);
      return;
    }
    if (!gesture.moved) {
      if (Math.hypot(at[0] - gesture.start[0], at[1] - gesture.start[1]) < gesture.far) return;
      gesture.moved = true;
      this.map.leave();
    }
    if (gesture.kind === "pan") {
      this.map.panBy(at[0] - gesture.last[0], at[1] - gesture.last[1]);
    } else {
      if (gesture.kind === "lasso") gesture.path.push(at);
      this.map.shape({ kind: gesture.kind, path: gesture.path, start: gesture.start, end: at });
    }
    gesture.last = at;
  }

  release(event) {
    const gesture = this.gesture;
    const was = this.down.delete(event.pointerId);
    if (!was || !gesture) return;
    if (gesture.kind === "pinch") {
      if (this.down.size === 0) this.gesture = null; // the second finger up is no click
      return;
    }
    this.gesture = null;
    if (!gesture.moved) {
      this.map.click(...gesture.start, event.pointerType);
      return;
    }
    if (gesture.kind === "pan") return;
    const how = event.ctrlKey || event.metaKey ? "add" : event.altKey ? "remove" : "replace";
    this.map.shape(null);
    this.map.select({ ...gesture, end: gesture.last }, how);
  }

  drop(event) {
    this.down.delete(event.pointerId);
    this.cancel();
  }

  cancel() {
    const was = this.gesture !== null && this.gesture.moved && this.gesture.kind !== "pan";
    this.gesture = null;
    this.map.shape(null);
    return was;
  }

  wheel(event) {
    event.preventDefault();
    const lines = event.deltaMode === 1 ? 16 : 1;
    const speed = event.ctrlKey ? 0.01 : 0.0016; // a pinch on a touchpad comes as small steps with ctrl
    const step = Math.max(-300, Math.min(300, event.deltaY * lines));
    this.map.zoomAt(...this.place(event), Math.exp(-step * speed));
  }
}
