const log = logTo("log");
byId("who").value = `guest ${Math.floor(Math.random() * 1000)}`;
const kept = keepSocket("/broadcast", {
  state: (text, is) => show("state", text, is),
  message: (data) => {
    // What others sent may be anything.
    try {
      const { kind, who, text } = JSON.parse(data);
      if (kind === "line") log(`${String(who).slice(0, 40)}: ${String(text).slice(0, 1000)}`);
    } catch { log("a message that is no line"); }
  },
});
byId("form").addEventListener("submit", (event) => {
  event.preventDefault();
  const text = byId("text").value.trim();
  if (!text) return;
  if (kept.send(JSON.stringify({ kind: "line", who: byId("who").value, text }))) byId("text").value = "";
  else log("not sent: the socket is not open");
});
