// Drawn above the points: images, the query and its neighbours, the focused point, the lasso or box in the making.

const NUMBERED = 30;

export class Overlay {
  constructor(canvas) {
    this.canvas = canvas;
    this.context = canvas.getContext("2d");
  }

  resize(width, height, ratio) {
    this.canvas.width = Math.max(1, Math.round(width * ratio));
    this.canvas.height = Math.max(1, Math.round(height * ratio));
    this.ratio = ratio;
  }

  draw(scene) {
    const context = this.context;
    context.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
    context.clearRect(0, 0, scene.view.width, scene.view.height);
    if (scene.images) this.drawImages(scene);
    if (scene.near) this.drawLines(scene.near.row, scene.near.rows, scene);
    if (scene.neighbours.length || scene.query !== null) this.drawNeighbours(scene);
    for (const row of [scene.hovered, scene.focused]) {
      if (row >= 0) this.ring(scene.place(row), scene.diameter / 2 + 3, scene.theme.text, 2, scene.theme);
    }
    if (scene.shape) this.drawShape(scene);
  }

  drawImages({ images, place, view, theme, thumbnails, colourOf }) {
    const context = this.context;
    const half = images.sizePx / 2;
    for (const row of images.shown) {
      const [px, py] = place(row);
      if (!view.contains(px, py, half)) continue;
      const image = images.get(row, thumbnails);
      if (!image) continue;
      const longer = Math.max(image.naturalWidth, image.naturalHeight);
      const width = (image.naturalWidth / longer) * (images.sizePx - 6);
      const height = (image.naturalHeight / longer) * (images.sizePx - 6);
      context.fillStyle = theme.background;
      context.strokeStyle = colourOf(row);
      context.lineWidth = 2;
      context.beginPath();
      context.roundRect(px - width / 2 - 2, py - height / 2 - 2, width + 4, height + 4, 4);
      context.fill();
      context.drawImage(image, px - width / 2, py - height / 2, width, height);
      context.stroke();
    }
  }

  drawLines(from, rows, { place, theme }) {
    const context = this.context;
    const [fx, fy] = place(from);
    context.strokeStyle = theme.primary;
    context.globalAlpha = 0.6;
    context.lineWidth = 1.4;
    context.beginPath();
    for (const [px, py] of rows.map(place)) {
      context.moveTo(fx, fy);
      context.lineTo(px, py);
    }
    context.stroke();
    context.globalAlpha = 1;
  }

  drawNeighbours(scene) {
    const { query, neighbours, place, view, theme, diameter } = scene;
    const places = neighbours.map(place);
    if (query !== null && scene.lines) this.drawLines(query, neighbours, scene);
    const radius = Math.max(5, diameter / 2 + 2.5);
    for (const at of places) if (view.contains(...at, 20)) this.ring(at, radius, theme.primary, 2, theme);
    this.drawNumbers(places, radius, theme, view);
    if (query !== null) {
      this.ring(place(query), radius + 3, theme.primary, 3.5, theme);
    }
  }

  // The order of the neighbours, where the numbers do not cover one another: the nearest first.
  drawNumbers(places, radius, theme, view) {
    const context = this.context;
    context.font = `600 11px ${theme.font}`;
    context.textAlign = "center";
    context.textBaseline = "middle";
    const taken = [];
    places.slice(0, NUMBERED).forEach(([px, py], k) => {
      const at = [px + radius + 7, py - radius - 4];
      if (!view.contains(...at, 10) || taken.some(([x, y]) => Math.hypot(x - at[0], y - at[1]) < 14)) return;
      taken.push(at);
      context.lineWidth = 4;
      context.strokeStyle = theme.background;
      context.strokeText(String(k + 1), ...at);
      context.fillStyle = theme.text;
      context.fillText(String(k + 1), ...at);
    });
  }

  ring([px, py], radius, colour, width, theme) {
    const context = this.context;
    for (const [style, line] of [[theme.background, width + 2.5], [colour, width]]) {
      context.strokeStyle = style;
      context.lineWidth = line;
      context.beginPath();
      context.arc(px, py, radius, 0, 2 * Math.PI);
      context.stroke();
    }
  }

  drawShape({ shape, theme }) {
    const context = this.context;
    context.beginPath();
    if (shape.kind === "box") {
      const [[ax, ay], [bx, by]] = [shape.start, shape.end];
      context.rect(Math.min(ax, bx), Math.min(ay, by), Math.abs(ax - bx), Math.abs(ay - by));
    } else {
      shape.path.forEach(([px, py], k) => (k ? context.lineTo(px, py) : context.moveTo(px, py)));
      context.closePath();
    }
    context.fillStyle = theme.primary;
    context.globalAlpha = 0.12;
    context.fill("evenodd");
    context.globalAlpha = 1;
    context.strokeStyle = theme.primary;
    context.lineWidth = 1.6;
    context.setLineDash([5, 4]);
    context.stroke();
    context.setLineDash([]);
  }
}
