// Sets of rows: bitsets as Python sends them, and the points inside a shape.

export function decodeMask(bits, n) {
  const text = atob(bits);
  const mask = new Uint8Array(n);
  for (let row = 0; row < n; row++) mask[row] = (text.charCodeAt(row >> 3) >> (row & 7)) & 1;
  return mask;
}

export function encodeMask(mask) {
  const packed = new Uint8Array((mask.length + 7) >> 3);
  for (let row = 0; row < mask.length; row++) if (mask[row]) packed[row >> 3] |= 1 << (row & 7);
  const parts = [];
  for (let k = 0; k < packed.length; k += 32768) {
    parts.push(String.fromCharCode.apply(null, packed.subarray(k, k + 32768)));
  }
  return btoa(parts.join(""));
}

export function countMask(mask) {
  let count = 0;
  for (let row = 0; row < mask.length; row++) count += mask[row];
  return count;
}

// Even-odd rule, in the plane's own units; polygon is a list of [x, y].
export function insidePolygon(polygon, x, y) {
  let inside = false;
  for (let a = 0, b = polygon.length - 1; a < polygon.length; b = a++) {
    const [xa, ya] = polygon[a];
    const [xb, yb] = polygon[b];
    if (ya > y !== yb > y && x < ((xb - xa) * (y - ya)) / (yb - ya) + xa) inside = !inside;
  }
  return inside;
}

export function maskOfPolygon(grid, n, polygon, isVisible) {
  const mask = new Uint8Array(n);
  const xs = polygon.map((corner) => corner[0]);
  const ys = polygon.map((corner) => corner[1]);
  grid.within(Math.min(...xs), Math.min(...ys), Math.max(...xs), Math.max(...ys), (row) => {
    if (isVisible(row) && insidePolygon(polygon, grid.x[row], grid.y[row])) mask[row] = 1;
  });
  return mask;
}

export function maskOfBox(grid, n, [ax, ay], [bx, by], isVisible) {
  const mask = new Uint8Array(n);
  grid.within(Math.min(ax, bx), Math.min(ay, by), Math.max(ax, bx), Math.max(ay, by), (row) => {
    if (isVisible(row)) mask[row] = 1;
  });
  return mask;
}

// How a new shape joins what is selected already.
export function combine(previous, mask, how) {
  if (!previous || how === "replace") return mask;
  for (let row = 0; row < mask.length; row++) {
    mask[row] = how === "add" ? mask[row] | previous[row] : previous[row] & (1 - mask[row]);
  }
  return mask;
}
