"use strict";
(() => {
  const MANY = 300; // nodes: more cannot be read at once, and laying them out takes seconds
  const data = JSON.parse(document.getElementById("data").textContent);
  const $ = (id) => document.getElementById(id);
  const SVG = "http://www.w3.org/2000/svg";
  const byId = new Map(data.nodes.map((node) => [node.id, node]));
  const models = [...new Set(data.nodes.map((node) => node.model).filter(Boolean))].sort();
  const days = [...new Set(Object.values(data.runs).flat().map((run) => run.at.slice(0, 10)))].sort();
  const state = { model: data.model || "", asOf: data.asOf || "", collapse: false, focus: "", find: "" };
  let view = { x: 0, y: 0, k: 1 };
  let drawn = { nodes: new Map(), edges: [], width: 0, height: 0 };

  const element = (name, attributes = {}, ...children) => {
    const made = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) {
      if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
      else if (value !== null && value !== undefined) made.setAttribute(key, value);
    }
    made.append(...children.filter((child) => child !== null && child !== undefined && child !== ""));
    return made;
  };
  const shape = (name, attributes = {}, ...children) => {
    const made = document.createElementNS(SVG, name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    made.append(...children);
    return made;
  };
  const count = (n, one, many = one + "s") => `${n.toLocaleString("en")} ${n === 1 ? one : many}`;

  // ---- what holds as of the night ------------------------------------------------------------------------------
  const end = () => (state.asOf ? state.asOf + "T23:59:59" : "");
  const holds = (edge) => (state.asOf ? edge.from <= end() && (!edge.to || edge.to > end()) : !edge.to);
  const runsOf = (id) => (data.runs[id] || []).filter((run) => !state.asOf || run.at <= end());
  const versionsOf = (id) => (data.versions[id] || []).filter((seen) => !state.asOf || seen.since <= end());

  const WORDS = { PASS: ["pass", "PASS"], WARN: ["warn", "WARN"], FAIL: ["fail", "FAIL"], NOT_EVALUATED: ["unknown", "NOT_EVALUATED"] };
  function result(run) {
    if (!run) return ["none", "no run yet"];
    if (run.state === "FAIL") return ["fail", "could not run"];
    if (run.state === "ABORT") return ["none", "did not run"];
    if (run.state === "RUNNING") return ["none", "running"];
    return WORDS[run.outcome] || ["", "ran"];
  }
  function status(node) { // class and second line of a node
    if (node.type === "group") return status(node.verdictNode || { type: "none" });
    if (node.type === "dataset") {
      const [latest] = versionsOf(node.id);
      if (!latest) return ["", node.namespace];
      return ["", latest.rows !== null ? count(latest.rows, "row") : "sha256 " + latest.version.slice(0, 8)];
    }
    if (node.type !== "job") return ["none", "no run yet"];
    const [run] = runsOf(node.id);
    const [kind, word] = result(run);
    const failed = run && run.state === "COMPLETE" && run.failed;
    if (failed && node.kind === "validation") return [kind, `${word} · ${count(failed, "check")} failed`];
    if (node.kind === "drift" && run && run.largest && run.largest.length && kind !== "none") {
      const top = run.largest.find((score) => score.method === "psi") || run.largest[0];
      return [kind, `${word} · ${top.method} ${top.value.toFixed(2)} ${top.column}`];
    }
    if (failed && node.kind !== "audit") return [kind, `${word} · ${count(failed, "finding")}`];
    return [kind, word];
  }

  // ---- which nodes and links are shown ---------------------------------------------------------------------------
  function visible() {
    let edges = data.edges.filter(holds);
    const jobs = new Set(data.nodes.filter((n) => n.type === "job" && (!state.asOf || runsOf(n.id).length)).map((n) => n.id));
    if (state.model) {
      const own = new Set([...jobs].filter((id) => byId.get(id).model === state.model));
      edges = edges.filter((e) => own.has(e.s) || own.has(e.t));
      jobs.forEach((id) => own.has(id) || jobs.delete(id));
    }
    const ids = new Set([...jobs, ...edges.flatMap((e) => [e.s, e.t])]);
    const nodes = [...ids].map((id) => byId.get(id)).filter(Boolean);
    const links = edges.filter((e) => byId.has(e.s) && byId.has(e.t)).map((e) => ({ s: e.s, t: e.t }));
    const total = nodes.length;
    const forced = total > MANY;
    return { ...(state.collapse || forced ? collapsed(nodes, links) : { nodes, links }), total, forced };
  }
  function collapsed(nodes, links) { // one box per model; what several models share stays
    const groups = new Map();
    const home = new Map();
    for (const node of nodes) {
      if (!node.model) { home.set(node.id, node); continue; }
      const id = "model:" + node.model;
      if (!groups.has(id)) groups.set(id, { id, type: "group", kind: "model", label: node.model, model: node.model, alias: node.model, members: [] });
      const group = groups.get(id);
      group.members.push(node);
      if (node.type === "job" && node.kind === "audit") group.verdictNode = node;
      home.set(node.id, group);
    }
    const seen = new Map();
    for (const { s, t } of links) {
      const [a, b] = [home.get(s).id, home.get(t).id];
      if (a !== b) seen.set(a + "\u0000" + b, { s: a, t: b });
    }
    return { nodes: [...groups.values(), ...nodes.filter((n) => !n.model)], links: [...seen.values()] };
  }

  const isVerdict = (node) => node.type === "group" || (node.type === "job" && node.kind === "audit");
  const BOLD = 1.18; // how much wider a verdict's line is set than other second lines

  // ---- layout: one dagre run per connected part, parts stacked ---------------------------------------------------------
  const pen = document.createElement("canvas").getContext("2d");
  function textWidth(text, bold) {
    pen.font = `${bold ? "600 13px" : "11.5px"} system-ui, -apple-system, "Segoe UI", Roboto, Arial, sans-serif`;
    return pen.measureText(text).width;
  }
  function parts(nodes, links) {
    const parent = new Map(nodes.map((n) => [n.id, n.id]));
    const find = (id) => { while (parent.get(id) !== id) { parent.set(id, parent.get(parent.get(id))); id = parent.get(id); } return id; };
    links.forEach(({ s, t }) => parent.set(find(s), find(t)));
    const found = new Map();
    nodes.forEach((n) => { const root = find(n.id); if (!found.has(root)) found.set(root, { nodes: [], links: [] }); found.get(root).nodes.push(n); });
    links.forEach((l) => found.get(find(l.s)).links.push(l));
    return [...found.values()].sort((a, b) => name(a).localeCompare(name(b)));
  }
  const sole = (part) => part.nodes.length > 1 && new Set(part.nodes.map((n) => n.model)).size === 1;
  const boxLabel = (node, part) => (node.type === "job" && node.model && sole(part) ? node.kind : node.label); // the lane says which model
  const name = (part) => [...new Set(part.nodes.map((n) => n.model).filter(Boolean))].sort().join(", ") || part.nodes[0].label;
  function arranged(part, wide) {
    const graph = new dagre.graphlib.Graph();
    graph.setGraph({ rankdir: "LR", nodesep: 14, ranksep: 60, edgesep: 12, marginx: 18, marginy: 18 });
    graph.setDefaultEdgeLabel(() => ({}));
    part.nodes.forEach((node) => graph.setNode(node.id, { width: wide.get(node.id), height: 46 }));
    part.links.forEach(({ s, t }) => graph.setEdge(s, t));
    dagre.layout(graph);
    return graph;
  }
  function layout(nodes, links) {
    const placed = new Map(), paths = [], lanes = [];
    let top = 0, width = 0, shelf = null;
    for (const part of parts(nodes, links)) {
      const wide = new Map(part.nodes.map((node) => {
        const text = Math.max(textWidth(boxLabel(node, part), true), textWidth(status(node)[1], false) * (isVerdict(node) ? BOLD : 1));
        return [node.id, Math.min(Math.max(text + 52, 120), 280)];
      }));
      let graph = arranged(part, wide);
      const column = new Map(); // boxes above each other get one width, so that no line leaves behind a neighbour
      part.nodes.forEach((n) => { const x = Math.round(graph.node(n.id).x); column.set(x, Math.max(column.get(x) || 0, wide.get(n.id))); });
      part.nodes.forEach((n) => wide.set(n.id, column.get(Math.round(graph.node(n.id).x))));
      graph = arranged(part, wide);
      const box = graph.graph();
      const lone = part.nodes.length === 1;
      const title = lone ? "" : name(part);
      const head = title ? 26 : 0;
      if (!lone) shelf = null;
      if (lone && shelf && shelf.x + box.width < 1300) { top = shelf.y; } else if (lone) { shelf = { x: 0, y: top }; }
      const left = lone ? shelf.x : 0;
      part.nodes.forEach((n) => { const p = graph.node(n.id); placed.set(n.id, { node: n, label: boxLabel(n, part), x: left + p.x, y: top + head + p.y, w: p.width, h: p.height }); });
      part.links.forEach(({ s, t }) => paths.push({ s, t, points: sides(graph, column, s, t).map((p) => ({ x: left + p.x, y: top + head + p.y })) }));
      if (title) lanes.push({ title, x: 0, y: top, w: box.width, h: box.height + head });
      if (lone) shelf.x += box.width - 18;
      top += box.height + head + (lone ? -18 : 22);
      width = Math.max(width, left + box.width);
    }
    lanes.forEach((lane) => { lane.w = width; });
    return { placed, paths, lanes, width, height: Math.max(top, 60) };
  }
  function sides(graph, column, s, t) { // dagre ends a line anywhere on a box; ours leave at the right and arrive at the left
    const [a, b] = [graph.node(s), graph.node(t)];
    const way = a.x < b.x ? 1 : -1; // against the flow where a cycle was cut
    const bends = graph.edge(s, t).points.slice(1, -1);
    const level = []; // dagre bends between columns too; a line needs to know only how it crosses one
    bends.filter((_, i) => i % 2).forEach(({ x, y }) => {
      const half = (way * (column.get(Math.round(x)) || 0)) / 2;
      level.push({ x: x - half, y }, { x: x + half, y });
    });
    return [{ x: a.x + (way * a.width) / 2, y: a.y }, ...level, { x: b.x - (way * b.width) / 2, y: b.y }];
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

  // ---- drawing ------------------------------------------------------------------------------------------------------------
  function clipped(text, bold, room) {
    if (textWidth(text, bold) <= room) return text;
    let kept = text;
    while (kept.length > 1 && textWidth(kept + "…", bold) > room) kept = kept.slice(0, -1);
    return kept + "…";
  }
  function drawNode({ node, label, x, y, w, h }) {
    const [kind, sub] = status(node);
    const verdict = isVerdict(node);
    const what = node.type === "dataset" ? "data" : node.type === "group" ? "model" : "stage";
    const group = shape("g", {
      class: ["node", node.type === "dataset" ? "dataset" : "job", kind, verdict ? "verdict" : ""].filter(Boolean).join(" "),
      transform: `translate(${(x - w / 2).toFixed(1)},${(y - h / 2).toFixed(1)})`,
      tabindex: "0", role: "button", "aria-pressed": "false", "aria-label": `${what} ${node.label}, ${sub}`, "data-node": node.id,
    });
    const r = node.type === "dataset" ? 5 : h / 2;
    group.append(
      shape("title", {}, document.createTextNode(`${node.label}\n${sub}\n${node.alias}`)),
      shape("rect", { class: "ring", x: -4, y: -4, width: w + 8, height: h + 8, rx: r + 4 }),
      shape("rect", { class: "box", width: w, height: h, rx: r }),
    );
    if (node.type === "dataset") {
      group.append(shape("path", { class: "icon", d: "M12,15 h8 l5,5 v12 h-13 z M20,15 v5 h5" }));
    } else {
      group.append(shape("circle", { class: "mark", cx: 20, cy: h / 2, r: 6 }));
      if (!kind) group.lastChild.setAttribute("style", "fill: var(--accent)");
    }
    group.append(
      shape("text", { class: "label", x: 36, y: 20 }, document.createTextNode(clipped(label, true, w - 46))),
      shape("text", { class: "sub", x: 36, y: 35.5 }, document.createTextNode(clipped(sub, false, (w - 46) / (verdict ? BOLD : 1)))),
    );
    group.addEventListener("click", () => choose(node.id));
    group.addEventListener("keydown", (event) => onNodeKey(event, node.id));
    return group;
  }
  function draw(refit) {
    const shown = visible();
    const notice = $("notice");
    const tooMany = shown.nodes.length > MANY;
    notice.hidden = !shown.forced;
    notice.textContent = !shown.forced ? "" : tooMany
      ? `${count(shown.total, "node")}: too many to read in one picture, even with one box per model. Choose a model.`
      : `${count(shown.total, "node")}: more than ${MANY} cannot be read in one picture, so each model is one box. Choose a model to see inside.`;
    const { nodes, links } = tooMany ? { nodes: [], links: [] } : shown;
    const plan = layout(nodes, links);
    for (const id of ["lanes", "edges", "nodes"]) $(id).replaceChildren();
    for (const lane of plan.lanes) {
      $("lanes").append(shape("g", { class: "lane" },
        shape("rect", { x: lane.x, y: lane.y, width: lane.w, height: lane.h, rx: 12 }),
        shape("text", { x: lane.x + 16, y: lane.y + 21 }, document.createTextNode(lane.title))));
    }
    const edges = plan.paths.map(({ s, t, points }) => {
      const idle = [s, t].some((id) => status(plan.placed.get(id).node)[0] === "none"); // a stage that did not run that night
      const line = shape("path", { class: idle ? "edge idle" : "edge", d: curve(points) });
      $("edges").append(line);
      return { s, t, line };
    });
    const groups = new Map();
    const order = [...plan.placed.values()].sort((a, b) => a.x - b.x || a.y - b.y);
    for (const place of order) {
      const group = drawNode(place);
      groups.set(place.node.id, { ...place, group });
      $("nodes").append(group);
    }
    drawn = { nodes: groups, edges, width: plan.width, height: plan.height };
    if (state.focus && !groups.has(state.focus)) state.focus = "";
    if (refit) fit();
    highlight();
    panel();
    const hidden = data.edges.length - data.edges.filter(holds).length;
    const when = state.asOf ? `As of night ${state.asOf}` : "Now";
    $("summary").textContent = `${when}: ${count(nodes.length, "node")}, ${count(links.length, "link")}` +
      (hidden ? `; ${count(hidden, "link")} of other nights not shown` : "");
    $("now").setAttribute("aria-pressed", String(!state.asOf));
    Object.assign(document.body.dataset, { ready: "1", nodes: nodes.length, edges: links.length, focus: state.focus, asof: state.asOf });
  }

  // ---- focus ----------------------------------------------------------------------------------------------------------------
  function reach(id, from, to) {
    const seen = new Set([id]);
    const queue = [id];
    while (queue.length) {
      const at = queue.pop();
      for (const edge of drawn.edges) if (edge[from] === at && !seen.has(edge[to])) { seen.add(edge[to]); queue.push(edge[to]); }
    }
    return seen;
  }
  function matches(node) {
    const text = state.find.toLowerCase();
    const fields = [node.label, node.alias, node.name, node.kind, node.model, ...(data.schemas[node.id] || []).map((c) => c.name)];
    return fields.some((field) => field && field.toLowerCase().includes(text)) ||
      (data.versions[node.id] || []).some((seen) => text.length > 5 && seen.version.startsWith(text));
  }
  function highlight() {
    const id = state.focus;
    const up = id ? reach(id, "t", "s") : null;
    const down = id ? reach(id, "s", "t") : null;
    let found = 0;
    for (const [key, { node, group }] of drawn.nodes) {
      const hit = Boolean(state.find) && matches(node);
      found += hit;
      group.classList.toggle("found", hit);
      group.classList.toggle("dim", id ? !(up.has(key) || down.has(key)) : Boolean(state.find) && !hit);
      group.classList.toggle("chosen", key === id);
      group.setAttribute("aria-pressed", String(key === id));
    }
    for (const { s, t, line } of drawn.edges) {
      const lit = Boolean(id) && ((up.has(s) && up.has(t)) || (down.has(s) && down.has(t)));
      line.classList.toggle("lit", lit);
      line.classList.toggle("dim", (Boolean(id) && !lit) || (Boolean(state.find) && !id));
    }
    Object.assign(document.body.dataset, {
      focus: id, found: state.find ? found : "",
      dimmed: [...drawn.nodes.values()].filter((n) => n.group.classList.contains("dim")).length,
    });
  }
  function choose(id, move) {
    if (id && id.startsWith("model:")) {
      state.model = id.slice(6);
      state.collapse = false;
      $("collapse").checked = false;
      $("model").value = state.model;
      state.focus = "";
      draw(true);
      remember();
      return;
    }
    state.focus = state.focus === id && !move ? "" : id;
    highlight();
    panel();
    remember();
    if (move && drawn.nodes.has(id)) { reveal(id); drawn.nodes.get(id).group.focus(); }
  }
  function onNodeKey(event, id) {
    const here = drawn.nodes.get(id);
    const step = { ArrowLeft: ["t", "s"], ArrowRight: ["s", "t"] }[event.key];
    if (event.key === "Enter" || event.key === " ") { event.preventDefault(); choose(id); return; }
    let target = null;
    if (step) {
      const next = drawn.edges.filter((e) => e[step[0]] === id).map((e) => drawn.nodes.get(e[step[1]]));
      target = next.sort((a, b) => Math.abs(a.y - here.y) - Math.abs(b.y - here.y))[0];
    } else if (event.key === "ArrowUp" || event.key === "ArrowDown") {
      const sign = event.key === "ArrowDown" ? 1 : -1;
      const near = [...drawn.nodes.values()].filter((n) => (n.y - here.y) * sign > 1 && Math.abs(n.x - here.x) < here.w);
      target = near.sort((a, b) => (a.y - b.y) * sign)[0];
    } else return;
    event.preventDefault();
    if (target) { reveal(target.node.id); target.group.focus(); }
  }

  // ---- the panel ---------------------------------------------------------------------------------------------------------------
  const badge = ([kind, word]) => element("span", { class: `badge ${kind || "none"}` }, word);
  const link = (id) => element("button", { type: "button", onclick: () => choose(id, true) }, byId.get(id).label + (byId.get(id).model && byId.get(id).type === "dataset" && !state.model ? ` · ${byId.get(id).model}` : ""));
  function links(title, ids) {
    if (!ids.length) return [];
    return [element("h3", {}, title), element("ul", { class: "links" }, ...ids.map((id) => element("li", {}, link(id))))];
  }
  function table(heads, rows, numbers = []) {
    const cell = (tag) => (value, i) => element(tag, numbers.includes(i) ? { class: "number" } : {}, value ?? "");
    return element("table", {},
      element("thead", {}, element("tr", {}, ...heads.map((head, i) => { const th = cell("th")(head, i); th.setAttribute("scope", "col"); return th; }))),
      element("tbody", {}, ...rows.map((row) => element("tr", {}, ...row.map(cell("td"))))));
  }
  function panel() {
    const node = byId.get(state.focus);
    $("panel").replaceChildren(...(node ? facts(node) : overview()));
    $("panel").scrollTop = 0;
  }
  function facts(node) {
    const kind = node.type === "job" ? (node.model ? `Stage of the audit of ${node.model}` : "Job of another producer") : node.kind ? `Data: ${node.label}${node.model ? `, ${node.model}` : ", shared"}` : "Data";
    const reads = data.edges.filter((e) => holds(e) && e.t === node.id && byId.has(e.s)).map((e) => e.s);
    const writes = data.edges.filter((e) => holds(e) && e.s === node.id && byId.has(e.t)).map((e) => e.t);
    const job = node.type === "job";
    return [
      element("div", { class: "row" }, element("h2", {}, node.label), element("button", { type: "button", class: "close", "aria-label": "Show all", onclick: () => choose("") }, "✕")),
      element("p", { class: "muted" }, kind),
      ...(job ? jobFacts(node) : []),
      ...links(job ? "Reads" : "Written by", reads),
      ...links(job ? "Writes" : "Read by", writes),
      ...(job ? runTable(node) : [...columnTable(node), ...versionTable(node)]),
      ...life(node),
      element("h3", {}, "Name"),
      element("p", { class: "mono" }, node.id),
      element("p", { class: "muted" }, "Short: ", element("span", { class: "mono" }, node.alias)),
    ];
  }
  function jobFacts(node) {
    const [run] = runsOf(node.id);
    if (!run) return [element("p", {}, badge(["none", "no run yet"]))];
    const said = [element("p", {}, badge(result(run)), ` ${run.night ? "night " + run.night : "started " + run.started.replace("T", " ")}`)];
    if (run.conclusion) said.push(element("p", {}, run.conclusion));
    if (run.error) said.push(element("p", { class: "error" }, run.error));
    if (run.state === "COMPLETE" && run.failed !== undefined && node.kind === "validation") said.push(element("p", {}, run.failed ? `${count(run.failed, "check")} failed.` : "No check failed."));
    if (run.largest && run.largest.length) {
      said.push(element("h3", {}, "Largest drift, by method"), table(["method", "column", "score", "n"], run.largest.map((s) => [s.method, s.column, s.value.toPrecision(3), s.n.toLocaleString("en")]), [2, 3]));
    }
    return said;
  }
  function runTable(node) {
    const runs = runsOf(node.id);
    if (!runs.length) return [];
    const rows = runs.slice(0, 14).map((run) => [run.night || run.at.slice(0, 10), badge(result(run)), run.started.replace("T", " ")]);
    const more = runs.length > rows.length ? [element("p", { class: "muted" }, `${count(runs.length - rows.length, "earlier run")} not listed.`)] : [];
    return [element("h3", {}, "Last runs"), table(["night", "came to", "started (UTC)"], rows), ...more];
  }
  function columnTable(node) {
    const columns = data.schemas[node.id];
    const into = new Map();
    data.columns.filter((c) => c.t === node.id).forEach((c) => into.set(c.tc, [...(into.get(c.tc) || []), c]));
    if (!columns && !into.size) return [];
    const masked = (columns || []).filter((c) => c.masked).length;
    const rows = (columns || [...into.keys()].map((n) => ({ name: n }))).map((column) => {
      const from = (into.get(column.name) || []).map((c) => element("div", { class: "from" },
        `← ${byId.get(c.s).label}.${c.sc}`, c.subtype || c.type !== "DIRECT" ? ` (${[c.type === "DIRECT" ? "" : c.type, c.subtype].filter(Boolean).join(" ").toLowerCase()}${c.masking ? ", masked" : ""})` : ""));
      const role = column.role ? `${column.role.replace("_", " ")}${column.privacy ? ", " + column.privacy.replace("_", " ") : ""}` : "";
      return [element("div", {}, element("strong", {}, column.name), " ", column.masked ? badge(["mask", "pseudonym"]) : "", ...from), column.type || "", role];
    });
    const note = masked ? [element("p", { class: "muted" }, `${count(masked, "column")} hold${masked === 1 ? "s" : ""} pseudonyms: the identifiers themselves were never stored here.`)] : [];
    return [element("h3", {}, `Columns (${rows.length})`), ...note, table(["column, and what it came from", "type", "role"], rows)];
  }
  function versionTable(node) {
    const versions = versionsOf(node.id);
    if (!versions.length) return [];
    const rows = versions.slice(0, 14).map((v) => [v.since.slice(0, 10), element("span", { class: "mono", title: v.version }, v.version.slice(0, 16) + (v.version.length > 16 ? "…" : "")), v.rows === null ? "" : v.rows.toLocaleString("en")]);
    const more = versions.length > rows.length ? [element("p", { class: "muted" }, `${count(versions.length - rows.length, "earlier version")} not listed.`)] : [];
    return [element("h3", {}, "Versions"), table(["since night", "sha256", "rows"], rows, [2]), ...more];
  }
  function life(node) { // links that came or went
    const changed = data.edges.filter((e) => (e.s === node.id || e.t === node.id) && byId.has(e.s) && byId.has(e.t) && (e.to || (days.length && e.from.slice(0, 10) > days[0])));
    if (!changed.length) return [];
    const other = (e) => (e.s === node.id ? `→ ${byId.get(e.t).label}` : `← ${byId.get(e.s).label}`);
    return [element("h3", {}, "Links that came or went"), table(["link", "from", "until"], changed.map((e) => [other(e), e.from.slice(0, 10), e.to ? e.to.slice(0, 10) : "holds"]))];
  }
  function overview() {
    const rows = models.filter((m) => !state.model || m === state.model).map((model) => {
      const audit = data.nodes.find((n) => n.model === model && n.type === "job" && n.kind === "audit");
      const [run] = audit ? runsOf(audit.id) : [];
      const target = audit && drawn.nodes.has(audit.id) ? audit.id : drawn.nodes.has("model:" + model) ? "model:" + model : "";
      const open = target ? element("button", { type: "button", onclick: () => choose(target, true) }, model) : model;
      return [open, badge(result(run)), run && run.night ? run.night : ""];
    });
    return [
      element("h2", {}, "What fed what"),
      element("p", { class: "muted" }, "Each box is a stage of an audit or data that it read or wrote; data flows from left to right. Select one to see all it came from and all it went into."),
      ...(rows.length ? [element("h3", {}, "Last verdicts"), table(["model", "verdict", "night"], rows)] : [element("p", {}, "Nothing has been recorded yet.")]),
      element("h3", {}, "Keys"),
      element("p", { class: "muted" }, element("kbd", {}, "Tab"), " next box, ", element("kbd", {}, "Enter"), " select, ", element("kbd", {}, "←"), " ", element("kbd", {}, "→"), " follow links, ", element("kbd", {}, "Esc"), " show all, ", element("kbd", {}, "/"), " find."),
      element("p", { class: "muted" }, "A link holds from the first night that showed it to the first night whose completed run did not. Failed runs end no link. The page carries the " + data.runsShown + " newest runs of each stage."),
    ];
  }

  // ---- size and position ------------------------------------------------------------------------------------------------------
  const place = () => $("canvas").setAttribute("transform", `translate(${view.x.toFixed(2)},${view.y.toFixed(2)}) scale(${view.k.toFixed(4)})`);
  function fit() {
    const { clientWidth: w, clientHeight: h } = $("graph");
    const whole = Math.min((w - 48) / (drawn.width || 1), (h - 40) / (drawn.height || 1), 1.25);
    const k = Math.max(whole, Math.min((w - 48) / (drawn.width || 1), 0.62), 0.3);
    const tall = drawn.height * k > h - 40;
    view = { k, x: Math.max((w - drawn.width * k) / 2, 24), y: tall ? 20 : (h - drawn.height * k) / 2 };
    place();
  }
  function zoom(factor, x = $("graph").clientWidth / 2, y = $("graph").clientHeight / 2) {
    const k = Math.min(Math.max(view.k * factor, 0.1), 4);
    view = { k, x: x - ((x - view.x) * k) / view.k, y: y - ((y - view.y) * k) / view.k };
    place();
  }
  function reveal(id) { // bring a node into sight
    const { x, y, w, h } = drawn.nodes.get(id);
    const { clientWidth, clientHeight } = $("graph");
    const left = view.x + (x - w / 2) * view.k, right = view.x + (x + w / 2) * view.k;
    const top = view.y + (y - h / 2) * view.k, bottom = view.y + (y + h / 2) * view.k;
    if (left < 20) view.x += 40 - left; else if (right > clientWidth - 20) view.x -= right - clientWidth + 40;
    if (top < 20) view.y += 40 - top; else if (bottom > clientHeight - 20) view.y -= bottom - clientHeight + 40;
    place();
  }

  // ---- what is shown is part of the address, so that a picture can be shared ---------------------------------------------------
  function remember() {
    const said = new URLSearchParams();
    if (state.model && state.model !== data.model) said.set("model", state.model);
    if (state.asOf) said.set("asof", state.asOf);
    if (state.collapse) said.set("collapse", "1");
    if (state.focus && byId.has(state.focus)) said.set("focus", byId.get(state.focus).alias);
    try { history.replaceState(null, "", "#" + said.toString()); } catch { /* a sandboxed frame has no address */ }
  }
  function recall() {
    const said = new URLSearchParams(location.hash.slice(1));
    if (models.includes(said.get("model"))) state.model = said.get("model");
    if (/^\d{4}-\d\d-\d\d$/.test(said.get("asof") || "")) state.asOf = said.get("asof");
    state.collapse = said.get("collapse") === "1";
    const named = said.get("focus");
    const node = named && data.nodes.find((n) => n.alias === named || n.id === named);
    state.focus = node ? node.id : "";
    if (["light", "dark"].includes(said.get("theme"))) document.documentElement.dataset.theme = said.get("theme");
  }
  function setAsOf(day) { state.asOf = day; $("asof").value = day || days[days.length - 1] || ""; draw(true); remember(); }
  function stepNight(by) {
    const at = state.asOf || days[days.length - 1];
    const next = by < 0 ? [...days].reverse().find((day) => day < at) : days.find((day) => day > at);
    if (next) setAsOf(next);
  }

  // ---- wiring --------------------------------------------------------------------------------------------------------------------
  recall();
  $("model").append(element("option", { value: "" }, models.length > 1 ? "all models" : "all"), ...models.map((m) => element("option", { value: m }, m)));
  if (data.model) { $("model").replaceChildren(element("option", { value: data.model }, data.model)); }
  $("model").value = state.model;
  $("collapse").checked = state.collapse;
  $("asof").value = state.asOf || days[days.length - 1] || "";
  $("asof").min = days[0] || "";
  $("asof").max = days[days.length - 1] || "";
  $("model").addEventListener("change", (event) => { state.model = event.target.value; draw(true); remember(); });
  $("collapse").addEventListener("change", (event) => { state.collapse = event.target.checked; draw(true); remember(); });
  $("asof").addEventListener("change", (event) => setAsOf(event.target.value));
  $("earlier").addEventListener("click", () => stepNight(-1));
  $("later").addEventListener("click", () => stepNight(1));
  $("now").addEventListener("click", () => setAsOf(""));
  $("search").addEventListener("input", (event) => { state.find = event.target.value.trim(); highlight(); });
  $("search").addEventListener("keydown", (event) => {
    const hit = [...drawn.nodes.values()].find(({ node }) => state.find && matches(node));
    if (event.key === "Enter" && hit) choose(hit.node.id, true);
  });
  $("theme").addEventListener("click", () => {
    const root = document.documentElement;
    const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = dark ? "light" : "dark";
  });
  $("print").addEventListener("click", () => print());
  $("in").addEventListener("click", () => zoom(1.25));
  $("out").addEventListener("click", () => zoom(0.8));
  $("fit").addEventListener("click", fit);
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") { state.find = ""; $("search").value = ""; choose(""); }
    if (event.key === "/" && !/^(INPUT|SELECT)$/.test(document.activeElement.tagName)) { event.preventDefault(); $("search").focus(); }
  });
  $("graph").addEventListener("wheel", (event) => {
    event.preventDefault();
    const box = $("graph").getBoundingClientRect();
    if (event.ctrlKey || event.metaKey) zoom(Math.exp(-event.deltaY / 300), event.clientX - box.left, event.clientY - box.top);
    else { view.x -= event.deltaX; view.y -= event.deltaY; place(); }
  }, { passive: false });
  let drag = null;
  $("graph").addEventListener("pointerdown", (event) => {
    if (!event.target.closest(".node")) { drag = { x: event.clientX - view.x, y: event.clientY - view.y }; $("graph").classList.add("dragging"); }
  });
  addEventListener("pointermove", (event) => { if (drag) { view.x = event.clientX - drag.x; view.y = event.clientY - drag.y; place(); } });
  addEventListener("pointerup", () => { drag = null; $("graph").classList.remove("dragging"); });
  addEventListener("resize", fit);
  let before = null;
  let themeBefore = "";
  addEventListener("beforeprint", () => { // the whole graph on paper, in ink on white
    before = { ...view };
    themeBefore = document.documentElement.dataset.theme || "";
    document.documentElement.dataset.theme = "light";
    view = { x: 0, y: 0, k: 1 };
    place();
    $("graph").setAttribute("viewBox", `-8 -8 ${drawn.width + 16} ${drawn.height + 16}`);
  });
  addEventListener("afterprint", () => {
    $("graph").removeAttribute("viewBox");
    if (themeBefore) document.documentElement.dataset.theme = themeBefore; else delete document.documentElement.dataset.theme;
    view = before || view;
    place();
  });
  draw(true);
})();
