// Choose a column from the panel, its source from the tree, and go back by Escape.
const log = [];
const say = () => log.push([document.body.dataset.focus, document.body.dataset.column, document.activeElement.tagName]);
const press = (key) => document.activeElement.dispatchEvent(new KeyboardEvent("keydown", {key, bubbles: true}));
document.querySelector('[data-node="dataset:file:/clinic/audit/snapshot/high_utilizer"]').dispatchEvent(new MouseEvent("click"));
const button = [...document.querySelectorAll("#panel button.column")].find((made) => made.textContent === "patient_id");
button.focus(); log.push([button.tagName, button.tabIndex, document.activeElement === button]);
button.click(); say();
log.push(new URLSearchParams(location.hash.slice(1)).get("column"));
document.querySelector("#panel .tree button.column").click(); say();
press("Escape"); say();
press("Escape"); say();
document.body.dataset.log = JSON.stringify(log);
