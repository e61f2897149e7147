// The shell: rooms by address (#/room/...), the drawer of jobs.
import { api, busy, card, h, toast } from "./ui.js";

const ROOMS = [["make", "Make"], ["datasets", "Datasets"], ["scores", "Scores"], ["vote", "Vote"], ["play", "Play"], ["runs", "Runs"]];

let leave = null;
let opening = 0;

async function open() {
  const parts = location.hash.replace(/^#\/?/, "").split("/").filter(Boolean).map(decodeURIComponent);
  const [name] = ROOMS.find(([key]) => key === parts[0]) || ROOMS[0];
  const main = document.getElementById("room");
  if (leave) leave();
  leave = null;
  const number = ++opening;
  for (const a of document.querySelectorAll("nav a")) {
    if (a.hash === `#/${name}`) a.setAttribute("aria-current", "page"); else a.removeAttribute("aria-current");
  }
  document.title = `${ROOMS.find(([key]) => key === name)[1]} · Worldsim studio`;
  const box = h("div", {});
  main.replaceChildren(box);
  try {
    const room = await import(`./${name}.js`);
    const done = await room.render(box, parts.slice(1));
    if (number !== opening) { if (done) done(); return; }
    leave = done || null;
  } catch (error) {
    box.append(card("This did not work", h("p", { role: "alert" }, error.message)));
  }
}

const button = document.getElementById("jobs-button");
const drawer = document.getElementById("jobs");

async function showJobs() {
  const jobs = await api("jobs");
  const running = jobs.filter((job) => ["queued", "running"].includes(job.state)).length;
  button.textContent = running ? `Jobs (${running})` : "Jobs";
  if (drawer.hidden) return;
  const line = (job) => {
    const state = { done: "good", failed: "bad", cancelled: "soft" }[job.state] || "";
    const stop = h("button", { type: "button" }, "Cancel");
    stop.addEventListener("click", () => busy(stop, () => api(`jobs/${job.id}/cancel`, {}).then(showJobs)));
    const is_open = ["queued", "running"].includes(job.state);
    return h("li", {},
      h("div", { class: "row between" }, h("span", {}, job.title), is_open ? stop : h("span", { class: `small ${state}` }, job.state)),
      is_open ? h("progress", job.total ? { max: job.total, value: job.done, "aria-label": job.title } : { "aria-label": job.title }) : null,
      job.note ? h("div", { class: "small soft" }, job.note) : null);
  };
  drawer.replaceChildren(h("h2", {}, "Jobs"), jobs.length ? h("ul", { class: "list" }, ...jobs.map(line))
    : h("p", { class: "soft" }, "Nothing yet. Simulating, generating, building and checking run here, one after the other."));
}

button.addEventListener("click", () => {
  drawer.hidden = !drawer.hidden;
  button.setAttribute("aria-expanded", String(!drawer.hidden));
  showJobs().catch((error) => toast(error.message));
});
addEventListener("keydown", (event) => {
  if (event.key === "Escape" && !drawer.hidden) { button.click(); button.focus(); }
});
setInterval(() => { if (!document.hidden) showJobs().catch(() => { button.textContent = "Jobs (offline)"; }); }, 2000);

document.getElementById("rooms").append(...ROOMS.map(([key, title]) => h("a", { href: `#/${key}` }, title)));
addEventListener("hashchange", open);
open();
showJobs().catch(() => {});
