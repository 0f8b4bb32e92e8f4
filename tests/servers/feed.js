// The feed of the Node.js servers: each subscriber gets ten messages a second at a phase of its own.
'use strict';

const INTERVAL_MS = 100;
const started = performance.now();
let subscribers = 0;

/**
 * A message: when it was published in microseconds of the monotonic clock, its number, and what it is about.
 * Node.js has the time since 1970 in milliseconds alone: the sum of `performance.timeOrigin` and
 * `performance.now()` drifts from it.
 */
function message(number) {
  const micros = Number(process.hrtime.bigint() / 1000n);
  return JSON.stringify({ t: micros, seq: number, price: 12.3 });
}

/** The number of the newest message of a phase from 0 to 1. */
function newest(phase) {
  return Math.floor((performance.now() - started) / INTERVAL_MS - phase);
}

/** A phase for each subscriber, so that they are not served all at once. */
function nextPhase() {
  subscribers += 1;
  return (subscribers * 0.618034) % 1;
}

/** Waits for the next message of a phase, then calls `send` with its number. Returns what cancels it. */
function afterNext(phase, send) {
  return waitFor(newest(phase) + 1, phase, send);
}

/** Does the same for the message of a number, which may have been due already. */
function waitFor(number, phase, send) {
  const due = started + (number + phase) * INTERVAL_MS;
  const timer = setTimeout(() => send(number), Math.max(0, Math.ceil(due - performance.now())));
  return () => clearTimeout(timer);
}

/**
 * Calls `send` with each message until the returned function is called. With `drop` every so many
 * messages are left out, their numbers too.
 */
function subscribe(send, drop = 0) {
  const phase = nextPhase();
  let number = newest(phase);
  let timer;
  const next = () => {
    number += 1;
    const due = started + (number + phase) * INTERVAL_MS;
    timer = setTimeout(() => {
      if (!drop || number % drop !== 0) send(message(number), number);
      next();
    }, Math.max(0, due - performance.now()));
  };
  next();
  return () => clearTimeout(timer);
}

/** The value of `drop` in a URL's query. */
function dropOf(url) {
  return Number(new URL(url, 'http://localhost').searchParams.get('drop') ?? 0);
}

module.exports = { message, newest, nextPhase, afterNext, waitFor, subscribe, dropOf };
