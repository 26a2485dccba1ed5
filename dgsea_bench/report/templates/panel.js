// The panel for a problem of the reader's own: every backend's cost and error there, along its curves.

const AXES = ["genes", "sets", "profiles"];
const UNKNOWN = "–";

function threeDigits(value) {
  if (value === 0) return "0";
  const decimals = Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value)) + 1e-9));
  return value.toLocaleString("en", { minimumFractionDigits: decimals, maximumFractionDigits: decimals });
}

function seconds(value) {
  if (value * 1e6 < 999.5) return `${threeDigits(value * 1e6)} µs`;
  if (value * 1e3 < 999.5) return `${threeDigits(value * 1e3)} ms`;
  if (value < 300) return `${threeDigits(value)} s`;
  return value < 300 * 60 ? `${threeDigits(value / 60)} min` : `${threeDigits(value / 3600)} h`;
}

function mebibytes(value) {
  if (value > 0 && value < 0.95) return `${Math.round(value * 1024)} KiB`;
  if (value >= 1023.5) return `${threeDigits(value / 1024)} GiB`;
  return value < 9.95 ? `${value.toFixed(1)} MiB` : `${Math.round(value)} MiB`;
}

function relative(value) {
  if (value === 0) return "0";
  if (value < 1e-12) return "same to rounding";
  if (value < 1e-4) return value.toExponential(1);
  const percent = 100 * value;
  return `${percent.toFixed(percent < 9.995 ? 2 : percent < 99.95 ? 1 : 0)} %`;
}

// A value at a size: on a straight line between the measured neighbours, on logarithmic axes.
function between(nodes, size, column) {
  const after = nodes.findIndex((node) => node[0] >= size);
  const [low, high] = [nodes[Math.max(after - 1, 0)], nodes[after]];
  const [from, to] = [low[column], high[column]];
  if (low[0] === high[0]) return to;
  const share = Math.log(size / low[0]) / Math.log(high[0] / low[0]);
  return from > 0 && to > 0 ? from * (to / from) ** share : from + share * (to - from);
}

// What a curve says at a size: value, low, high, and how that is known: a place on the axis, and a warning.
function along(curve, size, axis) {
  const { nodes, slope } = curve;
  if (!nodes.length) return { values: [1, 1, 1], place: axis, warning: `not known to go with ${axis}`, fixed: true };
  const [first, last] = [nodes[0], nodes.at(-1)];
  const [fewest, most] = [first, last].map((node) => `${node[0].toLocaleString("en")} ${axis}`);
  if (nodes.length === 1 && size !== first[0]) {
    const warning = `${axis} were not varied (${first[0].toLocaleString("en")})`;
    return { values: first.slice(1), place: most, warning, fixed: true };
  }
  if (size < first[0]) {
    return { values: first.slice(1), place: fewest, warning: `taken as at ${fewest}, the fewest measured` };
  }
  if (size <= last[0]) {
    const measured = nodes.some((node) => node[0] === size);
    return { values: [1, 2, 3].map((column) => between(nodes, size, column)), measured };
  }
  if (!slope) return { values: last.slice(1), place: most, warning: `taken as at ${most}, the most measured` };
  const factor = size / last[0];
  const values = slope.map((exponent, k) => last[k + 1] * factor ** exponent);
  return { values, place: most, warning: `extrapolated ${threeDigits(factor)} × beyond ${most}` };
}

// Along each axis from the base, the factors multiplied.
function predicted(curves, base, problem) {
  const start = along(curves.genes, problem.genes, "genes");
  const away = AXES.filter((axis) => problem[axis] !== base[axis]);
  const result = { values: [...start.values], warnings: [start], measured: away.length < 2 && start.measured };
  for (const axis of away.filter((each) => each !== "genes")) {
    const curve = curves[axis];
    const here = along(curve, problem[axis], axis === "sets" ? "gene sets" : axis);
    const origin = curve.nodes.length > 1 ? along(curve, base[axis], axis).values[0] : 0;
    result.values = result.values.map((value, k) => (origin > 0 ? value * here.values[k] / origin : value));
    result.warnings.push(here);
    result.measured = result.measured && here.measured;
  }
  result.warnings = result.warnings.filter((each) => each.warning);
  return result;
}

// The failure that this problem would meet too: at a size that is not larger, or is the same where larger ones finished.
function failure(backend, problem) {
  return backend.ends.find(({ sizes, outlived }) => AXES.every((axis, k) => (
    outlived ? sizes[k] === problem[axis] : sizes[k] <= problem[axis]
  )));
}

function told(backend, way, problem) {
  const found = { label: backend.label, colour: backend.colour, failure: failure(backend, problem) };
  found.flagged = backend.flagged.some((sizes) => AXES.every((axis, k) => sizes[k] === problem[axis]));
  for (const [name, curves] of Object.entries(backend.curves)) found[name] = predicted(curves, way.base, problem);
  return found;
}

// As in the verdict, no gradient error where others have one is one too many.
function meets(found, { tolerance, gradients }) {
  if (found.failure) return false;
  if (tolerance === Infinity) return true;
  const bounded = gradients ? [found.error, found.gradient] : [found.error];
  return bounded.every((prediction) => prediction && prediction.values[0] <= tolerance);
}

function ranged(prediction, form) {
  const [value, low, high] = prediction.values;
  const [a, b, c] = [form(value), form(Math.min(low, value)), form(Math.max(high, value))];
  return b === c || !prediction.warnings.length ? [a, ""] : [a, `${b} to ${c}`];
}

// What to know of a time, and of all else that does not go as far as the time.
function cautions(found) {
  const seen = new Set(found.time.warnings.map(({ place }) => place));
  const others = ["memory", "error", "gradient"].flatMap((name) => (found[name]?.warnings || [])
    .filter(({ place }) => !seen.has(place) && seen.add(place)).map(({ warning }) => `${name} ${warning}`));
  return [...found.time.warnings.map(({ warning }) => warning), ...others];
}

function known(found) {
  if (found.failure) {
    const { sizes, status, reason } = found.failure;
    const told = AXES.map((axis, k) => `${sizes[k].toLocaleString("en")} ${sizes[k] === 1 ? axis.slice(0, -1) : axis}`);
    return `${status} at ${told.join(", ")}${reason ? `: ${reason}` : ""}`;
  }
  const measured = ["time", "memory", "error", "gradient"].every((name) => found[name]?.measured !== false);
  const how = !measured ? "interpolated" : found.flagged ? "measured, but flagged: see All cases" : "measured";
  return cautions(found).join("; ") || how;
}

function cells(found, best, need) {
  const error = (prediction) => (prediction ? [relative(prediction.values[0]), ""] : [UNKNOWN, ""]);
  const columns = [
    ranged(found.time, seconds),
    found.memory ? ranged(found.memory, mebibytes) : [UNKNOWN, ""],
    error(found.error), error(found.gradient), [known(found), ""],
  ];
  const row = make("tr", { className: found === best ? "best" : meets(found, need) ? "" : "unfit" });
  row.append(make("td", {}, make("i", { className: found.colour }), found.label));
  for (const [text, note] of columns) {
    row.append(make("td", {}, text, ...(note ? [make("small", { textContent: note })] : [])));
  }
  return row;
}

function sentence(found, best, need, name) {
  if (!best && need.tolerance === Infinity) return "No backend measured here finished a problem like this.";
  if (!best) return `No backend measured here is within ${name} on this problem.`;
  const [time] = ranged(best.time, seconds);
  const memory = best.memory ? `, ${mebibytes(best.memory.values[0])}` : "";
  const others = found.filter((each) => each !== best && meets(each, need));
  const next = others.length ? ` The next, ${others[0].label}, takes ${threeDigits(others[0].time.values[0] / best.time.values[0])} times as long.` : "";
  const how = known(best);
  const basis = cautions(best).length ? ` Caution: ${how}.` : ` This is ${how}.`;
  const use = best.time.warnings.some(({ fixed }) => fixed) ? "Not known; on what was measured use" : "Use";
  return `${use} ${best.label}: about ${time} a step${memory}.${next}${basis}`;
}

function panel(section) {
  const { ways } = JSON.parse(document.getElementById("growth-model").textContent);
  const form = section.querySelector("form");
  const fields = form.elements;
  const [box, caption, answer] = [".scroll", ".caption", ".answer"].map((name) => section.querySelector(name));
  ways.forEach((way, number) => fields.way.append(make("option", { value: number, textContent: way.name })));
  fields.way.closest("label").hidden = ways.length < 2;
  const start = () => {
    const { base, sizes } = ways[fields.way.value];
    for (const axis of AXES) fields[axis].value = base[axis];
    fields.genes.value = sizes.genes.at(-1);
  };
  const reckon = () => {
    const way = ways[fields.way.value];
    const problem = Object.fromEntries(AXES.map((axis) => [axis, fields[axis].valueAsNumber]));
    const wrong = AXES.find((axis) => !fields[axis].validity.valid);
    box.hidden = caption.hidden = Boolean(wrong);
    if (wrong) {
      answer.textContent = `${wrong}: a whole number from 1 to 100,000,000 is wanted.`;
      return;
    }
    const found = way.backends.map((backend) => told(backend, way, problem));
    const need = { tolerance: Number(fields.tolerance.value), gradients: found.some((each) => each.gradient) };
    found.sort((a, b) => meets(b, need) - meets(a, need) || a.time.values[0] - b.time.values[0]);
    const best = found.find((each) => meets(each, need));
    answer.textContent = sentence(found, best, need, fields.tolerance.selectedOptions[0].textContent);
    section.querySelector("tbody").replaceChildren(...found.map((each) => cells(each, best, need)));
  };
  form.addEventListener("input", reckon);
  fields.way.addEventListener("change", () => { start(); reckon(); });
  form.addEventListener("submit", (event) => event.preventDefault());
  form.hidden = false;
  start();
  reckon();
}

document.querySelectorAll(".panel").forEach(panel);
