// The panel beside the picture: which facts are shown, and the pieces they are made of.
const LISTED = 14; // rows of a history; the whole of it is in the tables
const BRANCHES = 200; // lines of a column's tree

const badge = ([kind, word]) => element("span", { class: `badge ${kind || "none"}` }, word);
const muted = (...text) => element("p", { class: "muted" }, ...text);
const mono = (text) => element("p", { class: "mono" }, text);
function naming(node) { // the node's name, with its model where that is another than the chosen node's
  const home = byId.get(state.focus);
  if (!node.model || !node.kind) return node.label;
  if (state.model === node.model || (home && home.model === node.model)) return node.type === "job" ? node.kind : node.label;
  return node.type === "job" ? node.label : `${node.label} · ${node.model}`;
}
const link = (id) => element("button", { type: "button", onclick: () => choose(id, true) }, naming(byId.get(id)));
function links(title, ids) {
  if (!ids.length) return [];
  return [element("h3", {}, title), element("ul", { class: "links" }, ...ids.map((id) => element("li", {}, link(id))))];
}
function table(heads, rows, numbers = []) {
  const cell = (tag, extra = {}) => (value, i) => element(tag, numbers.includes(i) ? { class: "number", ...extra } : extra, value ?? "");
  return element("table", {},
    element("thead", {}, element("tr", {}, ...heads.map(cell("th", { scope: "col" })))),
    element("tbody", {}, ...rows.map((row) => element("tr", {}, ...row.map(cell("td"))))));
}
function timeline(title, heads, entries, row, one, numbers) { // the newest entries, and how many more there are
  if (!entries.length) return [];
  const more = entries.length - LISTED;
  return [
    element("h3", {}, title),
    table(heads, entries.slice(0, LISTED).map(row), numbers),
    ...(more > 0 ? [muted(`${count(more, one)} not listed.`)] : []),
  ];
}
function facts(pairs) { // names and values, without those that are not known
  const known = pairs.filter(([, value]) => value);
  const both = ([name, value]) => [element("dt", {}, name), element("dd", {}, value)];
  return known.length ? [element("dl", {}, ...known.flatMap(both))] : [];
}
function heading(text, kind, close) {
  return [
    element("div", { class: "row" },
      element("h2", { tabindex: "-1" }, text),
      element("button", { type: "button", class: "close", ...close }, "✕")),
    muted(kind),
  ];
}
function panel() {
  const node = byId.get(state.focus);
  $("panel").replaceChildren(...(!node ? overview() : state.column ? columnFacts(node, state.column) : nodeFacts(node)));
}
const INTRODUCTION = `Each box is a stage of an audit or data that it read or wrote; data flows from left to right. Choose one
  to see all it came from and all it went into; choose one of its columns to see that column's path, and where it is masked.`;
const LIFE = `It holds from the first night that showed it to the first night whose completed run did not. Failed runs end no
  link. The page carries the ${data.runsShown} newest runs of each stage.`;
function overview() {
  const rows = models.filter((model) => !state.model || model === state.model).map(verdictRow);
  const keys = [["Tab", "next box"], ["Enter", "choose"], ["← →", "follow links"], ["Esc", "back"], ["/", "find"]];
  return [
    element("h2", { tabindex: "-1" }, "What fed what"),
    muted(INTRODUCTION),
    ...(rows.length ? [element("h3", {}, "Last verdicts"), table(["model", "verdict", "night"], rows)] : []),
    element("h3", {}, "Keys"),
    muted(...keys.flatMap(([key, does], i) => [element("kbd", {}, key), ` ${does}${i < keys.length - 1 ? ", " : "."}`])),
    element("h3", {}, "What a link means"),
    muted(LIFE),
  ];
}
function verdictRow(model) {
  const audit = data.nodes.find((node) => node.model === model && node.type === "job" && node.kind === "audit");
  const [run] = audit ? runsOf(audit.id) : [];
  const target = [audit && audit.id, "model:" + model].find((id) => drawn.nodes.has(id));
  const open = target ? element("button", { type: "button", onclick: () => choose(target, true) }, model) : model;
  return [open, badge(result(run)), (run && run.night) || ""];
}
