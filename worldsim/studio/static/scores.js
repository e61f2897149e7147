// Scores: tables with intervals, worst scenes, two systems scene by scene, and the audit of any video.
import { api, busy, card, empty, field, fileUrl, fixed, h, head, jobLine, link, player, select, table, toast } from "./ui.js";

const query = (values) => new URLSearchParams(values).toString();
const estimate = (one) => (one && one.mean !== null ? (one.low === null ? fixed(one.mean) : `${fixed(one.mean)} [${fixed(one.low)}, ${fixed(one.high)}]`) : "does not apply");

export async function render(main, [place]) {
  return place ? bundle(main, place) : list(main);
}

async function list(main) {
  const [bundles, sets] = await Promise.all([api("scores"), api("datasets")]);
  const tiles = bundles.map((one) => h("a", { class: "tile card", href: link("scores", one.place) }, h("div", {}, h("strong", {}, one.place.replace(/^\d+\//, "")), h("div", { class: "soft" }, one.error || one.systems.join(", ")))));

  const file = h("input", { type: "file", accept: "video/*,.gif" }), result = h("div", { class: "stack" });
  file.addEventListener("change", async () => {
    if (!file.files.length) return;
    const name = `upload_${file.files[0].name.replace(/\.[^.]*$/, "").replace(/[^A-Za-z0-9_-]/g, "_")}`.slice(0, 64);
    result.replaceChildren(h("p", { class: "soft", role: "status" }, "Decoding in a process with limits …"));
    try {
      const taken = await api(`upload?${query({ name })}`, undefined, { method: "POST", body: file.files[0] });
      const { job } = await api("scores/audit", { place: taken.place });
      result.replaceChildren(h("p", { class: "small soft" }, `${taken.frames} frames of ${taken.width}x${taken.height}. ${taken.cut}`), jobLine(job, (done) => {
        if (done.state === "done") result.append(audit(done.result.audit, taken));
      }));
    } catch (error) { result.replaceChildren(h("p", { class: "note bad", role: "alert" }, error.message)); }
  });

  const finished = sets.filter((one) => !one.error);
  const videos = h("input", { placeholder: "0/my_model", required: true }), name = h("input", { placeholder: "my_scores", required: true, maxlength: 64 });
  const reference = select(finished.map((one) => [one.place, one.place]), ""), given = h("input", { type: "number", min: 0, value: 1 });
  const go = h("button", { type: "submit", class: "main" }, "Score"), progress = h("div", {});
  const form = h("form", { class: "stack" }, h("div", { class: "row" }, h("div", { class: "grow" }, field("Folder of videos KEY.mp4 (number of the folder / path)", videos)), h("div", { class: "grow" }, field("Dataset", reference)),
    h("div", { class: "narrow wide" }, field("Given frames", given)), h("div", { class: "grow" }, field("Name of the result", name)), go), progress);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    busy(go, async () => {
      const { job } = await api("scores/score", { videos: videos.value, reference: reference.value, name: name.value, num_conditioning_frames: Number(given.value) });
      progress.replaceChildren(jobLine(job, (done) => { if (done.state === "done") location.hash = link("scores", done.result.scores); }));
    });
  });
  main.append(head("Scores", "Results with their intervals, and what is behind them."),
    h("div", { class: "stack" }, tiles.length ? h("div", { class: "grid wide" }, ...tiles) : empty("No scores yet. Score a folder of videos below, or with python -m eval score."),
      h("div", { class: "two" }, card("Audit any video", h("p", { class: "soft small" }, "Looks for objects that vanish, appear, jump or gain energy, without a reference."), field("Video file (at most 64 MiB)", file), result),
        card("Score videos", finished.length ? form : h("p", { class: "soft" }, "Scoring needs a dataset to compare with; build one in Datasets.")))));
}

function audit(found, taken) {
  const measure = (name, one) => h("div", { class: "stat" }, one.value === null ? "abstains" : fixed(one.value), h("span", {}, name));
  return h("div", { class: "stack" }, player([{ url: fileUrl(taken.place), label: "As it was decoded" }], { rate: taken.frame_rate }),
    h("div", { class: "stats" }, measure("permanence", found.permanence), measure("motion realism", found.realism), h("div", { class: "stat" }, found.things, h("span", {}, "things"))),
    h("p", { class: `note ${found.alarm ? "bad" : "good"}` }, found.error || (found.alarm ? "Alarm: something here cannot happen." : "No alarm.")),
    found.events.length ? table([">s", "event", "thing", ">strength"], found.events.map((event) => [fixed(event.seconds), `${event.kind} ${event.text}`, event.track, fixed(event.strength)])) : null,
    ...found.findings.map((one) => h("p", { class: "note warn" }, one.text)));
}

async function bundle(main, place) {
  const found = await api(`scores/bundle?${query({ place })}`);
  const names = found.systems.map((one) => one.name), last = found.headline.at(-1);
  const scenarios = [...new Set(found.systems.flatMap((one) => Object.keys(one.scenarios)))].sort();
  const scores = table(["system", "kind", ...found.headline.map((one) => `>${one.replaceAll("_", " ")}`), ">scenes", "not whole"],
    found.systems.map((one) => [one.name, one.kind, ...found.headline.map((metric) => estimate(one.metrics[metric])), one.scenes,
      ["missing", "unreadable", "short", "mismatched"].filter((kind) => one[kind]).map((kind) => `${one[kind]} ${kind}`).join(", ") || "none"]));
  const laws = table(["metric", ...names.map((one) => `>${one}`)], found.metrics.map((metric) => [metric.replaceAll("_", " "), ...found.systems.map((one) => estimate(one.metrics[metric]))]));
  const profile = table(["scenario", ...names.map((one) => `>${one}`)], scenarios.map((scenario) => [scenario, ...found.systems.map((one) => estimate((one.scenarios[scenario] || {})[last]))]));

  const stage = h("div", { class: "stack" }, h("p", { class: "soft small" }, "Choose a scene below to play its videos together."));
  async function show(key) {
    stage.replaceChildren(h("p", { class: "soft", role: "status" }, "Looking for the videos …"));
    try {
      const videos = await api(`scores/videos?${query({ place, key })}`);
      stage.replaceChildren(h("h3", {}, key), videos.length ? player(videos.map((one) => ({ url: fileUrl(one.place), label: one.system })))
        : h("p", { class: "soft" }, "None of the scored videos lies in the chosen folders."));
      stage.scrollIntoView({ block: "nearest" });
    } catch (error) { toast(error.message); }
  }
  const open = (key) => h("button", { type: "button", class: "quiet", onclick: () => show(key) }, key);
  const system = select(names, names[0]), worst = h("div", {});
  const listWorst = () => worst.replaceChildren(table(["scene", "scenario", `>${last}`, "status"], found.worst[system.value].map((row) => [open(row.key), row.scenario, fixed(row.value), row.status === "ok" ? "" : `${row.status} ${row.reason}`])));
  system.addEventListener("change", listWorst);
  listWorst();

  const first = select(names, names[0]), second = select(names, names[1] || names[0]), metric = select(found.metrics, last), differences = h("div", {});
  async function compare() {
    try {
      const { scenes } = await api(`scores/difference?${query({ place, first: first.value, second: second.value, metric: metric.value })}`);
      differences.replaceChildren(table(["scene", "scenario", `>${first.value}`, `>${second.value}`, ">difference"], scenes.slice(0, 40).map((row) => [open(row.key), row.scenario, fixed(row.first), fixed(row.second), fixed(row.difference)])));
    } catch (error) { toast(error.message); }
  }
  for (const box of [first, second, metric]) box.addEventListener("change", compare);
  if (names.length > 1) await compare();
  main.append(head(place.replace(/^\d+\//, ""), `Means with 95 % intervals over scenes, where there are enough of them. Given frames, not scored: ${found.num_conditioning_frames}.`), h("p", {}, h("a", { href: "#/scores" }, "All scores")),
    h("div", { class: "stack" }, card("Systems", scores), card(null, stage),
      h("div", { class: "two" }, card("Worst scenes", field("System", system), worst),
        names.length > 1 ? card("Two systems, scene by scene", h("div", { class: "row" }, h("div", { class: "grow" }, field("First", first)), h("div", { class: "grow" }, field("Second", second)), h("div", { class: "grow" }, field("Metric", metric))), differences) : null),
      h("div", { class: "two" }, card("Every metric", laws), card(`${last.replaceAll("_", " ")} by scenario`, profile)),
      found.gallery.length ? card("Worst clips with their tracks", ...found.gallery.slice(0, 12).map((one) => h("figure", {}, h("img", { class: "picture", src: fileUrl(one.place), alt: one.name, loading: "lazy" }), h("figcaption", {}, one.name)))) : null,
      card("Made with", h("pre", { tabindex: "0" }, found.facts.command))));
}
