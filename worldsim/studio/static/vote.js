// Vote: two videos of one prompt, blind, with the keyboard.
import { api, busy, card, empty, field, fixed, h, head, link, player, select, table, toast } from "./ui.js";

const query = (values) => new URLSearchParams(values).toString();
const CHOICES = [["left", "Left", "ArrowLeft", "←"], ["tie", "No difference", "ArrowDown", "↓"], ["both_bad", "Both bad", "ArrowUp", "↑"], ["right", "Right", "ArrowRight", "→"]];

export async function render(main, [place]) {
  return place ? booth(main, place) : list(main);
}

async function list(main) {
  const contests = await api("vote/contests");
  main.append(head("Vote", "Two videos of one prompt, models unnamed, sides at random. Votes rank models and feed rewards."),
    contests.length ? h("div", { class: "grid wide" }, ...contests.map((one) => h("a", { class: "tile card", href: link("vote", one.place) },
      h("div", {}, h("strong", {}, one.place.replace(/^\d+\//, "")), h("div", { class: "soft" }, `${one.systems} models, ${one.pairs} comparisons`)))))
      : empty("Nothing to compare yet. Put videos of the same names into folders MODEL/NAME.mp4 beside each other; prompts.json (name: prompt) may lie beside them."));
}

async function booth(main, place) {
  const stage = h("div", { class: "stack", tabindex: "-1" }), results = h("div", {});
  const voter = h("input", { value: localStorage.getItem("voter") || "", maxlength: 40, required: true, autocomplete: "nickname" });
  const question = select([["", "both questions"], ["permanence", "permanence"], ["motion", "motion"]], "");
  let ballot = null, left = [], sending = false, videos = null;

  async function next() {
    ballot = await api(`vote/next?${query({ place, voter: voter.value })}`);
    left = Object.entries(ballot.questions);
    if (!ballot.ballot) {
      stage.replaceChildren(h("p", { class: "note good" }, `All ${ballot.total} comparisons are answered. Thank you.`));
      await showResults();
      return;
    }
    videos = player(["left", "right"].map((side) => ({ url: `/api/vote/video/${ballot.ballot}/${side}`, label: side === "left" ? "Left" : "Right" })));
    ask();
    videos.toggle();
  }
  function ask() {
    const [, words] = left[0];
    const buttons = CHOICES.map(([choice, name, , arrow]) => h("button", { type: "button", onclick: () => answer(choice) }, h("kbd", {}, arrow), ` ${name}`));
    stage.replaceChildren(h("p", { class: "soft small" }, `Prompt ${ballot.done + 1} of ${ballot.total}`), h("h2", {}, ballot.prompt), videos,
      h("p", { role: "status" }, h("strong", {}, words)), h("div", { class: "choices" }, ...buttons),
      h("p", { class: "small soft" }, "The arrow keys answer; the space bar plays and pauses."));
  }
  async function answer(choice) {
    if (sending || !ballot || !ballot.ballot) return;
    sending = true;
    try {
      await api("vote/answer", { ballot: ballot.ballot, question: left[0][0], choice });
      left.shift();
      if (left.length) ask(); else await next();
    } catch (error) { toast(error.message); } finally { sending = false; }
  }
  async function showResults() {
    const found = await api(`vote/results?${query({ place, question: question.value })}`);
    results.replaceChildren(found.votes ? table(["model", ">strength", ">95 % interval", ">wins"], found.ranking.map((row) => [row.model, fixed(row.strength), `${fixed(row.low)} to ${fixed(row.high)}`, `${Math.round(row.wins * 100)} %`])) : h("p", { class: "soft" }, "No vote yet."),
      found.votes ? h("p", { class: "small soft" }, `${found.votes} votes of ${found.voters} voters. Agreement on the same pair: ${found.agreement === null || found.agreement === undefined ? "not known yet" : `${Math.round(found.agreement * 100)} %`}.`
        + (found.position_bias ? ` Left was chosen in ${Math.round(found.position_bias[0] * 100)} % (${Math.round(found.position_bias[1] * 100)} to ${Math.round(found.position_bias[2] * 100)} %) of decided votes.` : "")) : null);
  }
  const start = h("button", { class: "main", type: "submit" }, "Start");
  const form = h("form", { class: "row" }, h("div", { class: "grow" }, field("Nickname", voter)), start);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    localStorage.setItem("voter", voter.value);
    busy(start, next).then(() => stage.focus());
  });
  const reveal = h("button", { type: "button" }, "Show the ranking");
  reveal.addEventListener("click", () => busy(reveal, showResults));
  question.addEventListener("change", () => { if (results.childNodes.length) showResults().catch((error) => toast(error.message)); });
  const keys = (event) => {
    if (["INPUT", "SELECT", "TEXTAREA"].includes(event.target.tagName) || !ballot || !ballot.ballot) return;
    const found = CHOICES.find(([, , key]) => key === event.key);
    if (found) { event.preventDefault(); answer(found[0]); }
    if (event.key === " " && event.target.tagName !== "BUTTON") { event.preventDefault(); videos.toggle(); }
  };
  addEventListener("keydown", keys);
  main.append(head("Vote", "Which of the two? The models stay unnamed until you ask for the ranking."), h("p", {}, h("a", { href: "#/vote" }, "All comparisons")),
    h("div", { class: "side" }, h("div", { class: "stack" }, card(null, form), card(null, stage)), card("Ranking", h("p", { class: "small soft" }, "Look after you have voted: it names the models."), h("div", { class: "row" }, h("div", { class: "grow" }, field("Question", question)), reveal), results)));
  stage.append(h("p", { class: "soft" }, "Give a nickname and start."));
  return () => removeEventListener("keydown", keys);
}
