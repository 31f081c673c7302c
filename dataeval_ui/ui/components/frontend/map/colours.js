// Columns as colours: four bytes a point, in the order of the rows.

export function parseColour(text) {
  const value = parseInt(text.slice(1), 16);
  return [(value >> 16) & 255, (value >> 8) & 255, value & 255];
}

const packed = ([r, g, b]) => (0xff000000 | (b << 16) | (g << 8) | r) >>> 0; // little-endian RGBA

export function isDark(element) {
  const channels = getComputedStyle(element).backgroundColor.match(/[\d.]+/g);
  if (!channels || channels.length < 3) return false;
  const [r, g, b] = channels.map(Number);
  return 0.2126 * r + 0.7152 * g + 0.0722 * b < 128;
}

const theme = (dark) => (dark ? "dark" : "light");

// Of categories one colour each; of a scale its stops, from low to high.
export const columnColours = (column, dark) => column.colours[theme(dark)];

export const missingColour = (column, dark) => column.missing[theme(dark)];

function scaleTable(stops) {
  const colours = stops.map(parseColour);
  const table = new Uint32Array(256);
  for (let k = 0; k < 256; k++) {
    const place = (k / 255) * (colours.length - 1);
    const left = Math.min(colours.length - 2, Math.floor(place));
    const share = place - left;
    table[k] = packed(colours[left].map((c, i) => Math.round(c + (colours[left + 1][i] - c) * share)));
  }
  return table;
}

export function coloursOf(column, values, dark) {
  const out = new Uint32Array(values.length);
  const missing = packed(parseColour(missingColour(column, dark)));
  if (column.kind === "continuous") {
    const table = scaleTable(columnColours(column, dark));
    const span = column.high - column.low || 1;
    for (let row = 0; row < values.length; row++) {
      const place = Math.round(((values[row] - column.low) / span) * 255);
      out[row] = Number.isNaN(values[row]) ? missing : table[Math.max(0, Math.min(255, place))];
    }
  } else {
    const table = columnColours(column, dark).map((text) => packed(parseColour(text)));
    for (let row = 0; row < values.length; row++) out[row] = table[values[row]] ?? missing;
  }
  return out;
}

export function cssColour(value) {
  return `rgb(${value & 255}, ${(value >> 8) & 255}, ${(value >> 16) & 255})`;
}
