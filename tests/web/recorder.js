// What tests of the client library share, in Node and in a page: `open()` makes a client that writes
// down what it is told, in `client.seen`.
'use strict';

globalThis.fill = (name, length) => {
    const pattern = `${name}|`;
    return pattern.repeat(Math.floor(length / pattern.length) + 1).slice(0, length);
};

// A message as ../support/checker.py makes them; null if it is damaged or another.
globalThis.nameOf = (message) => {
    if (message.kind === 'data') {
        const { name, length, fill: filling } = message.data || {};
        return filling === fill(name, length) ? name : null;
    }
    const text = message.kind === 'bytes' ? new TextDecoder().decode(message.bytes) : message.text;
    const [name, length] = text.split(' ', 2);
    return `${name} ${length} ${fill(name, Number(length))}` === text ? name : null;
};

const EVENTS = ['open', 'close', 'message', 'joined', 'left', 'presence', 'gap', 'error', 'bye',
    'reconnecting'];

globalThis.clients = [];

globalThis.open = (url, options = {}) => {
    const client = connect(url, options);
    clients.push(client);
    client.seen = Object.fromEntries(EVENTS.map((event) => [event, []]));
    client.order = [];
    for (const event of EVENTS) {
        client.on(event, (value) => {
            client.seen[event].push(value);
            client.order.push(event);
        });
    }
    return client;
};

globalThis.until = async (condition, what = String(condition), timeout = 15000) => {
    const deadline = Date.now() + timeout;
    for (;;) {
        const result = condition();
        if (result) {
            return result;
        }
        if (Date.now() > deadline) {
            throw new Error(`not within ${timeout} ms: ${what}`);
        }
        await new Promise((resolve) => { setTimeout(resolve, 5); });
    }
};

// How a promise fails: the error's fields.
globalThis.refused = async (promise) => {
    try {
        return { ok: await promise };
    } catch (error) {
        return { name: error.name, message: error.message, ...error };
    }
};
