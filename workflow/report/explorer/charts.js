"use strict";
// Charts by step, one below the other, with a common range of steps and a common cursor.

const CHART_HEIGHT = 230, X_AXIS = 30, PHASE_ROW = 16, AXIS_WIDTH = 74, LEAST_STEPS = 5;
const CLEARLY_BOTH = 40; // pixels to drag across and up or down for both to be chosen, not the longer alone
const PHASE_COLOURS = ["#14213d", "#4a8fd4", "#fcc75e", "#b5301f"], UNDEFINED_COLOUR = "#bdbdbd";
const TITLES = {
  element: "Motion, element scale: |ΔW′|₂", vector: "Motion, vector scale: |ΔW|₂ / (|W|₂ · 2⁻⁷)", phase: "Phase by step",
  cells: "Cells of its elements, as stored", m: "First moment |m|₂", v: "Second moment, mean v", g: "Gradient |g|₂",
  distance: "Distance to the critical line",
};
const LINE_WIDTH = 1.5;
const DASHES = [[], [6, 4], [2, 3]];
const charts = new Map(); // by panel, what uPlot made
const clouds = new Map(); // by panel, a picture of how many tokens are at each level in each column

function isDark() {
  return matchMedia("(prefers-color-scheme: dark)").matches;
}

function ink() {
  return isDark() ? "#dfe3e8" : "#222222";
}

function phaseColours() {
  const coldest = isDark() ? "#46506b" : PHASE_COLOURS[0];
  const own = [coldest, ...PHASE_COLOURS.slice(1)];
  return data.phases.map((_, i) => own[Math.round((i * (own.length - 1)) / Math.max(1, data.phases.length - 1))]);
}

function drawCharts() {
  for (const chart of charts.values()) chart.destroy();
  charts.clear();
  const place = document.getElementById("charts");
  place.replaceChildren();
  for (const name of view.panels) {
    const box = element("figure", { className: "chart", id: `chart-${name}` });
    place.append(box);
    charts.set(name, name === "phase" ? phaseChart(box) : trackChart(name, box));
  }
  showRange();
}

function common(title, width, height) {
  const axis = { stroke: ink, grid: { stroke: isDark() ? "#ffffff18" : "#00000014" }, ticks: { show: false } };
  return {
    title, width, height,
    cursor: { sync: { key: "steps", scales: ["x", null], setSeries: false }, drag: { x: true, y: true, uni: CLEARLY_BOTH, dist: 4 }, bind: { mousedown: withoutShift } },
    scales: { x: { time: false, auto: false, range: (_, from, to) => [from, to] } },
    axes: [{ ...axis, size: X_AXIS, values: (_, ticks) => ticks.map((step) => (Number.isInteger(step) ? number(step) : "")) }, { ...axis, size: AXIS_WIDTH }],
    hooks: { setScale: [(chart, key) => scaleWasSet(chart, key)], ready: [moveByDragging] },
  };
}

// Shift moves what is seen, so uPlot must not take it for a choice of a range.
function withoutShift(_, __, handler) {
  return (event) => { if (!event.shiftKey) handler(event); };
}

// What moves is drawn with the thinnest lines, without dashes: browsers that paint without a GPU take long for others.
function styleLines(isMoving) {
  for (const chart of charts.values()) {
    for (const series of chart.series.slice(1)) {
      series.width = isMoving ? 1 : LINE_WIDTH;
      series.dash = isMoving ? [] : series.restingDash || [];
    }
  }
}

let isSetting = false;
function scaleWasSet(chart, key) {
  if (isSetting) return;
  const { min, max } = chart.scales[key];
  if (key === "x") setRange(min, max);
  const name = [...charts.keys()].find((panel) => charts.get(panel) === chart);
  if (key === "y" && data.panels.has(name)) setHeights(name, min, max);
}

function widthOfCharts() {
  return Math.max(280, document.getElementById("charts").clientWidth);
}

function trackChart(name, box) {
  const tracks = data.panels.get(name), first = tracks[0], { levels } = first;
  const steps = Array.from({ length: first.columns }, (_, column) => stepOf(first, column));
  const shown = view.tokens.flatMap((id) => tracks.map((track, i) => ({ id, track, i, place: placeOf.get(id) })));
  const options = common(`${TITLES[name] || name}${first.unit ? ` (${first.unit})` : ""}`, widthOfCharts(), CHART_HEIGHT);
  const [min, max] = view.heights.get(name) || allHeights(name);
  options.scales.y = { auto: false, min, max, range: (_, low, high) => [low, high] };
  options.axes[1].values = (_, ticks) => ticks.map((tick) => tickOf(first, tick));
  options.axes[1].space = 24;
  if (levels.log) options.axes[1].splits = (_, __, low, high) => powersOfTen(first, low, high);
  options.series = [{ label: "step", value: (_, step) => (step === null ? "" : number(step)) }, ...shown.map(seriesOf)];
  options.hooks.drawClear = [(chart) => drawCloud(chart, name)];
  options.hooks.draw = [(chart) => { drawBounds(chart, name); drawLastMotions(chart, name); }];
  const rows = shown.map(({ track, place }) => {
    const at = place * track.columns;
    return Array.from(track.level.subarray(at, at + track.columns), (level) => track.heights[level]);
  });
  return new uPlot(options, [steps, ...rows], box);
}

function seriesOf({ id, track, i, place }) {
  const several = data.panels.get(track.panel).length > 1 ? `, ${track.label}` : "";
  return {
    label: `${visible(data.tokens.text[place])} ${id}${several}`,
    stroke: colourOf(id), width: LINE_WIDTH, dash: DASHES[i % DASHES.length], restingDash: DASHES[i % DASHES.length], spanGaps: false, points: { show: false },
    value: (_, height, __, column) => (column === null || column === undefined ? "" : shownValue(track, levelAt(track, place, column))),
  };
}

// All that is there, with a little room.
function allHeights(name) {
  const tracks = data.panels.get(name), ends = tracks.flatMap(extent), room = Math.max(1e-9, ...tracks.map((track) => 3 * track.levels.spacing));
  return [Math.min(...ends) - room, Math.max(...ends) + room];
}

// What is exactly zero, and powers of ten, not more than fit; of a narrow range what lies between. Heights are log2.
function powersOfTen(track, low, high) {
  const bottom = Math.max(low, track.levels.lowest) * Math.log10(2), top = high * Math.log10(2);
  const every = Math.max(1, Math.ceil((top - bottom) / 6)), powers = [], between = [], fine = [];
  for (let power = Math.floor(bottom / every) * every; power <= top; power += every) {
    powers.push(power);
    for (const digit of [1, 2, 3, 5, 7]) between.push(power + Math.log10(digit));
    for (let tenth = 10; tenth < 100; tenth += 5) fine.push(power + Math.log10(tenth / 10));
  }
  const inside = (tick) => tick >= bottom && tick <= top;
  const ticks = [powers, between].map((some) => some.filter(inside)).find((some) => some.length > 1) || fine.filter(inside);
  const heights = ticks.map((tick) => tick / Math.log10(2)), zero = track.heights[NOTHING];
  if (!track.seen[NOTHING]) return heights;
  return [zero, ...heights.filter((height) => height - zero > (high - low) / 15)]; // where words would overlap, zero's are read
}

function tickOf(track, tick) {
  if (tick === track.heights[NOTHING]) return track.levels.log ? "0" : "none";
  if (track.unit === "log2") return `2^${round(tick, 1)}`;
  if (!track.levels.log) return round(tick, 2);
  const power = tick * Math.log10(2), whole = Math.round(power);
  if (Math.abs(power - whole) > 1e-9) return precise(Number((10 ** power).toPrecision(2))).replace(/\.?0*e/, "e");
  return whole >= -2 && whole <= 4 ? number(Number((10 ** whole).toPrecision(1))) : `10^${whole}`;
}

// The cloud: for each column and level the number of tokens, drawn once; a zoom shows a part of it.
function cloudOf(name) {
  const known = clouds.get(name);
  if (known && known.dark === isDark()) return known;
  const track = data.panels.get(name)[0], { columns } = track, tokens = data.tokens.id.length;
  const counts = new Uint32Array(columns * 256);
  for (let place = 0, at = 0; place < tokens; place++) {
    for (let column = 0; column < columns; column++, at++) counts[(column << 8) | track.level[at]]++;
  }
  const wide = Math.min(columns, 8192), canvas = new OffscreenCanvas(wide, 256), picture = canvas.getContext("2d");
  const image = picture.createImageData(wide, 256), full = Math.log1p(tokens);
  const [red, green, blue] = isDark() ? [150, 165, 185] : [70, 80, 95];
  for (let x = 0; x < wide; x++) {
    const column = Math.floor((x * columns) / wide);
    for (let level = 0; level < 256; level++) {
      const count = counts[(column << 8) | level];
      if (count) image.data.set([red, green, blue, 40 + (190 * Math.log1p(count)) / full], 4 * ((255 - level) * wide + x));
    }
  }
  picture.putImageData(image, 0, 0);
  const made = { canvas, dark: isDark(), wide, columns };
  clouds.set(name, made);
  return made;
}

function drawCloud(chart, name) {
  const { canvas, wide, columns } = cloudOf(name), track = data.panels.get(name)[0], { ctx } = chart;
  const scale = wide / columns;
  // A column reaches from half a step before it to half a step after its last.
  const from = (chart.scales.x.min - track.first) / track.every + 0.5, to = (chart.scales.x.max - track.first) / track.every + 0.5;
  const first = Math.max(0, Math.floor(from)), last = Math.min(columns, Math.ceil(to));
  if (last <= first) return;
  const x = (column) => chart.valToPos(track.first + (column - 0.5) * track.every, "x", true);
  const y = (height) => chart.valToPos(height, "y", true);
  const { lowest, spacing } = track.levels;
  ctx.save();
  ctx.beginPath();
  ctx.rect(chart.bbox.left, chart.bbox.top, chart.bbox.width, chart.bbox.height);
  ctx.clip();
  ctx.imageSmoothingEnabled = false;
  const across = [first * scale, (last - first) * scale], left = x(first), width = x(last) - left;
  const strip = (level, height, tall) => ctx.drawImage(canvas, across[0], 255 - level, across[1], 1, left, y(height + tall / 2), width, y(height - tall / 2) - y(height + tall / 2));
  ctx.drawImage(canvas, across[0], 255 - HIGHEST, across[1], HIGHEST, left, y(lowest + (HIGHEST - LOWEST + 0.5) * spacing), width, y(lowest - 0.5 * spacing) - y(lowest + (HIGHEST - LOWEST + 0.5) * spacing));
  strip(NOTHING, track.heights[NOTHING] + 2 * spacing, 4 * spacing);
  strip(INFINITE, track.heights[INFINITE] - 2 * spacing, 4 * spacing);
  ctx.restore();
}

// Thresholds of the phases, and where an update is half a cell.
function drawBounds(chart, name) {
  const track = data.panels.get(name)[0], { ctx } = chart;
  const bounds = isMotion(track) ? data.thresholds : name === "distance" ? [0] : [];
  ctx.save();
  ctx.font = `${11 * devicePixelRatio}px system-ui, sans-serif`;
  ctx.strokeStyle = ctx.fillStyle = ink();
  ctx.setLineDash([3 * devicePixelRatio, 3 * devicePixelRatio]);
  bounds.forEach((bound, i) => {
    const height = track.levels.log ? Math.log2(bound) : bound;
    if (height < chart.scales.y.min || height > chart.scales.y.max) return;
    const y = chart.valToPos(height, "y", true);
    ctx.beginPath();
    ctx.moveTo(chart.bbox.left, y);
    ctx.lineTo(chart.bbox.left + chart.bbox.width, y);
    ctx.stroke();
    const words = isMotion(track) ? `${data.phases[i + 1]} ↑` : "can move ↑";
    ctx.textAlign = "right";
    ctx.fillText(words, chart.bbox.left + chart.bbox.width - 6 * devicePixelRatio, y - 3 * devicePixelRatio);
  });
  ctx.restore();
}

// A mark at the top: filled where the token stopped, hollow where its last motion is censored.
function drawLastMotions(chart, name) {
  if (name !== "element") return;
  const { ctx } = chart, size = 6 * devicePixelRatio;
  ctx.save();
  for (const id of view.tokens) {
    const place = placeOf.get(id), last = data.tokens.last[place];
    if (last < chart.scales.x.min || last > chart.scales.x.max || last < 0) continue;
    const x = chart.valToPos(last, "x", true), top = chart.bbox.top;
    ctx.beginPath();
    ctx.moveTo(x - size, top);
    ctx.lineTo(x + size, top);
    ctx.lineTo(x, top + 1.6 * size);
    ctx.closePath();
    ctx.fillStyle = ctx.strokeStyle = colourOf(id);
    ctx.lineWidth = 1.5 * devicePixelRatio;
    data.tokens.state[place] === "stopped" ? ctx.fill() : ctx.stroke();
  }
  ctx.restore();
}

// Two rows for each token, its phase on both scales; a row is drawn once, a zoom shows a part of it.
function phaseChart(box) {
  const scales = ["element", "vector"].map((name) => data.panels.get(name)[0]);
  const rows = view.tokens.flatMap((id) => scales.map((track) => ({ id, track, place: placeOf.get(id) })));
  const track = scales[0];
  const options = common(TITLES.phase, widthOfCharts(), 62 + PHASE_ROW * Math.max(1, rows.length));
  options.scales.y = { auto: false, range: [0, Math.max(1, rows.length)] };
  options.cursor.drag.y = false;
  options.axes[1] = { ...options.axes[1], grid: { show: false }, values: () => [] };
  options.series = [{ label: "step", value: (_, step) => (step === null ? "" : number(step)) }, ...rows.map(({ id, track: of, place }) => ({
    label: `${visible(data.tokens.text[place])} ${id}, ${of.panel} scale`, stroke: colourOf(id), show: true, paths: () => null, points: { show: false },
    value: (_, __, ___, column) => (column === null || column === undefined ? "" : data.phases[phaseOf(of, levelAt(of, place, column))] || "none"),
  }))];
  const strips = rows.map((row) => stripOf(row));
  options.hooks.draw = [(chart) => drawStrips(chart, rows, strips)];
  const steps = Array.from({ length: track.columns }, (_, column) => stepOf(track, column));
  box.append(legendOfPhases());
  return new uPlot(options, [steps, ...rows.map(() => new Array(track.columns).fill(0))], box);
}

function stripOf({ track, place }) {
  const wide = Math.min(track.columns, 8192), canvas = new OffscreenCanvas(wide, 1), picture = canvas.getContext("2d");
  const image = picture.createImageData(wide, 1), colours = [...phaseColours(), UNDEFINED_COLOUR];
  const bytes = colours.map((colour) => [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16)));
  for (let x = 0; x < wide; x++) {
    const phase = phaseOf(track, levelAt(track, place, Math.floor((x * track.columns) / wide)));
    image.data.set([...(bytes[phase < 0 ? bytes.length - 1 : phase]), 255], 4 * x);
  }
  picture.putImageData(image, 0, 0);
  return canvas;
}

function drawStrips(chart, rows, strips) {
  const { ctx, bbox } = chart;
  ctx.save();
  ctx.beginPath();
  ctx.rect(0, bbox.top, bbox.left + bbox.width, bbox.height);
  ctx.clip();
  ctx.font = `${10 * devicePixelRatio}px system-ui, sans-serif`;
  ctx.textAlign = "right";
  ctx.textBaseline = "middle";
  rows.forEach(({ id, track }, i) => {
    const x = (column) => chart.valToPos(track.first + (column - 0.5) * track.every, "x", true);
    const tall = bbox.height / rows.length, top = bbox.top + i * tall, gap = i % 2 ? 3 * devicePixelRatio : 1;
    const scale = strips[i].width / track.columns;
    const first = Math.max(0, Math.floor((chart.scales.x.min - track.first) / track.every));
    const last = Math.min(track.columns, Math.ceil((chart.scales.x.max - track.first) / track.every + 1));
    if (last <= first) return;
    const left = Math.max(x(first), x(first)), width = x(last) - left;
    ctx.imageSmoothingEnabled = width < last - first;
    ctx.save();
    ctx.beginPath();
    ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
    ctx.clip();
    ctx.drawImage(strips[i], first * scale, 0, (last - first) * scale, 1, left, top, width, tall - gap);
    ctx.restore();
    ctx.fillStyle = colourOf(id);
    ctx.fillText(`${id} ${track.panel}`, bbox.left - 4 * devicePixelRatio, top + tall / 2);
  });
  ctx.restore();
}

function legendOfPhases() {
  const colours = phaseColours();
  const entries = data.phases.map((phase, i) => {
    const swatch = element("span", { className: "swatch" });
    swatch.style.background = colours[i];
    return element("span", { className: "entry" }, swatch, phase);
  });
  return element("figcaption", {}, "From cold to hot: ", ...entries);
}
