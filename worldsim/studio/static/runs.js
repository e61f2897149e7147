// Training runs: curves and pictures as they grow.
import { api, card, chart, empty, field, fileUrl, h, head, link, select } from "./ui.js";

const REFRESH = 5000;

export async function render(main, [place]) {
  return place ? one(main, place) : list(main);
}

async function list(main) {
  const runs = await api("runs");
  main.append(head("Training runs", "A glance at the runs in the chosen folders; TensorBoard has the rest."),
    runs.length ? h("div", { class: "grid wide" }, ...runs.map((run) => h("a", { class: "tile card", href: link("runs", run.place) },
      h("div", {}, h("strong", {}, run.place.replace(/^\d+\//, "")), h("div", { class: "soft" }, run.error || `step ${run.step}, ${run.is_alive ? "writing" : `last wrote ${new Date(run.changed * 1000).toLocaleString()}`}`)))))
      : empty("No run yet. Train one: python -m worldsim train --config vae_tiny --out runs/vae"));
}

async function one(main, place) {
  const curves = h("div", { class: "grid wide" }), pictures = h("div", { class: "grid wide" });
  const scale = select([["linear", "linear"], ["log", "logarithmic"]], "linear");
  const filter = h("input", { placeholder: "e.g. loss" });
  const status = h("p", { class: "soft", role: "status" });
  let found = null, seen = "";
  function draw() {
    const groups = Object.entries(found.curves).filter(([name]) => name.includes(filter.value.trim()));
    curves.replaceChildren(...groups.map(([name, points]) => card(name, chart([{ name: "", points }], { label: name, logarithmic: scale.value === "log" }))));
    pictures.replaceChildren(...found.pictures.map((picture) => h("figure", {}, h("img", { class: "picture", src: fileUrl(picture.place), alt: picture.name, loading: "lazy" }), h("figcaption", {}, picture.name))));
  }
  async function load() {
    found = await api(`runs/curves?${new URLSearchParams({ place })}`);
    status.textContent = found.error || `step ${found.step}, ${found.is_alive ? "writing" : "not writing any more"}`;
    const now = `${found.step} ${found.pictures.length}`;
    if (now !== seen) { seen = now; draw(); }
  }
  scale.addEventListener("change", draw);
  filter.addEventListener("input", draw);
  await load();
  main.append(head(place.replace(/^\d+\//, ""), "Values over training steps."), h("p", {}, h("a", { href: "#/runs" }, "All runs")), status,
    h("div", { class: "stack" }, card(null, h("div", { class: "row" }, h("div", { class: "grow" }, field("Show names with", filter)), field("Scale", scale))), curves,
      found.pictures.length ? card("Pictures, newest first", pictures) : null));
  const timer = setInterval(() => { if (!document.hidden) load().catch((error) => { status.textContent = error.message; }); }, REFRESH);
  return () => clearInterval(timer);
}
