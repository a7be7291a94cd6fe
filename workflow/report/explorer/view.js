"use strict";
// What is seen now, and the address that says it: #t=TOKENS&x=FROM-TO&y=CHART_LOW_HIGH&p=CHARTS&sort=COLUMN&q=FILTER&script=&state=

const MOST_SHOWN = 8;
const view = { tokens: [], from: 0, to: 0, heights: new Map(), panels: [], sort: "last", down: true, filter: "", script: "", state: "" };

function defaultView() {
  const byLast = data.tokens.last.map((_, place) => place).sort((a, b) => data.tokens.last[a] - data.tokens.last[b]);
  const chosen = [byLast[byLast.length - 1], byLast[byLast.length >> 1], byLast[0]];
  return {
    tokens: [...new Set(chosen)].map((place) => data.tokens.id[place]),
    from: 0, to: data.steps, heights: new Map(), panels: panelNames(), sort: "last", down: true, filter: "", script: "", state: "",
  };
}

// Charts by name, the phases among them, as they lie below one another.
function panelNames() {
  const names = [...data.panels.keys()];
  names.splice(2, 0, "phase");
  return names;
}

function readAddress() {
  const asked = new URLSearchParams(location.hash.slice(1));
  const found = defaultView();
  const problems = [];
  if (asked.has("t")) {
    const numbers = asked.get("t").split(".").filter((text) => text !== "");
    const known = numbers.filter((text) => placeOf.has(Number(text))).map(Number);
    const unknown = numbers.filter((text) => !placeOf.has(Number(text)));
    if (unknown.length) problems.push(`This run has no dead token ${unknown.slice(0, 5).join(", ")}.`);
    found.tokens = [...new Set(known)].slice(0, MOST_SHOWN);
  }
  const range = /^(\d+)-(\d+)$/.exec(asked.get("x") || "");
  if (range && Number(range[1]) < Math.min(Number(range[2]), data.steps)) {
    [found.from, found.to] = [Number(range[1]), Math.min(Number(range[2]), data.steps)];
  } else if (asked.has("x")) problems.push(`There are no steps ${asked.get("x")} in this run.`);
  for (const words of (asked.get("y") || "").split(" ").filter((text) => text !== "")) {
    const [name, ...ends] = words.split("_"), [low, high] = ends.map(Number);
    const [lowest, highest] = data.panels.has(name) ? allHeights(name) : [Infinity, -Infinity];
    if (ends.length === 2 && low < high && low < highest && high > lowest) found.heights.set(name, [Math.max(low, lowest), Math.min(high, highest)]);
    else problems.push(`There are no heights ${words} in this run.`);
  }
  if (asked.has("p")) {
    const wanted = asked.get("p").split(".");
    const there = panelNames().filter((name) => wanted.includes(name));
    const missing = wanted.filter((name) => name && !there.includes(name));
    if (missing.length) problems.push(`There is no chart ${missing.join(", ")} of this run.`);
    found.panels = there;
  }
  const sort = asked.get("sort") || "";
  if (COLUMNS.some((column) => column.key === sort.replace(/^-/, ""))) {
    [found.sort, found.down] = [sort.replace(/^-/, ""), sort.startsWith("-")];
  }
  for (const [key, name] of [["filter", "q"], ["script", "script"], ["state", "state"]]) {
    found[key] = asked.get(name) || "";
  }
  Object.assign(view, found);
  say(problems.join(" "));
}

function writeAddress() {
  const words = new URLSearchParams();
  words.set("t", view.tokens.join("."));
  if (view.from !== 0 || view.to !== data.steps) words.set("x", `${view.from}-${view.to}`);
  if (view.heights.size) words.set("y", [...view.heights].map(([name, ends]) => [name, ...ends].join("_")).join(" "));
  if (view.panels.length !== panelNames().length) words.set("p", view.panels.join("."));
  if (view.sort !== "last" || !view.down) words.set("sort", `${view.down ? "-" : ""}${view.sort}`);
  for (const [key, name] of [["filter", "q"], ["script", "script"], ["state", "state"]]) {
    if (view[key]) words.set(name, view[key]);
  }
  const address = `#${words}`;
  if (address !== location.hash) history.replaceState(null, "", address);
}

let addressTimer = 0;
// While something is dragged the address waits: browsers allow only so many changes of it.
function addressSoon() {
  clearTimeout(addressTimer);
  addressTimer = setTimeout(writeAddress, 200);
}

function say(text) {
  document.getElementById("message").textContent = text;
}

function showToken(id) {
  if (view.tokens.includes(id)) return say(`Token ${id} is shown already.`);
  if (view.tokens.length >= MOST_SHOWN) return say(`${MOST_SHOWN} tokens are shown at most: remove one first.`);
  view.tokens.push(id);
  say("");
  tokensChanged();
}

function hideToken(id) {
  view.tokens = view.tokens.filter((other) => other !== id);
  tokensChanged();
}

function tokensChanged() {
  listShown();
  drawCharts();
  fillTable();
  writeAddress();
}

// Okabe and Ito's, for every kind of colour blindness, and two more; on dark paper lighter ones.
const COLOURS = ["#0072b2", "#e69f00", "#009e73", "#cc79a7", "#d55e00", "#56b4e9", "#8c6bb1", "#7a7a7a"];
const LIGHT_COLOURS = ["#4aa8e8", "#e69f00", "#2ec79b", "#e79cc4", "#ff8a4c", "#9ad4f5", "#b79be0", "#b0b0b0"];

function colourOf(id) {
  const colours = isDark() ? LIGHT_COLOURS : COLOURS;
  return colours[view.tokens.indexOf(id) % colours.length];
}

function lastMotionInWords(place) {
  const last = data.tokens.last[place], state = data.tokens.state[place];
  if (last < 0) return "never moved";
  const still = data.steps - last;
  if (state === "stopped") return `last motion at step ${number(last)}: stopped, still for ${number(still)} steps`;
  return `last motion at step ${number(last)}: censored, still for ${number(still)} steps when the run ends, fewer than ${number(data.still_for)}`;
}

function listShown() {
  const list = document.getElementById("shown");
  list.replaceChildren(...view.tokens.map((id) => {
    const place = placeOf.get(id);
    const swatch = element("span", { className: "swatch" });
    swatch.style.background = colourOf(id);
    const remove = element("button", { type: "button", "aria-label": `Remove token ${id}` }, "×");
    remove.addEventListener("click", () => {
      hideToken(id);
      (list.querySelector("button") || document.getElementById("find")).focus();
    });
    const words = ` ${id}, ${data.tokens.script[place]}: ${lastMotionInWords(place)} `;
    return element("li", {}, swatch, tokenText(place), words, remove);
  }));
  if (!view.tokens.length) list.append(element("li", {}, "No token is shown: find one above, or take one from the table below."));
}
