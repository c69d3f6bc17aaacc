// A client of the npm package `ws` over TLS: joins a group, publishes TEXT to it, prints what came,
// closes. Arguments: URL, file of the authority, group, length of the text.
'use strict';

const fs = require('fs');
const WebSocket = require('ws');

const [url, authority, group, length] = process.argv.slice(2);
const socket = new WebSocket(url, 'chanway.v1.json', { ca: fs.readFileSync(authority) });
const text = 'x'.repeat(Number(length));

socket.on('message', (data) => {
    const frame = JSON.parse(data);
    if (frame.op === 'welcome')
        socket.send(JSON.stringify({ op: 'join', id: 1, group }));
    else if (frame.op === 'ok' && frame.id === 1)
        socket.send(JSON.stringify({ op: 'publish', id: 2, group, text }));
    else if (frame.op === 'message') {
        console.log(frame.text === text ? 'came back' : 'damaged');
        socket.close(1000);
    }
});
socket.on('close', (code) => console.log(`closed ${code}`));
socket.on('error', (error) => console.log(`error ${error.message}`));
