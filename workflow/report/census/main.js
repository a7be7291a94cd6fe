"use strict";
// The page from its data to what is seen.

function nameOf({ matrix, reading }) {
  const { format } = data.summary.matrices[matrix];
  return `${matrix}, ${reading === format ? `exact bits (${reading})` : `rounded to ${reading}`}`;
}

function counted(count, name) {
  return `${number(count)} ${name}${count === 1 ? "" : "s"}`;
}

function share(some, all) {
  return all ? ` (${round((100 * some) / all, 1)}%)` : "";
}

function neighboursInWords({ adjacency }) {
  if (adjacency.pairs === null) return `not counted: ${number(adjacency.candidate_pairs)} candidate pairs, more than ${number(adjacency.pair_limit)}`;
  const kinds = Object.entries(adjacency.kinds).filter(([, count]) => count).map(([kind, count]) => `${number(count)} by ${kind.replace("_", " ")}`);
  const largest = adjacency.largest_component;
  return `${counted(adjacency.pairs, "pair")} of neighbours${kinds.length ? ` (${kinds.join(", ")})` : ""}, ${counted(adjacency.components, "component")}; `
    + `the one of most vectors has ${number(largest.vectors)}, with ${counted(largest.tokens, "token")} and ${counted(largest.black_holes, "black hole")}`;
}

function centreInWords({ centre }) {
  const place = shown.placeOf.get(centre.token_id);
  const by = centre.by === "most_populous_black_hole" ? `the most populous black hole, of ${number(centre.population)} tokens: ` : "where rows lie densest, as no two tokens share a vector: ";
  return [by, place === undefined ? "" : tokenLink(place), ` ${centre.token_id}`, `, norm ${precise(centre.norm, DIGITS)}`];
}

function fillShort() {
  const found = shown.summary, { within_cut: inside, geography, padded, exponents } = found, { indicators, tensor, format } = shown.about;
  const areas = Object.entries(indicators.areas).filter(([, area]) => area !== null).map(([name, area]) => `${name.replace("_", " ")} ${round(area, 3)}`);
  const apart = [padded.rows ? `${number(padded.rows)} padded rows` : "", found.nonfinite_rows ? `${number(found.nonfinite_rows)} rows that are not finite` : ""].filter(Boolean);
  const facts = [
    fact("Matrix", `${tensor}: ${number(found.rows)} x ${number(found.dimensions)}, ${format}`),
    fact("Read", nameOf(shown.chosen)),
    fact("Tokens", `${number(found.tokens)}, on ${number(found.vectors)} different vectors`),
    apart.length > 0 && fact("Counted apart", apart.join(", ")),
    fact("Black holes", found.black_holes ? `${number(found.black_holes)}, of ${number(found.black_hole_tokens)} tokens${share(found.black_hole_tokens, found.tokens)}; the largest of ${number(found.largest_population)}` : "none: no two tokens share a vector"),
    fact("Centre", ...centreInWords(found)),
    fact("Structure", `within exponent distance ${exponents.cut}: ${counted(inside.tokens, "token")} on ${counted(inside.vectors, "vector")}, ${counted(inside.black_holes, "black hole")} among them; ${precise(inside.width)} wide`),
    fact("Plateau", exponents.plateau ? `${number(exponents.plateau.tokens)} tokens from exponent distance ${exponents.plateau.first} to ${exponents.plateau.last}` : "none"),
    fact("Components", neighboursInWords(found)),
    fact("Core", `${counted(geography.core.tokens, "token")} on ${counted(geography.core.vectors, "vector")}`),
    fact("Outskirts", `${counted(geography.outskirts.tokens, "token")} on ${counted(geography.outskirts.vectors, "vector")}`),
    fact("Norms", `${precise(geography.norm_min, DIGITS)} to ${precise(geography.norm_max, DIGITS)} in the structure`),
    areas.length > 0 && fact("Indicators", `area under the receiver operating characteristic, against ${indicators.truth_is}: ${areas.join(", ")}`),
  ];
  document.getElementById("short").replaceChildren(...facts.filter(Boolean).flat());
}

function fillReadings() {
  const choice = document.getElementById("reading");
  choice.replaceChildren(...data.readings.map((one, i) => element("option", { value: String(i) }, nameOf(one))));
  document.getElementById("of").hidden = data.readings.length < 2;
  choice.addEventListener("change", async () => {
    await showReading(data.readings[Number(choice.value)]);
    view.reading = shown.chosen;
    if (!shown.placeOf.has(view.token)) view.token = null;
    // Vectors and components of another reading have other numbers.
    Object.assign(view, { vector: "", component: "" });
    [view.sort, view.down] = orderIn(`${view.down ? "-" : ""}${view.sort}`, tokenColumns()) || [DEFAULTS.sort, DEFAULTS.down];
    showAll();
  });
}

function explain() {
  const lines = [
    "A black hole is a vector that two tokens or more share in every bit; its population is their number. Vectors are numbered by population, the most populous is 0.",
    "Exponent distance is the largest difference of exponent fields, over the dimensions, from the centre: the most populous black hole or, without one, the middle of the densest neighbourhood. The structure is what lies within the cut. Two vectors are neighbours if no element differs by more than one representable value; components are those of neighbours, the largest 0, the core is the one that holds the centre, the rest of the structure are its outskirts.",
    "Reachable: yes if the token's text is encoded as that token alone, in_word if so only after another token, as the inner pieces of words are. Kind padded: a row that no token has; it is counted apart. Kind unused: reserved by its name.",
    `Cosine distance and distance to unused are those of Land and Bartolo, Fishing for Magikarp (2024), to the mean of ${number(shown.about.indicators.known_unused)} known unused rows, of the exact bits: the smaller, the more a token is suspected of never having been trained. Cosine distance is taken without the first principal component.`,
    "Whole numbers are exact. Distances and norms are held as float32, so they are off by at most 6e-8 of the value, and the tables show five digits; so are lattice distances, which are exact up to 16,777,216. What is saved as CSV has nine digits.",
  ];
  document.getElementById("explained").replaceChildren(...lines.map((line) => element("p", {}, line)));
}

function showAll() {
  document.getElementById("reading").value = String(data.readings.indexOf(shown.chosen));
  fillShort();
  fillCharts();
  fillFilters();
  fillToken();
  for (const table of [vectorsTable, tokensTable]) {
    table.toFirst();
    table.heads();
    table.fill();
  }
  explain();
  writeAddress();
}

async function start() {
  try {
    if (typeof DecompressionStream === "undefined") throw new Error("this browser is too old: take one of 2023 or later");
    readPage();
    const { census, run, tied } = data.summary;
    document.title = `${census}: census`;
    document.getElementById("title").textContent = `${census}: the census of its embeddings`;
    const of = run ? `W of run ${run.run} after step ${number(run.step)}` : Object.keys(data.summary.matrices).length > 1 ? "Input and output embeddings, not tied" : tied ? "Tied embeddings" : "One matrix";
    document.getElementById("about").textContent = `${of}. This page needs no network.`;
    startTables();
    await readAddress();
  } catch (error) {
    document.querySelector("main").replaceChildren(element("p", { role: "alert" }, `This page cannot be shown: ${error.message}. If it was cut short, make it again.`));
    throw error;
  }
  fillReadings();
  searchField({
    of: searchedTokens, say,
    choose: (place) => showToken(shown.tokens.of.token_id(place)),
    describe: (place) => [shown.tokens.of.token_id(place), shown.tokens.of.script?.(place) || shown.tokens.of.kind(place)].join(", "),
    nothing: "No token of this matrix fits.",
  });
  showAll();
  document.getElementById("tokens-download").addEventListener("click", () => downloadTable("tokens", rowsOfTokens()));
  document.getElementById("vectors-download").addEventListener("click", () => downloadTable("vectors", rowsOfVectors()));
  addEventListener("hashchange", async () => {
    await readAddress();
    showAll();
  });
  requestAnimationFrame(() => { document.documentElement.dataset.openedIn = String(Math.round(performance.now())); });
}
