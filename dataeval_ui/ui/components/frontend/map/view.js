// The window on the plane: data to CSS pixels and back. Both axes have one scale, since distances mean something.

const PADDING_PX = 28;
const TOOLBAR_PX = 52; // to the right, where the toolbar would cover points
const MAX_ZOOM = 4000;

export class View {
  constructor() {
    this.width = 1;
    this.height = 1;
    this.cx = 0;
    this.cy = 0;
    this.scale = 1; // CSS pixels for one unit of the plane
    this.home = { cx: 0, cy: 0, scale: 1 };
    this.atHome = true;
  }

  resize(width, height, bounds) {
    this.width = Math.max(1, width);
    this.height = Math.max(1, height);
    if (bounds) this.setBounds(bounds);
  }

  setBounds({ x0, y0, x1, y1 }) {
    const width = x1 - x0 || 1;
    const height = y1 - y0 || 1;
    const scale = Math.min(
      Math.max(1, this.width - PADDING_PX - TOOLBAR_PX) / width,
      Math.max(1, this.height - 2 * PADDING_PX) / height,
    );
    const aside = (TOOLBAR_PX - PADDING_PX) / 2 / scale;
    this.home = { cx: (x0 + x1) / 2 + aside, cy: (y0 + y1) / 2, scale };
    if (this.atHome) this.reset();
  }

  reset() {
    this.cx = this.home.cx;
    this.cy = this.home.cy;
    this.scale = this.home.scale;
    this.atHome = true;
  }

  get zoom() {
    return this.scale / this.home.scale;
  }

  toPixels(x, y) {
    return [(x - this.cx) * this.scale + this.width / 2, this.height / 2 - (y - this.cy) * this.scale];
  }

  toPlane(px, py) {
    return [(px - this.width / 2) / this.scale + this.cx, (this.height / 2 - py) / this.scale + this.cy];
  }

  contains(px, py, margin = 0) {
    return px >= -margin && py >= -margin && px <= this.width + margin && py <= this.height + margin;
  }

  panBy(dx, dy) {
    this.cx -= dx / this.scale;
    this.cy += dy / this.scale;
    this.atHome = false;
  }

  zoomAt(px, py, factor) {
    const [x, y] = this.toPlane(px, py);
    const wanted = this.scale * factor;
    this.scale = Math.min(this.home.scale * MAX_ZOOM, Math.max(this.home.scale * 0.4, wanted));
    const [nx, ny] = this.toPlane(px, py);
    this.cx += x - nx;
    this.cy += y - ny;
    this.atHome = false;
  }

  centreOn(x, y) {
    this.cx = x;
    this.cy = y;
    this.atHome = false;
  }
}
