// Over Snakemake's own report: names for what has none, and links that lead somewhere.
"use strict";

// What docutils makes of Statistics_ and Workflow_ calls this, and Snakemake no longer has it.
function show_panel(name) {
  app.setView({ content: { statistics: "stats", workflow: "rulegraph" }[name], navbarMode: "menu" });
}

// Home is the opening page; Snakemake's own is empty where no metadata are given.
function openAtHome() {
  const setView = app.setView;
  app.setView = (view) =>
    setView(view.content === "metadata" && !Object.keys(metadata).length ? { ...view, content: "rulegraph" } : view);
  app.forceUpdate();
}

function describe(address) {
  const shown = Object.values(results).find((result) => result.data_uri === address);
  if (!shown) return "";
  const caption = new DOMParser().parseFromString(shown.caption || "", "text/html").body.textContent;
  return `${shown.labels.shows}: ${caption.replace(/\s+/g, " ").trim()}`;
}

function set(element, attribute, text) {
  if (element.getAttribute(attribute) !== text) element.setAttribute(attribute, text);
}

function nameWhatHasNoName() {
  // One element shows one picture after the other.
  for (const image of document.querySelectorAll("#app img")) set(image, "alt", describe(image.getAttribute("src")));
  for (const frame of document.querySelectorAll("#app iframe")) set(frame, "title", describe(frame.getAttribute("src")));
  for (const drawing of document.querySelectorAll("#app .vega-embed canvas, #app .vega-embed svg")) {
    set(drawing, "role", "img");
    const graph = drawing.closest("#rulegraph");
    set(drawing, "aria-label", graph ? "The rules of the workflow, and which needs which" : "Run times of the jobs");
  }
  for (const button of document.querySelectorAll("#app a[href='#']")) {
    if (!button.textContent.trim()) set(button, "aria-label", nameOfButton(button));
  }
}

// Icons alone say nothing to those who do not see them.
function nameOfButton(button) {
  const row = button.closest("tr");
  if (row) return `${row.querySelector("a") === button ? "Show" : "About"} ${row.cells[0].textContent}`;
  if (button.closest("h1")) return "Hide the menu";
  return button.closest("nav") ? "Home" : "Show the menu";
}

let isOpen = false;
// The report draws itself some time after its last script was read.
new MutationObserver(() => {
  if (!isOpen && app) {
    isOpen = true;
    openAtHome();
  }
  nameWhatHasNoName();
}).observe(document.querySelector("#app"), { childList: true, subtree: true, attributeFilter: ["src"] });
