// Elements built in code: what comes from a dataset is only ever text.

export function element(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === false || value === undefined || value === null) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children);
  return node;
}

const ICONS = {
  pan: "M12 3v18M3 12h18M12 3l-3 3M12 3l3 3M12 21l-3-3M12 21l3-3M3 12l3-3M3 12l3 3M21 12l-3-3M21 12l-3 3",
  lasso: "M7 21c-2 0-3-2-1.500-3.500C2 16 2 6 12 5s12 10 4 13c-4 1.500-9 0-10.500-.500",
  box: "M5 5h3M11 5h2M16 5h3v3M19 11v2M19 16v3h-3M13 19h-2M8 19H5v-3M5 13v-2M5 8V5",
  zoomIn: "M10.500 4a6.500 6.500 0 1 0 0 13 6.500 6.500 0 0 0 0-13M15.500 15.500L21 21M8 10.500h5M10.500 8v5",
  zoomOut: "M10.500 4a6.500 6.500 0 1 0 0 13 6.500 6.500 0 0 0 0-13M15.500 15.500L21 21M8 10.500h5",
  reset: "M4 9V4h5M20 9V4h-5M4 15v5h5M20 15v5h-5",
  images: "M4 5h16v14H4zM4 16l5-5 4 4 3-3 4 4M15.500 9a1 1 0 1 0 .1 0",
  lines: "M6 9a2 2 0 1 0 0 6 2 2 0 1 0 0-6M8 12h9M7.500 10.500L17 5M7.500 13.500L17 19M19 4a1 1 0 1 0 .1 0M19 11a1 1 0 1 0 .1 0M19 18a1 1 0 1 0 .1 0",
  clear: "M6 6l12 12M18 6L6 18",
};

export function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  path.setAttribute("d", ICONS[name]);
  svg.append(path);
  return svg;
}
