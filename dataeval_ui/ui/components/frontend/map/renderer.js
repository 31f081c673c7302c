// WebGL2: every point a disc of its own colour. Positions go to the card once; colours and states are small arrays.

export const HIDDEN = 0;
export const NORMAL = 1;
export const SELECTED = 2;

const VERTEX = `#version 300 es
layout(location = 0) in vec2 position;
layout(location = 1) in vec4 colour;
layout(location = 2) in uint state;
uniform vec2 centre;
uniform vec2 unit;
uniform float diameter;
uniform uint drawn;
uniform float alpha;
uniform vec4 fade;
out vec4 tint;
void main() {
  bool skip = drawn == 0u ? state == 0u : state != drawn;
  gl_Position = skip ? vec4(2.0, 2.0, 2.0, 1.0) : vec4((position - centre) * unit, 0.0, 1.0);
  gl_PointSize = skip ? 0.0 : diameter + 1.0; // half a pixel of soft edge on each side
  tint = vec4(mix(colour.rgb, fade.rgb, fade.a), alpha);
}`;

const FRAGMENT = `#version 300 es
precision highp float;
in vec4 tint;
uniform float diameter;
uniform vec3 edge;
out vec4 colour;
void main() {
  float radius = 0.5 * diameter;
  float away = length(gl_PointCoord - 0.5) * (diameter + 1.0);
  float cover = clamp(radius + 0.5 - away, 0.0, 1.0);
  if (cover <= 0.0) discard;
  float rim = diameter > 9.0 ? 0.55 * clamp(away - radius + 1.8, 0.0, 1.0) : 0.0;
  float a = tint.a * cover;
  colour = vec4(mix(tint.rgb, edge, rim) * a, a);
}`;

export const MOVING_BUDGET = 150000; // points drawn while the map moves

export class Renderer {
  constructor(canvas, onRestored) {
    this.canvas = canvas;
    this.gl = canvas.getContext("webgl2", {
      antialias: false,
      depth: false,
      premultipliedAlpha: true,
      powerPreference: "high-performance",
    });
    this.n = 0;
    if (!this.gl) return;
    this.lost = (event) => {
      event.preventDefault(); // else it is never restored
      this.ready = false;
    };
    this.restored = () => {
      this.build();
      if (this.points) this.setPoints(this.points);
      if (this.colours) this.setColours(this.colours);
      if (this.states) this.setStates(this.states);
      onRestored();
    };
    canvas.addEventListener("webglcontextlost", this.lost);
    canvas.addEventListener("webglcontextrestored", this.restored);
    this.build();
  }

  build() {
    const gl = this.gl;
    const program = gl.createProgram();
    for (const [kind, source] of [[gl.VERTEX_SHADER, VERTEX], [gl.FRAGMENT_SHADER, FRAGMENT]]) {
      const shader = gl.createShader(kind);
      gl.shaderSource(shader, source);
      gl.compileShader(shader);
      gl.attachShader(program, shader);
    }
    gl.linkProgram(program);
    if (!gl.getProgramParameter(program, gl.LINK_STATUS) && !gl.isContextLost()) {
      throw new Error(`The map's shader does not link: ${gl.getProgramInfoLog(program)}`);
    }
    gl.useProgram(program);
    this.uniforms = Object.fromEntries(
      ["centre", "unit", "diameter", "drawn", "alpha", "fade", "edge"].map((name) => [
        name,
        gl.getUniformLocation(program, name),
      ]),
    );
    this.buffers = [0, 1, 2].map((location) => {
      const buffer = gl.createBuffer();
      gl.bindBuffer(gl.ARRAY_BUFFER, buffer);
      gl.enableVertexAttribArray(location);
      if (location === 0) gl.vertexAttribPointer(0, 2, gl.FLOAT, false, 0, 0);
      if (location === 1) gl.vertexAttribPointer(1, 4, gl.UNSIGNED_BYTE, true, 0, 0);
      if (location === 2) gl.vertexAttribIPointer(2, 1, gl.UNSIGNED_BYTE, 0, 0);
      return buffer;
    });
    gl.enable(gl.BLEND);
    gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
    this.ready = true;
  }

  upload(location, array) {
    this.gl.bindBuffer(this.gl.ARRAY_BUFFER, this.buffers[location]);
    this.gl.bufferData(this.gl.ARRAY_BUFFER, array, this.gl.DYNAMIC_DRAW);
  }

  // Points are drawn in a shuffled order: no class lies on top of the others for coming last in the folder, and the
  // first part of them is a fair picture while the map moves.
  setPoints({ n, x, y }) {
    this.points = { n, x, y };
    this.n = n;
    if (this.order?.length !== n) this.order = shuffled(n);
    this.originX = n ? x[0] : 0; // float32 keeps its digits for the distance from a point of the map
    this.originY = n ? y[0] : 0;
    const positions = new Float32Array(2 * n);
    for (let k = 0; k < n; k++) {
      positions[2 * k] = x[this.order[k]] - this.originX;
      positions[2 * k + 1] = y[this.order[k]] - this.originY;
    }
    this.upload(0, positions);
  }

  setColours(colours) {
    this.colours = colours;
    const ordered = new Uint32Array(this.n);
    for (let k = 0; k < this.n; k++) ordered[k] = colours[this.order[k]];
    this.upload(1, new Uint8Array(ordered.buffer));
  }

  setStates(states) {
    this.states = states;
    const ordered = new Uint8Array(this.n);
    for (let k = 0; k < this.n; k++) ordered[k] = states[this.order[k]];
    this.upload(2, ordered);
  }

  resize(width, height, ratio) {
    this.canvas.width = Math.max(1, Math.round(width * ratio));
    this.canvas.height = Math.max(1, Math.round(height * ratio));
  }

  draw(view, { diameter, opacity, selecting, background, moving }) {
    const gl = this.gl;
    if (!this.ready || gl.isContextLost()) return;
    const ratio = this.canvas.width / view.width;
    gl.viewport(0, 0, this.canvas.width, this.canvas.height);
    gl.clearColor(0, 0, 0, 0);
    gl.clear(gl.COLOR_BUFFER_BIT);
    if (!this.n || !this.colours || !this.states) return;
    const { uniforms } = this;
    const edge = background.map((channel) => channel / 255);
    gl.uniform2f(uniforms.centre, view.cx - this.originX, view.cy - this.originY);
    gl.uniform2f(uniforms.unit, (2 * view.scale) / view.width, (2 * view.scale) / view.height);
    gl.uniform1f(uniforms.diameter, diameter * ratio);
    gl.uniform3f(uniforms.edge, ...edge);
    const count = moving ? Math.min(this.n, MOVING_BUDGET) : this.n;
    const pass = (drawn, alpha, fade) => {
      gl.uniform1ui(uniforms.drawn, drawn);
      gl.uniform1f(uniforms.alpha, alpha);
      gl.uniform4f(uniforms.fade, 0.55, 0.57, 0.6, fade);
      gl.drawArrays(gl.POINTS, 0, count);
    };
    if (selecting) {
      pass(NORMAL, 0.22 * opacity, 0.75);
      pass(SELECTED, Math.min(1, opacity + 0.15), 0);
    } else {
      pass(0, opacity, 0);
    }
  }

  destroy() {
    if (!this.gl) return;
    this.canvas.removeEventListener("webglcontextlost", this.lost);
    this.canvas.removeEventListener("webglcontextrestored", this.restored);
    this.gl.getExtension("WEBGL_lose_context")?.loseContext(); // browsers keep only a few contexts
  }
}

function shuffled(n) {
  const order = new Uint32Array(n);
  for (let k = 0; k < n; k++) order[k] = k;
  let seed = 0x9e3779b9;
  for (let k = n - 1; k > 0; k--) {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0; // the same order on each visit
    const other = Math.floor((seed / 4294967296) * (k + 1));
    const kept = order[k];
    order[k] = order[other];
    order[other] = kept;
  }
  return order;
}
