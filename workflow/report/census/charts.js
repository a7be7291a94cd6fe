"use strict";
// Two charts of a reading, drawn as SVG: tokens around the centre, and black holes by population.

const WIDE = 560, TALL = 230, LEFT = 62, RIGHT = 12, TOP = 30, FOOT = 40;
const MOST_POINTS = 2000;

function drawn(name, attributes = {}, ...children) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

// Heights are logarithms of counts; places from left to right even, or logarithms where there are many.
function scales(counts, first, last, isLog) {
  const high = Math.log10(Math.max(10, ...counts)), low = Math.log10(0.8);
  const across = isLog ? Math.log10 : (x) => x, from = across(first), to = Math.max(across(last), from + 1e-9);
  const room = isLog ? 0.03 * (to - from) : 0.5;
  return {
    x: (at) => LEFT + ((across(at) - from + room) / (to - from + 2 * room)) * (WIDE - LEFT - RIGHT),
    y: (count) => TALL - FOOT - ((Math.log10(Math.max(count, 0.8)) - low) / (high * 1.05 - low)) * (TALL - FOOT - TOP),
    high,
  };
}

function frame(title, below, beside, { x, y, high }, ticks) {
  const lines = [];
  for (let power = 0; power <= high * 1.05; power++) {
    const at = y(10 ** power);
    lines.push(drawn("line", { x1: LEFT, x2: WIDE - RIGHT, y1: at, y2: at }), drawn("text", { x: LEFT - 6, y: at + 4, "text-anchor": "end" }, number(10 ** power)));
  }
  const names = ticks.map((tick) => drawn("text", { x: x(tick), y: TALL - FOOT + 16, "text-anchor": "middle" }, number(tick)));
  return [
    drawn("text", { class: "title", x: 0, y: 16 }, title), ...lines, ...names,
    drawn("text", { x: (LEFT + WIDE) / 2, y: TALL - 4, "text-anchor": "middle" }, below),
    drawn("text", { x: 12, y: (TOP + TALL - FOOT) / 2, "text-anchor": "middle", transform: `rotate(-90 12 ${(TOP + TALL - FOOT) / 2})` }, beside),
  ];
}

function chart(label, ...children) {
  return drawn("svg", { class: "chart", viewBox: `0 0 ${WIDE} ${TALL}`, role: "group", "aria-label": label }, ...children);
}

function exponentChart({ exponents: { counts, cut, plateau } }) {
  const last = counts.length - 1, scale = scales(counts, 0, last, false), { x, y } = scale;
  const every = Math.max(1, Math.ceil(counts.length / 11)), ticks = counts.map((_, i) => i).filter((i) => i % every === 0);
  const marks = counts.map((count, i) => drawn("circle", { cx: x(i), cy: y(count), r: 3.5 },
    drawn("title", {}, `${number(count)} tokens within exponent distance ${i}`)));
  const shade = plateau ? [drawn("rect", { class: "plateau", x: x(plateau.first - 0.4), width: x(plateau.last + 0.4) - x(plateau.first - 0.4), y: TOP, height: TALL - FOOT - TOP })] : [];
  const title = "Tokens around the centre";
  return chart(`${title}: ${counts.map((count, i) => `${count} within ${i}`).join(", ")}`,
    ...frame(title, `Exponent distance (dashed: the cut${plateau ? "; shaded: the plateau" : ""})`, "Tokens within it", scale, ticks), ...shade,
    drawn("line", { class: "cut", x1: x(cut + 0.5), x2: x(cut + 0.5), y1: TOP, y2: TALL - FOOT }),
    drawn("path", { d: counts.map((count, i) => `${i ? "L" : "M"}${x(i)} ${y(count)}`).join("") }), ...marks);
}

function populationChart({ populations }) {
  const title = "Black holes, by population";
  if (!populations.length) return element("p", {}, `${title}: none, no two tokens share a vector.`);
  const last = populations.length, isLog = last > 30, scale = scales(populations, 1, last, isLog), { x, y } = scale;
  const ticks = isLog ? [1, 10, 100, 1000, 10000, 100000].filter((tick) => tick <= last) : populations.map((_, i) => i + 1).filter((rank) => last <= 15 || rank % 5 === 0);
  // More points than this lie upon one another: of the many small ones every so many is drawn.
  const kept = populations.map((_, i) => i).filter((i) => i < MOST_POINTS / 2 || i % Math.ceil(last / (MOST_POINTS / 2)) === 0);
  const marks = kept.map((i) => {
    const mark = drawn("a", {}, drawn("circle", { cx: x(i + 1), cy: y(populations[i]), r: 3.5 },
      drawn("title", {}, `vector ${i}: ${number(populations[i])} tokens`)));
    mark.addEventListener("click", () => showTokens({ vector: String(i) }));
    return mark;
  });
  return chart(`${title}: ${number(last)}, the largest of ${number(populations[0])} tokens; the table below has them all`,
    ...frame(title, "Rank", "Tokens of one vector", scale, ticks), ...marks);
}

function fillCharts() {
  document.getElementById("charts").replaceChildren(populationChart(shown.summary), exponentChart(shown.summary));
}
