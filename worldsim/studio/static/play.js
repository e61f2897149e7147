// Play: the simulator in real time, the generator's dream beside it, and how far they are apart.
import { api, busy, card, chart, field, fileUrl, fixed, h, head, jobLine, player, select, toast } from "./ui.js";

const GRAVITIES = [["earth", "Earth, 9.81 m/s²", [0, 0, -9.81]], ["moon", "Moon, 1.62 m/s²", [0, 0, -1.62]], ["none", "none", [0, 0, 0]], ["side", "to the right, 4 m/s², and down", [4, 0, -9.81]], ["up", "up, 2 m/s²", [0, 0, 2]]];
const SHOWN_SECONDS = 20;

export async function render(main) {
  const offered = await api("play/scenes");
  let socket = null, started = null, number = 0, sentAt = new Map(), lines = [], away = [], paused = false, pictures = 0, base = 0, since = 0, down = null;

  const canvas = (label) => h("canvas", { class: "picture", width: 128, height: 128, role: "img", "aria-label": label });
  const real = canvas("The simulator"), dream = canvas("The generator's dream");
  real.tabIndex = 0;
  const told = h("div", { class: "stack small" }), says = h("p", { class: "soft small", role: "status" }), curves = h("div", {});
  const stat = (label) => { const value = h("b", {}, "–"); return [value, h("div", { class: "stat" }, value, h("span", {}, label))]; };
  const [rate, rateBox] = stat("pictures per second"), [latency, latencyBox] = stat("ms from action to picture"), [lost, lostBox] = stat("pictures dropped"), [behind, behindBox] = stat("s the dream is behind");
  const scene = select([...Object.entries(offered.scenarios).map(([key, text]) => [key, `${key.replaceAll("_", " ")}: ${text}`]), ...offered.saved.map((one) => [one.place, `saved: ${one.name}`])], "drop_bounce");
  const seed = h("input", { type: "number", min: 0, value: 1 }), side = select(["64", "96", "128", "192"], "128");
  const has_dream = h("input", { type: "checkbox", checked: true }), looks = h("input", { type: "checkbox", checked: true });
  const go = h("button", { type: "submit", class: "main" }, "Start"), pause = h("button", { type: "button", disabled: true }, "Pause"), look = h("button", { type: "button", disabled: true }, "Let the generator look again");
  const gravity = select(GRAVITIES.map(([key, text]) => [key, text]), "earth"), drop = h("button", { type: "button", disabled: true }, "Drop a ball");
  const name = h("input", { placeholder: "my_game", maxlength: 64 }), save = h("button", { type: "button", disabled: true }, "Save the recording"), replays = h("div", { class: "stack" }), recordings = h("ul", { class: "list" });
  const pushes = h("div", { class: "row" });

  function send(action) {
    if (!socket || socket.readyState !== WebSocket.OPEN) return;
    sentAt.set(++number, performance.now());
    socket.send(JSON.stringify({ number, ...action }));
  }
  function draw(target, facts, bytes) {
    if (target.width !== facts.width || target.height !== facts.height) [target.width, target.height] = [facts.width, facts.height];
    const image = new ImageData(facts.width, facts.height);
    for (let from = 0, to = 0; from < bytes.length; from += 3, to += 4) {
      image.data[to] = bytes[from]; image.data[to + 1] = bytes[from + 1]; image.data[to + 2] = bytes[from + 2]; image.data[to + 3] = 255;
    }
    target.getContext("2d").putImageData(image, 0, 0);
  }
  function take(data) {
    const length = new DataView(data).getUint32(0, true);
    const facts = JSON.parse(new TextDecoder().decode(new Uint8Array(data, 4, length)));
    draw(facts.kind === "real" ? real : dream, facts, new Uint8Array(data, 4 + length));
    if (facts.kind === "dream") {
      away.push(facts);
      behind.textContent = fixed(facts.behind, 1);
      const text = facts.remarks.join(" ");
      if (text && told.dataset.remarks !== text) { told.dataset.remarks = text; told.append(h("p", { class: "note warn" }, text)); }
      return;
    }
    socket.send(JSON.stringify({ shown: ++pictures }));
    lines.push(facts);
    lost.textContent = facts.dropped;
    if (sentAt.has(facts.action)) latency.textContent = Math.round(performance.now() - sentAt.get(facts.action));
    for (const key of sentAt.keys()) if (key <= facts.action) sentAt.delete(key);
    tell(facts);
  }
  const tell = (facts) => { if (facts.done.length || facts.refused.length) says.textContent = `${facts.seconds.toFixed(2)} s: ${[...facts.done, ...facts.refused].join("; ")}`; };

  function plot() {
    const now = lines.length ? lines.at(-1).seconds : 0, recent = (one) => one.frame / started.rate > now - SHOWN_SECONDS;
    lines = lines.filter(recent);
    away = away.filter(recent);
    const seconds = (one) => one.frame / started.rate;
    const part = (title, series) => h("div", {}, h("h3", {}, title), chart(series, { label: title, height: 130 }));
    curves.replaceChildren(h("div", { class: "grid wide" },
      part("Energy of the simulator (J)", [{ name: "kinetic", points: lines.map((one) => [one.seconds, one.kinetic]) }, { name: "total", points: lines.map((one) => [one.seconds, one.energy]) }]),
      ...(started.has_dream ? [part("Moving bodies seen, and kept in the dream", [{ name: "seen", points: away.map((one) => [seconds(one), one.seen]) }, { name: "kept", points: away.map((one) => [seconds(one), one.kept]) }]),
        part("Distance of their places (picture widths)", [{ name: "", points: away.filter((one) => one.place !== null).map((one) => [seconds(one), one.place]) }]),
        part("Faster or slower in the dream (widths/s)", [{ name: "", points: away.filter((one) => one.motion !== null).map((one) => [seconds(one), one.motion]) }])] : [])));
    const passed = (performance.now() - since) / 1000;
    if (passed > 2) {
      rate.textContent = ((pictures - base) / passed).toFixed(1);
      since = performance.now();
      base = pictures;
    }
  }

  const controls = [pause, look, drop, save];
  function end(words) {
    if (socket) { socket.onclose = null; socket.close(); socket = null; }
    for (const one of controls) one.disabled = true;
    if (words) says.textContent = words;
  }
  function begin() {
    end("");
    lines = []; away = []; pictures = 0; base = 0; paused = false; since = performance.now(); sentAt = new Map();
    says.textContent = "Building the scene; the generator is loaded the first time …";
    socket = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/api/play`);
    socket.binaryType = "arraybuffer";
    socket.onopen = () => socket.send(JSON.stringify({ scene: scene.value, seed: Number(seed.value), side: Number(side.value), has_dream: has_dream.checked, looks_after_actions: looks.checked }));
    socket.onclose = () => end("The game ended.");
    socket.onmessage = (event) => {
      if (typeof event.data !== "string") { take(event.data); return; }
      const facts = JSON.parse(event.data);
      if (facts.started) begun(facts.started);
      if (facts.said) tell(facts.said);
      if (facts.problem) toast(facts.problem);
      if (facts.error) { end(facts.error); toast(facts.error); }
      if (facts.over) says.textContent = facts.over;
      if (facts.saved) { toast(`Saved as ${facts.saved.name}.`); list(facts.saved); }
    };
  }
  function begun(facts) {
    started = facts;
    since = performance.now();
    for (const one of controls) one.disabled = false;
    look.disabled = !facts.has_dream;
    says.textContent = "Click a body to push it; drag from it to throw it.";
    pushes.replaceChildren(...facts.bodies.slice(0, 9).map((body, k) => h("button", { type: "button", onclick: () => send({ kind: "push", body }) }, h("kbd", {}, String(k + 1)), ` ${body}`)));
    told.replaceChildren(facts.has_dream
      ? h("p", { class: "note" }, `The generator is conditioned on “${facts.prompt}” and on ${facts.given} frames of the simulator: at the start,${looks.checked ? " after each action," : ""} on request, and when it falls ${facts.max_behind} s behind. Otherwise it continues from its own last ${facts.given} frames. It receives no pushes, gravity changes, new balls or camera motion: it was not trained on them.`)
      : h("p", { class: "note" }, "The generator is off."));
    delete told.dataset.remarks;
  }
  const list = (one) => recordings.append(h("li", { class: "row between" }, h("span", {}, one.name), h("span", { class: "row" },
    h("button", { type: "button", onclick: async (event) => busy(event.target, async () => {
      const { job } = await api("play/replay", { place: one.place });
      replays.replaceChildren(jobLine(job, (done) => {
        if (done.state !== "done") return;
        const shown = [["dream", "The dream again"], ["video", "The simulator again"]].filter(([key]) => done.result[key]).map(([key, label]) => ({ url: fileUrl(done.result[key]), label }));
        replays.append(player(shown, { rate: done.result.frame_rate }), h("p", { class: "small soft mono" }, `sha256 of the simulator's pixels: ${done.result.sha256.slice(0, 16)}…`));
      }));
    }) }, "Replay"), h("a", { class: "button", href: fileUrl(one.place), download: `${one.name}.json` }, "Download"))));
  for (const one of offered.recordings) list(one);

  const form = h("form", { class: "row" }, h("div", { class: "grow" }, field("Scene", scene)), h("div", { class: "narrow" }, field("Seed", seed)), h("div", { class: "narrow wide" }, field("Pixels a side", side)),
    h("label", { class: "check" }, has_dream, "dream"), h("label", { class: "check" }, looks, "look again after actions"), go);
  form.addEventListener("submit", (event) => { event.preventDefault(); begin(); real.focus(); });
  pause.addEventListener("click", () => { paused = !paused; pause.textContent = paused ? "Go on" : "Pause"; socket.send(JSON.stringify({ pause: paused })); });
  look.addEventListener("click", () => socket.send(JSON.stringify({ look: true })));
  drop.addEventListener("click", () => send({ kind: "drop", pixel: [0.35 + 0.3 * Math.random(), 0.75] }));
  gravity.addEventListener("change", () => send({ kind: "gravity", gravity: GRAVITIES.find(([key]) => key === gravity.value)[2] }));
  save.addEventListener("click", () => socket.send(JSON.stringify({ save: name.value })));

  const at = (event) => { const edge = real.getBoundingClientRect(); return [(event.clientX - edge.left) / edge.width, (event.clientY - edge.top) / edge.height]; };
  real.addEventListener("pointerdown", (event) => { down = { pixel: at(event), button: event.button, last: at(event) }; real.setPointerCapture(event.pointerId); });
  real.addEventListener("pointermove", (event) => {
    if (!down || down.button !== 2 && !event.altKey) return;
    const now = at(event);
    send({ kind: "turn", around: (down.last[0] - now[0]) * 3, up: (now[1] - down.last[1]) * 2 });
    down.last = now; down.turned = true;
  });
  real.addEventListener("pointerup", (event) => {
    if (!down || down.turned) { down = null; return; }
    const now = at(event), along = [now[0] - down.pixel[0], now[1] - down.pixel[1]];
    if (event.shiftKey) send({ kind: "drop", pixel: now });
    else send({ kind: "push", pixel: down.pixel, along: Math.hypot(...along) > 0.02 ? along : null });
    down = null;
  });
  real.addEventListener("contextmenu", (event) => event.preventDefault());
  real.addEventListener("wheel", (event) => { event.preventDefault(); send({ kind: "turn", zoom: event.deltaY < 0 ? 1.1 : 1 / 1.1 }); }, { passive: false });
  const keys = (event) => {
    if (["INPUT", "SELECT", "TEXTAREA"].includes(event.target.tagName) || !started) return;
    const turn = { ArrowLeft: { around: -0.15 }, ArrowRight: { around: 0.15 }, ArrowUp: { up: 0.1 }, ArrowDown: { up: -0.1 }, "+": { zoom: 1.15 }, "-": { zoom: 1 / 1.15 } }[event.key];
    if (turn) { event.preventDefault(); send({ kind: "turn", ...turn }); }
    const body = started.bodies[Number(event.key) - 1];
    if (/^[1-9]$/.test(event.key) && body) send({ kind: "push", body });
    if (event.key === "d") drop.click();
    if (event.key === "p") pause.click();
  };
  addEventListener("keydown", keys);
  const timer = setInterval(() => { if (started && socket && !document.hidden) plot(); }, 500);

  main.append(head("Play", "The simulator in real time, and what the generator makes of the same moment."),
    h("div", { class: "stack" }, card(null, form),
      h("div", { class: "stage" }, h("div", { class: "two pair" }, h("figure", { class: "card" }, dream, h("figcaption", {}, "The generator's dream")), h("figure", { class: "card" }, real, h("figcaption", {}, "The simulator"))),
      card("Act", says, h("div", { class: "row" }, field("Gravity", gravity), drop, pause, look), h("div", { class: "small soft" }, "Push"), pushes,
        h("p", { class: "small soft" }, "Click pushes, a drag throws, ", h("kbd", {}, "Shift"), "-click drops a ball, the right button or the arrow keys turn the camera. Keys: ", h("kbd", {}, "1"), "–", h("kbd", {}, "9"), " push, ", h("kbd", {}, "d"), " drop, ", h("kbd", {}, "p"), " pause."), told)),
      card("How far they are apart", h("div", { class: "stats" }, rateBox, latencyBox, lostBox, behindBox), curves),
      card("Recordings", h("p", { class: "small soft" }, "A recording holds the actions. Replayed, the simulator gives the same bytes, and the generator the same video for the same seed."), h("div", { class: "row" }, h("div", { class: "grow" }, field("Name", name)), save), recordings, replays)));
  return () => { clearInterval(timer); removeEventListener("keydown", keys); end(""); };
}
