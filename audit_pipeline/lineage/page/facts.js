// What the panel says of one node, and of one column.
function nodeFacts(node) {
  const reads = data.edges.filter((edge) => holds(edge) && edge.t === node.id && byId.has(edge.s)).map((edge) => edge.s);
  const writes = data.edges.filter((edge) => holds(edge) && edge.s === node.id && byId.has(edge.t)).map((edge) => edge.t);
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
  return node.kind ? `Data: ${node.kind.replaceAll("_", " ")}, ${node.model || "shared by several models"}` : "Data of another producer";
}
function jobFacts(node) {
  const [run] = runsOf(node.id);
  const made = foreign(node) ? facts([["made by", maker(node)], ["kind", (node.as || "").toLowerCase()], ["producer", node.producer]]) : [];
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
  const rows = run.checks.map((check) => [breakable(check.name), check.severity, badge(OUTCOMES[check.outcome] || ["fail", "failed"])]);
  return [element("h3", {}, `Checks that did not pass (${rows.length})`), table(["check", "severity", "outcome"], rows)];
}
function findingTable(run) {
  if (!run.findings) return [];
  const rows = run.findings.map((f) => [f.column ? `${f.name} of ${f.column}` : f.name, f.stage, badge(OUTCOMES[f.outcome] || ["none", f.outcome])]);
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
    ["verdict", latest && latest.verdict && badge(OUTCOMES[latest.verdict])],
    ["since night", latest && latest.since.slice(0, 10)],
    ["sha256", latest && element("span", { class: "mono" }, latest.version)],
  ]);
  const other = model.sha256 && latest && model.sha256 !== latest.version;
  return [...known, ...(other ? [element("p", { class: "error" }, "The model facet names another sha256 than the file that was read.")] : [])];
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
    ...(judged ? [seen.verdict ? badge(OUTCOMES[seen.verdict]) : ""] : []),
    element("span", { class: "mono", title: seen.version }, seen.version.slice(0, 16) + (seen.version.length > 16 ? "…" : "")),
    ...(counted ? [seen.rows === undefined ? "" : seen.rows.toLocaleString("en")] : []),
  ];
  const heads = ["since night", ...(judged ? ["verdict"] : []), "sha256", ...(counted ? ["rows"] : [])];
  const title = judged ? `Verdicts and versions (${versions.length})` : `Versions (${versions.length})`;
  return timeline(title, heads, versions, row, "earlier version", counted ? [heads.length - 1] : []);
}
function life(node) { // links that came or went
  const mine = data.edges.filter((edge) => [edge.s, edge.t].includes(node.id) && byId.has(edge.s) && byId.has(edge.t));
  const changed = mine.filter((edge) => (edge.to || (days.length && edge.from.slice(0, 10) > days[0])) && (!state.asOf || edge.from <= until()));
  const row = (edge) => [
    edge.s === node.id ? `→ ${byId.get(edge.t).label}` : `← ${byId.get(edge.s).label}`,
    edge.from.slice(0, 10), edge.to && !holds(edge) ? edge.to.slice(0, 10) : "holds",
  ];
  return timeline("Links that came or went", ["link", "from", "until"], changed, row, "more link");
}

// ---- columns
const reading = (column) => [column.role, column.privacy].filter(Boolean).map((said) => said.replaceAll("_", " ")).join(", ");
function columnName(key) { // dataset.column
  const { id, column } = split(key);
  return element("span", {}, element("span", { class: "of" }, `${naming(byId.get(id))}.`), element("wbr"), column);
}
function columnButton(key, text) {
  const { id, column } = split(key);
  return element("button", { type: "button", class: "column", onclick: () => chooseColumn(id, column) }, text);
}
function columnTable(node) {
  const known = describedOf(node.id).columns || [];
  const linked = data.columns.filter(holds).flatMap((c) => [...(c.t === node.id ? [c.tc] : []), ...(c.s === node.id ? [c.sc] : [])]);
  const names = [...new Set([...known.map((column) => column.name), ...linked])];
  if (!names.length) return [];
  const masked = known.filter((column) => column.masked);
  const rows = names.map((name) => {
    const column = known.find((said) => said.name === name) || {};
    const words = [column.type, reading(column)].filter(Boolean).join(" · ");
    return element("li", {}, columnButton(columnKey(node.id, name), name), column.masked ? badge(["mask", "pseudonym"]) : "", element("span", { class: "from" }, words));
  });
  const note = masked.length ? [muted(`${count(masked.length, "column")} hold${masked.length === 1 ? "s" : ""} pseudonyms: the identifiers themselves were never stored here.`)] : [];
  return [element("h3", {}, `Columns (${names.length})`), ...note, element("ul", { class: "columns" }, ...rows)];
}
function columnFacts(node, column) {
  const path = columnPath(node.id, column);
  const said = tagsOf(path.root);
  const back = { "aria-label": `Back to ${node.label}`, onclick: () => choose(node.id, true) };
  const tree = (title, index, end, none) => [element("h3", {}, title), (index.get(path.root) || []).length ? branches(path, index, end) : muted(none)];
  return [
    ...heading(column, `Column of ${node.label}${node.model ? ", " + node.model : ""}`, back),
    element("p", { class: "verdict" }, path.masked(path.root) ? badge(["mask", "pseudonym"]) : "", ` ${[said.type, reading(said)].filter(Boolean).join(" · ")}`),
    ...masking(path),
    ...tree("Comes from", columnsInto, sourceOf, "Nothing is recorded before this column."),
    ...tree("Goes into", columnsOut, targetOf, "Nothing that is recorded reads this column."),
    element("p", { class: "all" }, element("button", { type: "button", onclick: () => choose(node.id, true) }, `All of ${node.label}`)),
  ];
}
function masking(path) { // plain sentences: what of the sources can be read here, and what of this goes further
  const sources = [...path.up.columns].filter((key) => key !== path.root && !columnsInto.has(key));
  const targets = [...path.down.columns].filter((key) => key !== path.root);
  const before = ways(path.root, columnsInto, sourceOf, sources);
  const after = ways(path.root, columnsOut, targetOf, targets);
  const raw = rawWord(path);
  const groups = [
    [before.masked, "mask", (names) => ["Masked on every path from ", ...names, before.masked.some(identifies) ? ": the raw identifier cannot be read here." : ": the raw value cannot be read here."]],
    [before.blurred, "none", (names) => [...names, ": not masked, but only aggregates or conditions arrive here."]],
    [before.plain, before.plain.some(identifies) ? "warn" : "none", (names) => ["Not masked: values of ", ...names, " can be read here."]],
    [after.masked, "mask", (names) => ["Masked on every path to ", ...names, identifies(path.root) ? ": the raw identifier cannot be read there." : ": the raw value cannot be read there."]],
    [after.blurred, "none", (names) => ["Not masked, but only aggregates or conditions go into ", ...names, "."]],
    [after.plain, raw === "Raw identifiers" ? "warn" : "none", (names) => [`${raw} go on unmasked into `, ...names, "."]],
  ];
  const said = groups.filter(([keys]) => keys.length).map(([keys, kind, say]) => element("li", { class: kind }, ...say(some(keys))));
  return said.length ? [element("ul", { class: "masking", "aria-label": "Masking" }, ...said)] : [];
}
const identifies = (key) => tagsOf(key).privacy === "direct_identifier";
function rawWord(path) {
  if (path.masked(path.root)) return "Pseudonyms";
  return identifies(path.root) ? "Raw identifiers" : "Values";
}
function some(keys) { // names of a few columns, as words and commas
  const shown = keys.length > 4 ? keys.slice(0, 3) : keys;
  const names = shown.flatMap((key, i) => [i ? ", " : "", element("b", {}, `${byId.get(split(key).id).label}.${split(key).column}`)]);
  return [...names, keys.length > shown.length ? ` and ${keys.length - shown.length} more` : ""];
}
function branches(path, index, end) { // the tree below the root; a column met again is named and not unfolded
  const seen = new Set([path.root]);
  let left = BRANCHES;
  const below = (key) => {
    const items = [];
    for (const link of index.get(key) || []) {
      if (left <= 0) break;
      left -= 1;
      const next = end(link);
      const again = seen.has(next) && index.has(next);
      seen.add(next);
      items.push(element("li", {}, columnButton(next, columnName(next)),
        path.masked(next) ? badge(["mask", "pseudonym"]) : identifies(next) ? badge(["warn", "direct identifier"]) : "",
        element("div", { class: link.masking ? "how mask" : "how" }, how(link) + (again ? " (see above)" : "")),
        again ? "" : below(next)));
    }
    return items.length ? element("ul", { class: "tree" }, ...items) : "";
  };
  const tree = below(path.root);
  return element("div", {}, tree, left <= 0 ? muted(`Only the first ${BRANCHES} lines are listed.`) : "");
}
