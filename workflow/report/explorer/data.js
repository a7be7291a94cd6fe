"use strict";
// What the page holds: tokens, and tracks of a byte per token and column (levels.py says what a byte stands for).

const NOTHING = 0, LOWEST = 1, HIGHEST = 253, INFINITE = 254, NONE = 255;
const MARGIN = 8; // levels between the lowest or highest one and what lies beyond all levels
const data = {};
const placeOf = new Map(); // token's number -> its place in every track

function readPage() {
  Object.assign(data, JSON.parse(document.getElementById("data").textContent));
  data.tokens.id.forEach((id, place) => placeOf.set(id, place));
  data.panels = new Map(); // by name, its tracks
  for (const track of data.tracks) {
    track.values = Float64Array.from({ length: 256 }, (_, level) => valueOf(track.levels, level));
    track.heights = Array.from({ length: 256 }, (_, level) => heightOf(track.levels, level));
    if (!data.panels.has(track.panel)) data.panels.set(track.panel, []);
    data.panels.get(track.panel).push(track);
  }
}

function valueOf(levels, level) {
  if (level === NONE) return NaN;
  if (level === INFINITE) return Infinity;
  if (level === NOTHING) return levels.log ? 0 : -Infinity;
  const scaled = levels.lowest + levels.spacing * (level - LOWEST);
  return levels.log ? 2 ** scaled : scaled;
}

// Where it is drawn: on the scale of the levels, with room for what lies beyond them.
function heightOf(levels, level) {
  if (level === NONE) return null;
  if (level === NOTHING) return levels.lowest - MARGIN * levels.spacing;
  if (level === INFINITE) return levels.lowest + (HIGHEST - LOWEST + MARGIN) * levels.spacing;
  return levels.lowest + levels.spacing * (level - LOWEST);
}

async function unpack(track) {
  const level = await unpackedBytes(`track-${track.name}`);
  if (level.length !== data.tokens.id.length * track.columns) throw new Error("cut short");
  track.level = level;
  const seen = new Uint8Array(256);
  for (const one of level) seen[one] = 1;
  track.seen = seen;
}

// The lowest and the highest place where something of a track is drawn; all of it may be none.
function extent(track) {
  const heights = track.heights.filter((height, level) => track.seen[level] && level !== NONE);
  return heights.length ? [Math.min(...heights), Math.max(...heights)] : [track.levels.lowest, track.levels.lowest];
}

function levelAt(track, place, column) {
  return track.level[place * track.columns + column];
}

// The column that holds a step, or -1. Of motion a column holds all of its steps; of the rest the first alone.
function columnOf(track, step) {
  const column = Math.floor((step - track.first) / track.every);
  if (step < track.first || column >= track.columns) return -1;
  return isMotion(track) || (step - track.first) % track.every === 0 ? column : -1;
}

function stepOf(track, column) {
  return track.first + column * track.every;
}

function isMotion(track) {
  return track.name === "l2" || track.name === "vector_ulp";
}

// Cold is 0. What a threshold decides is decided by its first level, so the phase is that of the exact value.
function phaseOf(track, level) {
  if (level === NONE) return -1;
  const starts = data.thresholds.map((threshold) => track.levels.starts[data.bounds.indexOf(threshold)]);
  return level === NOTHING ? 0 : starts.filter((start) => level >= start).length;
}

function shownValue(track, level) {
  const value = track.values[level];
  if (level === NONE) return "none";
  if (level === INFINITE) return "infinite";
  if (level === NOTHING) return track.levels.log ? "0" : "no update";
  if (track.unit === "log2") return `2^${round(value, 2)}`;
  return track.levels.log ? precise(value) : round(value, 2);
}

function tokenText(place) {
  return textElement(data.tokens.text[place]);
}
