// Make: words → scene → simulated and generated, side by side.
import { api, busy, card, chart, field, fileUrl, fixed, h, head, jobLine, player, select, toast } from "./ui.js";
import { sceneView } from "./view.js";

const EXAMPLES = ["a red ball rolls off a table and hits a blue box", "a blue ball falls on a green box",
  "a heavy ball knocks over three dominoes", "빨간 공이 바닥에 떨어진다"];

export async function render(main) {
  const models = await api("make/models");
  let yaml = "", scene = null, simulated = null, generated = null;

  const words = h("input", { id: "words", value: EXAMPLES[0], autocomplete: "off", maxlength: 2000 });
  const seed = h("input", { type: "number", min: 0, value: 0 });
  const make = h("button", { class: "main", type: "submit" }, "Make the scene");
  const understood = h("div", { class: "stack" });
  const form = h("form", {}, h("div", { class: "row" }, h("div", { class: "grow" }, field("What happens", words)),
    h("div", { class: "narrow" }, field("Seed", seed)), make),
    h("div", { class: "chips" }, ...EXAMPLES.map((text) => h("button", { type: "button", class: "chip", onclick: () => { words.value = text; form.requestSubmit(); } }, text))));

  const view = sceneView({ onChange: (change) => edit(change), onPick: (name) => { body.value = name; showBody(); } });
  const text = h("textarea", { class: "yaml", spellcheck: "false", "aria-label": "Scene file" });
  const mistake = h("p", { class: "note bad", role: "alert", hidden: true });
  const body = h("select", {});
  const fields = h("div", { class: "stack" });
  const pushes = h("ul", { class: "list" });
  const engine = select(["mujoco", "bullet"], "mujoco");
  const model = select(models, models[0]);
  const videos = h("div", {}), energies = h("div", {}), progress = h("div", { class: "stack" }), events = h("div", {});
  const saved = h("ul", { class: "list" });
  const name = h("input", { placeholder: "my_scene", maxlength: 64 });
  const work = h("div", { hidden: true, class: "stack" });

  async function take(answer, keepText = false) {
    scene = answer.scene;
    yaml = answer.yaml;
    if (!keepText) text.value = yaml;
    mistake.hidden = true;
    work.hidden = false;
    const chosen = body.value || (scene.bodies.find((one) => one.kind === "dynamic") || {}).name;
    body.replaceChildren(...scene.bodies.map((one) => h("option", { value: one.name, selected: one.name === chosen }, `${one.name} (${one.color} ${one.noun})`)));
    showBody();
    pushes.replaceChildren(...scene.actions.map((action, k) => {
      const away = h("button", { type: "button" }, "Remove");
      away.addEventListener("click", () => busy(away, () => edit({ without_action: k })));
      const what = action.kind === "impulse" ? `push ${action.body} by (${action.impulse.map((v) => fixed(v)).join(", ")}) N s` : `${action.kind} ${action.body || ""}`;
      return h("li", { class: "row between" }, h("span", {}, `frame ${action.frame}: ${what}`), away);
    }));
    await view.show(answer.picture);
  }

  async function edit(change) {
    try { await take(await api("make/edit", { yaml, change })); } catch (error) { toast(error.message); }
  }

  function showBody() {
    const one = scene.bodies.find((item) => item.name === body.value) || scene.bodies[0];
    if (!one) return;
    view.pick(one.name);
    const triple = (label, values, send) => {
      const inputs = values.map((value, k) => h("input", { type: "number", step: "0.05", value: Number(value.toFixed(4)), "aria-label": `${label} ${"xyz"[k]}` }));
      for (const input of inputs) input.addEventListener("change", () => send(inputs.map((item) => Number(item.value))));
      return h("div", {}, h("div", { class: "small soft" }, label), h("div", { class: "three" }, ...inputs));
    };
    const children = [triple("Position x, y, z (m)", one.position, (position) => edit({ body: one.name, position }))];
    if (one.kind === "dynamic") {
      children.push(triple("Velocity x, y, z (m/s)", one.velocity, (velocity) => edit({ body: one.name, velocity })));
      const frame = h("input", { type: "number", min: 0, max: scene.num_frames - 2, value: Math.min(8, Math.max(scene.num_frames - 2, 0)) });
      const impulse = [0, 0, one.mass * 3].map((value, k) => h("input", { type: "number", step: "0.1", value: Number(value.toFixed(2)), "aria-label": `Impulse ${"xyz"[k]}` }));
      const push = h("button", { type: "button" }, "Add a push");
      push.addEventListener("click", () => busy(push, () => edit({ push: { body: one.name, frame: Number(frame.value), impulse: impulse.map((item) => Number(item.value)) } })));
      children.push(h("details", {}, h("summary", {}, "Push it"), h("div", { class: "stack" }, field("After frame", frame),
        h("div", {}, h("div", { class: "small soft" }, "Impulse x, y, z (N s)"), h("div", { class: "three" }, ...impulse)), h("div", {}, push))));
    }
    children.push(h("p", { class: "small soft" }, one.kind === "dynamic" ? `${one.shape}, ${fixed(one.mass, 3)} kg` : `${one.shape}, ${one.kind}`));
    fields.replaceChildren(...children);
  }
  body.addEventListener("change", showBody);

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    busy(make, async () => {
      understood.replaceChildren(h("p", { class: "soft", role: "status" }, "Reading the words and trying numbers until all of it happens …"));
      let answer;
      try { answer = await api("make/words", { words: words.value, seed: Number(seed.value) }); } catch (error) {
        understood.replaceChildren(h("p", { class: "note bad", role: "alert" }, error.message));
        return;
      }
      const of = (kind) => answer.remarks.filter((one) => one.kind === kind);
      const part = (title, kind, tone, show) => (of(kind).length ? [h("div", {}, h("h3", {}, title), ...of(kind).map((one) => h("p", { class: `note ${tone}` }, show(one))))] : []);
      understood.replaceChildren(h("div", { class: "found" },
        ...part("Seen to happen in simulation", "seen", "good", (one) => `${one.seconds} s  ${one.text}`),
        ...part("Does not happen", "never", "good", (one) => one.text),
        ...part("Not understood", "unknown", "bad", (one) => one.text),
        ...part("Read as", "read", "warn", (one) => one.text),
        ...part("Assumed", "assumed", "warn", (one) => one.text)));
      await take(answer);
    });
  });

  let typing = 0;
  text.addEventListener("input", () => {
    clearTimeout(typing);
    typing = setTimeout(async () => {
      try { await take(await api("make/scene", { yaml: text.value }), true); } catch (error) { mistake.textContent = error.message; mistake.hidden = false; }
    }, 500);
  });

  function showVideos() {
    const sources = [simulated && { url: fileUrl(simulated.video), label: `Simulated: ${simulated.caption}` },
      generated && { url: fileUrl(generated.video), label: `Generated by ${generated.model}, prompt “${generated.caption}”, seed ${generated.seed}` }].filter(Boolean);
    videos.replaceChildren(...(sources.length ? [player(sources, { rate: (simulated || generated).frame_rate })] : []));
    const notes = (generated && generated.remarks || []).map((line) => h("p", { class: "note warn" }, line));
    events.replaceChildren(...notes);
    if (simulated) {
      const points = (values) => values.map((value, k) => [k / simulated.frame_rate, value]);
      energies.replaceChildren(h("h3", {}, "Energies (J) over time (s)"), chart([{ name: "kinetic", points: points(simulated.energies.kinetic) }, { name: "potential", points: points(simulated.energies.potential) }], { label: "Energies", height: 160 }));
    }
  }
  const run = h("button", { class: "main", type: "button" }, "Simulate");
  run.addEventListener("click", () => busy(run, async () => {
    const { job } = await api("make/simulate", { yaml: text.value, engine: engine.value, seed: 0 });
    progress.append(jobLine(job, (done) => { if (done.state === "done") { simulated = done.result; showVideos(); } }));
  }));
  const dream = h("button", { type: "button" }, "Generate");
  dream.addEventListener("click", () => busy(dream, async () => {
    const { job } = await api("make/generate", { prompt: words.value, seed: Number(seed.value), model: model.value });
    progress.append(jobLine(job, (done) => { if (done.state === "done") { generated = done.result; showVideos(); } }));
  }));

  const listSaved = async () => saved.replaceChildren(...(await api("make/scenes")).map((one) => {
    const open = h("button", { type: "button" }, "Open");
    open.addEventListener("click", () => busy(open, async () => take(await api("make/scene", { yaml: await (await fetch(fileUrl(one.place))).text() }))));
    return h("li", { class: "row between" }, h("span", {}, one.name), h("span", { class: "row" }, open, h("a", { class: "button", href: fileUrl(one.place), download: `${one.name}.yaml` }, "Download")));
  }));
  const keep = h("button", { type: "button" }, "Save");
  keep.addEventListener("click", () => busy(keep, async () => { const one = await api("make/save", { yaml: text.value, name: name.value }); toast(`Saved as ${one.name}.`); await listSaved(); }));
  const upload = h("input", { type: "file", accept: ".yaml,.yml,.json" });
  upload.addEventListener("change", async () => {
    if (!upload.files.length) return;
    try { await take(await api("make/open", undefined, { method: "POST", body: upload.files[0] })); } catch (error) { toast(error.message); }
  });
  await listSaved();

  work.append(
    h("div", { class: "side" },
      card("Scene", view, h("p", { class: "small soft" }, "Drag a body to move it on its level, with ", h("kbd", {}, "Shift"), " up and down. Drag elsewhere or use the arrow keys to turn the camera, the wheel or + and − to come nearer. The picture is drawn by the project's renderer.")),
      h("div", { class: "stack" }, card("Bodies", h("div", { class: "stack" }, field("Body", body), fields), pushes),
        card("Scene file", h("details", {}, h("summary", {}, "Edit as YAML"), text, mistake), h("div", { class: "row" }, h("div", { class: "grow" }, field("Save under the name", name)), keep), saved))),
    card("Simulated and generated", h("div", { class: "row" }, field("Engine", engine), run, field("Model", model), dream),
      h("p", { class: "small soft" }, "The simulator is given the scene. The generator is given the words alone; it does not see your edits."), progress, videos, events, energies));
  main.append(head("Make", "Say what happens. The scene is built, checked in simulation, and stays yours to change."),
    h("div", { class: "stack" }, card(null, form, understood), work, card("Open a scene file", field("A scene of your own (YAML or JSON)", upload))));
}
