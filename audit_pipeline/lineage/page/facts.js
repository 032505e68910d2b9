// What the panel says of one node.
function nodeFacts(node) {
  const held = data.edges.filter((edge) => holds(edge) && byId.has(edge.s) && byId.has(edge.t));
  const reads = held.filter((edge) => edge.t === node.id).map((edge) => edge.s);
  const writes = held.filter((edge) => edge.s === node.id).map((edge) => edge.t);
  const job = node.type === "job";
  return [
    ...heading(node.label, kindOf(node), { "aria-label": "Show all", onclick: () => choose("") }),
    ...(job ? jobFacts(node) : dataFacts(node)),
    ...links(job ? "Reads" : "Written by", reads),
    ...links(job ? "Writes" : "Read by", writes),
    ...(job ? runHistory(node) : [...columnTable(node), ...versionHistory(node)]),
    ...life(node),
    element("h3", {}, "Name"),
    mono(node.id),
    muted("Short: ", element("span", { class: "mono" }, node.alias)),
  ];
}
function kindOf(node) {
  if (foreign(node)) return `Job of ${maker(node)}, not a stage of an audit`;
  if (node.type === "job") return `Stage of the audit of ${node.model}`;
  if (!node.kind) return "Data of another producer";
  return `Data: ${node.kind.replaceAll("_", " ")}, ${node.model || "of no single model"}`;
}
function jobFacts(node) {
  const [run] = runsOf(node.id);
  const known = [["made by", maker(node)], ["kind", (node.as || "").toLowerCase()], ["producer", node.producer]];
  const made = foreign(node) ? facts(known) : [];
  if (!run) return [element("p", {}, badge(["none", jobStatus(node)[1]])), ...made];
  const when = run.night ? "night " + run.night : "started " + run.started.replace("T", " ");
  return [
    element("p", { class: "verdict" }, badge(result(run)), ` ${when}`),
    ...(run.conclusion ? [element("p", {}, run.conclusion)] : []),
    ...(run.error ? [element("p", { class: "error" }, run.error)] : []),
    ...made,
    ...checkTable(node, run),
    ...findingTable(run),
    ...driftTable(run),
  ];
}
function checkTable(node, run) {
  if (node.kind !== "validation" || run.state !== "COMPLETE" || run.failed === undefined) return [];
  if (!run.checks) return [element("p", {}, run.failed ? `${count(run.failed, "check")} failed.` : "No check failed.")];
  const rows = run.checks.map((check) => [breakable(check.name), check.severity, badge(outcome(check.outcome))]);
  return [element("h3", {}, `Checks that did not pass (${rows.length})`), table(["check", "severity", "outcome"], rows)];
}
function findingTable(run) {
  if (!run.findings) return [];
  const name = (f) => (f.column ? `${f.name} of ${f.column}` : f.name);
  const rows = run.findings.map((f) => [name(f), f.stage, badge(outcome(f.outcome))]);
  return [element("h3", {}, `Findings that moved the verdict (${rows.length})`), table(["finding", "stage", "outcome"], rows)];
}
function driftTable(run) {
  if (!run.largest || !run.largest.length) return [];
  const rows = run.largest.map((score) => [score.method, score.column, score.value.toPrecision(3), score.n.toLocaleString("en")]);
  return [element("h3", {}, "Largest drift, by method"), table(["method", "column", "score", "n"], rows, [2, 3])];
}
function breakable(text) { // long names may break after an underscore
  return element("span", {}, ...text.split(/(?<=[_(])/).flatMap((piece) => [piece, element("wbr")]));
}
function dataFacts(node) {
  const [latest] = versionsOf(node.id);
  const { model = {} } = describedOf(node.id);
  const known = facts([
    ["model", model.name],
    ["version", model.version],
    ["framework", model.framework],
    ["rows", latest && latest.rows !== undefined && latest.rows.toLocaleString("en")],
    ["verdict", latest && latest.verdict && badge(outcome(latest.verdict))],
    ["since night", latest && latest.since.slice(0, 10)],
    ["sha256", latest && element("span", { class: "mono" }, latest.version)],
  ]);
  if (!model.sha256 || !latest || model.sha256 === latest.version) return known;
  return [...known, element("p", { class: "error" }, "The model facet names another sha256 than the file that was read.")];
}
function runHistory(node) {
  const row = (run) => [run.night || run.at.slice(0, 10), badge(result(run)), run.started.replace("T", " ")];
  return timeline("Last runs", ["night", "outcome", "started (UTC)"], runsOf(node.id), row, "earlier run");
}
function versionHistory(node) {
  const versions = versionsOf(node.id);
  const judged = versions.some((seen) => seen.verdict);
  const counted = versions.some((seen) => seen.rows !== undefined);
  const row = (seen) => [
    seen.since.slice(0, 10),
    ...(judged ? [seen.verdict ? badge(outcome(seen.verdict)) : ""] : []),
    element("span", { class: "mono", title: seen.version }, seen.version.slice(0, 16) + (seen.version.length > 16 ? "…" : "")),
    ...(counted ? [seen.rows === undefined ? "" : seen.rows.toLocaleString("en")] : []),
  ];
  const heads = ["since night", ...(judged ? ["verdict"] : []), "sha256", ...(counted ? ["rows"] : [])];
  const title = judged ? `Verdicts and versions (${versions.length})` : `Versions (${versions.length})`;
  return timeline(title, heads, versions, row, "earlier version", counted ? [heads.length - 1] : []);
}
function life(node) { // links that came or went
  const mine = data.edges.filter((edge) => [edge.s, edge.t].includes(node.id) && byId.has(edge.s) && byId.has(edge.t));
  const known = mine.filter((edge) => !state.asOf || edge.from <= until());
  const changed = known.filter((edge) => edge.to || (days.length && edge.from.slice(0, 10) > days[0]));
  const row = (edge) => [
    edge.s === node.id ? `→ ${byId.get(edge.t).label}` : `← ${byId.get(edge.s).label}`,
    edge.from.slice(0, 10), edge.to && !holds(edge) ? edge.to.slice(0, 10) : "holds",
  ];
  return timeline("Links that came or went", ["link", "from", "until"], changed, row, "more link");
}
