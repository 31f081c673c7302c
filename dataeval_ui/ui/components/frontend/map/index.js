// Entry that Streamlit's loader calls on every rerun: one map for each place on the page.
import { loadColumn, loadPoints } from "./data.js";
import { ScatterMap } from "./map.js";

const maps = new WeakMap();

export default function (component) {
  const host = component.parentElement;
  const root = host.querySelector(".root");
  let map = maps.get(host);
  if (map && map.root !== root) {
    map.destroy();
    map = undefined;
  }
  if (!map) {
    fetchEarly(component.data);
    map = new ScatterMap(root);
    maps.set(host, map);
  }
  map.update(component);
  return () => {
    map.destroy();
    if (maps.get(host) === map) maps.delete(host);
  };
}

// On their way while the map prepares its canvas; the map awaits the same promises, and tells of failures.
function fetchEarly(data) {
  for (const early of [loadPoints(data.points), loadColumn(data.colour, data.n)]) early.catch(() => {});
}
