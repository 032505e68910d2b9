// What the panel says of columns: those of a node, and of one of them its path in words and as two trees.
const PSEUDONYM = ["mask", "pseudonym"];
const EVERY = "Masked on every recorded path";
const IDENTIFIER = ["warn", "direct identifier"];
const identifies = (key) => tagsOf(key).privacy === "direct_identifier";
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
  const held = data.columns.filter(holds);
  const linked = [
    ...held.filter((link) => link.t === node.id).map((link) => link.tc),
    ...held.filter((link) => link.s === node.id).map((link) => link.sc),
  ];
  const names = [...new Set([...known.map((column) => column.name), ...linked])];
  if (!names.length) return [];
  const masked = known.filter((column) => column.masked === "true").length;
  const rows = names.map((name) => {
    const column = known.find((said) => said.name === name) || {};
    const words = [column.type, reading(column)].filter(Boolean).join(" · ");
    return element("li", {},
      columnButton(columnKey(node.id, name), name),
      column.masked === "true" ? badge(PSEUDONYM) : "",
      element("span", { class: "from" }, words));
  });
  const note = `${count(masked, "column")} hold${masked === 1 ? "s" : ""} pseudonyms: the identifiers themselves were never stored here.`;
  return [element("h3", {}, `Columns (${names.length})`), ...(masked ? [muted(note)] : []), element("ul", { class: "columns" }, ...rows)];
}
function columnFacts(node, column) {
  const path = columnPath(node.id, column);
  const said = tagsOf(path.root);
  const of = node.model ? `${node.label}, ${node.model}` : node.label;
  const whole = () => choose(node.id, true);
  const words = [said.type, reading(said)].filter(Boolean).join(" · ");
  return [
    ...heading(column, `Column of ${of}`, { "aria-label": `Back to ${node.label}`, onclick: whole }),
    element("p", { class: "verdict" }, path.masked(path.root) ? badge(PSEUDONYM) : "", ` ${words}`),
    ...masking(path),
    ...tree("Comes from", path, columnsInto, sourceOf, "Nothing is recorded before this column."),
    ...tree("Goes into", path, columnsOut, targetOf, "Nothing that is recorded reads this column."),
    element("p", { class: "all" }, element("button", { type: "button", onclick: whole }, `All of ${node.label}`)),
  ];
}
function masking(path) { // plain sentences: what of the sources can be read here, and what of this goes further
  const sources = [...path.up.columns].filter((key) => key !== path.root && !columnsInto.has(key));
  const targets = [...path.down.columns].filter((key) => key !== path.root);
  const before = ways(path.root, columnsInto, sourceOf, sources);
  const after = ways(path.root, columnsOut, targetOf, targets);
  const hidden = (one) => (one ? "raw identifier" : "raw value");
  const self = path.masked(path.root) ? "Pseudonyms" : identifies(path.root) ? "Raw identifiers" : "Values";
  const said = [
    sentence(before.masked, "mask", `${EVERY} from `, `: the ${hidden(before.masked.some(identifies))} cannot be read here.`),
    sentence(before.blurred, "none", "Not masked, but only aggregates or conditions arrive here from ", "."),
    sentence(before.plain, before.plain.some(identifies) ? "warn" : "none", "Not masked: values of ", " can be read here."),
    sentence(after.masked, "mask", `${EVERY} to `, `: the ${hidden(identifies(path.root))} cannot be read there.`),
    sentence(after.blurred, "none", "Not masked, but only aggregates or conditions go into ", "."),
    sentence(after.plain, self === "Raw identifiers" ? "warn" : "none", `${self} go on unmasked into `, "."),
  ].flat();
  return said.length ? [element("ul", { class: "masking", "aria-label": "Masking" }, ...said)] : [];
}
function sentence(keys, kind, start, end) { // about a few columns; none about no column
  if (!keys.length) return [];
  const shown = keys.length > 4 ? keys.slice(0, 3) : keys;
  const name = (key) => element("b", {}, `${byId.get(split(key).id).label}.${split(key).column}`);
  const names = shown.flatMap((key, i) => [i ? ", " : "", name(key)]);
  const more = keys.length > shown.length ? ` and ${keys.length - shown.length} more` : "";
  return [element("li", { class: kind }, start, ...names, more, end)];
}
function tree(title, path, index, end, none) {
  return [element("h3", {}, title), index.has(path.root) ? branches(path, index, end) : muted(none)];
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
      items.push(element("li", {},
        columnButton(next, columnName(next)),
        path.masked(next) ? badge(PSEUDONYM) : identifies(next) ? badge(IDENTIFIER) : "",
        element("div", { class: link.masking ? "how mask" : "how" }, how(link) + (again ? " (see above)" : "")),
        again ? "" : below(next)));
    }
    return items.length ? element("ul", { class: "tree" }, ...items) : "";
  };
  return element("div", {}, below(path.root), left <= 0 ? muted(`Only the first ${BRANCHES} lines are listed.`) : "");
}
