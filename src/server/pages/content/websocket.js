const log = logTo("log");
let kept;
const connect = () => {
  kept = keepSocket("/echo", {
    state: (text, is) => show("state", text, is),
    open: () => log("open"),
    message: (data) => log(typeof data === "string" ? `message: ${data}` : `message of ${data.byteLength} bytes: ${[...new Uint8Array(data)].slice(0, 32).map((b) => b.toString(16).padStart(2, "0")).join(" ")}`),
    error: () => log("error"),
    close: ({ code, reason }) => log(`close ${code}${reason ? `: ${reason}` : ""}`),
  });
  byId("toggle").textContent = "Disconnect";
};
const send = (data, words) => log(kept?.send(data) ? `sent ${words}` : "not sent: the socket is not open");
byId("form").addEventListener("submit", (event) => {
  event.preventDefault();
  send(byId("text").value, `text: ${byId("text").value}`);
});
byId("binary").addEventListener("click", () => {
  const data = new TextEncoder().encode(byId("text").value);
  send(data, `${data.length} bytes`);
});
byId("toggle").addEventListener("click", () => {
  if (kept) { kept.end(); kept = null; byId("toggle").textContent = "Connect"; } else connect();
});
connect();
