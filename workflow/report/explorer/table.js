"use strict";
// All tokens: sorted, filtered, a page of rows at a time.

const ROWS = 50;
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
let firstRow = 0;

function cell(key, place) {
  if (key === "still") return data.steps - Math.max(data.tokens.last[place], 0);
  return data.tokens[key][place];
}

function compare(a, b) {
  if (typeof a === "number") return a - b;
  return a < b ? -1 : a > b ? 1 : 0;
}

// Places of the tokens that the filters leave, in the order asked for.
function rowsOfTable() {
  const words = view.filter.toLowerCase();
  const kept = data.tokens.id.map((_, place) => place).filter((place) => {
    if (view.script && data.tokens.script[place] !== view.script) return false;
    if (view.state && data.tokens.state[place] !== view.state) return false;
    if (!words) return true;
    const texts = [data.tokens.text[place], data.tokens.script[place], String(data.tokens.id[place])];
    return texts.some((text) => text.toLowerCase().includes(words));
  });
  const sign = view.down ? -1 : 1;
  return kept.sort((a, b) => sign * compare(cell(view.sort, a), cell(view.sort, b)) || a - b);
}

function fillTable() {
  const rows = rowsOfTable();
  firstRow = Math.max(0, Math.min(firstRow, (Math.ceil(rows.length / ROWS) - 1) * ROWS));
  const seen = rows.slice(firstRow, firstRow + ROWS);
  document.querySelector("#table tbody").replaceChildren(...seen.map(rowOfTable));
  const range = rows.length ? `${number(firstRow + 1)} to ${number(firstRow + seen.length)} of ` : "";
  document.getElementById("count").textContent = `${range}${number(rows.length)} tokens`;
  document.getElementById("previous").disabled = firstRow === 0;
  document.getElementById("next").disabled = firstRow + ROWS >= rows.length;
  for (const head of document.querySelectorAll("#table th[data-key]")) {
    const sorted = head.dataset.key === view.sort;
    head.setAttribute("aria-sort", !sorted ? "none" : view.down ? "descending" : "ascending");
  }
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
  const heads = COLUMNS.map(({ key, title }) => {
    const button = element("button", { type: "button" }, title);
    button.addEventListener("click", () => {
      [view.sort, view.down] = [key, view.sort === key ? !view.down : false];
      firstRow = 0;
      tableChanged();
    });
    return element("th", { scope: "col", "data-key": key }, button);
  });
  document.querySelector("#table thead").append(element("tr", {}, ...heads, element("th", { scope: "col" }, "charts")));
  for (const [id, key] of [["script", "script"], ["state", "state"]]) {
    const choice = document.getElementById(id);
    for (const value of [...new Set(data.tokens[key])].sort()) choice.append(element("option", { value }, value));
    choice.addEventListener("change", () => filtered(key, choice.value));
  }
  const filter = document.getElementById("filter");
  filter.addEventListener("input", () => filtered("filter", filter.value));
  document.getElementById("previous").addEventListener("click", () => turn(-ROWS));
  document.getElementById("next").addEventListener("click", () => turn(ROWS));
}

function filtered(key, value) {
  view[key] = value;
  firstRow = 0;
  tableChanged();
}

function turn(rows) {
  firstRow += rows;
  fillTable();
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
