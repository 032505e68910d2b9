// Wiring; and what is shown is part of the address, so that a picture can be shared.
const FORM = /^(INPUT|SELECT|TEXTAREA)$/;

function remember() {
  const said = new URLSearchParams();
  if (state.model && state.model !== data.model) said.set("model", state.model);
  if (state.asOf && state.asOf !== data.asOf) said.set("asof", state.asOf);
  if (state.collapse) said.set("collapse", "1");
  if (byId.has(state.focus)) said.set("focus", byId.get(state.focus).alias);
  if (state.column) said.set("column", state.column);
  if (document.documentElement.dataset.theme) said.set("theme", document.documentElement.dataset.theme);
  try { history.replaceState(null, "", "#" + said.toString()); } catch { /* a sandboxed frame has no address */ }
}
function recall() {
  const said = new URLSearchParams(location.hash.slice(1));
  const named = said.get("focus");
  const node = named && meant(named);
  if (models.includes(said.get("model")) && !data.model) state.model = said.get("model");
  state.asOf = night(said.get("asof"));
  state.collapse = said.get("collapse") === "1";
  state.focus = node ? node.id : "";
  indexColumns();
  state.column = node && hasColumn(node.id, said.get("column") || "") ? said.get("column") : "";
  if (["light", "dark"].includes(said.get("theme"))) document.documentElement.dataset.theme = said.get("theme");
}
function meant(text) { // by its name, its short name, or the end of one that has no other like it
  const exact = data.nodes.find((known) => known.alias === text || known.id === text);
  const ends = data.nodes.filter((known) => ["/", ":", "."].some((mark) => known.id.endsWith(mark + text)));
  return exact || (ends.length === 1 ? ends[0] : undefined);
}
function night(text) { // a night the page knows; a page made as of a date knows none that is later
  if (!/^\d{4}-\d\d-\d\d$/.test(text || "")) return data.asOf || "";
  return data.asOf && text > data.asOf ? data.asOf : text;
}
function setAsOf(text) {
  state.asOf = night(text);
  controls();
  draw();
  remember();
}
function stepNight(by) {
  const at = state.asOf || days[days.length - 1];
  const next = by < 0 ? [...days].reverse().find((day) => day < at) : days.find((day) => day > at);
  if (next) setAsOf(next);
}
function controls() { // the fields say what is shown
  $("model").value = state.model;
  $("collapse").checked = state.collapse;
  $("asof").value = state.asOf || days[days.length - 1] || "";
}
function set(key, value) {
  state[key] = value;
  draw();
  remember();
}
function back() { // from a column to its node, from a node to all
  state.find = $("search").value = "";
  choose(state.column ? state.focus : "", Boolean(state.column));
}
function turn() { // light or dark
  const root = document.documentElement;
  const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = dark ? "light" : "dark";
  remember();
}
function wireControls() {
  const option = (value, text) => element("option", { value }, text);
  const all = option("", models.length > 1 ? "all models" : "all");
  $("model").append(...(data.model ? [option(data.model, data.model)] : [all, ...models.map((model) => option(model, model))]));
  $("asof").min = days[0] || "";
  $("asof").max = data.asOf || days[days.length - 1] || "";
  $("now").textContent = data.asOf ? "Last" : "Now";
  $("model").addEventListener("change", (event) => set("model", event.target.value));
  $("collapse").addEventListener("change", (event) => set("collapse", event.target.checked));
  $("asof").addEventListener("change", (event) => setAsOf(event.target.value));
  $("search").addEventListener("input", (event) => { state.find = event.target.value.trim(); highlight(); });
  $("search").addEventListener("keydown", (event) => {
    const hit = [...drawn.nodes.values()].find(({ node }) => state.find && matches(node));
    const folded = !hit && state.find && data.nodes.find(matches); // within a box, or left out
    if (event.key === "Enter" && (hit || folded)) choose((hit ? hit.node : folded).id, true);
  });
  const clicks = {
    earlier: () => stepNight(-1), later: () => stepNight(1), now: () => setAsOf(""), theme: turn, print: () => print(),
    in: () => zoom(1.25), out: () => zoom(0.8), fit,
  };
  for (const [id, act] of Object.entries(clicks)) $(id).addEventListener("click", act);
}
function wireKeys() {
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") back();
    if (event.key === "/" && !FORM.test(document.activeElement.tagName)) { event.preventDefault(); $("search").focus(); }
  });
}
function wirePointer() {
  const graph = $("graph");
  let drag = null;
  graph.addEventListener("wheel", (event) => {
    event.preventDefault();
    const box = graph.getBoundingClientRect();
    if (event.ctrlKey || event.metaKey) zoom(Math.exp(-event.deltaY / 300), event.clientX - box.left, event.clientY - box.top);
    else { view.x -= event.deltaX; view.y -= event.deltaY; place(); }
  }, { passive: false });
  graph.addEventListener("pointerdown", (event) => {
    if (event.target.closest(".node")) return;
    drag = { x: event.clientX - view.x, y: event.clientY - view.y };
    graph.classList.add("dragging");
  });
  addEventListener("pointermove", (event) => {
    if (drag) { view.x = event.clientX - drag.x; view.y = event.clientY - drag.y; place(); }
  });
  addEventListener("pointerup", () => { drag = null; graph.classList.remove("dragging"); });
  addEventListener("resize", fit);
}
wireControls();
wireKeys();
wirePointer();
recall();
controls();
draw();
