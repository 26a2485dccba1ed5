// Tables that a reader can order, filter, copy and save. Each keeps its order below a heading of its rows.

const FORMULA = /^[=+\-@\t\r]/;
const FEWEST_TO_FILTER = 8;

function cellValue(cell) {
  const known = cell.dataset.n ?? cell.dataset.at;
  return known === undefined ? null : Number(known);
}

function cellText(cell) {
  const small = cell.querySelector("small");
  return (small ? cell.textContent.slice(0, -small.textContent.length || undefined) : cell.textContent).trim();
}

function compared(a, b, column) {
  const [first, second] = [a.cells[column], b.cells[column]];
  const [x, y] = [cellValue(first), cellValue(second)];
  if (x !== null && y !== null) return x - y;
  if (x !== null || y !== null) return x === null ? Infinity : -Infinity; // what is not known comes last, either way
  return cellText(first).localeCompare(cellText(second), "en", { numeric: true });
}

function groupsOf(body) {
  const groups = [];
  for (const row of body.rows) {
    if (row.className === "group" || !groups.length) groups.push([]);
    groups.at(-1).push(row);
  }
  return groups;
}

function order(table, header, column) {
  const descending = header.getAttribute("aria-sort") === "ascending";
  for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
  header.setAttribute("aria-sort", descending ? "descending" : "ascending");
  const body = table.tBodies[0];
  const ordered = groupsOf(body).flatMap((rows) => {
    const heading = rows[0].className === "group" ? [rows[0]] : [];
    const sorted = rows.slice(heading.length).sort((a, b) => {
      const difference = compared(a, b, column);
      return Number.isFinite(difference) && descending ? -difference : difference;
    });
    return [...heading, ...sorted];
  });
  body.append(...ordered);
}

function lines(table, separator, clean) {
  const header = [...table.tHead.rows[0].cells].map((cell) => clean(cell.textContent.trim()));
  const rows = [...table.tBodies[0].rows].filter((row) => !row.hidden && row.className !== "group");
  return [header, ...rows.map((row) => [...row.cells].map((cell) => clean(cellText(cell), cell)))]
    .map((line) => line.join(separator)).join("\n") + "\n";
}

// No text may begin what a spreadsheet would reckon.
function noFormula(text) {
  return FORMULA.test(text) ? `'${text}` : text;
}

function asCsv(table) {
  return lines(table, ",", (text, cell) => {
    const safe = cell?.dataset.n ?? noFormula(text);
    return /[",\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
  });
}

function save(text, name) {
  const link = make("a", { href: URL.createObjectURL(new Blob([text], { type: "text/csv" })), download: name });
  link.click();
  URL.revokeObjectURL(link.href);
}

function filtering(table, status) {
  const rows = [...table.tBodies[0].rows].filter((row) => row.className !== "group");
  const ofBackends = !table.closest(".verdict .stacked"); // a row of the verdict is of a problem, and stays whoever is hidden
  const colour = (row) => (ofBackends ? row.querySelector("td > i")?.className : undefined);
  const told = () => rows.map((row) => [row.textContent.toLowerCase(), colour(row)]);
  let known; // made when it is first needed, since a long table would hold up the page
  let words = [];
  let hidden = new Set();
  const show = () => {
    known ||= told();
    let count = 0;
    rows.forEach((row, number) => {
      const [text, colour] = known[number];
      row.hidden = hidden.has(colour) || !words.every((word) => text.includes(word));
      if (!row.hidden) count += 1;
    });
    for (const [heading, ...members] of groupsOf(table.tBodies[0])) {
      if (heading.className === "group") heading.hidden = members.every((row) => row.hidden);
    }
    status.textContent = count === rows.length ? `${rows.length} rows` : `${count} of ${rows.length} rows`;
  };
  document.addEventListener("backends", (event) => { hidden = event.detail; show(); });
  status.textContent = `${rows.length} rows`;
  return (text) => { words = text.toLowerCase().split(/\s+/).filter(Boolean); show(); };
}

function tools(table, number) {
  const title = table.closest("section").querySelector("h3").textContent;
  const status = make("span", { className: "count" });
  status.setAttribute("role", "status");
  const bar = make("div", { className: "tools" });
  const filter = filtering(table, status);
  if (table.tBodies[0].rows.length >= FEWEST_TO_FILTER) {
    const input = make("input", { type: "search", placeholder: "Filter rows" });
    input.setAttribute("aria-label", `Filter rows of: ${title}`);
    input.addEventListener("input", () => filter(input.value));
    bar.append(input, status);
  }
  const copied = make("button", { type: "button", textContent: "Copy" });
  copied.addEventListener("click", () => copy(lines(table, "\t", (text) => noFormula(text.replace(/\s+/g, " "))), copied));
  const saved = make("button", { type: "button", textContent: "Save CSV" });
  saved.addEventListener("click", () => save(asCsv(table), `table-${number + 1}.csv`));
  copied.setAttribute("aria-label", `Copy: ${title}`);
  saved.setAttribute("aria-label", `Save CSV: ${title}`);
  bar.append(copied, saved);
  table.parentElement.before(bar);
}

function sortable(table) {
  [...table.tHead.rows[0].cells].forEach((header, column) => {
    const button = make("button", { type: "button", textContent: header.textContent });
    header.replaceChildren(button);
    button.addEventListener("click", () => order(table, header, column));
  });
}

document.querySelectorAll("main .table table").forEach((table, number) => {
  tools(table, number);
  if (table.hasAttribute("data-sortable") && table.tBodies[0].rows.length > 1) sortable(table);
});
