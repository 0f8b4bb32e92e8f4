// permessage-deflate by `ws` of npm: a server that pushes or echoes, or a client that reads.
//
//   node deflate_ws.mjs serve '{"serverNoContextTakeover":true}' push|echo     prints its port
//   node deflate_ws.mjs read URL '{"clientMaxWindowBits":10}'                  prints what it read
import { createRequire } from "node:module";

const require = createRequire(process.env.WS_FOLDER + "/");
const { WebSocket, WebSocketServer } = require("ws");
const [, , mode, first, second] = process.argv;
// Small messages are compressed, too.
const settings = (text) => ({ threshold: 0, ...JSON.parse(text) });

if (mode === "serve") {
  const server = new WebSocketServer({ host: "127.0.0.1", port: 0, perMessageDeflate: settings(first) });
  server.on("listening", () => console.log(server.address().port));
  server.on("connection", (socket) => {
    let number = 0;
    const push = () => {
      number += 1;
      const bids = Array.from({ length: 20 }, (_, i) => [`${64000 - i - (number % 7)}.50`, `0.${number * 7919 + i}`]);
      socket.send(JSON.stringify({ type: "book", number, bids }));
    };
    const timer = second === "push" ? setInterval(push, 100) : undefined;
    socket.on("message", (data) => socket.send(data.toString()));
    socket.on("close", () => clearInterval(timer));
    socket.on("error", () => clearInterval(timer));
  });
} else {
  const socket = new WebSocket(first, { perMessageDeflate: settings(second) });
  const numbers = [];
  socket.on("message", (data) => {
    numbers.push(JSON.parse(data).seq);
    if (numbers.length === 20) {
      const good = numbers.every((one, i) => one === numbers[0] + i);
      console.log(`${socket.extensions}: 20 messages ${good ? "in order" : "WRONG"}`);
      socket.send("x".repeat(1000));
      socket.close();
      process.exitCode = good && socket.extensions ? 0 : 1;
    }
  });
  socket.on("error", (error) => {
    console.log(error.message);
    process.exitCode = 1;
  });
}
