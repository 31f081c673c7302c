// Thumbnails by the hundred: of a small file a request costs the server and the network more than its bytes do.

const MOST = 100; // of one request
const KEPT = 3000;

const kept = new Map(); // address of one thumbnail -> address of its bytes in memory
const wanted = new Map(); // template of the addresses -> row -> those who wait for it

// Resolves to an address for an `<img>`. What cannot be had this way gets its own address, so that the image says itself
// that it is lost.
export function thumbnail(template, row) {
  const address = template.replace("{row}", row);
  const known = kept.get(address);
  if (known) {
    kept.delete(address); // to the end: what is used stays longest
    kept.set(address, known);
    return Promise.resolve(known);
  }
  return new Promise((resolve) => {
    if (wanted.size === 0) queueMicrotask(fetchWanted);
    if (!wanted.has(template)) wanted.set(template, new Map());
    const rows = wanted.get(template);
    rows.set(row, [...(rows.get(row) ?? []), resolve]);
  });
}

function fetchWanted() {
  const asked = [...wanted];
  wanted.clear();
  for (const [template, rows] of asked) {
    const entries = [...rows];
    for (let start = 0; start < entries.length; start += MOST) fetchSome(template, entries.slice(start, start + MOST));
  }
}

async function fetchSome(template, entries) {
  let bytes = [];
  try {
    const answer = await fetch(template.replace("/{row}", `?rows=${entries.map(([row]) => row).join()}`));
    if (answer.ok) bytes = unpack(await answer.arrayBuffer(), entries.length);
  } catch {
    // the server is away: each image asks, and fails, by itself
  }
  entries.forEach(([row, waiting], k) => {
    const address = template.replace("{row}", row);
    const shown = bytes[k]?.size ? keep(address, bytes[k]) : address;
    for (const resolve of waiting) resolve(shown);
  });
}

// uint32 n, uint32 lengths[n], then the images one behind the other; a length of 0 is a lost one.
function unpack(buffer, n) {
  const lengths = new Uint32Array(buffer, 4, n);
  let at = 4 + 4 * n;
  return [...lengths].map((length) => new Blob([buffer.slice(at, (at += length))], { type: "image/jpeg" }));
}

function keep(address, blob) {
  const url = URL.createObjectURL(blob);
  kept.set(address, url);
  if (kept.size > KEPT) {
    const [oldest, its] = kept.entries().next().value;
    kept.delete(oldest);
    URL.revokeObjectURL(its); // an image that shows it has it already
  }
  return url;
}
