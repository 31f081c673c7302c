// Points and columns over HTTP, as typed arrays, each address fetched once for the life of the page.

const KEPT = 24;
const pending = new Map();

async function fetchBytes(url) {
  const response = await fetch(url, { credentials: "same-origin" });
  if (!response.ok) throw new Error(`The server answered ${response.status} for the map's data.`);
  return response.arrayBuffer();
}

function once(url, read) {
  let promise = pending.get(url);
  if (!promise) {
    promise = fetchBytes(url).then(read);
    promise.catch(() => pending.delete(url)); // a failure may be tried again
    pending.set(url, promise);
    if (pending.size > KEPT) pending.delete(pending.keys().next().value);
  }
  return promise;
}

function readPoints(buffer) {
  const n = buffer.byteLength >= 4 ? new Uint32Array(buffer, 0, 1)[0] : -1;
  if (buffer.byteLength !== 4 + 8 * n) throw new Error("The map's points are incomplete.");
  return { n, x: new Float32Array(buffer, 4, n), y: new Float32Array(buffer, 4 + 4 * n, n) };
}

const nearest = new Map(); // apart from the rest: what many points ask for must not push out the map's own data
const KEPT_NEAREST = 512;

// Rows of a point's true neighbours, the most similar first.
export function loadNearest(url) {
  let promise = nearest.get(url);
  if (!promise) {
    promise = fetchBytes(url).then((buffer) => [...new Uint32Array(buffer)]);
    promise.catch(() => nearest.delete(url));
    nearest.set(url, promise);
    if (nearest.size > KEPT_NEAREST) nearest.delete(nearest.keys().next().value);
  }
  return promise;
}

export const loadPoints = (url) => once(url, readPoints);

// The kind is known from the legend; the width of a code from the number of bytes.
export function loadColumn(column, n) {
  return once(column.url, (buffer) => {
    if (column.kind === "continuous" && buffer.byteLength === 4 * n) return new Float32Array(buffer);
    if (column.kind === "categorical" && buffer.byteLength === n) return new Uint8Array(buffer);
    if (column.kind === "categorical" && buffer.byteLength === 2 * n) return new Uint16Array(buffer);
    throw new Error(`The column "${column.title}" does not fit ${n} points.`);
  });
}

export function describe(column, values, row) {
  const value = values[row];
  if (column.kind === "categorical") return column.categories[value] ?? "none";
  return Number.isNaN(value) ? "none" : formatNumber(value);
}

export function formatNumber(value) {
  const size = Math.abs(value);
  if (size !== 0 && (size < 0.001 || size >= 1e6)) return value.toExponential(2);
  return Number.isInteger(value) ? String(value) : String(+value.toPrecision(size < 1 ? 3 : 4));
}
