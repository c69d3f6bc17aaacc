// socketio.js PORT REDIS_SOCKET - Socket.IO with its Redis adapter.
//
// Events: `j` joins a room (answered by `j`), `p` sends to one, which gets `m`.
'use strict';
const { createServer } = require('node:http');
const { Server } = require('socket.io');
const { createAdapter } = require('@socket.io/redis-adapter');
const { Redis } = require('ioredis');

const [port, path] = process.argv.slice(2);
const publisher = new Redis({ path });
const http = createServer();
const io = new Server(http, {
  adapter: createAdapter(publisher, publisher.duplicate()),
  transports: ['websocket'],
  perMessageDeflate: false,
  pingInterval: 60000,
  pingTimeout: 60000,
});
io.on('connection', (socket) => {
  socket.on('j', async (room) => {
    await socket.join(room);
    socket.emit('j');
  });
  socket.on('p', (room, payload) => io.to(room).emit('m', payload));
});
http.listen(Number(port), '127.0.0.1', () => console.log('ready'));
