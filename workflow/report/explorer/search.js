"use strict";
// Find a token of the run.

let searched = null;
// Its tokens, prepared for the search when it is first needed.
function searchedTokens() {
  searched ??= searchable(data.tokens.id, data.tokens.text, data.tokens.script);
  return searched;
}

function startSearch() {
  searchField({
    of: searchedTokens, say,
    choose: (place) => showToken(data.tokens.id[place]),
    describe: (place) => `${data.tokens.id[place]}, ${data.tokens.script[place]}`,
    nothing: "No dead token of this run fits.",
  });
}
