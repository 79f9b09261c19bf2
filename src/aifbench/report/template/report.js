"use strict";
(() => {
  const root = document.documentElement;
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const CHOICES = ["system", "light", "dark"];
  let choice = "system";
  try { choice = localStorage.getItem("aifbench-theme") || "system"; } catch { /* no storage when opened from disk */ }
  if (!CHOICES.includes(choice)) choice = "system";

  const token = (name) => getComputedStyle(root).getPropertyValue("--" + name).trim();

  // Figures name colours as "@c0"; the theme's value takes their place.
  function coloured(value) {
    if (typeof value === "string") return /^@[a-z0-9]+$/.test(value) ? token(value.slice(1)) : value;
    if (Array.isArray(value)) return value.length && typeof value[0] === "number" ? value : value.map(coloured);
    if (value && typeof value === "object") {
      return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, coloured(item)]));
    }
    return value;
  }

  function layoutOf(layout) {
    const axis = {
      gridcolor: token("grid"), linecolor: token("line-strong"), zerolinecolor: token("line-strong"),
      tickcolor: token("line-strong"), automargin: true, title: { standoff: 8 }, fixedrange: false,
    };
    const base = {
      autosize: true, paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
      font: { family: getComputedStyle(document.body).fontFamily, size: 12, color: token("muted") },
      margin: { l: 54, r: 16, t: 34, b: 44 },
      legend: { orientation: "h", x: 0, xanchor: "left", y: 1.06, yanchor: "bottom", font: { color: token("ink") } },
      hoverlabel: { bgcolor: token("card"), bordercolor: token("line-strong"), font: { color: token("ink") } },
    };
    const full = { ...base, ...coloured(layout) };
    for (const key of Object.keys(full)) {
      if (/^[xy]axis[0-9]*$/.test(key)) {
        full[key] = { ...axis, ...full[key], title: { ...axis.title, ...full[key].title } };
      }
    }
    return full;
  }

  const figures = [...document.querySelectorAll("script.figure")].map((source) => ({
    box: document.getElementById(source.dataset.for), figure: JSON.parse(source.textContent), drawn: false,
  }));
  const config = { responsive: true, displaylogo: false, plotlyServerURL: "", showLink: false,
    modeBarButtonsToRemove: ["select2d", "lasso2d", "autoScale2d"] };

  function draw(entry) {
    entry.drawn = true;
    return Plotly.react(entry.box, coloured(entry.figure.data), layoutOf(entry.figure.layout), config);
  }
  const visible = (entry) => !entry.box.closest("details:not([open])");

  // One chart per turn of the event loop, so that the page answers while it fills.
  function fill() {
    const next = figures.find((entry) => !entry.drawn && visible(entry));
    if (!next) { root.dataset.charts = "drawn"; return; }
    draw(next);
    setTimeout(fill, 0);
  }

  const button = document.getElementById("theme");
  function applyTheme() {
    root.dataset.theme = choice === "system" ? (dark.matches ? "dark" : "light") : choice;
    button.textContent = "Theme: " + choice;
    figures.filter((entry) => entry.drawn).forEach(draw);
  }
  button.addEventListener("click", () => {
    choice = CHOICES[(CHOICES.indexOf(choice) + 1) % CHOICES.length];
    try { localStorage.setItem("aifbench-theme", choice); } catch { /* kept for this page only */ }
    applyTheme();
  });
  dark.addEventListener("change", applyTheme);

  // Sorting: values of data-v as numbers, else text; rows without a value stay last in both directions.
  function sortBy(table, index, head) {
    const down = head.getAttribute("aria-sort") === "ascending";
    for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
    const numeric = head.classList.contains("n");
    const key = (row) => {
      const cell = row.cells[index];
      if ("v" in cell.dataset) return Number(cell.dataset.v);
      return numeric ? null : cell.textContent.trim();
    };
    const rows = [...table.tBodies[0].rows].map((row) => [key(row), row]);
    rows.sort(([a], [b]) => {
      if (a === null || b === null) return a === b ? 0 : a === null ? 1 : -1;
      const order = typeof a === "number" && typeof b === "number" ? a - b
        : String(a).localeCompare(String(b), "en", { numeric: true });
      return down ? -order : order;
    });
    table.tBodies[0].append(...rows.map(([, row]) => row));
  }
  function sortable(table) {
    [...table.tHead.rows[0].cells].forEach((head, index) => {
      head.querySelector("button").addEventListener("click", () => sortBy(table, index, head));
    });
  }
  document.querySelectorAll("table.sortable").forEach(sortable);

  // The numbers behind a chart become a table when somebody opens them: thousands of cells that few ask for.
  function element(tag, content, numeric) {
    const made = document.createElement(tag);
    if (content !== undefined) made.textContent = content;
    if (numeric) made.className = "n";
    return made;
  }
  function fillData(fold) {
    const source = fold.querySelector("script.rows");
    if (!source) return;
    const { caption, columns, rows } = JSON.parse(source.textContent);
    const box = element("div");
    box.className = "box";
    box.tabIndex = 0;
    box.setAttribute("role", "region");
    box.setAttribute("aria-label", caption + ", data");
    const table = element("table");
    const heads = table.createTHead().insertRow();
    for (const [head, unit, numeric] of columns) {
      const cell = element("th", undefined, numeric);
      cell.scope = "col";
      const button = element("button", head);
      button.type = "button";
      if (unit) { const small = element("span", " " + unit); small.className = "unit"; button.append(small); }
      cell.append(button);
      heads.append(cell);
    }
    const body = table.createTBody();
    for (const row of rows) {
      const line = body.insertRow();
      row.forEach((value, index) => {
        const cell = element("td", value === null ? "–" : String(value), columns[index][2]);
        if (typeof value === "number") cell.dataset.v = value;
        line.append(cell);
      });
    }
    sortable(table);
    box.append(table);
    source.replaceWith(box);
  }

  for (const copier of document.querySelectorAll(".copier")) {
    copier.addEventListener("click", async () => {
      const block = copier.parentElement.querySelector("pre");
      try {
        await navigator.clipboard.writeText(block.textContent);
        copier.textContent = "Copied";
      } catch {
        getSelection().selectAllChildren(block);
        copier.textContent = "Selected";
      }
      setTimeout(() => { copier.textContent = "Copy"; }, 1500);
    });
  }

  for (const fold of document.querySelectorAll("details")) {
    fold.addEventListener("toggle", () => {
      if (!fold.open) return;
      if (fold.classList.contains("data")) fillData(fold);
      else fill();
    });
  }
  let before = null;
  addEventListener("beforeprint", () => {
    before = root.dataset.theme;
    root.dataset.theme = "light";
    document.querySelectorAll("details.fold:not([open])").forEach((fold) => { fold.open = true; fold.dataset.printed = ""; });
    figures.forEach(draw);
  });
  addEventListener("afterprint", () => {
    document.querySelectorAll("details[data-printed]").forEach((fold) => { fold.open = false; delete fold.dataset.printed; });
    if (before) applyTheme();
  });

  applyTheme();
  fill();
})();
