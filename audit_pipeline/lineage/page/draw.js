// The picture: lanes, lines, boxes.
const ICONS = named({
  log: "table", labels: "table", reference: "table", snapshot: "table", table: "table", model: "cube", model_config: "sliders",
  suite: "sliders", policy: "sliders", report: "page", record: "shield", validation: "chart", drift: "chart",
  performance: "chart", explanation: "chart",
});
const symbol = (node) => (node.type === "dataset" ? "#i-" + (ICONS[node.kind] || "file") : "#m-" + (status(node)[0] || "ran"));

function clipped(text, bold, room) {
  if (textWidth(text, bold) <= room) return text;
  let [low, high] = [1, text.length];
  while (low < high) { // longest beginning that fits
    const middle = Math.ceil((low + high) / 2);
    if (textWidth(text.slice(0, middle) + "…", bold) <= room) low = middle; else high = middle - 1;
  }
  return text.slice(0, low) + "…";
}
function what(node) { // the word a screen reader says first
  if (node.type === "dataset") return "data";
  if (node.type === "group") return node.kind;
  return foreign(node) ? "job" : "stage";
}
function drawNode({ node, label, x, y, w, h }) {
  const [kind, sub] = status(node);
  const look = node.type === "dataset" ? "dataset" : foreign(node) ? "foreign" : "job";
  const group = shape("g", {
    class: ["node", look, kind, isVerdict(node) ? "verdict" : ""].filter(Boolean).join(" "),
    transform: `translate(${(x - w / 2).toFixed(1)},${(y - h / 2).toFixed(1)})`,
    tabindex: "0", role: "button", "aria-pressed": "false",
    "aria-label": `${what(node)} ${node.label}, ${sub}`, "data-node": node.id,
  });
  const r = { dataset: 5, foreign: 10, job: h / 2 }[look];
  group.append(
    shape("title"),
    shape("rect", { class: "ring", x: -4, y: -4, width: w + 8, height: h + 8, rx: r + 4 }),
    shape("rect", { class: "box", width: w, height: h, rx: r }),
  );
  group.append(
    shape("use", { class: look === "dataset" ? "icon" : "mark", href: symbol(node), x: 9, y: h / 2 - 9, width: 18, height: 18 }),
    shape("text", { class: "label", x: 32, y: 20 }, words(clipped(label, true, w - ASIDE + 2))),
    shape("text", { class: "sub", x: 32, y: 35.5 }),
  );
  group.addEventListener("click", () => choose(node.id));
  group.addEventListener("keydown", (event) => onNodeKey(event, node.id));
  return group;
}
function secondLine(box, text, kind = "") { // what a box says below its name; a column path says its columns there
  if (box.text === text && box.kind === kind) return;
  Object.assign(box, { text, kind });
  const line = box.group.querySelector(".sub");
  box.group.querySelector("title").textContent = `${box.node.label}\n${text}\n${box.node.alias}`; // whole, where the box has no room
  line.textContent = clipped(text, false, (box.w - ASIDE + 2) / (isVerdict(box.node) && !kind ? BOLD : 1));
  line.setAttribute("class", kind ? `sub ${kind}` : "sub");
  if (box.node.type !== "dataset") return;
  const mark = box.group.querySelector("use"); // pseudonyms have a sign of their own
  mark.setAttribute("href", kind === "mask" ? "#i-mask" : symbol(box.node));
  mark.classList.toggle("mask", kind === "mask");
}
function drawLanes(lanes, width) {
  $("lanes").replaceChildren(...lanes.map((lane) => shape("g", { class: "lane" },
    shape("rect", { x: 0, y: lane.y, width, height: lane.h, rx: 12 }),
    shape("text", { x: 18, y: lane.y + 22 }, words(lane.title)))));
}
function drawEdge({ s, t, points }, placed) {
  const idle = [s, t].some((id) => status(placed.get(id).node)[0] === "none"); // a stage that did not run that night
  return { s, t, line: shape("path", { class: idle ? "edge idle" : "edge", d: curve(points) }) };
}
function notice(shown, tooMany) {
  const nodes = count(shown.total, "node");
  $("notice").hidden = !shown.forced;
  const many = `${nodes}: more than ${MANY} cannot be read in one picture`;
  const others = shown.nodes.some((node) => node.kind === "producer");
  const each = others ? "each model and each other producer is one box" : "each model is one box";
  const left = shown.left ? ` ${count(shown.left, "node")} that touch no model are left out.` : "";
  $("notice").textContent = !shown.forced ? "" : tooMany
    ? `${nodes}: too many to read in one picture, even with one box per model. Choose a model, or find a node.`
    : shown.only
      ? `${many}, so only what is up- and downstream of ${byId.get(shown.only).label} is shown. Escape shows all.`
      : `${many}, so ${each}.${left} Choose a model to see inside${others ? ", or find a node" : ""}.`;
}
function summary(nodes, links) {
  const hidden = data.edges.length - data.edges.filter(holds).length;
  const when = state.asOf ? `As of night ${state.asOf}` : "Now";
  $("summary").textContent = `${when}: ${count(nodes, "node")}, ${count(links, "link")}` +
    (hidden ? `; ${count(hidden, "link")} of other nights not shown` : "");
  $("summary").title = $("summary").textContent; // whole, where the header has no room
}
function draw() {
  const shown = visible();
  const tooMany = shown.nodes.length > MANY;
  const { nodes, links } = tooMany ? { nodes: [], links: [] } : shown;
  const plan = layout(nodes, links);
  drawLanes(plan.lanes, plan.width);
  const edges = plan.paths.map((path) => drawEdge(path, plan.placed));
  const boxes = [...plan.placed.values()].sort((a, b) => a.x - b.x || a.y - b.y);
  drawn = { ...plan, edges, only: shown.only, out: new Map(), into: new Map(), nodes: new Map() };
  for (const box of boxes) drawn.nodes.set(box.node.id, { ...box, status: status(box.node), group: drawNode(box) });
  for (const edge of edges) { listed(drawn.out, edge.s, edge.t); listed(drawn.into, edge.t, edge.s); }
  $("edges").replaceChildren(...edges.map((edge) => edge.line));
  $("nodes").replaceChildren(...[...drawn.nodes.values()].map((box) => box.group));
  $("foreign-key").hidden = !nodes.some(foreign);
  $("empty").hidden = nodes.length > 0 || tooMany;
  $("empty").textContent = data.nodes.length ? "Nothing had been recorded by that night." : "Nothing has been recorded yet.";
  indexColumns();
  if (state.focus && !drawn.nodes.has(state.focus)) state.focus = state.column = "";
  if (state.column && !hasColumn(state.focus, state.column)) state.column = ""; // not there on that night
  notice(shown, tooMany);
  summary(nodes.length, links.length);
  panel();
  highlight();
  fit();
  if (state.focus) reveal(state.focus);
  $("now").setAttribute("aria-pressed", String(state.asOf === (data.asOf || "")));
  Object.assign(document.body.dataset, { ready: "1", nodes: nodes.length, edges: links.length, asof: state.asOf });
}
