"use strict";
// The tables of black holes and of all tokens.

const TITLES = {
  token_id: "number", token: "token", script: "script", kind: "kind", reachable: "reachable", dead: "dead",
  vector: "vector", population: "population", component: "component", structure: "structure",
  exponent_distance: "exponent distance", distance: "distance from the centre", norm: "norm",
  cosine_distance: "cosine distance", unused_distance: "distance to unused",
  at_power_of_two: "share at powers of two",
  first_token: "first token", padded_rows: "padded rows", lattice_max: "lattice L∞", lattice_sum: "lattice L1",
};
const FIRST_TOKENS = 6, DIGITS = 5;
const REAL = ["distance", "norm", "cosine_distance", "unused_distance", "at_power_of_two"];
let tokensTable = null, vectorsTable = null;

// Columns of which something is there, in the order of TITLES.
function columnsOf(table) {
  return Object.keys(TITLES).filter((key) => table.of[key]).map((key) => ({ key, title: TITLES[key] }));
}

function tokenColumns() {
  return columnsOf(shown.tokens);
}

function vectorColumns() {
  return columnsOf(shown.vectors).filter(({ key }) => key !== "first_token");
}

function inWords(key, value) {
  if (value === null || value === "") return "";
  if (key === "dead") return value ? "dead" : "live";
  if (typeof value !== "number") return value;
  if (key === "token_id" || key === "vector" || key === "component") return String(value);
  return REAL.includes(key) ? precise(value, DIGITS) : number(value);
}

function cellOf(key, value) {
  return element("td", typeof value === "number" ? { className: "number" } : {}, inWords(key, value));
}

function tokenLink(place) {
  const id = shown.tokens.of.token_id(place);
  const link = element("a", { href: addressOf({ ...view, token: id }) }, textElement(shown.tokens.of.token(place)));
  link.addEventListener("click", (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    showToken(id);
  });
  return link;
}

// Places of the tokens that the filters leave, in the order asked for.
function rowsOfTokens() {
  const { of } = shown.tokens, words = view.filter.toLowerCase(), order = orderOf("tokens", view.sort, view.down);
  const vector = view.vector === "" ? null : Number(view.vector), component = view.component === "" ? null : Number(view.component);
  const read = (key, place) => (of[key] ? of[key](place) : null);
  if (!words && !view.kind && vector === null && component === null && !view.holes) return order;
  return order.filter((place) => {
    if (view.kind && read("kind", place) !== view.kind) return false;
    if (vector !== null && read("vector", place) !== vector) return false;
    if (component !== null && read("component", place) !== component) return false;
    if (view.holes && !(read("population", place) > 1)) return false;
    return !words || hasWords(place, words, searchedTokens());
  });
}

function rowOfTokens(place) {
  const { of } = shown.tokens;
  const cells = tokenColumns().map(({ key }) => (key === "token" ? element("td", {}, tokenLink(place)) : cellOf(key, of[key](place))));
  const row = element("tr", {}, ...cells);
  if (of.token_id(place) === view.token) row.setAttribute("aria-current", "true");
  return row;
}

function rowsOfVectors() {
  const order = orderOf("vectors", view.vsort, view.vdown);
  return view.vectors === "all" ? order : order.filter((place) => shown.vectors.of.population(place) > 1);
}

function rowOfVectors(place) {
  const { of } = shown.vectors, vector = of.vector(place), members = membersOf(vector);
  const cells = vectorColumns().map(({ key }) => {
    const value = of[key](place);
    if (key === "component" && value !== null) return element("td", {}, leadTo(String(value), { component: String(value) }, `Tokens of component ${value}`));
    return cellOf(key, value);
  });
  const links = members.slice(0, FIRST_TOKENS).flatMap((member) => [tokenLink(member), " "]);
  const more = members.length > FIRST_TOKENS ? `and ${number(members.length - FIRST_TOKENS)} more ` : "";
  const all = leadTo("show all", { vector: String(vector) }, `All tokens of vector ${vector}`);
  return element("tr", {}, ...cells, element("td", {}, ...links, more), element("td", {}, all));
}

function startTables() {
  const of = (name) => Object.fromEntries([["table", name], ...["count", "previous", "next"].map((part) => [part, `${name}-${part}`])]);
  tokensTable = pagedTable({
    ids: of("tokens"), noun: "tokens", columns: tokenColumns, rows: rowsOfTokens, row: rowOfTokens,
    sorted: () => ({ key: view.sort, down: view.down }),
    sort: (key) => {
      [view.sort, view.down] = [key, view.sort === key ? !view.down : false];
      changed(tokensTable);
    },
  });
  vectorsTable = pagedTable({
    ids: of("vectors"), noun: "vectors", columns: vectorColumns, further: ["first tokens", "tokens"], rows: rowsOfVectors, row: rowOfVectors,
    sorted: () => ({ key: view.vsort, down: view.vdown }),
    sort: (key) => {
      [view.vsort, view.vdown] = [key, view.vsort === key ? !view.vdown : false];
      changed(vectorsTable);
    },
  });
  for (const key of ["filter", "kind", "vector", "component"]) {
    const field = document.getElementById(key);
    field.addEventListener("input", () => filtered(key, field.value));
  }
  const holes = document.getElementById("holes"), kinds = document.getElementById("kinds-of-vectors");
  holes.addEventListener("change", () => filtered("holes", holes.checked));
  kinds.addEventListener("change", () => {
    view.vectors = kinds.value;
    vectorsTable.toFirst();
    changed(vectorsTable);
  });
}

function filtered(key, value) {
  view[key] = value;
  tokensTable.toFirst();
  changed(tokensTable);
}

function changed(table) {
  table.fill();
  writeAddress();
}

// The fields say what the view says.
function fillFilters() {
  const kind = document.getElementById("kind");
  const kinds = [...new Set(shown.tokens.of.kind.labels)].sort().map((value) => element("option", { value }, value));
  kind.replaceChildren(element("option", { value: "" }, "all"), ...kinds);
  for (const key of ["filter", "kind", "vector", "component"]) document.getElementById(key).value = view[key];
  document.getElementById("holes").checked = view.holes;
  document.getElementById("kinds-of-vectors").value = view.vectors;
}

// A float32 is read back as it was from nine digits.
function csvCell(value) {
  if (value === null || value === undefined) return "";
  return typeof value === "number" ? String(Number(value.toPrecision(9))) : value;
}

function downloadTable(name, rows) {
  const keys = columnsOf(shown[name]).map(({ key }) => key), { of } = shown[name];
  const { matrix, reading } = shown.chosen;
  const body = Array.from(rows, (place) => [matrix, reading, ...keys.map((key) => csvCell(of[key](place)))]);
  saveFile(`${data.summary.census}_${name}.csv`, csvText([["matrix", "reading", ...keys], ...body]));
}
