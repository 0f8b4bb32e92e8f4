// The official servers of the dialects, from npm: node servers.js NAME prints the port and sends ten
// updates a second to a client that has subscribed. SignalR and Centrifugo have no server on npm: a stand-in
// answers, and the official client must get an update of it first.
'use strict';

const http = require('http');
const { WebSocket, WebSocketServer } = require('ws');

/** An update: its number and time as wsbench stamps them, 21 characters. */
function stamp(number) {
  const time = process.hrtime.bigint().toString(36);
  return number.toString(36).padStart(7, '0') + time.padStart(14, '0');
}

/** Calls `send` ten times a second until the returned function is called. */
function tick(send) {
  let number = 0;
  const timer = setInterval(() => send(stamp((number += 1))), 100);
  return () => clearInterval(timer);
}

const wait = (ms) => new Promise((done) => setTimeout(done, ms));

const servers = {
  'socket.io'(server) {
    const { Server } = require('socket.io');
    new Server(server, { pingInterval: 1000 }).on('connection', (socket) => {
      socket.on('subscribe', () => {
        socket.on('disconnect', tick((update) => socket.emit('tick', update)));
      });
    });
  },

  graphql(server) {
    const { GraphQLObjectType, GraphQLSchema, GraphQLString } = require('graphql');
    const { useServer } = require('graphql-ws/use/ws');
    const text = { type: GraphQLString };
    async function* updates() {
      for (let number = 1; ; number += 1) {
        yield { tick: stamp(number) };
        await wait(100);
      }
    }
    const schema = new GraphQLSchema({
      query: new GraphQLObjectType({ name: 'Query', fields: { now: text } }),
      subscription: new GraphQLObjectType({
        name: 'Subscription',
        fields: { tick: { ...text, subscribe: updates } },
      }),
    });
    useServer({ schema }, new WebSocketServer({ server, path: '/graphql' }));
  },

  mqtt(server) {
    const broker = require('aedes')();
    const { createWebSocketStream } = require('ws');
    const sockets = new WebSocketServer({ server, handleProtocols: () => 'mqtt' });
    sockets.on('connection', (socket, request) => {
      broker.handle(createWebSocketStream(socket), request);
    });
    tick((payload) => broker.publish({ topic: 'ticks', payload, qos: 0 }));
  },

  stomp(server) {
    const StompServer = require('stomp-broker-js');
    const broker = new StompServer({ server, path: '/ws' });
    tick((update) => broker.send('/ticks', {}, update));
  },

  signalr(server) {
    const end = '\x1e';
    new WebSocketServer({ server, path: '/hub' }).on('connection', (socket) => {
      const send = (message) => socket.send(JSON.stringify(message) + end);
      let began = false;
      socket.on('message', (data) => {
        for (const text of data.toString().split(end).filter((text) => text !== '')) {
          const message = JSON.parse(text);
          if (!began && message.protocol === 'json') {
            began = true;
            send({});
            const pings = setInterval(() => send({ type: 6 }), 1000);
            socket.on('close', () => clearInterval(pings));
            const invoke = (update) => send({ type: 1, target: 'tick', arguments: [update] });
            socket.on('close', tick(invoke));
          }
        }
      });
    });
  },

  centrifugo(server) {
    new WebSocketServer({ server, path: '/connection/websocket' }).on('connection', (socket) => {
      const send = (message) => socket.send(JSON.stringify(message));
      const until = (stop) => socket.on('close', stop);
      socket.on('message', (data) => {
        for (const text of data.toString().split('\n').filter((text) => text !== '{}')) {
          const { id, connect, subscribe } = JSON.parse(text);
          if (connect) {
            send({ id, connect: { client: 'one', version: '0', ping: 1, pong: true } });
            const pings = setInterval(() => send({}), 1000);
            until(() => clearInterval(pings));
          } else if (subscribe) {
            send({ id, subscribe: {} });
            const { channel } = subscribe;
            until(tick((update) => send({ push: { channel, pub: { data: update } } })));
          }
        }
      });
    });
  },
};

/** The official client gets an update of the stand-in. */
async function checkCentrifugo(port) {
  const { Centrifuge } = require('centrifuge');
  const url = `ws://127.0.0.1:${port}/connection/websocket`;
  const client = new Centrifuge(url, { websocket: WebSocket });
  const subscription = client.newSubscription('ticks');
  const got = new Promise((done) => subscription.on('publication', done));
  subscription.subscribe();
  client.connect();
  await got;
  client.disconnect();
}

/** The official client gets an update of the stand-in. */
async function checkSignalr(port) {
  const { HttpTransportType, HubConnectionBuilder, LogLevel } = require('@microsoft/signalr');
  const options = { skipNegotiation: true, transport: HttpTransportType.WebSockets };
  const url = `http://127.0.0.1:${port}/hub`;
  const builder = new HubConnectionBuilder().configureLogging(LogLevel.None);
  const client = builder.withUrl(url, options).build();
  const got = new Promise((done) => client.on('tick', done));
  await client.start();
  await got;
  await client.stop();
}

const server = http.createServer((request, response) => response.end());
const name = process.argv[2];
servers[name](server);
server.listen(0, '127.0.0.1', async () => {
  const { port } = server.address();
  if (name === 'signalr') await checkSignalr(port);
  if (name === 'centrifugo') await checkCentrifugo(port);
  console.log(port);
});
