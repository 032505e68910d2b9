// Size and position of the picture on the screen.
const SMALL = 0.72; // below this scale text is hard to read: rather show a part
const TINY = 0.55; // below this none of it can be read: rather let it be wider than the screen
const EDGE = 24;

function place() {
  $("canvas").setAttribute("transform", `translate(${view.x.toFixed(2)},${view.y.toFixed(2)}) scale(${view.k.toFixed(4)})`);
  const { clientWidth: w, clientHeight: h } = $("graph");
  const more = { // a shadow on each side where there is more to see
    above: view.y < -BOX, below: view.y + drawn.height * view.k > h + BOX,
    left: view.x < -BOX, right: view.x + drawn.width * view.k > w + BOX,
  };
  for (const [side, there] of Object.entries(more)) $("graph").style.setProperty("--" + side, there ? "12px" : "0px");
}
function fit() {
  const { clientWidth: w, clientHeight: h } = $("graph");
  const across = (w - 2 * EDGE) / (drawn.width || 1);
  const whole = Math.min(across, (h - 2 * EDGE) / (drawn.height || 1), 1.25);
  const k = Math.max(whole, Math.min(across, SMALL), TINY);
  const tall = drawn.height * k > h - EDGE;
  view = { k, x: Math.max((w - drawn.width * k) / 2, EDGE), y: tall ? EDGE : (h - drawn.height * k) / 2 };
  place();
}
function zoom(factor, x = $("graph").clientWidth / 2, y = $("graph").clientHeight / 2) {
  const k = Math.min(Math.max(view.k * factor, 0.1), 4);
  view = { k, x: x - ((x - view.x) * k) / view.k, y: y - ((y - view.y) * k) / view.k };
  place();
}
function reveal(id) { // bring a node into sight
  const { x, y, w, h } = drawn.nodes.get(id);
  const { clientWidth, clientHeight } = $("graph");
  const into = (at, half, offset, room) => {
    const [low, high] = [offset + (at - half) * view.k, offset + (at + half) * view.k];
    if (low < 20) return offset + 40 - low;
    return high > room - 20 ? offset - (high - room + 40) : offset;
  };
  view.x = into(x, w / 2, view.x, clientWidth);
  view.y = into(y, h / 2, view.y, clientHeight);
  place();
}
