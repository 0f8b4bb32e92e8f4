// A server of HTTP/2 in clear by Node.js: polls, an event stream, a stream of lines, and WebSocket within HTTP/2
// (RFC 8441). Prints its port.
import { createServer } from "node:http2";

const PAYLOAD = "a payload of 21 bytes";
const server = createServer({ settings: { enableConnectProtocol: true } });
server.on("session", (session) => session.on("error", () => {}));
server.on("stream", (stream, headers) => {
  stream.on("error", () => {});
  const every = (bytes) => {
    const timer = setInterval(() => stream.write(bytes), 100);
    stream.on("close", () => clearInterval(timer));
  };
  if (headers[":method"] === "CONNECT") {
    if (headers[":protocol"] !== "websocket") return stream.respond({ ":status": 501 }, { endStream: true });
    stream.respond({ ":status": 200 });
    // A frame of text that is not masked (RFC 6455, 5.2).
    every(Buffer.concat([Buffer.from([0x81, PAYLOAD.length]), Buffer.from(PAYLOAD)]));
    // Any masked frame of close is answered with one without a body.
    stream.on("data", (data) => data[0] === 0x88 && stream.end(Buffer.from([0x88, 0])));
    stream.on("end", () => stream.end());
  } else if (headers[":path"] === "/sse") {
    stream.respond({ ":status": 200, "content-type": "text/event-stream" });
    every(`data: ${PAYLOAD}\n\n`);
  } else if (headers[":path"] === "/streaming") {
    stream.respond({ ":status": 200 });
    every(`${PAYLOAD}\n`);
  } else {
    stream.respond({ ":status": 200, "content-length": PAYLOAD.length });
    stream.end(PAYLOAD);
  }
});
server.listen(0, "127.0.0.1", () => console.log(server.address().port));
