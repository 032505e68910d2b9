// The picture on paper: whole lanes, as many to a sheet as fit, each sheet a window on the drawing.
const SHEET = 0.56; // height of the picture by its width, on landscape paper

function sheets() {
  const found = [];
  for (const { y, h } of drawn.bands) {
    const last = found[found.length - 1];
    if (last && y + h - last.y <= drawn.width * SHEET) last.h = y + h - last.y;
    else found.push({ y, h });
  }
  return found;
}
let before = null;
addEventListener("beforeprint", () => {
  before = { ...view };
  view = { x: 0, y: 0, k: 1 };
  place();
  $("paper").replaceChildren(...sheets().map(({ y, h }) =>
    shape("svg", { viewBox: `-6 ${y - 6} ${drawn.width + 12} ${h + 12}` }, shape("use", { href: "#canvas" }))));
});
addEventListener("afterprint", () => {
  $("paper").replaceChildren();
  view = before || view;
  place();
});
