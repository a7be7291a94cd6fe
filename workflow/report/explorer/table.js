"use strict";
// All tokens of the run, sorted and filtered.

const COLUMNS = [
  { key: "id", title: "number" },
  { key: "text", title: "token" },
  { key: "script", title: "script" },
  { key: "last", title: "last motion (step)" },
  { key: "state", title: "and then" },
  { key: "still", title: "still for (steps)" },
  { key: "norm", title: "|W[0]|₂ as stored" },
  { key: "relative", title: "less the mean" },
];
let tableOfTokens = null;

function cell(key, place) {
  if (key === "still") return data.steps - Math.max(data.tokens.last[place], 0);
  return data.tokens[key][place];
}

// Places of the tokens that the filters leave, in the order asked for.
function rowsOfTable() {
  const words = view.filter.toLowerCase();
  const kept = data.tokens.id.map((_, place) => place).filter((place) => {
    if (view.script && data.tokens.script[place] !== view.script) return false;
    if (view.state && data.tokens.state[place] !== view.state) return false;
    return !words || hasWords(place, words, searchedTokens());
  });
  const sign = view.down ? -1 : 1;
  return kept.sort((a, b) => compare(cell(view.sort, a), cell(view.sort, b), sign) || a - b);
}

function fillTable() {
  tableOfTokens.fill();
}

function rowOfTable(place) {
  const id = data.tokens.id[place], isShown = view.tokens.includes(id);
  const cells = COLUMNS.map(({ key }) => {
    const value = cell(key, place);
    if (key === "text") return element("td", {}, element("a", { href: `#t=${id}` }, tokenText(place)));
    if (key === "last" && value < 0) return element("td", { className: "number" }, "never");
    if (typeof value !== "number") return element("td", {}, value);
    return element("td", { className: "number" }, key === "norm" || key === "relative" ? precise(value) : key === "id" ? String(value) : number(value));
  });
  const beside = element("button", { type: "button", "aria-label": `${isShown ? "Remove" : "Show beside"} token ${id}` }, isShown ? "remove" : "show beside");
  beside.addEventListener("click", () => {
    isShown ? hideToken(id) : showToken(id);
    document.querySelector(`#table button[aria-label$="token ${id}"]`)?.focus();
  });
  return element("tr", {}, ...cells, element("td", {}, beside));
}

function startTable() {
  tableOfTokens = pagedTable({
    ids: { table: "table", count: "count", previous: "previous", next: "next" },
    noun: "tokens", columns: () => COLUMNS, further: ["charts"], rows: rowsOfTable, row: rowOfTable,
    sorted: () => ({ key: view.sort, down: view.down }),
    sort: (key) => {
      [view.sort, view.down] = [key, view.sort === key ? !view.down : false];
      tableChanged();
    },
  });
  tableOfTokens.heads();
  for (const [id, key] of [["script", "script"], ["state", "state"]]) {
    const choice = document.getElementById(id);
    for (const value of [...new Set(data.tokens[key])].sort()) choice.append(element("option", { value }, value));
    choice.addEventListener("change", () => filtered(key, choice.value));
  }
  const filter = document.getElementById("filter");
  filter.addEventListener("input", () => filtered("filter", filter.value));
}

function filtered(key, value) {
  view[key] = value;
  tableOfTokens.toFirst();
  tableChanged();
}

function tableChanged() {
  fillTable();
  writeAddress();
}

// The fields say what the view says.
function fillFilters() {
  for (const [id, key] of [["filter", "filter"], ["script", "script"], ["state", "state"]]) {
    document.getElementById(id).value = view[key];
  }
}
