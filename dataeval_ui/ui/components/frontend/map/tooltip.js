// The image under the pointer and what is known of it.
import { element } from "./dom.js";

const OFFSET_PX = 16;

export class Tooltip {
  constructor() {
    this.image = element("img", { alt: "" });
    this.list = element("dl");
    this.node = element("div", { class: "tooltip", hidden: true, "aria-hidden": "true" }, this.image, this.list);
    this.row = -1;
  }

  show(row, url, facts, px, py, view) {
    if (row !== this.row) {
      this.row = row;
      this.image.removeAttribute("src"); // else the last image stands there until this one has come
      this.image.src = url;
      this.list.replaceChildren(
        ...facts.flatMap(([title, value]) => [element("dt", {}, title), element("dd", {}, value)]),
      );
    }
    this.node.hidden = false;
    const { offsetWidth: width, offsetHeight: height } = this.node;
    const left = px + OFFSET_PX + width > view.width ? px - OFFSET_PX - width : px + OFFSET_PX;
    const top = py + OFFSET_PX + height > view.height ? py - OFFSET_PX - height : py + OFFSET_PX;
    this.node.style.left = `${Math.max(4, Math.min(left, view.width - width - 4))}px`;
    this.node.style.top = `${Math.max(4, Math.min(top, view.height - height - 4))}px`;
  }

  hide() {
    this.row = -1;
    this.node.hidden = true;
  }
}
