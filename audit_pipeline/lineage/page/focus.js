// What is chosen: a node with all it came from and went into, or one column with its path.
function reach(id, next) {
  const seen = new Set([id]);
  const queue = [id];
  while (queue.length) {
    for (const other of next.get(queue.pop()) || []) if (!seen.has(other)) { seen.add(other); queue.push(other); }
  }
  return seen;
}
function nodeFocus(id) { // which nodes and lines are lit
  const up = reach(id, drawn.into), down = reach(id, drawn.out);
  return {
    node: (key) => up.has(key) || down.has(key),
    line: ({ s, t }) => ((up.has(s) && up.has(t)) || (down.has(s) && down.has(t)) ? "lit" : ""),
    says: () => null,
  };
}
function columnFocus(id, column) {
  const path = columnPath(id, column);
  const at = new Map([[id, []]]); // dataset -> its columns on the path
  for (const key of new Set([...path.up.columns, ...path.down.columns])) listed(at, split(key).id, key);
  const jobs = new Map(); // job -> columns it masks
  const lines = new Map(); // line -> whether all that passes it is masked
  const passes = (s, t, masked) => lines.set(s + "\u0000" + t, (lines.get(s + "\u0000" + t) ?? true) && masked);
  for (const link of path.links) {
    if (!jobs.has(link.j)) jobs.set(link.j, new Set());
    if (link.masking) jobs.get(link.j).add(link.sc);
    passes(link.s, link.j, path.masked(sourceOf(link)));
    passes(link.j, link.t, path.masked(targetOf(link)));
  }
  return {
    node: (key) => at.has(key) || jobs.has(key),
    line: ({ s, t }) => ({ true: "lit masked", false: "lit" })[lines.get(s + "\u0000" + t)] || "",
    says: (key) => {
      if (at.has(key)) return columnsSay(at.get(key), path);
      return jobs.has(key) && jobs.get(key).size ? [`masks ${[...jobs.get(key)].join(", ")}`, "mask"] : null;
    },
  };
}
function columnsSay(keys, path) { // second line of a data box on a column path
  const names = keys.map((key) => split(key).column);
  const hidden = keys.length > 0 && keys.every(path.masked);
  const some = names.length > 1 ? `${names.length}: ${names.join(", ")}` : names[0];
  return [some, hidden ? "mask" : "way"];
}
function matches(node) {
  const text = state.find.toLowerCase();
  const columns = (describedOf(node.id).columns || []).map((column) => column.name);
  const fields = [node.label, node.alias, node.name, node.kind, node.model, ...columns];
  return fields.some((field) => field && field.toLowerCase().includes(text)) ||
    (data.versions[node.id] || []).some((seen) => text.length > 5 && seen.version.startsWith(text));
}
function highlight() {
  const id = state.focus;
  const light = !id ? null : state.column ? columnFocus(id, state.column) : nodeFocus(id);
  let found = 0, dimmed = 0;
  for (const [key, box] of drawn.nodes) {
    const hit = Boolean(state.find) && matches(box.node);
    const dim = light ? !light.node(key) : Boolean(state.find) && !hit;
    found += hit;
    dimmed += dim;
    for (const [name, on] of Object.entries({ found: hit, dim, chosen: key === id })) box.group.classList.toggle(name, on);
    box.group.setAttribute("aria-pressed", String(key === id));
    secondLine(box, ...((light && light.says(key)) || [box.status[1]]));
  }
  const above = [];
  for (const edge of drawn.edges) {
    const lit = light ? light.line(edge) : "";
    edge.line.classList.toggle("lit", Boolean(lit));
    edge.line.classList.toggle("masked", lit.includes("masked"));
    edge.line.classList.toggle("dim", light ? !lit : Boolean(state.find));
    if (lit) above.push(edge.line);
  }
  $("edges").append(...above); // what is lit is not crossed by what is not
  $("masked-key").hidden = !state.column;
  Object.assign(document.body.dataset, { focus: id, column: state.column, found: state.find ? found : "", dimmed });
}
function choose(id, move) {
  if (id && id.startsWith("model:")) { showModel(id.slice(6)); return; }
  if (id && id.startsWith("producer:")) return; // what it holds is found by name
  Object.assign(state, { focus: state.focus === id && !move && !state.column ? "" : id, column: "" });
  shownAgain(move);
}
function chooseColumn(id, column) {
  Object.assign(state, { focus: id, column });
  shownAgain(false);
  if (drawn.nodes.has(id)) reveal(id);
  $("panel").querySelector("h2").focus();
}
function shownAgain(move) {
  const { focus, column } = state;
  if (focus && !drawn.nodes.has(focus) && !data.model) { // hidden by filter or fold: show its model, keep what is chosen
    Object.assign(state, { model: byId.get(focus).model || "", collapse: false });
    controls();
    draw();
    Object.assign(state, { focus, column });
  }
  if (!focus && drawn.only) draw(); // the picture held only what is around the node that was chosen
  $("panel").scrollTop = 0; // first: after a change it would make the browser lay out the page at once
  panel();
  highlight();
  remember();
  if (move && drawn.nodes.has(focus)) { reveal(focus); drawn.nodes.get(focus).group.focus(); }
}
function showModel(model) {
  Object.assign(state, { model, collapse: false, focus: "", column: "" });
  controls();
  draw();
  remember();
}
function onNodeKey(event, id) {
  if (event.key === "Enter" || event.key === " ") { event.preventDefault(); choose(id); return; }
  const next = neighbour(event.key, id);
  if (next === undefined) return;
  event.preventDefault();
  if (next) { reveal(next.node.id); next.group.focus(); }
}
function neighbour(key, id) { // the box in the direction of an arrow key; null when there is none
  const here = drawn.nodes.get(id);
  const nearest = (boxes, far) => boxes.sort((a, b) => far(a) - far(b))[0] || null;
  if (key === "ArrowLeft" || key === "ArrowRight") {
    const ids = (key === "ArrowLeft" ? drawn.into : drawn.out).get(id) || [];
    return nearest(ids.map((other) => drawn.nodes.get(other)), (box) => Math.abs(box.y - here.y));
  }
  if (key !== "ArrowUp" && key !== "ArrowDown") return undefined;
  const sign = key === "ArrowDown" ? 1 : -1;
  const near = [...drawn.nodes.values()].filter((box) => (box.y - here.y) * sign > 1 && Math.abs(box.x - here.x) < here.w);
  return nearest(near, (box) => box.y * sign);
}
