// Where a column came from and where it goes, as of the night; and on which of these ways its values were replaced.
//
// A link is open when it does not mask, and plain when a value passes it one by one: it does not aggregate, and it is no
// mere condition. Masked means masked on every path, as in the macro lineage.column_path.
let columnsInto = new Map(), columnsOut = new Map();
const columnKey = (id, column) => id + "\u0000" + column;
const targetOf = (link) => columnKey(link.t, link.tc);
const sourceOf = (link) => columnKey(link.s, link.sc);
const isOpen = (link) => !link.masking;
const isPlain = (link) => isOpen(link) && link.type !== "INDIRECT" && link.subtype !== "AGGREGATION";

function indexColumns() {
  columnsInto = new Map();
  columnsOut = new Map();
  for (const link of data.columns.filter(holds)) {
    listed(columnsInto, targetOf(link), link);
    listed(columnsOut, sourceOf(link), link);
  }
}
const hasColumn = (id, column) =>
  (describedOf(id).columns || []).some((known) => known.name === column) ||
  columnsInto.has(columnKey(id, column)) || columnsOut.has(columnKey(id, column));

function walk(starts, index, end, passes = () => true) { // columns reached over links that pass, and these links
  const columns = new Set(starts);
  const links = new Set();
  const queue = [...starts];
  while (queue.length) {
    for (const link of (index.get(queue.pop()) || []).filter(passes)) {
      links.add(link);
      if (!columns.has(end(link))) { columns.add(end(link)); queue.push(end(link)); }
    }
  }
  return { columns, links };
}
function columnPath(id, column) {
  const root = columnKey(id, column);
  const up = walk([root], columnsInto, sourceOf);
  const down = walk([root], columnsOut, targetOf);
  const links = new Set([...up.links, ...down.links]);
  const masked = maskedAmong(links);
  return { root, up, down, links, masked: (key) => masked.has(key) || taggedMasked(key) };
}
function maskedAmong(links) { // columns all of whose ways in are masked; what only feeds itself in a circle is never called so
  const open = new Map(); // column -> ways in that are not known to be masked
  for (const link of links) open.set(targetOf(link), (open.get(targetOf(link)) || 0) + isOpen(link));
  const queue = [...open.keys()].filter((key) => !open.get(key));
  const masked = new Set(queue);
  while (queue.length) {
    for (const link of (columnsOut.get(queue.pop()) || []).filter((out) => links.has(out) && isOpen(out))) {
      const key = targetOf(link);
      open.set(key, open.get(key) - 1);
      if (!open.get(key)) { masked.add(key); queue.push(key); }
    }
  }
  return masked;
}
const split = (key) => { const [id, column] = key.split("\u0000"); return { id, column }; };
function tagsOf(key) {
  const { id, column } = split(key);
  return (describedOf(id).columns || []).find((known) => known.name === column) || {};
}
const taggedMasked = (key) => tagsOf(key).masked === "true";

// How the values of the columns of one side arrive at the other end of the way: three groups of columns.
function ways(root, index, end, far) {
  const open = walk([root], index, end, isOpen).columns;
  const plain = walk([root], index, end, isPlain).columns;
  const groups = { masked: [], blurred: [], plain: [] };
  for (const key of far) groups[plain.has(key) ? "plain" : open.has(key) ? "blurred" : "masked"].push(key);
  return groups;
}
function how(link) { // in words
  const subtype = (link.subtype || "").toLowerCase().replaceAll("_", " ");
  const said = link.type === "INDIRECT" ? `indirect${subtype ? ", " + subtype : ""}` : subtype || "direct";
  return link.masking ? `${said}, masked` : said;
}
