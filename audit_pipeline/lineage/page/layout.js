// Where boxes stand and how lines run: one dagre layout per connected part, the parts stacked.
const BOLD = 1.18; // how much wider a verdict's line is set than other second lines
const BOX = 46; // height of a box
const NARROW = 124, WIDE = 280; // widths of a box
const ASIDE = 42; // width of a box beside its text: icon and margins
const GAP = 36, MARGIN = 18; // between columns; around a part
const SHELF = 1300; // boxes without a link stand side by side, up to this width

const pen = document.createElement("canvas").getContext("2d");
function textWidth(text, bold) {
  pen.font = `${bold ? "600 13px" : "11.5px"} system-ui, -apple-system, "Segoe UI", Roboto, Arial, sans-serif`;
  return pen.measureText(text).width;
}
function parts(nodes, links) {
  const parent = new Map(nodes.map((node) => [node.id, node.id]));
  const find = (id) => {
    while (parent.get(id) !== id) { parent.set(id, parent.get(parent.get(id))); id = parent.get(id); }
    return id;
  };
  links.forEach(({ s, t }) => parent.set(find(s), find(t)));
  const found = new Map();
  for (const node of nodes) {
    const root = find(node.id);
    if (!found.has(root)) found.set(root, { nodes: [], links: [] });
    found.get(root).nodes.push(node);
  }
  links.forEach((link) => found.get(find(link.s)).links.push(link));
  const all = [...found.values()];
  for (const part of all) {
    part.models = [...new Set(part.nodes.map((node) => node.model).filter(Boolean))].sort();
    part.title = title(part);
    part.lone = part.nodes.length === 1;
  }
  return all.sort((a, b) => a.lone - b.lone || a.title.localeCompare(b.title));
}
function title({ models: named, nodes }) {
  const some = named.length > 4 ? [...named.slice(0, 3), `${named.length - 3} more`] : named;
  return some.join(", ") || nodes[0].label;
}
function boxLabel(node, part) { // the lane says which model, the sign that it is a report
  if (node.kind === "report") return node.label.split(" · ").pop();
  return node.type === "job" && node.model && node.kind && !part.lone && part.models.length === 1 ? node.kind : node.label;
}
function boxWidth(node, part) {
  const second = textWidth(status(node)[1], false) * (isVerdict(node) ? BOLD : 1);
  return Math.min(Math.max(textWidth(boxLabel(node, part), true), second) + ASIDE, WIDE);
}
function arranged(part, wide) {
  const graph = new dagre.graphlib.Graph();
  graph.setGraph({ rankdir: "LR", nodesep: 14, ranksep: GAP, edgesep: 12, marginx: MARGIN, marginy: 16 });
  graph.setDefaultEdgeLabel(() => ({}));
  part.nodes.forEach((node) => graph.setNode(node.id, { width: wide.get(node.id), height: BOX }));
  part.links.forEach(({ s, t }) => graph.setEdge(s, t));
  dagre.layout(graph);
  return graph;
}
function aligned(part) { // boxes above each other get one width, so that no line leaves behind a neighbour
  const wide = new Map(part.nodes.map((node) => [node.id, Math.max(boxWidth(node, part), NARROW)]));
  const graph = arranged(part, wide);
  const rank = (x) => Math.round(x);
  const columns = new Map(); // where dagre put a column -> where it stands, and how wide it is
  for (const { id } of part.nodes) {
    const at = rank(graph.node(id).x);
    columns.set(at, { w: Math.max(columns.has(at) ? columns.get(at).w : 0, wide.get(id)) });
  }
  let left = MARGIN;
  for (const at of [...columns.keys()].sort((a, b) => a - b)) {
    const column = columns.get(at);
    column.x = left + column.w / 2;
    left += column.w + GAP;
  }
  const columnAt = (x) => columns.get(rank(x));
  const boxOf = (id) => ({ ...columnAt(graph.node(id).x), y: graph.node(id).y });
  return { graph, columnAt, boxOf, width: left - GAP + MARGIN, height: graph.graph().height };
}
function layout(nodes, links) {
  const plan = { placed: new Map(), paths: [], lanes: [], bands: [], width: 0, height: 0 };
  let top = 0, shelf = null; // lone boxes share a shelf
  for (const part of parts(nodes, links)) {
    const box = aligned(part);
    const head = part.lone ? 0 : 26;
    if (part.lone && !(shelf && shelf.x + box.width < SHELF)) {
      if (shelf) top += box.height - 16;
      shelf = { x: 0, y: top };
      plan.bands.push({ y: top, h: box.height });
    }
    const at = part.lone ? shelf : { x: 0, y: top };
    const moved = (p) => ({ ...p, x: at.x + p.x, y: at.y + head + p.y });
    for (const node of part.nodes) {
      plan.placed.set(node.id, { node, label: boxLabel(node, part), h: BOX, ...moved(box.boxOf(node.id)) });
    }
    part.links.forEach(({ s, t }) => plan.paths.push({ s, t, points: sides(box, s, t).map(moved) }));
    plan.width = Math.max(plan.width, at.x + box.width);
    plan.height = at.y + head + box.height;
    if (part.lone) { shelf.x += box.width - MARGIN; continue; }
    plan.lanes.push({ title: part.title, y: top, h: box.height + head });
    plan.bands.push({ y: top, h: box.height + head });
    top += box.height + head + 20;
  }
  return plan;
}
function sides({ graph, columnAt, boxOf }, s, t) { // dagre ends a line anywhere on a box; ours go from its right to the next one's left
  const [a, b] = [boxOf(s), boxOf(t)];
  const way = a.x < b.x ? 1 : -1; // against the flow where a cycle was cut
  const level = []; // dagre bends between columns too; a line needs to know only how it crosses one
  for (const { x, y } of graph.edge(s, t).points.slice(1, -1)) {
    const column = columnAt(x);
    if (column) level.push({ x: column.x - (way * column.w) / 2, y }, { x: column.x + (way * column.w) / 2, y });
  }
  return [{ x: a.x + (way * a.w) / 2, y: a.y }, ...level, { x: b.x - (way * b.w) / 2, y: b.y }];
}
function curve(points) { // from side to side through dagre's bend points, level at each
  const at = (n) => n.toFixed(1);
  let path = `M${at(points[0].x)},${at(points[0].y)}`;
  for (let i = 1; i < points.length; i += 1) {
    const [p, q] = [points[i - 1], points[i]];
    const half = (q.x - p.x) / 2;
    path += ` C${at(p.x + half)},${at(p.y)} ${at(q.x - half)},${at(q.y)} ${at(q.x)},${at(q.y)}`;
  }
  return path;
}
