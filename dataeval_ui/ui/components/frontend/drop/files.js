// What was dropped, pasted or picked, as a flat list of files with their paths.

const LITTER = new Set(["thumbs.db", "desktop.ini", "__macosx"]);

const isKept = (path) => path.split("/").every((part) => !part.startsWith(".") && !LITTER.has(part.toLowerCase()));

async function readEntry(entry, out) {
  if (entry.isFile) {
    const file = await new Promise((resolve, reject) => entry.file(resolve, reject));
    out.push({ path: entry.fullPath.replace(/^\/+/, ""), file });
    return;
  }
  const reader = entry.createReader();
  for (;;) {
    const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject)); // at most 100 at a time
    if (some.length === 0) return;
    for (const child of some) await readEntry(child, out);
  }
}

// Must be called within the drop event: entries are gone after it.
export function ofDrop(transfer) {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  if (entries.length === 0) return Promise.resolve(ofPicker(transfer.files));
  return (async () => {
    const out = [];
    for (const entry of entries) await readEntry(entry, out);
    return out.filter(({ path }) => isKept(path));
  })();
}

export function ofPicker(files) {
  return [...files]
    .map((file) => ({ path: file.webkitRelativePath || file.name, file }))
    .filter(({ path }) => isKept(path));
}

// A name for the lot: of the one file, or of the folder that holds all.
export function nameOf(files) {
  if (files.length === 1) return files[0].path.split("/").pop();
  const tops = new Set(files.map(({ path }) => path.split("/")[0]));
  return tops.size === 1 && files[0].path.includes("/") ? [...tops][0] : `${files.length} files`;
}
