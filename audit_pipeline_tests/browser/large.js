// Scale, whether boxes are apart, and whether a neighbour comes into sight.
const scale = Number(/scale\(([\d.]+)\)/.exec(document.getElementById("canvas").getAttribute("transform"))[1]);
const boxes = [...document.querySelectorAll(".node .box")].map((box) => box.getBoundingClientRect());
const apart = boxes.every((a, i) => boxes.slice(i + 1).every((b) => a.right <= b.left || b.right <= a.left || a.bottom <= b.top || b.bottom <= a.top));
const node = document.querySelector('[data-node="dataset:file:/clinic/audit/snapshot/model_9"]');
node.dispatchEvent(new MouseEvent("click"));
const chosen = document.body.dataset.dimmed;
const before = document.getElementById("canvas").getAttribute("transform");
document.querySelector("#panel .links button").click(); // a neighbour far below comes into sight
const at = document.activeElement.querySelector(".box").getBoundingClientRect();
const stage = document.getElementById("graph").getBoundingClientRect();
document.body.dataset.log = JSON.stringify({
  scale, apart, chosen, moved: before !== document.getElementById("canvas").getAttribute("transform"),
  inside: at.top >= stage.top && at.bottom <= stage.bottom && at.left >= stage.left && at.right <= stage.right,
});
