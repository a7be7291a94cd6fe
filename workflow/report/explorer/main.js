"use strict";
// The page from its data to what is seen, and what is taken away from it.

// What is shown, as CSV: a row per step and token, a column per track.
function csv() {
  const tracks = data.tracks.filter((track) => view.panels.includes(track.panel));
  const scales = view.panels.includes("phase") ? ["l2", "vector_ulp"].map((name) => data.tracks.find((track) => track.name === name)) : [];
  const head = ["step", "token_id", "token", "script", ...tracks.map((track) => track.name), ...scales.map((track) => `phase_${track.panel}`)];
  const rows = [head];
  for (const id of view.tokens) {
    const place = placeOf.get(id);
    for (let step = view.from; step <= view.to; step++) {
      const at = (track, made) => {
        const column = columnOf(track, step);
        return column < 0 ? "" : made(track, levelAt(track, place, column));
      };
      const values = tracks.map((track) => at(track, (of, level) => csvNumber(of.values[level])));
      const phases = scales.map((track) => at(track, (of, level) => data.phases[phaseOf(of, level)] || ""));
      rows.push([String(step), String(id), data.tokens.text[place], data.tokens.script[place], ...values, ...phases]);
    }
  }
  return csvText(rows);
}

function csvNumber(value) {
  if (Number.isNaN(value)) return "";
  return Number.isFinite(value) ? String(Number(value.toPrecision(6))) : value > 0 ? "inf" : "-inf";
}

function download() {
  saveFile(`${data.run}_tokens.csv`, csv());
}

async function copyLink() {
  writeAddress();
  try {
    await navigator.clipboard.writeText(location.href);
    say("The link is copied.");
  } catch {
    say("The browser does not let this page copy: take the link from its address bar.");
  }
}

function listPanels() {
  const boxes = panelNames().map((name) => {
    const box = element("input", { type: "checkbox", id: `panel-${name}`, checked: view.panels.includes(name) });
    box.addEventListener("change", () => {
      view.panels = panelNames().filter((other) => document.getElementById(`panel-${other}`).checked);
      drawCharts();
      writeAddress();
    });
    return element("label", {}, box, ` ${TITLES[name] || name}`);
  });
  document.getElementById("choices").replaceChildren("Charts: ", ...boxes);
}

function explain() {
  const lines = [
    `Steps are counted from 1; what is drawn at step 0 is the state before the first. A token moves at a step if its motion on the element scale is at least ${data.motion_threshold} cells. It stopped if it has been still for ${number(data.still_for)} steps when the run ends; until then its last motion is censored, for it may only pause.`,
    `|W[0]|₂ is the norm of the token's row before the first step, as stored and less the mean of all recorded rows (${data.relative_to}), which changes no probability.`,
    "Behind the lines is the cloud: the darker, the more of all dead tokens are there. At the foot of a chart lies what is exactly zero.",
    "Every number is rounded to a byte, and those beside a threshold so that phases, motion and the side of the critical line are those of the exact values; there the error may be twice as large.",
    ...data.tracks.map((track) => {
      const { levels } = track, unit = track.unit === "log2" ? "of log2" : track.unit;
      const size = levels.error === 0 ? "exact" : `off by at most ${levels.log ? `${round(100 * levels.error, 1)}% of the value` : `${precise(levels.error)} ${unit}`}`;
      const taken = track.every === 1 ? "every step" : isMotion(track) ? `the largest of every ${track.every} steps` : `every ${track.every} steps`;
      return `${track.label}: ${taken}, ${size}.`;
    }),
    ...Object.entries(data.absent).map(([panel, reason]) => `${TITLES[panel] || panel} is not shown: ${reason}`),
  ];
  document.getElementById("explained").replaceChildren(...lines.map((line) => element("p", {}, line)));
}

function showAll() {
  listPanels();
  listShown();
  fillFilters();
  fillTable();
  drawCharts();
  writeAddress();
}

async function start() {
  const began = performance.now();
  try {
    if (typeof DecompressionStream === "undefined") throw new Error("this browser is too old: take one of 2023 or later");
    readPage();
    const about = `${number(data.tokens.id.length)} dead tokens over ${number(data.steps)} steps`;
    document.title = `${data.run}: tokens`;
    document.getElementById("title").textContent = `${data.experiment}: its dead tokens, one by one`;
    document.getElementById("about").textContent = `Run ${data.run}: ${about}. This page needs no network.`;
    await Promise.all(data.tracks.map(unpack));
  } catch (error) {
    document.querySelector("main").replaceChildren(element("p", { role: "alert" }, `This page cannot be shown: ${error.message}. If it was cut short, make it again.`));
    throw error;
  }
  startTable();
  startSearch();
  startRange();
  explain();
  readAddress();
  showAll();
  document.getElementById("download").addEventListener("click", download);
  document.getElementById("link").addEventListener("click", copyLink);
  addEventListener("hashchange", () => {
    readAddress();
    showAll();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", tokensChanged);
  let width = innerWidth;
  addEventListener("resize", () => {
    if (width !== innerWidth) drawCharts();
    width = innerWidth;
  });
  requestAnimationFrame(() => {
    document.documentElement.dataset.openedIn = String(Math.round(performance.now()));
    document.documentElement.dataset.startedAt = String(Math.round(began));
  });
}
