"use strict";
// The range of steps that all charts show, and the heights that each does, and how both are moved: pointer, wheel, keys, fields.

const RESTS_AFTER = 150; // milliseconds
let isPlanned = false, resting = 0;

function setRange(from, to) {
  const width = Math.min(Math.max(to - from, Math.min(LEAST_STEPS, data.steps)), data.steps);
  const start = Math.min(Math.max(0, Math.round(from)), data.steps - Math.round(width));
  [view.from, view.to] = [start, start + Math.round(width)];
  if (!isPlanned) {
    isPlanned = true;
    requestAnimationFrame(() => {
      isPlanned = false;
      styleLines(true);
      showRange();
      clearTimeout(resting);
      resting = setTimeout(rest, RESTS_AFTER);
    });
  }
}

function rest() {
  styleLines(false);
  for (const chart of charts.values()) chart.redraw();
}

function showRange() {
  isSetting = true;
  for (const [name, chart] of charts) {
    chart.batch(() => {
      chart.setScale("x", { min: view.from, max: view.to });
      if (!data.panels.has(name)) return;
      const [min, max] = view.heights.get(name) || allHeights(name);
      chart.setScale("y", { min, max });
    });
  }
  isSetting = false;
  for (const end of ["from", "to"]) {
    const field = document.getElementById(end);
    if (document.activeElement !== field) field.value = view[end];
  }
  addressSoon();
}

// Heights are those of the levels, so log2 of a value where the scale is logarithmic.
function setHeights(name, low, high) {
  const all = allHeights(name), tiny = 1e-6 * (all[1] - all[0]);
  const bounds = [Math.max(low, all[0]), Math.min(high, all[1])];
  const isAll = bounds[0] - all[0] < tiny && all[1] - bounds[1] < tiny;
  if (isAll || bounds[1] - bounds[0] < tiny) view.heights.delete(name);
  else view.heights.set(name, bounds.map((height) => Number(height.toFixed(4))));
  setRange(view.from, view.to);
}

function zoomHeights(factor) {
  for (const name of charts.keys()) {
    if (!data.panels.has(name)) continue;
    const [low, high] = view.heights.get(name) || allHeights(name), room = ((high - low) * (1 - factor)) / 2;
    setHeights(name, low + room, high - room);
  }
}

function showEverything() {
  view.heights.clear();
  setRange(0, data.steps);
}

// factor below 1 zooms in; what lies at `around` (0 to 1 of the range) stays.
function zoom(factor, around = 0.5) {
  const width = view.to - view.from, wanted = Math.max(LEAST_STEPS, width * factor);
  setRange(view.from + (width - wanted) * around, view.from + (width - wanted) * around + wanted);
}

function move(share) {
  const by = Math.sign(share) * Math.max(1, Math.abs(Math.round((view.to - view.from) * share)));
  setRange(view.from + by, view.to + by);
}

function moveByDragging(chart) {
  const over = chart.over;
  over.addEventListener("pointerdown", (event) => {
    if (!event.shiftKey && event.button !== 1) return;
    event.preventDefault();
    const start = event.clientX, from = view.from, to = view.to, perPixel = (to - from) / over.clientWidth;
    over.setPointerCapture(event.pointerId);
    const follow = (moved) => setRange(from - (moved.clientX - start) * perPixel, to - (moved.clientX - start) * perPixel);
    over.addEventListener("pointermove", follow);
    over.addEventListener("pointerup", () => over.removeEventListener("pointermove", follow), { once: true });
  });
  over.addEventListener("wheel", (event) => {
    if (event.ctrlKey) return; // the browser's own zoom
    event.preventDefault();
    const box = over.getBoundingClientRect();
    zoom(event.deltaY < 0 ? 0.8 : 1.25, (event.clientX - box.left) / box.width);
  }, { passive: false });
  over.addEventListener("dblclick", showEverything);
}

let cursorStep = null;

function moveCursor(by) {
  const middle = Math.round((view.from + view.to) / 2);
  cursorStep = cursorStep === null || cursorStep < view.from || cursorStep > view.to ? middle : cursorStep + by;
  cursorStep = Math.min(Math.max(cursorStep, view.from), view.to);
  for (const chart of charts.values()) {
    chart.setCursor({ left: chart.valToPos(cursorStep, "x"), top: 10 });
    break; // the others follow
  }
  document.getElementById("reading").textContent = readingAt(cursorStep);
}

// What the charts say of a step, in words.
function readingAt(step) {
  const said = view.tokens.map((id) => {
    const place = placeOf.get(id);
    const values = data.tracks.filter((track) => view.panels.includes(track.panel)).map((track) => {
      const column = columnOf(track, step);
      return column < 0 ? "" : `${track.label} ${shownValue(track, levelAt(track, place, column))}`;
    });
    return `token ${id}: ${values.filter((text) => text).join(", ")}`;
  });
  return `step ${number(step)}. ${said.join("; ")}`;
}

function onKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const acts = {
    "+": () => zoom(0.5), "=": () => zoom(0.5), "-": () => zoom(2), 0: showEverything,
    ArrowLeft: () => (event.shiftKey ? moveCursor(-1) : move(-0.2)),
    ArrowRight: () => (event.shiftKey ? moveCursor(1) : move(0.2)),
    ArrowUp: event.shiftKey && (() => zoomHeights(0.5)), ArrowDown: event.shiftKey && (() => zoomHeights(2)),
    Home: () => move(-1e9), End: () => move(1e9),
  };
  if (!acts[event.key]) return;
  event.preventDefault();
  acts[event.key]();
}

function startRange() {
  const acts = { all: showEverything, in: () => zoom(0.5), out: () => zoom(2), earlier: () => move(-0.5), later: () => move(0.5) };
  for (const [id, act] of Object.entries(acts)) document.getElementById(id).addEventListener("click", act);
  for (const end of ["from", "to"]) {
    const field = document.getElementById(end);
    field.max = data.steps;
    field.addEventListener("change", () => {
      const wanted = { from: view.from, to: view.to, [end]: Number(field.value) };
      if (Number.isInteger(wanted[end]) && wanted.from >= 0 && wanted.from < wanted.to && wanted.to <= data.steps) setRange(wanted.from, wanted.to);
      else say(`Steps are whole numbers from 0 to ${number(data.steps)}, the first before the last.`);
    });
    field.addEventListener("blur", () => { field.value = view[end]; });
  }
  document.getElementById("charts").addEventListener("keydown", onKey);
}
