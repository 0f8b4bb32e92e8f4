// graphql-ws: a subscription "update" over WebSocket (subprotocol graphql-transport-ws).
'use strict';
const { GraphQLSchema, GraphQLObjectType, GraphQLString, GraphQLNonNull, GraphQLInt, GraphQLFloat } = require('graphql');
const { useServer } = require('graphql-ws/use/ws');
const { WebSocketServer } = require('ws');
const { subscribe } = require('../feed.js');

const drop = Number(process.argv[3] ?? 0);

// An asynchronous iterator over the feed.
function updates() {
  const waiting = [];
  let wake = null;
  const stop = subscribe((text) => {
    waiting.push(text);
    wake?.();
  }, drop);
  return (async function* iterate() {
    try {
      for (;;) {
        while (waiting.length === 0) await new Promise((resolve) => { wake = resolve; });
        yield { update: JSON.parse(waiting.shift()) };
      }
    } finally {
      stop();
    }
  })();
}

const Update = new GraphQLObjectType({
  name: 'Update',
  fields: { t: { type: GraphQLFloat }, seq: { type: GraphQLInt }, price: { type: GraphQLFloat } },
});
const schema = new GraphQLSchema({
  query: new GraphQLObjectType({ name: 'Query', fields: { hello: { type: GraphQLString } } }),
  subscription: new GraphQLObjectType({
    name: 'Subscription',
    fields: { update: { type: new GraphQLNonNull(Update), subscribe: updates } },
  }),
});
const server = new WebSocketServer({ host: '127.0.0.1', port: Number(process.argv[2]), path: '/graphql' });
useServer({ schema }, server);
