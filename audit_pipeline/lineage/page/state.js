// What the page was given, what is chosen, and how elements are made.
const MANY = 300; // nodes: more cannot be read at once, and laying them out takes seconds
const data = JSON.parse(document.getElementById("data").textContent);
const $ = (id) => document.getElementById(id);
const SVG = "http://www.w3.org/2000/svg";
const byId = new Map(data.nodes.map((node) => [node.id, node]));
const models = [...new Set(data.nodes.map((node) => node.model).filter(Boolean))].sort();
const days = [...new Set(Object.values(data.runs).flat().map((run) => run.at.slice(0, 10)))].sort();
const state = { model: data.model || "", asOf: data.asOf || "", collapse: false, focus: "", column: "", find: "" };
let view = { x: 0, y: 0, k: 1 };
let drawn = { nodes: new Map(), edges: [], out: new Map(), into: new Map(), bands: [], width: 0, height: 0 };

for (const link of data.columns) { // places among the nodes become their names
  link.s = data.nodes[link.s].id;
  link.t = data.nodes[link.t].id;
  link.j = link.j === undefined ? "" : data.nodes[link.j].id;
}

function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else if (value !== null && value !== undefined) made.setAttribute(key, value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined && child !== ""));
  return made;
}
function shape(name, attributes = {}, ...children) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}
const words = (text) => document.createTextNode(text);
const count = (n, one, many = one + "s") => `${n.toLocaleString("en")} ${n === 1 ? one : many}`;
const listed = (map, key, value) => (map.has(key) ? map.get(key).push(value) : map.set(key, [value]));
