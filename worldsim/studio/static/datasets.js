// Datasets: a grid of clips, one clip with its labels, pairs side by side, statistics, building and checking.
import { api, busy, card, chart, empty, field, h, head, jobLine, link, player, select, table } from "./ui.js";

const query = (values) => new URLSearchParams(values).toString();
const videoUrl = (place, position, stream) => `/api/datasets/video?${query({ place, position, stream })}`;
const NAMES = { rgb: "Pixels", labels: "Labels drawn in", ids: "Instances", depth: "Depth (near = light)", flow: "Optical flow" };

export async function render(main, [place, position]) {
  if (place && position !== undefined) return one(main, place, Number(position));
  if (place) return grid(main, place);
  return list(main);
}

async function list(main) {
  const [sets, choices] = await Promise.all([api("datasets"), api("datasets/choices")]);
  const rows = sets.map((one) => h("a", { class: "card tile", href: link("datasets", one.place) },
    h("div", {}, h("strong", {}, one.place.replace(/^\d+\//, "")), h("div", { class: "soft" }, one.error || `${one.clips} clips`))));
  const name = h("input", { required: true, maxlength: 64, placeholder: "my_dataset" });
  const scenarios = h("select", { multiple: true, size: 7 }, ...Object.keys(choices.scenarios).map((key) => h("option", { value: key, title: choices.scenarios[key], selected: key === "collide" }, key)));
  const editors = h("select", { multiple: true, size: 7 }, ...Object.keys(choices.editors).map((key) => h("option", { value: key, title: choices.editors[key] }, key)));
  const number = (value, min, max) => h("input", { type: "number", value, min, max });
  const [train, test, frames, side] = [number(4, 0, 2000), number(2, 0, 2000), number(17, 2, 241), number(64, 16, 512)];
  const saved = h("select", { multiple: true, size: 7 }, ...choices.scenes.map((key) => h("option", { value: key }, key)));
  const progress = h("div", {});
  const go = h("button", { class: "main", type: "submit" }, "Build");
  const chosen = (box) => [...box.selectedOptions].map((option) => option.value);
  const form = h("form", { class: "stack" }, h("div", { class: choices.scenes.length ? "triple" : "two" }, field("Scenarios (Ctrl or ⌘ for several)", scenarios), choices.scenes.length ? field("Scenes saved in Make", saved) : null, field("Violations for pairs (optional)", editors)),
    h("div", { class: "row" }, h("div", { class: "grow" }, field("Name", name)), ...[["Train scenes each", train], ["Test scenes each", test], ["Frames", frames], ["Pixels a side", side]].map(([label, box]) => h("div", { class: "narrow wide" }, field(label, box))), go), progress);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    busy(go, async () => {
      const { job } = await api("datasets/build", { name: name.value, scenarios: chosen(scenarios), scenes: chosen(saved), editors: chosen(editors), train: Number(train.value), test: Number(test.value), num_frames: Number(frames.value), side: Number(side.value) });
      progress.replaceChildren(jobLine(job, (done) => { if (done.state === "done") location.hash = link("datasets", done.result.dataset); }));
    });
  });
  main.append(head("Datasets", "Every finished dataset in the chosen folders, physics or footage."),
    h("div", { class: "stack" }, rows.length ? h("div", { class: "grid wide" }, ...rows) : empty("No dataset yet. Build a small one below: it takes seconds."), card("Build a dataset", form)));
}

async function grid(main, place) {
  const state = { scenario: "", engine: "", split: "", start: 0 };
  const tiles = h("div", { class: "grid" }), bar = h("div", { class: "row" }), pages = h("div", { class: "row between" });
  async function load() {
    const found = await api(`datasets/clips?${query({ place, ...state })}`);
    bar.replaceChildren(...Object.entries(found.values).map(([key, values]) => {
      const box = select([["", "all"], ...values.map((value) => [value, value])], state[key]);
      box.addEventListener("change", () => { state[key] = box.value; state.start = 0; load(); });
      return h("div", { class: "grow" }, field(key, box));
    }));
    tiles.replaceChildren(...found.rows.map((row) => h("a", { class: "tile", href: link("datasets", place, row.position) },
      h("img", { src: `/api/datasets/picture?${query({ place, position: row.position })}`, alt: "", loading: "lazy" }), h("div", {}, row.caption || row.key))));
    const move = (step, words) => h("button", { type: "button", disabled: state.start + step < 0 || state.start + step >= found.total, onclick: () => { state.start += step; load(); } }, words);
    pages.replaceChildren(move(-found.page, "Earlier"), h("span", { class: "soft small" }, found.total ? `${state.start + 1} to ${Math.min(state.start + found.page, found.total)} of ${found.total}` : "no clip"), move(found.page, "Later"));
  }
  await load();
  const counts = h("div", {}), problems = h("div", { class: "stack" });
  const count = h("button", { type: "button" }, "Count");
  count.addEventListener("click", () => busy(count, async () => {
    const found = await api(`datasets/statistics?${query({ place })}`);
    counts.replaceChildren(table(["scenario or source", "engine", "split", ">clips"], found.clips),
      ...(found.outcomes.length ? [h("h3", {}, "What happens, most frequent"), table(["scenario", "events in order", ">clips"], found.outcomes)] : []),
      ...(found.pairs.length ? [h("h3", {}, "Pairs"), table(["violation", "role", ">clips"], found.pairs)] : []),
      ...(found.drawn ? [h("p", { class: "soft small" }, `${found.drawn} scenes were drawn; ${found.rejections.reduce((sum, row) => sum + row.at(-1), 0)} of them were rejected.`)] : []));
  }));
  const check = h("button", { type: "button" }, "Check every byte, label and law");
  check.addEventListener("click", () => busy(check, async () => {
    const { job } = await api("datasets/check", { place });
    problems.replaceChildren(jobLine(job, (done) => {
      if (done.state !== "done") return;
      const { findings, passed } = done.result;
      problems.replaceChildren(findings.length ? table(["where", "check", "problem"], findings.map((one) => [one.where, one.check, one.message]))
        : h("p", { class: "note good" }, `Nothing is wrong: ${Object.values(passed).reduce((a, b) => a + b, 0)} checks passed.`));
    }));
  }));
  main.append(head(place.replace(/^\d+\//, ""), "Choose a clip to see its labels."), h("p", {}, h("a", { href: "#/datasets" }, "All datasets")),
    h("div", { class: "stack" }, card(null, bar), tiles, pages, h("div", { class: "two" }, card("Statistics", count, counts), card("Problems", check, problems))));
}

async function one(main, place, position) {
  const clip = await api(`datasets/clip?${query({ place, position })}`);
  const stage = h("div", {});
  const chosen = new Set(["rgb", clip.streams.includes("labels") ? "labels" : "rgb"]);
  const show = () => stage.replaceChildren(player([...chosen].map((stream) => ({ url: videoUrl(place, position, stream), label: NAMES[stream] })), { rate: clip.frame_rate }));
  const switches = clip.streams.map((stream) => {
    const button = h("button", { type: "button", "aria-pressed": String(chosen.has(stream)) }, NAMES[stream]);
    button.addEventListener("click", () => {
      if (chosen.has(stream) && chosen.size > 1) chosen.delete(stream); else chosen.add(stream);
      button.setAttribute("aria-pressed", String(chosen.has(stream)));
      show();
    });
    return button;
  });
  show();
  const points = (values) => values.map((value, k) => [k / clip.frame_rate, value]);
  const energies = clip.energies.kinetic ? card("Energies (J) over time (s)", chart([{ name: "kinetic", points: points(clip.energies.kinetic) }, { name: "potential", points: points(clip.energies.potential) },
    { name: "total", points: points(clip.energies.kinetic.map((value, k) => value + clip.energies.potential[k])) }], { label: "Energies" })) : null;
  const pair = clip.siblings.length > 1 ? card("Possible and impossible", player(clip.siblings.map((other) => ({ url: videoUrl(place, other.position, "rgb"), label: `${other.role}: ${other.is_possible ? "can happen" : `cannot happen (${other.editor})`}` })), { rate: clip.frame_rate })) : null;
  const words = Object.entries(clip.captions).map(([length, text]) => [h("h3", {}, length), h("p", {}, text)]);
  main.append(head(clip.key, clip.caption), h("p", {}, h("a", { href: link("datasets", place) }, "Back to the dataset")),
    h("div", { class: "side" },
      h("div", { class: "stack" }, card(null, h("div", { class: "row" }, ...switches), stage), pair),
      h("div", { class: "stack" }, card("Clip", h("p", {}, clip.facts), ...words.flat(), clip.origin ? h("p", { class: "small" }, `From ${clip.origin.file}, licence: ${clip.origin.licence}`) : null), energies,
        clip.events.length ? card("Events", table([">s", "event", "bodies"], clip.events.map((event) => [event.seconds.toFixed(2), event.kind, event.bodies.join(", ")]))) : null,
        Object.keys(clip.residuals).length ? card("Distance from the laws", table(["law", ">residual"], Object.entries(clip.residuals).map(([law, value]) => [law, Number(value).toExponential(1)]))) : null)));
}
