"use strict";
// What the pages share: elements, text that can be seen, numbers in words, what is held packed, what is saved.

function element(name, properties = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (key in made && key !== "role" && key !== "list") made[key] = value;
    else made.setAttribute(key, value);
  }
  made.append(...children);
  return made;
}

// Text that can be seen: blanks at the ends and what has no shape are written as signs.
function visible(text) {
  if (text === "") return "(empty)";
  const seen = text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (letter) => {
    const known = { "\n": "⏎", "\t": "⇥", "\r": "␍" }[letter];
    return known || `⟨U+${letter.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}⟩`;
  });
  return seen.replace(/^\p{Zs}+|\p{Zs}+$/gu, (blanks) => "␣".repeat([...blanks].length));
}

// A token's text stands apart, so that right-to-left writing turns nothing else round.
function textElement(text) {
  return element("bdi", { className: "token" }, visible(text));
}

function number(value) {
  return value.toLocaleString("en");
}

function precise(value, digits = 3) {
  if (value !== 0 && (Math.abs(value) < 1e-3 || Math.abs(value) >= 1e6)) return value.toExponential(digits - 1);
  return value >= 1000 ? Math.round(value).toLocaleString("en") : String(Number(value.toPrecision(digits)));
}

function round(value, digits) {
  return String(Number(value.toFixed(digits)));
}

// The bytes of an element that holds them packed (parts.py); the element goes, as nobody needs it twice.
async function unpackedBytes(id) {
  const holder = document.getElementById(id);
  const text = holder.textContent.trim();
  const bytes = Uint8Array.fromBase64
    ? Uint8Array.fromBase64(text)
    : Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  holder.remove();
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

// CSV as RFC 4180 has it, of rows of text.
function csvText(rows) {
  const field = (value) => (/[",\r\n]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value);
  return rows.map((row) => row.map(field).join(",") + "\r\n").join("");
}

function saveFile(name, text) {
  const link = element("a", { download: name, href: URL.createObjectURL(new Blob([text], { type: "text/csv" })) });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}
