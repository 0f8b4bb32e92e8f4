// express: polling, long polling, streaming and server-sent events; the same compressed below /gzip. At /held
// a poll is answered with 304 if nothing is newer than what its ETag names.
'use strict';
const compression = require('compression');
const express = require('express');
const { message, newest, nextPhase, afterNext, waitFor, subscribe, dropOf } = require('../feed.js');

// Less than the feed takes to the next message: every other poll brings nothing new.
const HOLD_MS = 60;

const app = express();
app.set('x-powered-by', false);
// Each answer has an ETag, as express does it by default; a poll that names it gets 304.
app.set('etag', 'weak');
app.use('/gzip', compression({ threshold: 0 }));

// The same text for as long as it is the latest: its ETag does not change.
let latest = { number: -1, text: '' };
function latestText() {
  const number = newest(0);
  if (number !== latest.number) latest = { number, text: message(number) };
  return latest.text;
}

// What a connection begins with.
function firstOf(phase) {
  const number = newest(phase);
  return { phase, number, text: message(number) };
}

function addRoutes(prefix) {
  app.get(`${prefix}/latest`, (_request, response) => {
    response.type('json').send(latestText());
  });
  app.get(`${prefix}/next`, (request, response) => {
    // The phase belongs to the connection.
    request.socket.phase ??= nextPhase();
    const cancel = afterNext(request.socket.phase, (number) => {
      response.type('json').send(message(number));
    });
    response.on('close', cancel);
  });
  app.get(`${prefix}/held`, (request, response) => {
    const held = (request.socket.held ??= firstOf(nextPhase()));
    // What the request's ETag names is sent as 304, by express itself.
    const answer = () => response.type('json').send(held.text);
    if (request.get('If-None-Match') === undefined) return answer();
    const cancel = waitFor(held.number + 1, held.phase, (number) => {
      clearTimeout(timer);
      Object.assign(held, { number, text: message(number) });
      answer();
    });
    const timer = setTimeout(() => {
      cancel();
      answer();
    }, HOLD_MS);
    response.on('close', () => {
      cancel();
      clearTimeout(timer);
    });
  });
  app.get(`${prefix}/stream`, (request, response) => {
    response.type('json');
    response.flushHeaders();
    const stop = subscribe((text) => {
      response.write(text);
      response.flush?.();
    }, dropOf(request.url));
    response.on('close', stop);
  });
  app.get(`${prefix}/events`, (request, response) => {
    response.set({ 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-cache' });
    response.flushHeaders();
    const stop = subscribe((text, number) => {
      response.write(`id: ${number}\ndata: ${text}\n\n`);
      response.flush?.();
    }, dropOf(request.url));
    response.on('close', stop);
  });
}
addRoutes('');
addRoutes('/gzip');

const server = app.listen(Number(process.argv[2]), '127.0.0.1');
server.keepAliveTimeout = 60_000;
