// npm ws: a WebSocket server at /live.
'use strict';
const { WebSocketServer } = require('ws');
const { subscribe, dropOf } = require('../feed.js');

const server = new WebSocketServer({ host: '127.0.0.1', port: Number(process.argv[2]), path: '/live' });
server.on('connection', (socket, request) => {
  // Milliseconds, as most servers send them.
  const send = (_text, seq) => socket.send(JSON.stringify({ t: Date.now(), seq, price: 12.3 }));
  const stop = subscribe(send, dropOf(request.url));
  socket.on('close', stop);
  socket.on('error', stop);
});
