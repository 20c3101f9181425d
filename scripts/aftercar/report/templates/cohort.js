"use strict";
(() => {
  const table = document.getElementById("patients");
  const body = table.tBodies[0];
  const rows = Array.from(body.rows);
  const rank = { s: 0, c: 1, u: 2, o: 3, n: 4 };
  const first = 4;
  const collator = new Intl.Collator("en", { numeric: true });
  const texts = rows.map((row) => row.textContent.toLowerCase());
  const field = (id) => document.getElementById(id);

  function filter() {
    const words = field("find").value.toLowerCase().split(/\s+/).filter(Boolean);
    const mechanism = field("mechanism").value;
    const category = field("category").value;
    const disease = field("disease").value;
    let shown = 0;
    rows.forEach((row, i) => {
      const letters = Array.from(row.cells).slice(first, first + 7).map((cell) => cell.className);
      const wanted = mechanism === "" ? letters : [letters[Number(mechanism)]];
      const fits =
        words.every((word) => texts[i].includes(word)) &&
        (category === "" || wanted.includes(category)) &&
        (category !== "" || mechanism === "" || wanted[0] !== "n") &&
        (disease === "" || row.cells[1].textContent === disease);
      row.hidden = !fits;
      shown += fits ? 1 : 0;
    });
    field("shown").textContent = `${shown} of ${rows.length} patients`;
  }

  function sort(column, button) {
    const header = button.parentElement;
    const down = header.getAttribute("aria-sort") === "ascending";
    const isRisk = column >= first && column < first + 7;
    const key = rows.map((row) => {
      const cell = row.cells[column];
      return isRisk ? rank[cell.className] : cell.textContent;
    });
    const order = rows.map((_, i) => i);
    order.sort((a, b) => {
      const by = isRisk ? key[a] - key[b] : collator.compare(key[a], key[b]);
      return (down ? -by : by) || a - b;
    });
    for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
    header.setAttribute("aria-sort", down ? "descending" : "ascending");
    body.append(...order.map((i) => rows[i]));
  }

  Array.from(table.tHead.rows[0].cells).forEach((header, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = header.textContent;
    button.addEventListener("click", () => sort(column, button));
    header.replaceChildren(button);
  });
  for (const id of ["find", "mechanism", "category", "disease"]) {
    field(id).addEventListener("input", filter);
  }
  field("filters").addEventListener("submit", (event) => event.preventDefault());
  field("filters").hidden = false;
  filter();
})();
