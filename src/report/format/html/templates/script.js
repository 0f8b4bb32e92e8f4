"use strict";
(() => {
  const all = (selector, from = document) => [...from.querySelectorAll(selector)];
  const make = (name, attributes = {}, text = "") => {
    const element = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    element.textContent = text;
    return element;
  };

  // Series that can be hidden, in tables and figures alike, each with its colour in the figures.
  const tools = document.getElementById("tools");
  const box = document.getElementById("series");
  const rows = all("#overview tbody tr[data-series]");
  const names = [...new Set(rows.map((row) => row.dataset.series))];
  const hidden = new Set();
  let drag = null;
  const apply = () => {
    for (const element of all("main [data-series]")) {
      const gone = hidden.has(element.dataset.series) || element.dataset.unmatched === "1";
      element.toggleAttribute("data-hidden", gone);
    }
  };
  const colourOf = (name) => {
    const counts = new Map();
    for (const group of all("svg g[data-series]").filter((g) => g.dataset.series === name))
      for (const shape of all("[fill],[stroke]", group)) {
        const colour = [shape.getAttribute("fill"), shape.getAttribute("stroke")].find(
          (c) => /^#[0-9A-F]{6}$/.test(c || "") && !/^#(FFFFFF|1E1E1E|696969|DEDEDE|E2E2E2|000000)$/.test(c),
        );
        if (colour) counts.set(colour, (counts.get(colour) || 0) + 1);
      }
    return [...counts].sort((a, b) => b[1] - a[1]).map((c) => c[0])[0];
  };
  for (const name of names) {
    const label = make("label");
    const input = make("input", { type: "checkbox" });
    input.checked = true;
    input.addEventListener("change", () => {
      input.checked ? hidden.delete(name) : hidden.add(name);
      apply();
    });
    const swatch = make("span", { class: "swatch", "aria-hidden": "true" });
    swatch.style.background = colourOf(name) || "transparent";
    label.append(input, swatch, document.createTextNode(name));
    box.append(label);
  }
  box.toggleAttribute("hidden", names.length < 2);

  // Tables: a filter for all of them, and an order by any column.
  document.getElementById("filter").addEventListener("input", (event) => {
    const wanted = event.target.value.trim().toLowerCase();
    for (const row of all("main tbody tr")) {
      const off = wanted !== "" && !row.textContent.toLowerCase().includes(wanted);
      row.dataset.unmatched = off ? "1" : "0";
      row.toggleAttribute("data-hidden", off || hidden.has(row.dataset.series));
    }
  });
  const key = (row, at) => {
    const cell = row.cells[at];
    if (!cell) return "";
    const value = cell.dataset.v;
    return value === undefined ? cell.textContent : Number(value);
  };
  const compare = (a, b) =>
    typeof a === "number" && typeof b === "number"
      ? a - b
      : typeof a === "number" ? -1 : typeof b === "number" ? 1 : a.localeCompare(b, "en", { numeric: true });
  for (const table of all("table.sortable"))
    for (const [at, head] of [...table.tHead.rows[0].cells].entries()) {
      const button = make("button", { type: "button" }, head.textContent);
      head.textContent = "";
      head.append(button);
      button.addEventListener("click", () => {
        const up = head.getAttribute("aria-sort") !== "ascending";
        for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
        head.setAttribute("aria-sort", up ? "ascending" : "descending");
        const body = table.tBodies[0];
        const sorted = [...body.rows].sort((a, b) => (up ? 1 : -1) * compare(key(a, at), key(b, at)));
        body.append(...sorted);
      });
    }

  // Figures: values where the pointer is, a closer look, and copies.
  const number = (value) => {
    const size = Math.abs(value);
    return size >= 1e15 || (size > 0 && size < 1e-6)
      ? value.toExponential(2)
      : new Intl.NumberFormat("en", { maximumSignificantDigits: 3 }).format(value);
  };
  const time = (us) =>
    Math.abs(us) < 1e3 ? `${number(us)} µs` : Math.abs(us) < 1e6 ? `${number(us / 1e3)} ms` : `${number(us / 1e6)} s`;
  const shown = {
    us: time,
    share: (share) => `${number(share * 100)} % of updates`,
    nines: (nines) => `p${number((1 - 10 ** -nines) * 100)}`,
    rate: (hz) => (hz >= 1 ? `${number(hz)} updates a second` : `an update every ${time(1e6 / hz)}`),
    bytes: (bytes) => `${number(bytes)} B/s`,
    "-": () => "",
  };
  const axis = ([unit, from, to, scale]) => ({
    unit,
    at: (part) =>
      scale === "log"
        ? Number(from) * (Number(to) / Number(from)) ** part
        : Number(from) + (Number(to) - Number(from)) * part,
  });
  const point = (svg, event) => {
    const at = new DOMPoint(event.clientX, event.clientY).matrixTransform(svg.getScreenCTM().inverse());
    return [at.x, at.y];
  };
  const read = (figure, svg, event) => {
    const [x, y] = point(svg, event);
    const title = event.target.closest("g:has(> title)")?.querySelector(":scope > title")?.textContent || "";
    const plot = all("g[data-axes]", svg)
      .map((group) => ({ group, parts: group.dataset.axes.split(" ") }))
      .find(({ parts: [left, top, right, bottom] }) => x >= +left && x <= +right && y >= +top && y <= +bottom);
    const texts = title ? [title] : [];
    if (plot) {
      const [left, top, right, bottom, ...axes] = plot.parts;
      const series = plot.group.closest("[data-series]")?.dataset.series;
      const across = axis(axes.slice(0, 4));
      const upwards = axis(axes.slice(4, 8));
      if (series && !title) texts.push(series);
      texts.push(shown[across.unit](across.at((x - left) / (right - left))));
      texts.push(shown[upwards.unit](upwards.at((bottom - y) / (bottom - top))));
    }
    figure.querySelector(".readout").textContent = texts.filter(Boolean).join(" · ");
  };
  const unpack = async (name) => {
    const data = document.querySelector(`script[data-name="${name}"]`);
    if (!data) throw new Error("not in this file");
    const bytes = Uint8Array.from(atob(data.textContent.trim()), (c) => c.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    return new Response(stream).blob();
  };
  const vector = (svg) => {
    const copy = svg.cloneNode(true);
    const size = svg.dataset.size.split(" ");
    copy.setAttribute("viewBox", svg.dataset.size);
    copy.setAttribute("width", size[2]);
    copy.setAttribute("height", size[3]);
    copy.setAttribute("font-family", "sans-serif");
    for (const gone of all("[data-hidden]", copy)) gone.remove();
    return new Blob([new XMLSerializer().serializeToString(copy)], { type: "image/svg+xml" });
  };
  const pixels = async (svg) => {
    const url = URL.createObjectURL(vector(svg));
    try {
      const image = new Image();
      image.src = url;
      await image.decode();
      const canvas = make("canvas");
      [, , canvas.width, canvas.height] = svg.dataset.size.split(" ").map(Number);
      canvas.getContext("2d").drawImage(image, 0, 0);
      return await new Promise((done) => canvas.toBlob(done, "image/png"));
    } finally {
      URL.revokeObjectURL(url);
    }
  };
  const save = (blob, name) => {
    const link = make("a", { href: URL.createObjectURL(blob), download: name });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  };
  // To the clipboard if the browser lets it, else into a file.
  const hand = async (figure, blob, name) => {
    const say = (text) => { figure.querySelector(".readout").textContent = text; };
    const type = blob.type === "image/png" ? "image/png" : "text/plain";
    try {
      const content = type === "image/png" ? blob : new Blob([await blob.text()], { type });
      await navigator.clipboard.write([new ClipboardItem({ [type]: content })]);
      say("copied to the clipboard");
    } catch {
      save(blob, name);
      say(`saved as ${name}`);
    }
  };
  const zoom = (svg, factor, centre) => {
    const [left, top, width, height] = svg.getAttribute("viewBox").split(" ").map(Number);
    const [, , most, mostHigh] = svg.dataset.size.split(" ").map(Number);
    const wide = Math.min(most, Math.max(most / 40, width * factor));
    const high = (wide / most) * mostHigh;
    const [x, y] = centre || [left + width / 2, top + height / 2];
    const clamp = (value, size, end) => Math.min(end - size, Math.max(0, value));
    const from = clamp(x - ((x - left) / width) * wide, wide, most);
    const up = clamp(y - ((y - top) / height) * high, high, mostHigh);
    svg.setAttribute("viewBox", `${from} ${up} ${wide} ${high}`);
  };
  for (const figure of all("figure")) {
    const svg = figure.querySelector("svg");
    if (!svg) continue;
    svg.dataset.size = svg.getAttribute("viewBox");
    const name = figure.dataset.name;
    const bar = make("div", { class: "bar" });
    const button = (text, label, act) => {
      const one = make("button", { type: "button", "aria-label": label, title: label }, text);
      one.addEventListener("click", act);
      bar.append(one);
    };
    button("Copy SVG", `Copy SVG of ${name}`, () => hand(figure, vector(svg), `${name}.svg`));
    button("Copy PNG", `Copy PNG of ${name}`, async () => hand(figure, await pixels(svg), `${name}.png`));
    const csv = figure.dataset.csv;
    if (csv && document.querySelector(`script[data-name="${csv}"]`))
      button("Copy CSV", `Copy CSV of ${name}`, async () => hand(figure, await unpack(csv), csv));
    button("+", `+ zoom into ${name}`, () => zoom(svg, 0.7));
    button("−", `− zoom out of ${name}`, () => zoom(svg, 1 / 0.7));
    button("Whole", `Whole ${name}`, () => svg.setAttribute("viewBox", svg.dataset.size));
    figure.insertBefore(bar, figure.querySelector("figcaption"));
    svg.addEventListener("pointermove", (event) => {
      if (drag && drag.svg === svg) return;
      read(figure, svg, event);
    });
    svg.addEventListener("wheel", (event) => {
      if (!event.ctrlKey && !event.metaKey) return;
      event.preventDefault();
      zoom(svg, event.deltaY > 0 ? 1.2 : 1 / 1.2, point(svg, event));
    }, { passive: false });
    svg.addEventListener("dblclick", (event) => zoom(svg, 0.5, point(svg, event)));
    svg.addEventListener("pointerdown", (event) => {
      if (event.pointerType === "touch" || svg.getAttribute("viewBox") === svg.dataset.size) return;
      drag = { svg, from: point(svg, event) };
      svg.setPointerCapture(event.pointerId);
    });
    svg.addEventListener("pointerup", () => { drag = null; });
    svg.addEventListener("pointermove", (event) => {
      if (!drag || drag.svg !== svg) return;
      const [x, y] = point(svg, event);
      const [left, top, width, height] = svg.getAttribute("viewBox").split(" ").map(Number);
      const [, , most, mostHigh] = svg.dataset.size.split(" ").map(Number);
      const from = Math.min(most - width, Math.max(0, left + drag.from[0] - x));
      const up = Math.min(mostHigh - height, Math.max(0, top + drag.from[1] - y));
      svg.setAttribute("viewBox", `${from} ${up} ${width} ${height}`);
    });
  }
  tools.hidden = false;
})();
