const KINDS = [
  { id: "polling", title: "Polling", about: "a request each time, whether there is something new or not" },
  { id: "long-polling", title: "Long polling", about: "a request that waits for the next update" },
  { id: "events", title: "Server-sent events", about: "one response that never ends" },
  { id: "socket", title: "WebSocket", about: "a frame for each update" },
];
const feed = [...crypto.getRandomValues(new Uint8Array(8))].map((b) => b.toString(16).padStart(2, "0")).join("");
const at = (path, more = "") => `/pages/${path}?feed=${feed}${more}`;
const state = new Map();
let offset = 0;
let bound = Infinity;
let stopped = false;
let source;
let kept;
let poller;

for (const { id, title, about } of KINDS) {
  const card = make("section", "", { class: "card", "aria-labelledby": `${id}-title` });
  card.append(make("h2", title, { id: `${id}-title` }), make("p", about, { class: "soft" }));
  const table = make("table", "");
  const head = table.createTHead().insertRow();
  for (const name of ["share", "price", "change"]) head.append(make("th", name, { scope: "col" }));
  const body = table.createTBody();
  const facts = make("dl", "");
  const cells = {};
  for (const name of ["age of what is shown", "latency, median", "updates", "requests", "bytes up", "bytes down", "bytes an update"]) {
    facts.append(make("dt", name));
    cells[name] = facts.appendChild(make("dd", "–"));
  }
  card.append(table, facts);
  byId("cards").append(card);
  state.set(id, { body, cells, last: 0, at: 0, latencies: [], ages: [], counts: null });
}

const now = () => performance.timeOrigin + performance.now() + offset;
const milliseconds = (ms) => (ms < 10 ? `${ms.toFixed(1)} ms` : ms < 10000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`);
const bytes = (count) => (count < 1000 ? `${count} B` : count < 1e6 ? `${(count / 1e3).toFixed(1)} kB` : `${(count / 1e6).toFixed(2)} MB`);
const median = (list) => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)];

const take = (id, text) => {
  const own = state.get(id);
  const { n, at: published, rows } = JSON.parse(text);
  if (n <= own.last) return;
  own.last = n;
  own.at = published;
  own.latencies.push(now() - published);
  if (own.latencies.length > 500) own.latencies.shift();
  own.body.replaceChildren(...rows.map(([share, price, change]) => {
    const row = make("tr", "");
    const sign = change > 0 ? "+" : "";
    row.append(make("th", share, { scope: "row" }), make("td", price.toFixed(2)), make("td", sign + change.toFixed(2), { class: change < 0 ? "down" : "up" }));
    return row;
  }));
};

// The clocks: of several round trips the shortest is the one that says most.
const compareClocks = async () => {
  for (let n = 0; n < 8; n += 1) {
    const before = performance.timeOrigin + performance.now();
    const { at: server } = await (await fetch("/pages/time", { cache: "no-store" })).json();
    const after = performance.timeOrigin + performance.now();
    const half = (after - before) / 2;
    if (half < bound) { bound = half; offset = server - (before + after) / 2; }
  }
  show("clock", `this browser's clock is ${Math.abs(offset).toFixed(1)} ms ${offset < 0 ? "ahead of" : "behind"} the server's, give or take ${bound.toFixed(1)} ms.`);
};

const poll = async () => {
  const interval = Number(byId("interval").value);
  const due = performance.now() + interval;
  try { take("polling", await (await fetch(at("poll"), { cache: "no-store" })).text()); } catch { /* the next one tries again */ }
  if (!stopped) poller = setTimeout(poll, Math.max(0, due - performance.now()));
};
const longPoll = async () => {
  while (!stopped) {
    try {
      const response = await fetch(at("long-poll", `&after=${state.get("long-polling").last}`), { cache: "no-store" });
      if (!response.ok) throw new Error(response.status);
      take("long-polling", await response.text());
    } catch { await new Promise((again) => setTimeout(again, 1000)); }
  }
};
const counts = async () => {
  try {
    const all = await (await fetch(at("counts"), { cache: "no-store" })).json();
    for (const [id, own] of Object.entries(all)) state.get(id).counts = own;
  } catch { /* shown again with the next one */ }
};
const draw = () => {
  for (const own of state.values()) {
    const { cells, counts: c } = own;
    if (own.at) {
      const age = Math.max(0, now() - own.at);
      own.ages.push(age);
      if (own.ages.length > 600) own.ages.shift();
      cells["age of what is shown"].textContent = milliseconds(age);
      cells["latency, median"].textContent = milliseconds(Math.max(0, median(own.latencies)));
    }
    if (c) {
      cells.updates.textContent = c.messages;
      cells.requests.textContent = c.requests;
      cells["bytes up"].textContent = bytes(c.up);
      cells["bytes down"].textContent = bytes(c.down);
      cells["bytes an update"].textContent = c.messages ? bytes(Math.round((c.up + c.down) / c.messages)) : "–";
    }
  }
  const mean = (list) => list.reduce((sum, value) => sum + value, 0) / list.length;
  const [polled, pushed] = [state.get("polling"), state.get("socket")];
  if (polled.counts?.messages > 2 && pushed.counts?.messages > 2 && polled.ages.length && pushed.ages.length) {
    const total = (own) => own.counts.up + own.counts.down;
    const [a, b] = [total(polled), total(pushed)];
    const factor = a > b ? a / b : b / a;
    const [age, other] = [mean(polled.ages), mean(pushed.ages)];
    const [more, less] = a > b ? ["polling", "WebSocket"] : ["WebSocket", "polling"];
    const updates = `${polled.counts.messages} updates by polling and ${pushed.counts.messages} by WebSocket`;
    const older = `${milliseconds(Math.abs(age - other))} ${age >= other ? "older" : "newer"}`;
    show("answer", `So far ${more} took ${factor.toFixed(1)} times as many bytes as ${less}, for ${updates}, and what polling shows was ${older} on average.`);
  }
};

const start = async () => {
  await fetch(at("counts"), { cache: "no-store" });
  await compareClocks();
  poll();
  longPoll();
  source = new EventSource(at("events"));
  source.onmessage = (event) => take("events", event.data);
  kept = keepSocket(at("socket"), { message: (text) => take("socket", text) });
  const timers = [setInterval(draw, 100), setInterval(counts, 1000), setInterval(compareClocks, 30000)];
  byId("stop").addEventListener("click", () => {
    if (stopped) return location.reload();
    stopped = true;
    running = false;
    timers.forEach(clearInterval);
    clearTimeout(poller);
    source.close();
    kept.end();
    byId("stop").textContent = "Start again";
    show("answer", `${byId("answer").textContent} Stopped.`);
  });
};
byId("rate").addEventListener("change", async (event) => {
  await fetch(at("rate", `&hz=${event.target.value}`), { method: "POST" });
  for (const own of state.values()) own.ages = [];
});

// A browser opens six connections to a host (HTTP/1.1). Two of each such page are held: with a third page all six
// would be, and nothing would move.
const tabs = new BroadcastChannel("wsbench-pages");
let others = 0;
let running = false;
tabs.onmessage = ({ data }) => {
  if (data === "who?" && running) tabs.postMessage("me");
  if (data === "me") others += 1;
};
tabs.postMessage("who?");
setTimeout(() => {
  if (others >= 2) {
    byId("refused").hidden = false;
    show("refused", "Two more tabs have this page open. A browser opens six connections to a server over HTTP/1.1, and three such pages would hold all of them: close one, then load this page again.", "bad");
    show("answer", "");
    return;
  }
  running = true;
  start();
}, 300);
