"use strict";
(() => {
  const table = document.getElementById("patients");
  const body = table.tBodies[0];
  const rows = Array.from(body.rows);
  const rank = { s: 0, c: 1, u: 2, o: 3, n: 4 };
  const first = 5; // column of the first mechanism
  const step = 200; // rows drawn at once: more would open slowly
  const collator = new Intl.Collator("en", { numeric: true });
  const field = (id) => document.getElementById(id);
  let order = rows.map((_, i) => i);
  let limit = step;
  let texts = null;

  function fits(i, words, mechanism, category, disease) {
    if (words.length) {
      texts ??= rows.map((row) => row.textContent.toLowerCase());
      if (!words.every((word) => texts[i].includes(word))) return false;
    }
    const cells = rows[i].cells;
    if (disease !== "" && cells[1].textContent !== disease) return false;
    if (mechanism !== "") {
      const letter = cells[first + Number(mechanism)].className;
      return category === "" ? letter !== "n" : letter === category;
    }
    if (category === "") return true;
    return Array.from(cells).slice(first, first + 7).some((cell) => cell.className === category);
  }

  function show() {
    const words = field("find").value.toLowerCase().split(/\s+/).filter(Boolean);
    const chosen = ["mechanism", "category", "disease"].map((id) => field(id).value);
    let found = 0;
    for (const i of order) {
      const fit = fits(i, words, ...chosen);
      found += fit ? 1 : 0;
      const hide = !fit || found > limit;
      if (rows[i].hidden !== hide) rows[i].hidden = hide;
    }
    const drawn = found > limit ? `, the first ${limit} shown` : "";
    field("shown").textContent = `${found} of ${rows.length} patients${drawn}`;
    field("all").hidden = found <= limit;
  }

  function sort(column, header) {
    const down = header.getAttribute("aria-sort") === "ascending";
    const isRisk = column >= first && column < first + 7;
    const key = rows.map((row) => {
      const cell = row.cells[column];
      return isRisk ? rank[cell.className] : cell.textContent;
    });
    order = rows.map((_, i) => i);
    order.sort((a, b) => {
      const by = isRisk ? key[a] - key[b] : collator.compare(key[a], key[b]);
      return (down ? -by : by) || a - b;
    });
    for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
    header.setAttribute("aria-sort", down ? "descending" : "ascending");
    body.append(...order.map((i) => rows[i]));
    show();
  }

  Array.from(table.tHead.rows[0].cells).forEach((header, column) => {
    if ("unsorted" in header.dataset) return; // values of different units have no order
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = header.textContent;
    button.addEventListener("click", () => sort(column, header));
    header.replaceChildren(button);
  });
  const again = () => {
    limit = step;
    show();
  };
  for (const id of ["find", "mechanism", "category", "disease"]) {
    field(id).addEventListener("input", again);
  }
  field("filters").addEventListener("submit", (event) => event.preventDefault());
  field("all").addEventListener("click", () => {
    limit = rows.length;
    show();
  });
  window.addEventListener("beforeprint", () => {
    limit = rows.length;
    show();
  });
  field("filters").hidden = false;
  show();
})();
