"use strict";
// The reviewer's marks: an append-only list; what holds is the last one of each target.
const DATA = JSON.parse(document.getElementById("data").textContent);
const DECISIONS = ["keep", "remove", "relabel", "unsure"];
const STORE = "dataeval-ui-decisions:" + DATA.run;
const $ = (id) => document.getElementById(id);
const el = (tag, props = {}, ...children) => {
  const node = Object.assign(document.createElement(tag), props);
  for (const [name, value] of Object.entries(props.aria || {})) node.setAttribute("aria-" + name, value);
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
};

const log = [];
let reviewer = "";
let unsaved = false;

const newId = () => Array.from(crypto.getRandomValues(new Uint8Array(16)), (b) => b.toString(16).padStart(2, "0")).join("");

function current(target) {
  for (let at = log.length - 1; at >= 0; at--) if (log[at].target === target) return log[at];
  return { target, decision: null, label: "", comment: "" };
}

function allCurrent() {
  const held = new Map();
  for (const entry of log) held.set(entry.target, entry);
  return [...held.values()].filter((entry) => entry.decision || entry.comment);
}

function mark(target, changes) {
  const { decision, label, comment } = { ...current(target), ...changes };
  log.push({ id: newId(), at: new Date().toISOString(), target, decision, label, comment });
  keep();
}

function undo() {
  // Not taken back but written over: an entry may be in a saved file already.
  let depth = log.length - 1;
  while (depth >= 0 && (log[depth].undoes || log.some((entry) => entry.undoes === log[depth].id))) depth--;
  if (depth < 0) return null;
  const undone = log[depth];
  const earlier = log.slice(0, depth).reverse().find(
    (entry) => entry.target === undone.target && !entry.undoes && !log.some((other) => other.undoes === entry.id));
  const { decision, label, comment } = earlier || { decision: null, label: "", comment: "" };
  log.push({ id: newId(), at: new Date().toISOString(), target: undone.target, decision, label, comment, undoes: undone.id });
  keep();
  return undone.target;
}

function keep() {
  unsaved = true;
  try {
    localStorage.setItem(STORE, JSON.stringify({ reviewer, log }));
  } catch {
    $("kept").textContent = "This browser keeps nothing for a file: save your decisions before you close it.";
  }
}

function recall() {
  try {
    const kept = JSON.parse(localStorage.getItem(STORE) || "null");
    if (kept && Array.isArray(kept.log)) {
      log.push(...kept.log.filter((entry) => entry && typeof entry.id === "string" && typeof entry.target === "string"));
      reviewer = typeof kept.reviewer === "string" ? kept.reviewer : "";
    }
  } catch { /* a damaged record is no reason not to open */ }
}

function saveFile() {
  if (!reviewer.trim()) {
    $("reviewer").focus();
    say("Write your name first.");
    return;
  }
  const content = {
    format: "dataeval-ui-decisions", version: 1, run: DATA.run, reviewer: reviewer.trim(),
    saved_at: new Date().toISOString(), decisions: log,
  };
  const url = URL.createObjectURL(new Blob([JSON.stringify(content, null, 1)], { type: "application/json" }));
  const name = reviewer.trim().replace(/[^A-Za-z0-9_-]+/g, "-").slice(0, 40);
  const link = el("a", { href: url, download: `decisions-${DATA.run}-${name}.json` });
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10000);
  unsaved = false;
  say(`${allCurrent().length} decisions saved. Send the file back.`);
}

function say(text) { $("said").textContent = text; }
