// Choose the column of every table, and note of which sources the panel says that they are masked or not.
const log = {};
for (const node of [...document.querySelectorAll('[data-node^="dataset:"]')].map((group) => group.dataset.node)) {
  document.querySelector(`[data-node="${node}"]`).dispatchEvent(new MouseEvent("click"));
  document.querySelector("#panel button.column").click();
  const said = (kind, start) => [...document.querySelectorAll(`#panel .masking li.${kind}`)]
    .filter((item) => item.textContent.startsWith(start)).flatMap((item) => [...item.querySelectorAll("b")].map((name) => name.textContent));
  log[node.split(":")[2]] = {masked: said("mask", "Masked on every recorded path from").sort(), open: said("none", "Not masked: values of").sort()};
  document.dispatchEvent(new KeyboardEvent("keydown", {key: "Escape"}));
}
document.body.dataset.log = JSON.stringify(log);
