"use strict";
// A table of many rows: sorted by a column that is chosen, a page of rows at a time.

const ROWS = 50;

// What is missing stands last, whichever way the others are sorted.
function compare(a, b, sign = 1) {
  if (a === null || b === null) return (a === null) - (b === null);
  if (typeof a === "number") return sign * (a - b);
  return a < b ? -sign : a > b ? sign : 0;
}

// ids: of the elements `table`, `count`, `previous`, `next`. columns: key and title of each; further: titles of
// those that nothing is sorted by. rows: the places of rows, filtered and sorted; row: a place's tr. sorted: the
// key that rows are sorted by, and whether down; sort: called with the key of a head that was pressed.
function pagedTable({ ids, noun, columns, further = [], rows, row, sorted, sort }) {
  const part = (name) => document.getElementById(ids[name]);
  const table = part("table");
  let first = 0;

  function heads() {
    const made = columns().map(({ key, title }) => {
      const button = element("button", { type: "button" }, title);
      button.addEventListener("click", () => {
        first = 0;
        sort(key);
      });
      return element("th", { scope: "col", "data-key": key }, button);
    });
    const others = further.map((title) => element("th", { scope: "col" }, title));
    table.tHead.replaceChildren(element("tr", {}, ...made, ...others));
  }

  function fill() {
    const all = rows();
    first = Math.max(0, Math.min(first, (Math.ceil(all.length / ROWS) - 1) * ROWS));
    const seen = [...all.slice(first, first + ROWS)];
    table.tBodies[0].replaceChildren(...seen.map(row));
    const range = all.length ? `${number(first + 1)} to ${number(first + seen.length)} of ` : "";
    part("count").textContent = `${range}${number(all.length)} ${noun}`;
    part("previous").disabled = first === 0;
    part("next").disabled = first + ROWS >= all.length;
    const { key, down } = sorted();
    for (const head of table.querySelectorAll("th[data-key]")) {
      const isIt = head.dataset.key === key;
      head.setAttribute("aria-sort", !isIt ? "none" : down ? "descending" : "ascending");
    }
  }

  function turn(by) {
    first += by;
    fill();
  }

  part("previous").addEventListener("click", () => turn(-ROWS));
  part("next").addEventListener("click", () => turn(ROWS));
  return { heads, fill, toFirst: () => { first = 0; } };
}
