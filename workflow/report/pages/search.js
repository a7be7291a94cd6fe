"use strict";
// Find a token: a text field with a list of what fits.

const MOST_MATCHES = 20;

// What is looked through, in small letters once and for all: texts and scripts by place, and numbers.
function searchable(ids, texts, scripts) {
  const low = (text) => text.toLowerCase();
  const seen = texts.map((text) => (/^\s|\s$|[\p{Cc}\p{Cf}]/u.test(text) ? low(visible(text)) : ""));
  return { ids, texts, low: texts.map(low), seen, scripts: scripts.map(low) };
}

// Places of tokens, the best first: the number, the whole text, its beginning, any part of it, the script.
function matches(asked, { ids, texts, low, seen, scripts }) {
  const wanted = asked.trim() === "" ? asked : asked.trim();
  if (wanted === "") return [];
  const small = wanted.toLowerCase(), ranks = [[], [], [], [], [], []], isNumber = /^\d+$/.test(wanted);
  for (let place = 0; place < texts.length; place++) {
    if ((isNumber && String(ids[place]) === wanted) || texts[place] === asked) ranks[0].push(place);
    else if (low[place] === small) ranks[1].push(place);
    else if (scripts[place] === small) ranks[2].push(place);
    else if (low[place].startsWith(small) || (isNumber && String(ids[place]).startsWith(wanted))) ranks[3].push(place);
    else if (scripts[place].startsWith(small)) ranks[4].push(place);
    else if (low[place].includes(small) || seen[place].includes(small)) ranks[5].push(place);
  }
  return ranks.flat();
}

// Whether a filter's words, in small letters, stand in a token's text, number or script.
function hasWords(place, words, { ids, low, scripts }) {
  return low[place].includes(words) || scripts[place].includes(words) || String(ids[place]).includes(words);
}

// of: what is `searchable`, asked for when it is first needed; choose: what is done with a place;
// describe: what stands beside its text; say: shows a message; nothing: said where nothing fits.
function searchField({ of, choose, describe, say: tell, nothing }) {
  const field = document.getElementById("find"), list = document.getElementById("matches");
  let found = [], at = -1;

  function close() {
    list.hidden = true;
    field.setAttribute("aria-expanded", "false");
    field.removeAttribute("aria-activedescendant");
    at = -1;
  }

  function take(place) {
    field.value = "";
    close();
    choose(place);
  }

  function mark(next) {
    at = next;
    [...list.children].forEach((option, i) => option.setAttribute("aria-selected", String(i === at)));
    if (at < 0) return field.removeAttribute("aria-activedescendant");
    field.setAttribute("aria-activedescendant", list.children[at].id);
    list.children[at].scrollIntoView({ block: "nearest" });
  }

  function update() {
    const all = matches(field.value, of());
    found = all.slice(0, MOST_MATCHES);
    list.replaceChildren(...found.map((place, i) => {
      const option = element("li", { role: "option", id: `match-${i}`, "aria-selected": "false" },
        textElement(of().texts[place]), ` ${describe(place)}`);
      option.addEventListener("mousedown", (event) => {
        event.preventDefault();
        take(place);
      });
      return option;
    }));
    const more = all.length - found.length;
    tell(field.value && !all.length ? nothing : more > 0 ? `${number(more)} more fit.` : "");
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
    else if (event.key === "Enter" && !list.hidden && found.length) take(found[Math.max(at, 0)]);
    else if (event.key === "Escape") close();
    else return;
    event.preventDefault();
  });
}
