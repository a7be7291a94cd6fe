"use strict";
// Find a token: a text field with a list of what fits.

const MOST_MATCHES = 20;

// Places of tokens, the best first: the number, the whole text, its beginning, any part of it, the script.
function matches(asked) {
  const wanted = asked.trim() === "" ? asked : asked.trim();
  if (wanted === "") return [];
  const low = wanted.toLowerCase();
  const ranked = [];
  data.tokens.text.forEach((text, place) => {
    const small = text.toLowerCase(), id = String(data.tokens.id[place]);
    let rank = -1;
    if (id === wanted || text === asked) rank = 0;
    else if (small === low) rank = 1;
    else if (data.tokens.script[place].toLowerCase() === low) rank = 2;
    else if (small.startsWith(low) || id.startsWith(wanted)) rank = 3;
    else if (data.tokens.script[place].toLowerCase().startsWith(low)) rank = 4;
    else if (small.includes(low) || visible(text).toLowerCase().includes(low)) rank = 5;
    if (rank >= 0) ranked.push([rank, place]);
  });
  return ranked.sort((a, b) => a[0] - b[0] || a[1] - b[1]).map(([, place]) => place);
}

function startSearch() {
  const field = document.getElementById("find"), list = document.getElementById("matches");
  let found = [], at = -1;

  function close() {
    list.hidden = true;
    field.setAttribute("aria-expanded", "false");
    field.removeAttribute("aria-activedescendant");
    at = -1;
  }

  function choose(place) {
    field.value = "";
    close();
    showToken(data.tokens.id[place]);
  }

  function mark(next) {
    at = next;
    [...list.children].forEach((option, i) => option.setAttribute("aria-selected", String(i === at)));
    if (at < 0) return field.removeAttribute("aria-activedescendant");
    field.setAttribute("aria-activedescendant", list.children[at].id);
    list.children[at].scrollIntoView({ block: "nearest" });
  }

  function update() {
    const all = matches(field.value);
    found = all.slice(0, MOST_MATCHES);
    list.replaceChildren(...found.map((place, i) => {
      const option = element("li", { role: "option", id: `match-${i}`, "aria-selected": "false" },
        tokenText(place), ` ${data.tokens.id[place]}, ${data.tokens.script[place]}`);
      option.addEventListener("mousedown", (event) => {
        event.preventDefault();
        choose(place);
      });
      return option;
    }));
    const more = all.length - found.length;
    say(field.value && !all.length ? "No dead token of this run fits." : more > 0 ? `${number(more)} more fit.` : "");
    if (!found.length) return close();
    list.hidden = false;
    field.setAttribute("aria-expanded", "true");
    at = -1;
  }

  field.addEventListener("input", update);
  field.addEventListener("blur", close);
  field.addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown" && found.length) {
      if (list.hidden) update();
      mark((at + 1) % found.length);
    } else if (event.key === "ArrowUp" && found.length) mark((at + found.length) % (found.length + 1) - 1 < 0 ? found.length - 1 : at - 1);
    else if (event.key === "Enter" && !list.hidden && found.length) choose(found[Math.max(at, 0)]);
    else if (event.key === "Escape") close();
    else return;
    event.preventDefault();
  });
}
