const me = [...crypto.getRandomValues(new Uint8Array(4))].map((b) => b.toString(16).padStart(2, "0")).join("");
const people = new Map();
const svg = (name, attributes) => {
  const element = document.createElementNS(byId("map").namespaceURI, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  return element;
};
for (let x = 0; x <= 360; x += 30) byId("map").append(svg("line", { x1: x, x2: x, y1: 0, y2: 180, "stroke-width": x === 180 ? 0.8 : 0.3 }));
for (let y = 0; y <= 180; y += 30) byId("map").append(svg("line", { x1: 0, x2: 360, y1: y, y2: y, "stroke-width": y === 90 ? 0.8 : 0.3 }));

// On a sphere (haversine).
const kilometres = (a, b) => {
  const radians = (degrees) => (degrees * Math.PI) / 180;
  const half = (x) => Math.sin(radians(x) / 2) ** 2;
  const h = half(b.latitude - a.latitude) + Math.cos(radians(a.latitude)) * Math.cos(radians(b.latitude)) * half(b.longitude - a.longitude);
  return 2 * 6371 * Math.asin(Math.min(1, Math.sqrt(h)));
};
const draw = () => {
  const own = people.get(me);
  for (const [id, person] of people) {
    if (!person.row) {
      person.row = byId("rows").insertRow();
      person.row.dataset.id = id;
      person.row.append(make("th", id === me ? `${id} (me)` : id, { scope: "row" }), ...Array.from({ length: 5 }, () => make("td", "")));
      person.dot = byId("map").appendChild(svg("circle", { r: 2 }));
      person.name = byId("map").appendChild(svg("text", {}));
      person.name.textContent = id;
    }
    const away = own && id !== me ? `${kilometres(own, person).toFixed(1)} km` : "–";
    const heard = `${Math.round((Date.now() - person.heard) / 1000)} s ago`;
    const texts = [person.latitude.toFixed(4), person.longitude.toFixed(4), `${Math.round(person.accuracy)} m`, away, heard];
    texts.forEach((text, n) => { person.row.cells[n + 1].textContent = text; });
    const [x, y] = [person.longitude + 180, 90 - person.latitude];
    person.dot.setAttribute("cx", x);
    person.dot.setAttribute("cy", y);
    person.name.setAttribute("x", x + 3);
    person.name.setAttribute("y", y - 2);
    if (Date.now() - person.heard > 120000) {
      for (const gone of [person.row, person.dot, person.name]) gone.remove();
      people.delete(id);
    }
  }
};
const kept = keepSocket("/broadcast", {
  state: (text, is) => show("state", text, is),
  open: () => { if (last) tell(last); },
  message: (data) => {
    let came;
    try { came = JSON.parse(data); } catch { return; }
    const { kind, id, latitude, longitude, accuracy } = came;
    const numbers = [latitude, longitude, accuracy].every(Number.isFinite) && Math.abs(latitude) <= 90 && Math.abs(longitude) <= 180;
    if (kind !== "place" || typeof id !== "string" || !/^[0-9a-f]{8}$/.test(id) || !numbers || (people.size > 200 && !people.has(id))) return;
    people.set(id, { ...people.get(id), latitude, longitude, accuracy, heard: Date.now() });
    draw();
  },
});
let last;
const tell = ({ latitude, longitude, accuracy }) => kept.send(JSON.stringify({ kind: "place", id: me, latitude, longitude, accuracy }));
let watch;
byId("share").addEventListener("click", () => {
  if (watch !== undefined) {
    navigator.geolocation.clearWatch(watch);
    watch = undefined;
    last = undefined;
    byId("share").textContent = "Share my place";
    show("place", "not shared");
    return;
  }
  if (!("geolocation" in navigator)) { show("place", "this browser has none", "bad"); return; }
  show("place", "asking …");
  watch = navigator.geolocation.watchPosition(
    ({ coords }) => { last = coords; show("place", `shared, exact to ${Math.round(coords.accuracy)} m`, "good"); tell(coords); },
    (error) => { show("place", ["", "denied", "not available", "took too long"][error.code] || "failed", "bad"); if (error.code === 1) { watch = undefined; byId("share").textContent = "Share my place"; } },
    { enableHighAccuracy: true, maximumAge: 10000, timeout: 20000 },
  );
  byId("share").textContent = "Stop sharing";
});
if (!window.isSecureContext) show("secure", "A browser tells its place to pages of localhost or of HTTPS alone: open this page as localhost, or start the server with --tls.");
setInterval(() => { if (last) tell(last); draw(); }, 5000);
