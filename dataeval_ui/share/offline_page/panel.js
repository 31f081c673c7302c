// The panel beside the map: findings one by one, an image with its neighbours, and what was decided.
const ROW_OF = new Map(DATA.image_ids.map((id, row) => [id, row]));
let tab = "findings", finding = 0;

const findingTarget = (at) => "finding:" + DATA.findings[at].id;
const imageTarget = (row) => "image:" + DATA.image_ids[row];
const targetNow = () => tab === "image" ? (looked === null ? null : imageTarget(looked)) : DATA.findings.length ? findingTarget(finding) : null;

function thumb(row, onclick) {
  const canvas = el("canvas", { width: DATA.thumb_px, height: DATA.thumb_px });
  paintThumb(canvas, row);
  const decision = current(imageTarget(row)).decision;
  return el("button", { onclick, title: DATA.paths[row], aria: { label: DATA.paths[row] } }, canvas,
    decision ? el("span", { className: "dot " + decision }) : null);
}

function marks(target) {
  const held = current(target);
  const buttons = DECISIONS.map((decision) => el("button", {
    className: decision, textContent: decision[0].toUpperCase() + decision.slice(1), title: "Key " + decision[0].toUpperCase(),
    aria: { pressed: String(held.decision === decision) }, onclick: () => decide(decision),
  }));
  const label = held.decision === "relabel" ? el("input", {
    className: "label", id: "label", value: held.label || "", maxLength: 255, placeholder: "the right label",
    onchange: (event) => mark(target, { label: event.target.value }), aria: { label: "The right label" },
  }) : null;
  if (label && DATA.labels.length) {
    label.setAttribute("list", "labels");
    label.after(el("span"));
  }
  const comment = el("textarea", {
    id: "comment", value: held.comment || "", maxLength: 10000, placeholder: "Comment (C)", aria: { label: "Comment" },
    onchange: (event) => mark(target, { comment: event.target.value }),
  });
  const known = el("datalist", { id: "labels" }, ...DATA.labels.slice(0, 500).map((name) => el("option", { value: name })));
  return [el("div", { className: "marks" }, ...buttons, el("button", { textContent: "Undo", title: "Key Z", onclick: takeBack })), label, known, comment];
}

function decide(decision) {
  const target = targetNow();
  if (target === null) return;
  mark(target, { decision: current(target).decision === decision ? null : decision });
  render();
  if (decision === "relabel" && $("label")) $("label").focus();
}

function takeBack() {
  const target = undo();
  say(target === null ? "There is nothing to undo." : "Undone.");
  render();
}

function look(row) {
  looked = row;
  marked = [...NEAR.subarray(row * K, row * K + K)].filter((other) => other < N);
  tab = "image";
  render();
}

function step(by) {
  if (!DATA.findings.length) return;
  finding = (finding + by + DATA.findings.length) % DATA.findings.length;
  tab = "findings";
  render();
}

function showFinding() {
  const panel = [];
  if (!DATA.findings.length) return [el("p", { className: "say", textContent: "Nothing was found. Click a point of the map to look at images." })];
  const shown = DATA.findings[finding];
  const n = DATA.findings.filter((_, at) => current(findingTarget(at)).decision).length;
  marked = shown.rows;
  looked = null;
  panel.push(el("progress", { max: DATA.findings.length, value: n, aria: { label: "Findings decided" } }));
  panel.push(el("div", { className: "steps" },
    el("button", { textContent: "‹", onclick: () => step(-1), title: "Key P", aria: { label: "Previous finding" } }),
    el("span", { id: "progress", textContent: `${finding + 1} of ${DATA.findings.length} · ${n} decided` }),
    el("button", { textContent: "›", onclick: () => step(1), title: "Key J", aria: { label: "Next finding" } })));
  panel.push(el("h2", { textContent: shown.kind.replaceAll("_", " ") }));
  panel.push(el("p", { className: "say", textContent: shown.sentence }), el("p", { textContent: shown.advice }));
  panel.push(el("div", { className: "grid" }, ...shown.rows.map((row) => thumb(row, () => look(row)))));
  if (!shown.rows.length) panel.push(el("p", { textContent: shown.paths.join(", ") }));
  panel.push(...marks(findingTarget(finding)));
  panel.push(el("div", { className: "list", aria: { label: "All findings" } }, ...DATA.findings.map((each, at) => el("button", {
    onclick: () => { finding = at; render(); }, aria: { current: String(at === finding) },
  }, el("span", { className: "dot " + (current(findingTarget(at)).decision || "") }), each.sentence))));
  return panel;
}

function showImage() {
  if (looked === null) return [el("p", { className: "say", textContent: "Click a point of the map, or an image of a finding." })];
  const canvas = el("canvas", { width: DATA.thumb_px, height: DATA.thumb_px });
  paintThumb(canvas, looked);
  const facts = DATA.columns.map((each, at) => el("tr", {}, el("td", { textContent: each.title }), el("td", { textContent: each.names[CODES[at][looked]] ?? "" })));
  const near = [...NEAR.subarray(looked * K, looked * K + K)].filter((row) => row < N);
  return [
    el("div", { className: "big" }, canvas), el("p", { className: "say", id: "path", textContent: DATA.paths[looked] }),
    el("table", {}, el("tbody", {}, ...facts)), ...marks(imageTarget(looked)),
    el("h2", { textContent: "Most similar" }),
    el("div", { className: "grid", id: "similar" }, ...near.map((row) => thumb(row, () => look(row)))),
  ];
}

function showMine() {
  const held = allCurrent().reverse();
  if (!held.length) return [el("p", { className: "say", textContent: "You have decided nothing yet." })];
  const name = (target) => {
    const id = target.slice(target.indexOf(":") + 1);
    if (target.startsWith("image:")) return DATA.paths[ROW_OF.get(id)] ?? id;
    return (DATA.findings.find((each) => each.id === id) || { sentence: id }).sentence;
  };
  return [el("p", { textContent: `${held.length} decisions and comments` }), el("table", {}, el("tbody", {}, ...held.map((entry) => el("tr", {},
    el("td", { textContent: entry.decision || "comment" }), el("td", { textContent: name(entry.target) }),
    el("td", { textContent: [entry.label, entry.comment].filter(Boolean).join(" · ") }))))) ];
}

function render() {
  for (const name of ["findings", "image", "mine"]) $("tab-" + name).setAttribute("aria-selected", String(tab === name));
  const shown = { findings: showFinding, image: showImage, mine: showMine }[tab]();
  $("panel").replaceChildren(...shown.filter(Boolean));
  drawSoon();
}

function start() {
  recall();
  $("title").textContent = DATA.title;
  $("about").textContent = DATA.about;
  $("reviewer").value = reviewer;
  $("reviewer").addEventListener("input", (event) => { reviewer = event.target.value; keep(); });
  $("save").addEventListener("click", saveFile);
  $("colour").append(...DATA.columns.map((each, at) => el("option", { value: at, textContent: each.title })));
  column = Math.max(0, DATA.columns.findIndex((each) => each.name === DATA.view.colour));
  $("colour").value = column;
  $("colour").addEventListener("change", (event) => { column = Number(event.target.value); drawLegend(); drawSoon(); });
  $("reset").addEventListener("click", () => { Object.assign(view, { x: 0.5, y: 0.5, zoom: 1 }); drawSoon(); });
  for (const name of ["findings", "image", "mine"]) $("tab-" + name).addEventListener("click", () => { tab = name; render(); });
  listenToMap(look);
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || /^(INPUT|TEXTAREA|SELECT)$/.test(event.target.tagName)) return;
    const keys = { k: () => decide("keep"), x: () => decide("remove"), r: () => decide("remove"), l: () => decide("relabel"), u: () => decide("unsure"),
      c: () => $("comment") && $("comment").focus(), z: takeBack, j: () => step(1), p: () => step(-1), s: saveFile, 0: () => $("reset").click() };
    const act = keys[event.key.toLowerCase()];
    if (act) { event.preventDefault(); act(); }
  });
  addEventListener("beforeunload", (event) => { if (unsaved && allCurrent().length && $("kept").textContent.startsWith("This browser")) event.preventDefault(); });
  drawLegend();
  if (DATA.view.image !== null && DATA.view.image < N) look(DATA.view.image);
  else render();
  document.body.dataset.ready = "true";
}
start();
