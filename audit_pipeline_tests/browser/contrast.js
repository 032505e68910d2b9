// Contrast of every text and sign with the ground it stands on (WCAG 2.2), the least first.
const pen = Object.assign(document.createElement("canvas"), {width: 1, height: 1}).getContext("2d", {willReadFrequently: true});
const rgba = (colour) => {
  pen.clearRect(0, 0, 1, 1); pen.fillStyle = colour; pen.fillRect(0, 0, 1, 1);
  const [r, g, b, a] = pen.getImageData(0, 0, 1, 1).data; return [r, g, b, a / 255];
};
const over = (top, ground) => { const [c, a] = [rgba(top), rgba(top)[3]]; return [0, 1, 2].map((i) => c[i] * a + ground[i] * (1 - a)); };
const light = (rgb) => rgb.map((v) => v / 255).map((v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
  .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
const ratio = (a, b) => { const [low, high] = [light(a), light(b)].sort((x, y) => x - y); return (high + 0.05) / (low + 0.05); };
const ground = (element) => {
  const behind = [];
  for (let at = element; at; at = at.parentElement) behind.unshift(getComputedStyle(at).backgroundColor);
  return behind.reduce((below, colour) => over(colour, below), [255, 255, 255]);
};
const box = (node) => over(getComputedStyle(node.querySelector(".box")).fill, ground(document.getElementById("stage")));
const seen = {text: [], sign: []};
const judge = (kind, what, colour, behind) => seen[kind].push([Math.round(ratio(over(colour, behind), behind) * 100) / 100, what]);
for (const element of document.querySelectorAll("header *, main *:not(svg *)")) {
  const own = [...element.childNodes].some((child) => child.nodeType === 3 && child.textContent.trim());
  if (own && element.getClientRects().length) judge("text", `${element.tagName} ${element.className} ${element.textContent.slice(0, 30)}`, getComputedStyle(element).color, ground(element));
}
for (const node of document.querySelectorAll(".node:not(.dim)")) {
  for (const text of node.querySelectorAll("text")) judge("text", `${node.getAttribute("class")} ${text.textContent}`, getComputedStyle(text).fill, box(node));
  for (const mark of node.querySelectorAll(".mark")) judge("sign", node.getAttribute("class"), getComputedStyle(mark).fill, box(node));
  for (const icon of node.querySelectorAll(".icon")) judge("sign", node.getAttribute("class"), getComputedStyle(icon).stroke, box(node));
}
for (const edge of document.querySelectorAll("#edges .edge:not(.dim)")) judge("sign", edge.getAttribute("class"), getComputedStyle(edge).stroke, ground(document.getElementById("stage")));
document.body.dataset.seen = JSON.stringify(Object.fromEntries(Object.entries(seen).map(([kind, all]) => [kind, all.sort((a, b) => a[0] - b[0])])));
