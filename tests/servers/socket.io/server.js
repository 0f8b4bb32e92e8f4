// socket.io: events named "update" over its WebSocket transport.
'use strict';
const { createServer } = require('node:http');
const { Server } = require('socket.io');
const { subscribe } = require('../feed.js');

const http = createServer();
const io = new Server(http, { transports: ['websocket', 'polling'] });
io.on('connection', (socket) => {
  const drop = Number(socket.handshake.query.drop ?? 0);
  const stop = subscribe((text) => socket.emit('update', JSON.parse(text)), drop);
  socket.on('disconnect', stop);
});
http.listen(Number(process.argv[2]), '127.0.0.1');
