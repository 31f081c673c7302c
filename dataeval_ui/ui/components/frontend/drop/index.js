// A place to drop, paste or pick files: a dataset that is streamed to the server, or one image of the user's own.
import { nameOf, ofDrop, ofPicker } from "./files.js";
import { Cancelled, Upload } from "./upload.js";

const WORDS = {
  dataset: {
    title: "Drop a folder, a zip or tar, or images here",
    accept: "",
    buttons: [["Choose files", { multiple: true }], ["Choose a folder", { webkitdirectory: true }]],
  },
  image: {
    title: "Drop or paste an image of your own here",
    accept: "image/*",
    buttons: [["Choose an image", {}]],
  },
};

const size = (bytes) =>
  bytes < 2 ** 20 ? `${Math.ceil(bytes / 1024)} kB` : bytes < 2 ** 30 ? `${(bytes / 2 ** 20).toFixed(1)} MB`
    : `${(bytes / 2 ** 30).toFixed(2)} GB`;

function make(tag, className, text) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  if (text) node.textContent = text;
  return node;
}

class DropZone {
  constructor(root) {
    this.zone = make("div", "zone");
    this.zone.tabIndex = 0;
    this.zone.setAttribute("role", "group");
    this.title = make("p", "title");
    this.pickers = make("div", "pickers");
    this.message = make("p", "message");
    this.message.setAttribute("role", "status");
    this.bar = make("progress");
    this.bar.hidden = true;
    this.cancel = make("button", "cancel", "Cancel");
    this.cancel.type = "button";
    this.cancel.hidden = true;
    this.cancel.addEventListener("click", () => this.upload?.cancel());
    this.zone.append(this.title, this.pickers, this.bar, this.message, this.cancel);
    root.replaceChildren(this.zone);
    for (const name of ["dragenter", "dragover"]) {
      this.zone.addEventListener(name, (event) => {
        event.preventDefault();
        this.zone.classList.add("over");
      });
    }
    this.zone.addEventListener("dragleave", (event) => {
      if (!this.zone.contains(event.relatedTarget)) this.zone.classList.remove("over");
    });
    this.zone.addEventListener("drop", (event) => {
      event.preventDefault();
      this.zone.classList.remove("over");
      this.take(ofDrop(event.dataTransfer));
    });
    this.paste = (event) => {
      const typing = event.composedPath()[0];
      if (typing instanceof HTMLInputElement || typing instanceof HTMLTextAreaElement) return;
      const files = [...(event.clipboardData?.files ?? [])].filter((file) => file.type.startsWith("image/"));
      if (this.kind !== "image" || files.length === 0) return;
      event.preventDefault();
      this.take(Promise.resolve(ofPicker(files)));
    };
    document.addEventListener("paste", this.paste);
  }

  update(component) {
    this.component = component;
    const { kind } = component.data;
    if (kind === this.kind) return;
    this.kind = kind;
    const words = WORDS[kind];
    this.title.textContent = words.title;
    this.zone.setAttribute("aria-label", words.title);
    this.pickers.replaceChildren(
      ...words.buttons.map(([label, attributes]) => {
        const input = make("input");
        Object.assign(input, { type: "file", accept: words.accept, hidden: true, ...attributes });
        input.addEventListener("change", () => {
          this.take(Promise.resolve(ofPicker(input.files)));
          input.value = ""; // so that the same file may be chosen again
        });
        const button = make("button", "pick", label);
        button.type = "button";
        button.addEventListener("click", () => input.click());
        const both = make("span");
        both.append(button, input);
        return both;
      }),
    );
  }

  async take(promise) {
    if (this.upload) return;
    try {
      const files = await promise;
      if (files.length === 0) throw new Error("There are no files in what you gave.");
      const bytes = files.reduce((sum, { file }) => sum + file.size, 0);
      const limit = this.component.data.maxBytes;
      if (bytes > limit) throw new Error(`That is ${size(bytes)}; at most ${size(limit)} can be sent.`);
      if (this.kind === "image") await this.sendImage(files[0].file);
      else await this.sendDataset(files);
    } catch (error) {
      this.show(error instanceof Cancelled ? "Cancelled; nothing was kept." : error.message, !(error instanceof Cancelled));
    } finally {
      this.upload = null;
      this.bar.hidden = this.cancel.hidden = true;
      this.pickers.hidden = false;
    }
  }

  async sendImage(file) {
    const url = await new Promise((resolve, reject) => {
      const reader = new FileReader();
      reader.onload = () => resolve(reader.result);
      reader.onerror = () => reject(new Error("The file could not be read."));
      reader.readAsDataURL(file);
    });
    this.show(file.name || "Pasted image");
    const content = url.slice(url.indexOf(",") + 1);
    this.component.setTriggerValue("done", { name: file.name || "pasted image", content });
  }

  async sendDataset(files) {
    const name = nameOf(files);
    this.bar.hidden = this.cancel.hidden = false;
    this.pickers.hidden = true;
    const started = performance.now();
    this.upload = new Upload(this.component.data.url, files, (sent, total) => {
      this.bar.max = total || 1;
      this.bar.value = sent;
      const seconds = (performance.now() - started) / 1000;
      const left = sent > 0 && seconds > 2 ? `, ${Math.ceil((seconds * (total - sent)) / sent)} s left` : "";
      this.show(`Sending ${name}: ${size(sent)} of ${size(total)}${left}`);
    });
    const done = await this.upload.run();
    this.show(`${name}: ${done.n_files.toLocaleString("en")} ${done.n_files === 1 ? "file" : "files"} received.`);
    this.component.setTriggerValue("done", { ...done, name });
  }

  show(text, wrong = false) {
    this.message.textContent = text;
    this.message.classList.toggle("wrong", wrong);
  }

  destroy() {
    document.removeEventListener("paste", this.paste);
    this.upload?.cancel();
  }
}

const zones = new WeakMap();

export default function (component) {
  const root = component.parentElement.querySelector(".root");
  let zone = zones.get(root);
  if (!zone) {
    zone = new DropZone(root);
    zones.set(root, zone);
  }
  zone.update(component);
  return () => {
    zone.destroy();
    zones.delete(root);
  };
}
