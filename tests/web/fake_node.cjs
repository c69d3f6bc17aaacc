// A node that does what a test says, where a real one can't be brought to it at will.
'use strict';

const { WebSocketServer } = require('ws');

class FakeNode {
    // `script`: per connection a function(peer); the last one stands for all that follow.
    constructor(script) {
        this.script = script;
        this.peers = [];
        this.server = new WebSocketServer({ port: 0, host: '127.0.0.1',
            handleProtocols: (protocols) => [...protocols][0] });
        this.server.on('connection', (socket, request) => this.accept(socket, request));
        this.ready = new Promise((resolve) => { this.server.on('listening', resolve); });
    }

    get url() {
        return `ws://127.0.0.1:${this.server.address().port}/ws`;
    }

    accept(socket, request) {
        const number = this.peers.length;
        const peer = {
            number, socket, frames: [], at: Date.now(),
            query: new URL(request.url, 'http://x').searchParams,
            say: (frame) => socket.send(JSON.stringify(frame)),
            welcome: (more) => peer.say({ op: 'welcome', channel: `channel-${number}`, node: 'fake.1',
                type: 'json', created: 0, expires: null, heartbeat: 15, session: `session-${number}`,
                resumed: false, groups: [], user: null, version: 'fake', ...more }),
            bye: (code, retry = null) => {
                peer.say({ op: 'bye', code, reason: 'because', retry_ms: retry });
                socket.close(code, 'because');
            },
            on: () => {},
        };
        this.peers.push(peer);
        socket.on('message', (data) => {
            const frame = JSON.parse(data);
            peer.frames.push(frame);
            peer.on(frame);
        });
        socket.on('error', () => {});
        this.script[Math.min(number, this.script.length - 1)](peer);
    }

    stop() {
        this.server.clients.forEach((client) => client.terminate());
        this.server.close();
    }
}

module.exports = { FakeNode };
