// A picture of the scene through its own camera, in which bodies are dragged and the camera is turned.
import { h } from "./ui.js";

const REACH = 26;  // pixels of the screen around a body's centre that take hold of it

/**
 * onChange(change) is called with what the server's edit_scene takes; it returns a promise, and no second change is sent
 * before it is settled. onPick(name) is called when a body is clicked.
 */
export function sceneView({ onChange, onPick = () => {} }) {
  const canvas = h("canvas", { class: "picture", width: 384, height: 384, tabindex: "0", role: "img",
    "aria-label": "The scene. Drag a body to move it, with Shift up and down; drag elsewhere to turn the camera; arrow keys turn it, + and - zoom." });
  const box = h("div", { class: "view" }, canvas);
  const context = canvas.getContext("2d");
  let picture = null, handles = [], picked = null, hold = null, waiting = null, sending = false;

  function paint() {
    if (!picture) return;
    context.imageSmoothingEnabled = false;
    context.drawImage(picture, 0, 0, canvas.width, canvas.height);
    for (const one of handles.filter((handle) => handle.is_seen)) {
      const [x, y] = [one.x * canvas.width, one.y * canvas.height];
      context.lineWidth = one.name === picked ? 3 : 1.5;
      context.strokeStyle = "#000a";
      context.beginPath(); context.arc(x, y, 8, 0, 7); context.stroke();
      context.strokeStyle = one.name === picked ? "#fff" : "#fffc";
      context.beginPath(); context.arc(x, y, 6.5, 0, 7); context.stroke();
    }
  }

  async function send(change) {
    waiting = change;
    if (sending) return;
    sending = true;
    while (waiting) {
      const next = waiting;
      waiting = null;
      await onChange(next);
    }
    sending = false;
  }

  const at = (event) => {
    const edge = canvas.getBoundingClientRect();
    return [(event.clientX - edge.left) / edge.width, (event.clientY - edge.top) / edge.height, edge];
  };
  canvas.addEventListener("pointerdown", (event) => {
    const [x, y, edge] = at(event);
    const near = handles.filter((one) => one.is_seen)
      .map((one) => [Math.hypot((one.x - x) * edge.width, (one.y - y) * edge.height), one.name]).sort((a, b) => a[0] - b[0])[0];
    const name = near && near[0] < REACH ? near[1] : null;
    hold = { name, x, y };
    if (name) { picked = name; onPick(name); paint(); }
    canvas.setPointerCapture(event.pointerId);
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!hold) return;
    const [x, y] = at(event);
    if (hold.name) send({ body: hold.name, drag: [x, y], upright: event.shiftKey });
    else if (!sending) {
      send({ orbit: [(hold.x - x) * 3, (y - hold.y) * 2] });
      hold = { ...hold, x, y };
    }
  });
  const drop = () => { hold = null; };
  canvas.addEventListener("pointerup", drop);
  canvas.addEventListener("pointercancel", drop);
  canvas.addEventListener("wheel", (event) => { event.preventDefault(); send({ zoom: event.deltaY < 0 ? 1.1 : 1 / 1.1 }); }, { passive: false });
  canvas.addEventListener("keydown", (event) => {
    const change = { ArrowLeft: { orbit: [-0.15, 0] }, ArrowRight: { orbit: [0.15, 0] }, ArrowUp: { orbit: [0, 0.1] },
      ArrowDown: { orbit: [0, -0.1] }, "+": { zoom: 1.15 }, "=": { zoom: 1.15 }, "-": { zoom: 1 / 1.15 } }[event.key];
    if (!change) return;
    event.preventDefault();
    send(change);
  });

  box.show = async (answer) => {
    const image = new Image();
    image.src = `data:image/png;base64,${answer.png}`;
    await image.decode();
    [canvas.width, canvas.height] = answer.size;
    picture = image;
    handles = answer.handles;
    paint();
  };
  box.handle = (name) => handles.find((one) => one.name === name);
  box.pick = (name) => { picked = name; paint(); };
  return box;
}
