"use strict";
// All that is known of one token.

const MOST_MEMBERS = 100;
const REACHED = {
  yes: "yes: its text is encoded as this token", in_word: "only after another token, as pieces of words are",
  no: "no: no text is encoded as this token",
};
const MEANT = {
  padded: "a row that no token has", unused: "reserved by its name", special: "special", added: "added to the vocabulary", plain: "plain",
};

function fact(name, ...content) {
  return [element("dt", {}, name), element("dd", {}, ...content)];
}

function fillToken() {
  const box = document.getElementById("token");
  if (view.token === null) return box.replaceChildren();
  const place = shown.placeOf.get(view.token), { of } = shown.tokens;
  const read = (key) => (of[key] ? of[key](place) : null);
  const said = (key, meant = {}) => (read(key) ? meant[read(key)] || read(key) : "");
  const script = said("script"), reachable = said("reachable", REACHED), dead = read("dead");
  const facts = [
    fact("Kind", said("kind", MEANT)),
    script && fact("Script", script),
    reachable && fact("Reachable", reachable),
    dead !== null && fact("In the run", dead ? "dead: the text never has it" : "live"),
    ...placeInWords(read),
    ...["cosine_distance", "unused_distance", "norm", "at_power_of_two"].filter((key) => read(key) !== null).map((key) => fact(INDICATORS[key], precise(read(key), DIGITS))),
  ];
  box.replaceChildren(
    element("h2", {}, "Token ", textElement(of.token(place)), ` ${view.token}`),
    element("dl", {}, ...facts.filter(Boolean).flat()),
  );
}

const INDICATORS = {
  cosine_distance: "Cosine distance to the mean unused row", unused_distance: "Distance to the mean unused row", norm: "Norm",
  at_power_of_two: "Share of its elements at a power of two",
};

// Its vector, who shares it, and where that lies.
function placeInWords(read) {
  const vector = read("vector");
  if (vector === null) {
    return [fact("Vector", read("kind") === "padded" ? "counted apart, as no token has this row" : "none: the row holds a NaN or an infinity")];
  }
  const at = shown.vectorAt.get(vector), own = view.token, component = read("component");
  const others = membersOf(vector).filter((place) => shown.tokens.of.token_id(place) !== own);
  const population = read("population"), padded = at === undefined ? null : shown.vectors.of.padded_rows?.(at);
  const lattice = at === undefined ? null : shown.vectors.of.lattice_max?.(at);
  const structure = { core: "in the core", outskirts: "in the outskirts", outside: "outside of it" }[read("structure")];
  return [
    population > 1
      ? fact("Vector", `${vector}, a black hole of ${number(population)} tokens`, padded ? ` and ${number(padded)} padded rows ` : " ", leadTo("show all", { vector: String(vector) }, `All tokens of vector ${vector}`))
      : fact("Vector", `${vector}, which no other token has`),
    others.length > 0 && fact("Shared with", sharers(others), others.length > MOST_MEMBERS ? ` and ${number(others.length - MOST_MEMBERS)} more` : ""),
    fact("Structure", structure, component === null ? "" : `, component ${component} `, component === null ? "" : leadTo("show its tokens", { component: String(component) }, `Tokens of component ${component}`)),
    fact("From the centre", `exponent distance ${read("exponent_distance")}, Euclidean distance ${precise(read("distance"), DIGITS)}`,
      lattice === null ? "" : `, lattice distance L∞ ${number(lattice)}, L1 ${number(shown.vectors.of.lattice_sum(at))}`),
  ];
}

function sharers(places) {
  return element("ul", { className: "members" }, ...places.slice(0, MOST_MEMBERS).map((place) => element("li", {}, tokenLink(place))));
}
