"use strict";
// The frame of the page: theme, where in the page the reader is, which backends are shown, copying of links.

const root = document.documentElement;

function make(tag, properties = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

function remembered(key, value) {
  try {
    if (value !== undefined) localStorage.setItem(key, value);
    return localStorage.getItem(key);
  } catch {
    return null; // a browser that keeps nothing for files
  }
}

async function copy(text, button) {
  const before = button.textContent;
  try {
    await navigator.clipboard.writeText(text);
    button.textContent = "Copied";
  } catch {
    button.textContent = "Not allowed here";
  }
  setTimeout(() => { button.textContent = before; }, 1500);
}

function theme() {
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const chosen = remembered("dgsea_bench theme");
  if (chosen === "dark" || chosen === "light") root.dataset.theme = chosen;
  const now = () => root.dataset.theme || (dark.matches ? "dark" : "light");
  const button = make("button", { type: "button", className: "theme" });
  const name = () => { button.textContent = now() === "dark" ? "Light theme" : "Dark theme"; };
  button.addEventListener("click", () => {
    root.dataset.theme = now() === "dark" ? "light" : "dark";
    remembered("dgsea_bench theme", root.dataset.theme);
    name();
  });
  dark.addEventListener("change", name);
  name();
  document.body.append(button);
}

function whereTheReaderIs() {
  const links = new Map([...document.querySelectorAll("nav a")].map((link) => [link.hash.slice(1), link]));
  const seen = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      if (!entry.isIntersecting) continue;
      for (const link of links.values()) link.removeAttribute("aria-current");
      links.get(entry.target.id)?.setAttribute("aria-current", "true");
    }
  }, { rootMargin: "-10% 0px -80% 0px" });
  for (const id of links.keys()) {
    const section = document.getElementById(id);
    if (section) seen.observe(section);
  }
}

// A backend has one colour on the whole page, so that it can be hidden by it: in drawings faded, in tables left out.
// Where there are more backends than colours, those of one colour are hidden together.
function backends() {
  const colours = new Map();
  for (const spot of document.querySelectorAll("main td > i")) {
    const labels = colours.get(spot.className) || new Set();
    colours.set(spot.className, labels.add(spot.nextSibling.textContent.trim()));
  }
  if (colours.size < 2) return;
  const hidden = new Set();
  const rules = document.head.appendChild(document.createElement("style"));
  const chips = make("p", { className: "chips" }, make("span", { textContent: "Show backends" }));
  for (const [colour, labels] of colours) {
    const label = [...labels].join(", ");
    const chip = make("button", { type: "button", title: `Hide or show ${label}` }, make("i", { className: colour }), label);
    chip.setAttribute("aria-pressed", "true");
    chip.addEventListener("click", () => {
      const shown = hidden.delete(colour) || !hidden.add(colour);
      chip.setAttribute("aria-pressed", String(shown));
      rules.textContent = [...hidden].map((each) => `.drawing [style*="var(--${each})"] { opacity: .06 !important; }`).join("\n");
      document.dispatchEvent(new CustomEvent("backends", { detail: hidden }));
    });
    chips.append(chip);
  }
  document.querySelector("header").append(chips);
}

theme();
backends();
whereTheReaderIs();
