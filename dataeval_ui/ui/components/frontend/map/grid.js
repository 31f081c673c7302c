// A uniform grid over the points: what lies under the pointer, in a rectangle, or next in a direction.

export class Grid {
  constructor({ n, x, y }) {
    this.x = x;
    this.y = y;
    this.bounds = extent(n, x, y);
    const { x0, y0, x1, y1 } = this.bounds;
    const side = Math.max(4, Math.min(1024, Math.ceil(Math.sqrt(n / 4))));
    this.side = side;
    this.perX = side / (x1 - x0 || 1);
    this.perY = side / (y1 - y0 || 1);
    const cellOf = new Uint32Array(n);
    this.starts = new Uint32Array(side * side + 1);
    for (let row = 0; row < n; row++) {
      cellOf[row] = this.column(x[row]) + side * this.line(y[row]);
      this.starts[cellOf[row] + 1]++;
    }
    for (let cell = 0; cell < side * side; cell++) this.starts[cell + 1] += this.starts[cell];
    const next = this.starts.slice();
    this.rows = new Uint32Array(n);
    for (let row = 0; row < n; row++) this.rows[next[cellOf[row]]++] = row;
  }

  column(x) {
    return clampCell((x - this.bounds.x0) * this.perX, this.side);
  }

  line(y) {
    return clampCell((y - this.bounds.y0) * this.perY, this.side);
  }

  // Calls visit(row) for every point in the rectangle of the plane.
  within(x0, y0, x1, y1, visit) {
    const first = this.column(x0);
    const last = this.column(x1);
    for (let line = this.line(y0); line <= this.line(y1); line++) {
      const end = this.starts[line * this.side + last + 1];
      for (let k = this.starts[line * this.side + first]; k < end; k++) {
        const row = this.rows[k];
        if (this.x[row] >= x0 && this.x[row] <= x1 && this.y[row] >= y0 && this.y[row] <= y1) visit(row);
      }
    }
  }

  // The visible point nearest to a pixel, at most radius pixels away; -1 for none.
  nearest(view, px, py, radius, isVisible) {
    const [x0, y0] = view.toPlane(px - radius, py + radius);
    const [x1, y1] = view.toPlane(px + radius, py - radius);
    let best = -1;
    let least = radius * radius;
    this.within(x0, y0, x1, y1, (row) => {
      if (!isVisible(row)) return;
      const [qx, qy] = view.toPixels(this.x[row], this.y[row]);
      const distance = (qx - px) ** 2 + (qy - py) ** 2;
      if (distance <= least) {
        least = distance;
        best = row;
      }
    });
    return best;
  }

  // The next visible point in a direction on the screen (dx, dy in {-1, 0, 1}), preferring straight ahead.
  towards(view, px, py, dx, dy, isVisible) {
    const reach = Math.max(view.width, view.height) * 4;
    for (let radius = 48; radius < reach; radius *= 2.5) {
      const [x0, y0] = view.toPlane(px - radius, py + radius);
      const [x1, y1] = view.toPlane(px + radius, py - radius);
      let best = -1;
      let least = Infinity;
      this.within(x0, y0, x1, y1, (row) => {
        if (!isVisible(row)) return;
        const [qx, qy] = view.toPixels(this.x[row], this.y[row]);
        const ahead = (qx - px) * dx + (qy - py) * dy;
        const aside = Math.abs((qx - px) * dy) + Math.abs((qy - py) * dx);
        if (ahead < 6 || aside > ahead) return; // a step one can see, within 45 degrees
        const cost = ahead + 2 * aside;
        if (cost < least) {
          least = cost;
          best = row;
        }
      });
      if (best >= 0) return best;
    }
    return -1;
  }
}

function clampCell(value, side) {
  return value > 0 ? Math.min(side - 1, Math.floor(value)) : 0;
}

function extent(n, x, y) {
  if (n === 0) return { x0: 0, y0: 0, x1: 1, y1: 1 };
  let x0 = Infinity;
  let y0 = Infinity;
  let x1 = -Infinity;
  let y1 = -Infinity;
  for (let row = 0; row < n; row++) {
    if (x[row] < x0) x0 = x[row];
    if (x[row] > x1) x1 = x[row];
    if (y[row] < y0) y0 = y[row];
    if (y[row] > y1) y1 = y[row];
  }
  return { x0, y0, x1, y1 };
}
