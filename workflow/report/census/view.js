"use strict";
// What is seen now, and the address that says it:
// #m=MATRIX&r=READING&t=TOKEN&sort=-COLUMN&q=TEXT&kind=&vector=&component=&holes=1&v=all&vsort=-COLUMN

const DEFAULTS = {
  token: null, sort: "token_id", down: false, filter: "", kind: "", vector: "", component: "", holes: false,
  vectors: "holes", vsort: "population", vdown: true,
};
const WORDS = { filter: "q", kind: "kind", vector: "vector", component: "component" };
const view = { reading: null, ...DEFAULTS };

function say(text) {
  document.getElementById("message").textContent = text;
}

// An order as the address says it: a column, after a minus if it goes down.
function orderIn(text, columns) {
  const key = (text || "").replace(/^-/, "");
  return columns.some((column) => column.key === key) ? [key, text.startsWith("-")] : null;
}

// What the address asks for; only then is it known which reading's tables are needed.
function askedReading() {
  const asked = new URLSearchParams(location.hash.slice(1));
  const fits = ({ matrix, reading }) => (!asked.has("m") || matrix === asked.get("m")) && (!asked.has("r") || reading === asked.get("r"));
  return [data.readings.find(fits) || data.readings[0], data.readings.some(fits)];
}

async function readAddress() {
  const asked = new URLSearchParams(location.hash.slice(1)), problems = [];
  const [chosen, isThere] = askedReading();
  if (!isThere) problems.push(`This census has no matrix ${asked.get("m") || "of any name"} read as ${asked.get("r") || "anything"}.`);
  await showReading(chosen);
  Object.assign(view, DEFAULTS, { reading: chosen });
  for (const [key, name] of Object.entries(WORDS)) view[key] = asked.get(name) || "";
  for (const key of ["vector", "component"]) {
    if (view[key] && !/^\d+$/.test(view[key])) {
      problems.push(`${key} is ${visible(view[key])}, expected a whole number.`);
      view[key] = "";
    }
  }
  view.holes = asked.get("holes") === "1";
  view.vectors = asked.get("v") === "all" ? "all" : "holes";
  [view.sort, view.down] = orderIn(asked.get("sort"), tokenColumns()) || [view.sort, view.down];
  [view.vsort, view.vdown] = orderIn(asked.get("vsort"), vectorColumns()) || [view.vsort, view.vdown];
  if (asked.get("t")) {
    if (shown.placeOf.has(Number(asked.get("t")))) view.token = Number(asked.get("t"));
    else problems.push(`This matrix has no token ${visible(asked.get("t"))}.`);
  }
  say(problems.join(" "));
}

function addressOf(seen) {
  const words = new URLSearchParams(), first = data.readings[0];
  if (seen.reading !== first) {
    words.set("m", seen.reading.matrix);
    words.set("r", seen.reading.reading);
  }
  if (seen.token !== null) words.set("t", seen.token);
  if (seen.sort !== DEFAULTS.sort || seen.down !== DEFAULTS.down) words.set("sort", `${seen.down ? "-" : ""}${seen.sort}`);
  for (const [key, name] of Object.entries(WORDS)) if (seen[key] !== "") words.set(name, seen[key]);
  if (seen.holes) words.set("holes", "1");
  if (seen.vectors !== DEFAULTS.vectors) words.set("v", seen.vectors);
  if (seen.vsort !== DEFAULTS.vsort || seen.vdown !== DEFAULTS.vdown) words.set("vsort", `${seen.vdown ? "-" : ""}${seen.vsort}`);
  return `#${words}`;
}

function writeAddress() {
  const address = addressOf(view);
  if (address !== (location.hash || "#")) history.replaceState(null, "", address);
}

function showToken(id) {
  view.token = id;
  say("");
  fillToken();
  tokensTable.fill();
  writeAddress();
  document.getElementById("token").scrollIntoView({ block: "nearest" });
}

// The table of all tokens with these filters and no others.
function showTokens(filters) {
  Object.assign(view, { filter: "", kind: "", vector: "", component: "", holes: false }, filters);
  fillFilters();
  tokensTable.toFirst();
  tokensTable.fill();
  writeAddress();
  document.getElementById("all").scrollIntoView();
  document.querySelector("#all h2").tabIndex = -1;
  document.querySelector("#all h2").focus({ preventScroll: true });
}

// A button that leads to the tokens of a vector or component.
function leadTo(text, filters, label) {
  const button = element("button", { type: "button", "aria-label": label }, text);
  button.addEventListener("click", () => showTokens(filters));
  return button;
}
