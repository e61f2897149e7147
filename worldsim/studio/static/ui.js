// What all rooms share: elements, requests, players, charts. Text is always set as text, so nothing from a file can become markup.

/** Make an element: h("p", {class: "soft"}, "text", child). Attributes that are functions become listeners. */
export function h(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  set(node, attributes);
  node.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

function set(node, attributes) {
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") node.addEventListener(name.replace(/^on/, ""), value);
    else if (value === true) node.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) node.setAttribute(name, value);
  }
}

export function svg(tag, attributes = {}, ...children) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
  set(node, attributes);
  node.append(...children);
  return node;
}

/** Ask the studio; an answer that is no success is thrown as an Error with its one sentence. */
export async function api(path, body = undefined, options = {}) {
  const request = body === undefined ? options : {
    method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body), ...options,
  };
  let answer;
  try {
    answer = await fetch(`/api/${path}`, request);
  } catch {
    throw new Error("The studio does not answer. Is 'worldsim studio' still running?");
  }
  const text = await answer.text();
  let found;
  try { found = JSON.parse(text); } catch { found = { error: text }; }
  if (!answer.ok) throw new Error(found.error || "The request does not fit; reload the page.");
  return found;
}

export const fileUrl = (place) => `/file/${place.split("/").map(encodeURIComponent).join("/")}`;
export const link = (...parts) => `#/${parts.map(encodeURIComponent).join("/")}`;

export function toast(text) {
  const box = h("div", { class: "toast" }, text);
  document.getElementById("toasts").append(box);
  setTimeout(() => box.remove(), 6000);
}

/** Run what a button does: it is disabled meanwhile, and an error is shown. */
export async function busy(button, work) {
  button.disabled = true;
  try { return await work(); } catch (error) { toast(error.message); return undefined; } finally { button.disabled = false; }
}

export function head(title, text) {
  return h("div", { class: "head" }, h("h1", {}, title), h("p", {}, text));
}

export const card = (title, ...children) => h("section", { class: "card" }, title ? h("h2", {}, title) : null, ...children);

export function field(label, input) {
  return h("label", {}, label, input);
}

export function select(values, chosen, attributes = {}) {
  const box = h("select", attributes, ...values.map((one) => {
    const [value, text] = Array.isArray(one) ? one : [one, one];
    return h("option", { value, selected: value === chosen }, text);
  }));
  return box;
}

export const empty = (text) => h("p", { class: "card empty" }, text);

export const fixed = (value, digits = 2) => (value === null || value === undefined ? "–" : Number(value).toFixed(digits));

export function table(headings, rows) {
  const cell = (tag, value, right) => h(tag, right ? { class: "num" } : {}, value instanceof Node ? value : String(value ?? "–"));
  const right = headings.map((one) => one.startsWith(">"));
  return h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Table" }, h("table", {},
    h("thead", {}, h("tr", {}, ...headings.map((one, k) => cell("th", one.replace(/^>/, ""), right[k])))),
    h("tbody", {}, ...rows.map((row) => h("tr", {}, ...row.map((one, k) => cell("td", one, right[k])))))));
}

/** Videos that play together, with one slider, frame by frame with the arrow keys. */
export function player(sources, { rate = 16, loop = true } = {}) {
  const videos = sources.map(({ url, label }) => {
    const video = h("video", { src: url, muted: true, playsinline: true, preload: "auto", "aria-label": label });
    video.muted = true;
    return video;
  });
  const slider = h("input", { type: "range", min: 0, max: 1, step: 0.001, value: 0, "aria-label": "Time" });
  const clock = h("span", { class: "small soft mono" }, "0.00 s");
  const button = h("button", { type: "button" }, "Play");
  const duration = () => Math.max(...videos.map((one) => one.duration || 0));
  let playing = false;
  const seek = (seconds) => {
    const at = Math.min(Math.max(seconds, 0), Math.max(duration() - 1e-3, 0));
    for (const one of videos) one.currentTime = Math.min(at, Math.max((one.duration || 0) - 1e-3, 0));
    show(at);
  };
  const show = (at) => {
    slider.value = duration() ? at / duration() : 0;
    clock.textContent = `${at.toFixed(2)} s`;
  };
  const toggle = (on) => {
    playing = on;
    button.textContent = on ? "Pause" : "Play";
    for (const one of videos) on ? one.play().catch(() => {}) : one.pause();
  };
  button.addEventListener("click", () => {
    if (!playing && videos[0].currentTime >= duration() - 0.05) seek(0);
    toggle(!playing);
  });
  slider.addEventListener("input", () => { toggle(false); seek(slider.value * duration()); });
  slider.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!step) return;
    event.preventDefault();
    toggle(false);
    seek(videos[0].currentTime + step / rate);
  });
  const longest = () => videos.reduce((a, b) => ((b.duration || 0) > (a.duration || 0) ? b : a));
  for (const one of videos) {
    one.addEventListener("timeupdate", () => { if (one === longest()) show(one.currentTime); });
    one.addEventListener("ended", () => {
      if (one !== longest()) return;
      if (loop && playing) { seek(0); toggle(true); } else toggle(false);
    });
  }
  const figures = videos.map((video, k) => h("figure", {}, video, h("figcaption", {}, sources[k].label)));
  const controls = h("div", { class: "row" }, button, h("div", { class: "grow" }, slider), clock);
  const box = h("div", { class: "stack" }, h("div", { class: figures.length > 1 ? "two pair" : "alone" }, ...figures), controls);
  box.toggle = () => button.click();
  return box;
}

/** Lines over one axis: series = [{name, points: [[x, y], ...]}]. Colours k1 to k6, in order. */
export function chart(series, { width = 560, height = 200, label = "Chart", unit = "", logarithmic = false } = {}) {
  const kept = series.map((one) => ({ ...one, points: one.points.filter(([, y]) => Number.isFinite(y) && (!logarithmic || y > 0)) }));
  const all = kept.flatMap((one) => one.points);
  if (!all.length) return h("p", { class: "soft small" }, "No values yet.");
  const y_of = (y) => (logarithmic ? Math.log10(y) : y);
  const xs = all.map(([x]) => x), ys = all.map(([, y]) => y_of(y));
  const [x0, x1] = [Math.min(...xs), Math.max(...xs)];
  let [y0, y1] = [Math.min(...ys), Math.max(...ys)];
  if (y1 - y0 < 1e-12) { y0 -= 0.5; y1 += 0.5; }
  const left = 52, bottom = 20, top = 8, right = 8;
  const px = (x) => left + ((width - left - right) * (x - x0)) / Math.max(x1 - x0, 1e-12);
  const py = (y) => top + (height - top - bottom) * (1 - (y_of(y) - y0) / (y1 - y0));
  const back = (v) => (logarithmic ? 10 ** v : v);
  const short = (v) => (Math.abs(v) >= 1e4 || (v && Math.abs(v) < 1e-2) ? v.toExponential(1) : Number(v.toPrecision(3)).toString());
  const lines = kept.map((one, k) => svg("polyline", {
    class: `s${(k % 6) + 1}`, fill: "none", "stroke-width": 2, "stroke-linejoin": "round",
    points: one.points.map(([x, y]) => `${px(x).toFixed(1)},${py(y).toFixed(1)}`).join(" "),
  }));
  const picture = svg("svg", { class: "chart", viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": `${label}: ${series.map((s) => s.name).join(", ")}` },
    svg("path", { class: "axis", d: `M${left} ${top}V${height - bottom}H${width - right}` }), ...lines,
    ...[[back(y1), top + 8], [back(y0), height - bottom]].map(([v, y]) => text(left - 6, y, "end", `${short(v)}${unit}`)),
    text(left, height - 5, "start", short(x0)), text(width - right, height - 5, "end", short(x1)));
  const legend = h("div", { class: "legend" }, ...series.map((one, k) => h("span", {}, h("i", { class: `k${(k % 6) + 1}` }), one.name)));
  return h("figure", {}, picture, series.length > 1 || series[0].name ? legend : null);
}

function text(x, y, anchor, words) {
  const node = svg("text", { x, y, "text-anchor": anchor });
  node.textContent = words;
  return node;
}

/** Wait for a job; onProgress gets each state. Resolves with the ended job. */
export async function jobEnd(number, onProgress = () => {}, alive = () => true) {
  while (alive()) {
    const job = await api(`jobs/${number}`);
    onProgress(job);
    if (!["queued", "running"].includes(job.state)) return job;
    await new Promise((done) => setTimeout(done, 400));
  }
  return null;
}

/** A line that follows a job, with a button to cancel it. */
export function jobLine(number, onEnd = () => {}) {
  const words = h("span", { class: "small" }, "waiting …");
  const bar = h("progress", { max: 1, "aria-label": "Progress" });
  const stop = h("button", { type: "button", onclick: () => busy(stop, () => api(`jobs/${number}/cancel`, {})) }, "Cancel");
  const box = h("div", { class: "row" }, h("div", { class: "grow" }, words, bar), stop);
  jobEnd(number, (job) => {
    words.textContent = job.state === "running" ? job.note || "running" : job.state;
    if (job.total) bar.value = job.done / job.total; else bar.removeAttribute("value");
  }, () => box.isConnected || !box.dataset.shown).then((job) => {
    if (!job) return;
    box.replaceChildren(job.state === "done" ? h("span", { class: "small good" }, "done")
      : h("span", { class: "small bad" }, job.state === "cancelled" ? "cancelled" : job.note));
    onEnd(job);
  }).catch((error) => { words.textContent = error.message; });
  requestAnimationFrame(() => { box.dataset.shown = "yes"; });
  return box;
}
