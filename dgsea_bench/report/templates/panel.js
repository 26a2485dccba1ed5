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
  return value < 3 * 3600 ? `${threeDigits(value / 60)} min` : `${threeDigits(value / 3600)} h`;
}

function mebibytes(value) {
  if (value > 0 && value < 0.95) return `${Math.round(value * 1024)} KiB`;
  if (value >= 1023.5) return `${threeDigits(value / 1024)} GiB`;
  return value < 9.95 ? `${value.toFixed(1)} MiB` : `${Math.round(value)} MiB`;
}

function relative(value) {
  if (value === 0) return "0";
  if (value < 1e-12) return "same to rounding";
  if (value < 1e-4) return value.toExponential(1).replace("e-0", "e-");
  return `${(100 * value).toFixed(100 * value < 9.995 ? 2 : 1)} %`;
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

// What a curve says at a size: value, low, high, and how that is known.
function along(curve, size, axis) {
  const { nodes, slope } = curve;
  if (!nodes.length) return { values: [1, 1, 1], warning: `${axis} were not varied` };
  const [first, last] = [nodes[0], nodes.at(-1)];
  if (nodes.length === 1 && size !== first[0]) {
    return { values: first.slice(1), warning: `${axis} were not varied (${first[0].toLocaleString("en")})` };
  }
  if (size < first[0]) {
    return { values: first.slice(1), warning: `taken as at ${first[0].toLocaleString("en")} ${axis}, the fewest measured` };
  }
  if (size <= last[0]) {
    const measured = nodes.some((node) => node[0] === size);
    return { values: [1, 2, 3].map((column) => between(nodes, size, column)), measured };
  }
  if (!slope) {
    return { values: last.slice(1), warning: `taken as at ${last[0].toLocaleString("en")} ${axis}, the most measured`, beyond: true };
  }
  const factor = size / last[0];
  const [best, low, high] = slope;
  const values = [last[1] * factor ** best, last[2] * factor ** low, last[3] * factor ** high];
  const told = `${threeDigits(factor)} × beyond ${last[0].toLocaleString("en")} ${axis}`;
  return { values, warning: `extrapolated ${told}`, beyond: true };
}

// Along each axis from the base, the factors multiplied.
function predicted(curves, base, problem) {
  const start = along(curves.genes, problem.genes, "genes");
  const result = { values: [...start.values], warnings: [start.warning], measured: start.measured, beyond: start.beyond };
  for (const axis of ["sets", "profiles"]) {
    if (problem[axis] === base[axis]) continue;
    const curve = curves[axis];
    const here = along(curve, problem[axis], axis === "sets" ? "gene sets" : axis);
    const origin = curve.nodes.length > 1 ? along(curve, base[axis], axis).values[0] : 0;
    result.values = result.values.map((value, k) => (origin > 0 ? value * here.values[k] / origin : value));
    result.warnings.push(here.warning);
    result.beyond ||= here.beyond;
    result.measured = result.measured && problem.genes === base.genes && here.measured;
  }
  result.warnings = result.warnings.filter(Boolean);
  return result;
}

// The failure that this problem would meet too, at a size that is not larger; to be left out is no failure.
function failure(backend, problem) {
  return backend.ends.find((end) => end[3] !== "skipped" && AXES.every((axis, k) => end[k] !== null && end[k] <= problem[axis]));
}

function told(backend, way, problem) {
  const found = { label: backend.label, colour: backend.colour, failure: failure(backend, problem) };
  for (const [name, curves] of Object.entries(backend.curves)) found[name] = predicted(curves, way.base, problem);
  return found;
}

function meets(found, tolerance) {
  if (found.failure) return false;
  if (tolerance === Infinity) return true;
  return found.error !== undefined && found.error.values[0] <= tolerance
    && (found.gradient === undefined || found.gradient.values[0] <= tolerance);
}

function ranged(prediction, form) {
  const [value, low, high] = prediction.values;
  const [a, b, c] = [form(value), form(Math.min(low, value)), form(Math.max(high, value))];
  return b === c || !prediction.warnings.length ? [a, ""] : [a, `${b} to ${c}`];
}

function known(found) {
  const { time } = found;
  if (found.failure) {
    const [genes, , , status, reason] = found.failure;
    return `${status} at ${genes.toLocaleString("en")} genes${reason ? `: ${reason}` : ""}`;
  }
  const cost = time.warnings.length ? time.warnings.join("; ") : time.measured ? "measured" : "interpolated";
  const assumed = found.error?.beyond && !time.beyond; // times are known beyond the largest size that has a truth
  return assumed ? `${cost}; its error ${found.error.warnings.join(" and ")}` : cost;
}

function cells(found, best, tolerance) {
  const error = (prediction) => (prediction ? [relative(prediction.values[0]), ""] : [UNKNOWN, ""]);
  const columns = [
    ranged(found.time, seconds),
    found.memory ? ranged(found.memory, mebibytes) : [UNKNOWN, ""],
    error(found.error), error(found.gradient), [known(found), ""],
  ];
  const row = make("tr", { className: found === best ? "best" : meets(found, tolerance) ? "" : "unfit" });
  row.append(make("td", {}, make("i", { className: found.colour }), found.label));
  for (const [text, note] of columns) {
    row.append(make("td", {}, text, ...(note ? [make("small", { textContent: note })] : [])));
  }
  return row;
}

function sentence(found, best, tolerance, name) {
  if (!best) return `No backend measured here is within ${name} on this problem.`;
  const [time] = ranged(best.time, seconds);
  const memory = best.memory ? `, ${mebibytes(best.memory.values[0])}` : "";
  const others = found.filter((each) => each !== best && meets(each, tolerance));
  const next = others.length ? ` The next, ${others[0].label}, takes ${threeDigits(others[0].time.values[0] / best.time.values[0])} times as long.` : "";
  const how = known(best);
  const sure = how === "measured" || how === "interpolated";
  const basis = sure ? ` This is ${how}.` : ` Caution: ${how}.`;
  return `Use ${best.label}: about ${time} a step${memory}.${next}${basis}`;
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
    const tolerance = Number(fields.tolerance.value);
    const found = way.backends.map((backend) => told(backend, way, problem));
    found.sort((a, b) => meets(b, tolerance) - meets(a, tolerance) || a.time.values[0] - b.time.values[0]);
    const best = found.find((each) => meets(each, tolerance));
    answer.textContent = sentence(found, best, tolerance, fields.tolerance.selectedOptions[0].textContent);
    section.querySelector("tbody").replaceChildren(...found.map((each) => cells(each, best, tolerance)));
  };
  form.addEventListener("input", reckon);
  fields.way.addEventListener("change", () => { start(); reckon(); });
  form.addEventListener("submit", (event) => event.preventDefault());
  form.hidden = false;
  start();
  reckon();
}

document.querySelectorAll(".panel").forEach(panel);
