// ws_ioredis.js PORT REDIS_SOCKET - the gateway that one writes in an afternoon: ws, ioredis, a map.
//
// It speaks chanway-floor's protocol: `j GROUP` joins, `p GROUP PAYLOAD` publishes, by way of Redis.
'use strict';
const { WebSocketServer } = require('ws');
const { Redis } = require('ioredis');

const [port, path] = process.argv.slice(2);
const publisher = new Redis({ path });
const subscriber = new Redis({ path });
const groups = new Map();

subscriber.on('message', (group, payload) => {
  for (const socket of groups.get(group) ?? []) socket.send(payload);
});

async function join(socket, group, text) {
  let members = groups.get(group);
  if (!members) {
    members = new Set();
    groups.set(group, members);
    members.subscribed = subscriber.subscribe(group);
  }
  members.add(socket);
  await members.subscribed;
  socket.send(text);
}

function leave(socket) {
  const members = groups.get(socket.group);
  members?.delete(socket);
  if (members?.size === 0) {
    groups.delete(socket.group);
    subscriber.unsubscribe(socket.group);
  }
}

const server = new WebSocketServer({ port: Number(port), host: '127.0.0.1', perMessageDeflate: false },
  () => console.log('ready'));
server.on('connection', (socket) => {
  socket.on('error', () => {});
  socket.on('close', () => leave(socket));
  socket.on('message', (data) => {
    const text = data.toString();
    const end = text.indexOf(' ', 2);
    if (text[0] === 'j') {
      socket.group = text.slice(2);
      join(socket, socket.group, text);
    } else {
      publisher.publish(text.slice(2, end), text.slice(end + 1));
    }
  });
});
