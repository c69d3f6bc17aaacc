// Many subscribers of one group, with the npm package `ws`: see Subscribers in ../support/cluster.py
// and the form of a message in ../support/checker.py.
'use strict';

const fs = require('fs');
const readline = require('readline');
const WebSocket = require('ws');

const config = JSON.parse(fs.readFileSync(process.argv[2], 'utf8'));
const subscribers = config.subscribers.map((options) => ({
    ...options, names: [], positions: [], gaps: [], damaged: [], closed: null, ended: false,
    joined: false, probe: `probe.${options.name}`,
}));

function fill(name, length) {
    const pattern = `${name}|`;
    return pattern.repeat(Math.floor(length / pattern.length) + 1).slice(0, length);
}

function takeText(subscriber, text, kind) {
    if (text === config.end) {
        subscriber.ended = true;
        return true;
    }
    const [name, length] = text.split(' ', 2);
    const whole = `${name} ${length} ${fill(name, Number(length))}` === text;
    takeName(subscriber, name, whole && name.endsWith(kind));
    return false;
}

function takeData(subscriber, data) {
    const whole = data.fill === fill(data.name, data.length);
    takeName(subscriber, data.name, whole && data.name.endsWith('d'));
}

function takeName(subscriber, name, isWhole) {
    subscriber.names.push(name);
    if (!isWhole) {
        subscriber.damaged.push(name);
    }
}

function onRaw(subscriber, frame, isBinary) {
    const text = frame.toString('utf8');
    if (text.includes(subscriber.probe) && !subscriber.joined) {
        subscriber.joined = true;
    } else if (isBinary) {
        takeText(subscriber, text, 'b');
    } else if (text.startsWith('{')) {
        takeData(subscriber, JSON.parse(text));
    } else {
        takeText(subscriber, text, 't');
    }
}

function onEnveloped(subscriber, socket, frame) {
    const event = JSON.parse(frame.toString('utf8'));
    if (event.op === 'welcome') {
        socket.send(JSON.stringify({ op: 'join', id: 1, group: config.group }));
    } else if (event.op === 'ok') {
        subscriber.joined = true;
    } else if (event.op === 'gap') {
        subscriber.gaps.push(event);
    } else if (event.op === 'message') {
        let isEnd = false;
        if (event.text !== undefined) {
            isEnd = takeText(subscriber, event.text, 't');
        } else if (event.bytes !== undefined) {
            takeText(subscriber, Buffer.from(event.bytes, 'base64').toString('utf8'), 'b');
        } else {
            takeData(subscriber, event.data);
        }
        if (!isEnd) {
            subscriber.positions.push(`${event.epoch}-${event.offset}`);
        }
    } else if (event.op !== 'bye') {
        throw new Error(`${subscriber.name}: ${frame}`);
    }
}

function open(subscriber) {
    let socket;
    if (subscriber.raw) {
        // A frame to a group of its own comes back when the joins are done.
        const query = `type=${subscriber.type}&groups=${config.group},${subscriber.probe}` +
            `&publish=${subscriber.probe}`;
        socket = new WebSocket(`${subscriber.url}?${query}`, { perMessageDeflate: false });
        socket.on('open', () => socket.send(JSON.stringify(subscriber.probe)));
        socket.on('message', (frame, isBinary) => {
            onRaw(subscriber, frame, isBinary);
            settle();
        });
    } else {
        socket = new WebSocket(subscriber.url, config.json, { perMessageDeflate: false });
        socket.on('message', (frame) => {
            onEnveloped(subscriber, socket, frame);
            settle();
        });
    }
    socket.on('error', (error) => {
        if (!subscriber.joined) {
            throw error;
        }
    });
    socket.on('close', (code) => {
        subscriber.closed = code;
        settle();
    });
}

let saidJoined = false;
let remaining = subscribers.length;

function settle() {
    // Called for every message: the cheap questions first.
    if (!saidJoined && subscribers.every((one) => one.joined)) {
        saidJoined = true;
        console.log('joined');
    }
    for (const one of subscribers) {
        if (!one.counted && (one.ended || one.closed !== null)) {
            one.counted = true;
            remaining -= 1;
        } else if (!one.counted) {
            return;
        }
    }
    if (remaining === 0) {
        report();
    }
}

function report() {
    fs.writeFileSync(config.report, JSON.stringify(subscribers.map((one) => ({
        name: one.name, names: one.names, positions: one.raw ? null : one.positions,
        gaps: one.gaps, damaged: one.damaged, closed: one.closed, ended: one.ended,
    }))));
    fs.writeSync(1, 'done\n');
    process.exit(0);
}

subscribers.forEach(open);
readline.createInterface({ input: process.stdin }).on('line', report);
