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
  const forced = nodes.length > MANY;
  return { ...(state.collapse || forced ? collapsed(nodes, links) : { nodes, links }), total: nodes.length, forced };
}
function collapsed(nodes, links) { // one box per model; what several models share stays
  const groups = new Map();
  const home = new Map();
  for (const node of nodes) {
    const group = node.model ? groupOf(groups, node) : node;
    if (node.model && node.type === "job" && node.kind === "audit") group.verdictNode = node;
    home.set(node.id, group);
  }
  const seen = new Map();
  for (const { s, t } of links) {
    const [a, b] = [home.get(s).id, home.get(t).id];
    if (a !== b) seen.set(a + "\u0000" + b, { s: a, t: b });
  }
  return { nodes: [...groups.values(), ...nodes.filter((node) => !node.model)], links: [...seen.values()] };
}
function groupOf(groups, { model }) {
  const id = "model:" + model;
  if (!groups.has(id)) groups.set(id, { id, type: "group", kind: "model", label: model, model, alias: model });
  return groups.get(id);
}
const isVerdict = (node) => node.type === "group" || (node.type === "job" && node.kind === "audit");
