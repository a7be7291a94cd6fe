"use strict";
// What the page holds: all of census.json, and of each matrix and reading its tables, packed (columns.py).

const MISSING = { uint8: 0xff, uint16: 0xffff, uint32: 0xffffffff };
const ARRAYS = { uint8: Uint8Array, uint16: Uint16Array, uint32: Uint32Array, float32: Float32Array };
const data = {};
const unpacked = new Map(); // by the name of its element, the bytes of a column: equal ones are held once
let shown = null; // the matrix and reading that are seen: tables, search, tokens of each vector

function readPage() {
  Object.assign(data, JSON.parse(document.getElementById("data").textContent));
}

function bytesOf(name) {
  if (!unpacked.has(name)) unpacked.set(name, unpackedBytes(name));
  return unpacked.get(name);
}

// What shuffled() of columns.py wrote: the first bytes of all numbers, the second ones of all, and so on.
function numbersOf(bytes, type, rows) {
  const size = ARRAYS[type].BYTES_PER_ELEMENT;
  if (bytes.length !== rows * size) throw new Error("cut short");
  const whole = new Uint8Array(bytes.length);
  for (let byte = 0, at = 0; byte < size; byte++) {
    for (let row = 0; row < rows; row++) whole[row * size + byte] = bytes[at++];
  }
  return new ARRAYS[type](whole.buffer);
}

// A function of a row's place: its text or number, or null where that is missing.
async function columnOf({ held, type, code, labels }, rows) {
  const bytes = await bytesOf(held);
  if (type === "text") {
    const texts = JSON.parse(new TextDecoder().decode(bytes));
    if (texts.length !== rows) throw new Error("cut short");
    return Object.assign((place) => texts[place], { texts });
  }
  const values = numbersOf(bytes, code || type, rows);
  if (type === "labels") return Object.assign((place) => labels[values[place]], { labels });
  if (type === "float32") return (place) => (Number.isNaN(values[place]) ? null : values[place]);
  return (place) => (values[place] === MISSING[type] ? null : values[place]);
}

async function tableOf({ rows, columns }) {
  const names = Object.keys(columns);
  const read = await Promise.all(names.map((name) => columnOf(columns[name], rows)));
  return { rows, of: Object.fromEntries(names.map((name, i) => [name, read[i]])) };
}

const tablesOfReadings = new Map();

async function showReading(chosen) {
  if (!tablesOfReadings.has(chosen)) tablesOfReadings.set(chosen, await readReading(chosen));
  shown = tablesOfReadings.get(chosen);
}

async function readReading(chosen) {
  const [tokens, vectors, components] = await Promise.all([chosen.tokens, chosen.vectors, chosen.components].map(tableOf));
  const about = data.summary.matrices[chosen.matrix];
  const placeOf = new Map(), orders = new Map(), vectorAt = new Map();
  for (let place = 0; place < tokens.rows; place++) placeOf.set(tokens.of.token_id(place), place);
  for (let place = 0; place < vectors.rows; place++) vectorAt.set(vectors.of.vector(place), place);
  return { chosen, about, summary: about.readings[chosen.reading], tokens, vectors, components, placeOf, orders, vectorAt };
}

// Tokens prepared for the search, when it is first needed.
function searchedTokens() {
  if (!shown.searched) {
    const { rows, of } = shown.tokens, places = Array.from({ length: rows }, (_, place) => place);
    const scripts = places.map((place) => (of.script && of.script(place)) || "");
    shown.searched = searchable(places.map(of.token_id), of.token.texts, scripts);
  }
  return shown.searched;
}

// Places of the tokens of a vector, in the order of the matrix.
function membersOf(vector) {
  if (!shown.members) {
    const { rows, of } = shown.tokens;
    shown.members = new Map();
    for (let place = 0; place < rows; place++) {
      const own = of.vector ? of.vector(place) : null;
      if (own === null) continue;
      if (!shown.members.has(own)) shown.members.set(own, []);
      shown.members.get(own).push(place);
    }
  }
  return shown.members.get(vector) || [];
}

// Places of all rows of a table in the order of a column; of equal ones those that stand first in it come first.
function orderOf(name, key, down) {
  const asked = `${name} ${key} ${down}`;
  if (!shown.orders.has(asked)) {
    const { rows, of } = shown[name], read = of[key], sign = down ? -1 : 1;
    const values = Array.from({ length: rows }, (_, place) => read(place) ?? null);
    const order = Uint32Array.from(values.keys());
    shown.orders.set(asked, order.sort((a, b) => compare(values[a], values[b], sign) || a - b));
  }
  return shown.orders.get(asked);
}
