// Sends files in a few requests: each a row of (uint32 name length, uint64 file length, name, bytes). The browser reads
// the files from the disk as it sends them; nothing is held in memory.

const BATCH_BYTES = 64 * 2 ** 20;
const BATCH_FILES = 1000;
const HEADERS = { "X-DataEval-UI": "1" };

export class Cancelled extends Error {}

function* batches(files) {
  let parts = [];
  let bytes = 0;
  let count = 0;
  for (const { path, file } of files) {
    const name = new TextEncoder().encode(path);
    const head = new DataView(new ArrayBuffer(12));
    head.setUint32(0, name.length, true);
    head.setBigUint64(4, BigInt(file.size), true);
    parts.push(head.buffer, name, file);
    bytes += file.size;
    count += 1;
    if (bytes >= BATCH_BYTES || count >= BATCH_FILES) {
      yield { body: new Blob(parts), bytes, count };
      [parts, bytes, count] = [[], 0, 0];
    }
  }
  if (count) yield { body: new Blob(parts), bytes, count };
}

async function ask(url, method) {
  const response = await fetch(url, { method, headers: HEADERS, credentials: "same-origin" });
  const answer = await response.json().catch(() => ({}));
  if (!response.ok) throw new Error(answer.error ?? `The server answered ${response.status}.`);
  return answer;
}

export class Upload {
  constructor(url, files, onProgress) {
    this.url = url;
    this.files = files;
    this.onProgress = onProgress;
    this.cancelled = false;
  }

  async run() {
    const total = this.files.reduce((sum, { file }) => sum + file.size, 0);
    const { id } = await ask(this.url, "POST");
    this.id = id;
    try {
      let sent = 0;
      for (const batch of batches(this.files)) {
        if (this.cancelled) throw new Cancelled();
        await this.send(batch.body, (bytes) => this.onProgress(Math.min(sent + bytes, total), total));
        sent += batch.bytes;
        this.onProgress(sent, total);
      }
      if (this.cancelled) throw new Cancelled();
      const done = await ask(`${this.url}/${id}/done`, "POST");
      return { id, n_files: done.n_files };
    } catch (error) {
      ask(`${this.url}/${id}`, "DELETE").catch(() => {}); // the server drops it in time by itself
      throw error;
    }
  }

  send(body, onProgress) {
    return new Promise((resolve, reject) => {
      const request = new XMLHttpRequest(); // fetch tells nothing of what has been sent
      this.request = request;
      request.open("POST", `${this.url}/${this.id}/files`);
      for (const [name, value] of Object.entries(HEADERS)) request.setRequestHeader(name, value);
      request.setRequestHeader("Content-Type", "application/octet-stream");
      request.upload.onprogress = (event) => onProgress(event.loaded);
      request.onabort = () => reject(new Cancelled());
      request.onerror = () => reject(new Error("The connection broke, or a file changed while it was sent. Try again."));
      request.onload = () => {
        if (request.status < 300) return resolve();
        let sentence = `The server answered ${request.status}.`;
        try {
          sentence = JSON.parse(request.responseText).error ?? sentence;
        } catch {
          // not JSON: the status is all there is
        }
        reject(new Error(sentence));
      };
      request.send(body);
    });
  }

  cancel() {
    this.cancelled = true;
    this.request?.abort();
  }
}
