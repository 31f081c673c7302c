// Thumbnails in place of points: as many as fit without covering one another.
import { thumbnail } from "../shared/thumbnails.js";

const MAX_SHOWN = 150;
const KEPT = 600;

export class Images {
  constructor(onLoad) {
    this.onLoad = onLoad;
    this.loaded = new Map();
    this.shown = [];
    this.sizePx = 56;
  }

  // Chooses rows to show. Cells are fixed on the plane and as coarse as the zoom asks, so that the choice stands still
  // while the map is moved.
  choose(grid, view, isVisible) {
    this.sizePx = Math.round(Math.max(36, Math.min(64, Math.sqrt((view.width * view.height) / 150))));
    const finest = (this.sizePx * 0.5) / view.scale;
    const cell = 2 ** (Math.ceil(Math.log2(finest) * 4) / 4);
    const [x0, y0] = view.toPlane(0, view.height);
    const [x1, y1] = view.toPlane(view.width, 0);
    const chosen = new Map();
    grid.within(x0, y0, x1, y1, (row) => {
      if (!isVisible(row)) return;
      const column = Math.floor(grid.x[row] / cell);
      const line = Math.floor(grid.y[row] / cell);
      const key = `${column},${line}`;
      const away = Math.hypot(grid.x[row] / cell - column - 0.5, grid.y[row] / cell - line - 0.5);
      const other = chosen.get(key);
      if (!other || away < other.away) chosen.set(key, { row, away });
    });
    const rows = [];
    const taken = [];
    for (const { row } of [...chosen.values()].sort((a, b) => a.away - b.away || a.row - b.row)) {
      if (rows.length >= MAX_SHOWN) break;
      const [px, py] = view.toPixels(grid.x[row], grid.y[row]);
      const free = taken.every(([qx, qy]) => Math.max(Math.abs(qx - px), Math.abs(qy - py)) > this.sizePx);
      if (!free) continue;
      rows.push(row);
      taken.push([px, py]);
    }
    this.shown = rows;
  }

  get(row, template) {
    let image = this.loaded.get(row);
    if (!image) {
      image = new Image();
      image.onload = () => this.onLoad();
      thumbnail(template, row).then((address) => (image.src = address));
      this.loaded.set(row, image);
      if (this.loaded.size > KEPT) this.loaded.delete(this.loaded.keys().next().value);
    }
    return image.complete && image.naturalWidth > 0 ? image : null;
  }

  clear() {
    this.shown = [];
    this.loaded.clear();
  }

  under(px, py, grid, view) {
    const half = this.sizePx / 2;
    for (let k = this.shown.length - 1; k >= 0; k--) {
      const row = this.shown[k];
      const [qx, qy] = view.toPixels(grid.x[row], grid.y[row]);
      if (Math.abs(qx - px) <= half && Math.abs(qy - py) <= half) return row;
    }
    return -1;
  }
}
