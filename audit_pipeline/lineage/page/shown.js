// Which nodes and links are in the picture.
function visible() {
  let edges = data.edges.filter(holds);
  const began = (node) => node.type === "job" && (!state.asOf || runsOf(node.id).length);
  const jobs = new Set(data.nodes.filter(began).map((node) => node.id));
  if (state.model) {
    const own = new Set([...jobs].filter((id) => byId.get(id).model === state.model));
    edges = edges.filter((edge) => own.has(edge.s) || own.has(edge.t));
    jobs.forEach((id) => own.has(id) || jobs.delete(id));
  }
  edges = edges.filter((edge) => byId.has(edge.s) && byId.has(edge.t));
  const ids = new Set([...jobs, ...edges.flatMap((edge) => [edge.s, edge.t])]);
  const nodes = [...ids].map((id) => byId.get(id));
  const links = edges.map(({ s, t }) => ({ s, t }));
  const total = nodes.length, forced = total > MANY;
  if (!forced) return { ...(state.collapse ? collapsed(nodes, links) : { nodes, links }), total };
  const only = ids.has(state.focus) ? around(state.focus, nodes, links) : null;
  if (only && only.nodes.length <= MANY) return { ...only, total, forced, only: state.focus };
  return { ...nearModels(collapsed(nodes, links, producers(nodes, links))), total, forced };
}
function around(id, nodes, links) { // a node with all it came from and went into
  const into = new Map(), out = new Map();
  for (const { s, t } of links) { listed(out, s, t); listed(into, t, s); }
  const kept = new Set([...reach(id, into), ...reach(id, out)]);
  return { nodes: nodes.filter((node) => kept.has(node.id)), links: links.filter(({ s, t }) => kept.has(s) && kept.has(t)) };
}
function producers(nodes, links) { // node of other producers -> the one job namespace it belongs to
  const spaces = new Map(nodes.filter(foreign).map((job) => [job.id, job.namespace]));
  const users = new Map(); // dataset -> namespaces of the jobs that touch it; a stage of ours has none
  for (const { s, t } of links) {
    const [set, job] = byId.get(s).type === "dataset" ? [s, t] : [t, s];
    listed(users, set, spaces.get(job));
  }
  for (const [id, found] of users) {
    if (!byId.get(id).model && found[0] && found.every((space) => space === found[0])) spaces.set(id, found[0]);
  }
  return spaces;
}
function nearModels(folded) { // still too many: what is not linked to a model is left out
  if (folded.nodes.length <= MANY) return folded;
  const ours = new Set(folded.nodes.filter((node) => node.model).map((node) => node.id));
  const near = new Set([...ours, ...folded.links.flatMap(({ s, t }) => (ours.has(s) || ours.has(t) ? [s, t] : []))]);
  const out = folded.nodes.filter((node) => !near.has(node.id));
  return {
    nodes: folded.nodes.filter((node) => near.has(node.id)),
    links: folded.links.filter(({ s, t }) => near.has(s) && near.has(t)),
    left: out.reduce((sum, node) => sum + (node.holds || 1), 0),
  };
}
function collapsed(nodes, links, spaces = new Map()) { // one box per model, and per producer; what several share stays
  const groups = new Map();
  const home = new Map();
  for (const node of nodes) {
    const space = spaces.get(node.id);
    const group = node.model ? groupOf(groups, node) : space ? producerOf(groups, space) : node;
    if (node.model && node.type === "job" && node.kind === "audit") group.verdictNode = node;
    home.set(node.id, group);
  }
  const seen = new Map();
  for (const { s, t } of links) {
    const [a, b] = [home.get(s).id, home.get(t).id];
    if (a !== b) seen.set(a + "\u0000" + b, { s: a, t: b });
  }
  return { nodes: [...groups.values(), ...nodes.filter((node) => home.get(node.id) === node)], links: [...seen.values()] };
}
function producerOf(groups, label) {
  const id = "producer:" + label;
  if (!groups.has(id)) groups.set(id, { id, type: "group", kind: "producer", label, alias: label, holds: 0 });
  groups.get(id).holds += 1;
  return groups.get(id);
}
function groupOf(groups, { model }) {
  const id = "model:" + model;
  if (!groups.has(id)) groups.set(id, { id, type: "group", kind: "model", label: model, model, alias: model });
  return groups.get(id);
}
const isVerdict = (node) => (node.type === "group" && node.kind === "model") || (node.type === "job" && node.kind === "audit");
