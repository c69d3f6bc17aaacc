// The client library against a node that does as it is told: `node codes.mjs [LIBRARY]`.
//
// What a real node does not do at will: every close code, errors that pass, frames twice.
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const require = createRequire(import.meta.url);
const here = path.dirname(fileURLToPath(import.meta.url));
const library = path.resolve(process.argv[2] || path.join(here, '../../web/chanway.js'));
const loaded = library.endsWith('.cjs') ? require(library) : await import(library);
globalThis.connect = (url, options) => loaded.connect(url, { WebSocket: require('ws'), ...options });
require('./recorder.js');
const { FakeNode } = require('./fake_node.cjs');

const QUICK = { backoffMin: 40, backoffMax: 80 };
const stay = (peer) => peer.welcome();
const tests = [];
const test = (name, run) => tests.push({ name, run });

async function against(script, options, run) {
    const node = new FakeNode(script);
    await node.ready;
    const client = open(node.url, { ...QUICK, ...options });
    try {
        await run(client, node);
    } finally {
        client.close();
        node.stop();
    }
}

// --- close codes

const NEVER = [1000, 1002, 1003, 1007, 1009, 4001, 4004, 4006, 3000, 4100];
const BACK = { 1001: 300, 1011: null, 1012: null, 1013: null, 4000: null, 4002: 300, 4003: null,
    4005: null, 3001: 300, 4101: 300 };

for (const code of NEVER) {
    test(`${code}: not again`, () => against([(peer) => { peer.welcome(); peer.bye(code); }], {},
        async (client, node) => {
            const failed = refused(client.publish('g', 1));
            await until(() => client.seen.close.length);
            assert.deepEqual(client.seen.close, [{ code, reason: 'because' }]);
            assert.equal(client.state, 'closed');
            assert.equal((await failed).code, 'closed');
            assert.equal((await failed).closeCode, code);
            assert.equal(node.peers.length, 1);
            assert.deepEqual(client.seen.reconnecting, []);
        }));
}

for (const [code, retry] of Object.entries(BACK)) {
    test(`${code}: again, retry_ms ${retry}`, () => against(
        [(peer) => { peer.welcome(); peer.bye(Number(code), retry); }, stay], {},
        async (client, node) => {
            await until(() => client.seen.open.length === 2);
            const [{ delay, attempt }] = client.seen.reconnecting;
            assert.equal(attempt, 1);
            if (retry !== null) {
                assert.equal(delay, 300);
                assert.ok(node.peers[1].at - node.peers[0].at >= 290);
            } else if (code === '4000' || code === '4003') {
                assert.equal(delay, 0);
            } else {
                assert.ok(delay >= 20 && delay <= 40, `${delay}`);
            }
            assert.equal(node.peers[1].query.get('session'), code === '4003' ? null : 'session-0');
        }));
}

test('at once is not for ever: from the second time on it backs off, exponentially, bounded', () => against(
    [(peer) => { peer.welcome(); peer.bye(4000); }], { backoffMin: 10, backoffMax: 40, attempts: 6 },
    async (client) => {
        await until(() => client.seen.close.length);
        const delays = client.seen.reconnecting.map((event) => event.delay);
        assert.equal(delays.length, 6);
        [[0, 0], [10, 20], [20, 40], [20, 40], [20, 40], [20, 40]].forEach(([least, most], i) => {
            assert.ok(delays[i] >= least && delays[i] <= most, `${i}: ${delays}`);
        });
        assert.deepEqual(client.seen.close, [{ code: 4000, reason: 'because' }]);
    }));

test('back-off is spread: a crowd does not come back together', () => against(
    [(peer) => peer.welcome()], {}, async (first, node) => {
        const crowd = Array.from({ length: 40 }, () => open(node.url, { backoffMin: 400 , backoffMax: 800 }));
        await Promise.all([first, ...crowd].map((client) => client.ready()));
        node.peers.forEach(({ socket }) => socket.terminate());
        await until(() => crowd.every((client) => client.seen.reconnecting.length));
        const delays = crowd.map((client) => client.seen.reconnecting[0].delay).sort((a, b) => a - b);
        await Promise.all(crowd.map((client) => client.close()));
        assert.ok(delays[0] >= 200 && delays[39] <= 400, `${delays}`);
        assert.ok(delays[39] - delays[0] > 100 && new Set(delays).size > 20, `${delays}`);
    }));

test('a code that may not be sent closes nothing', () => against([stay], {}, async (client, node) => {
    await client.ready();
    assert.equal((await refused(client.close(1001))).code, 'bad_request');
    assert.equal((await refused(client.close(5000))).code, 'bad_request');
    assert.equal(client.state, 'open');
    await client.close(4999, 'bye');
    assert.deepEqual(client.seen.close, [{ code: 4999, reason: 'bye' }]);
    await until(() => node.peers[0].socket.readyState === 3);
    await client.close();
}));

test('no welcome: given up and tried again', () => against([() => {}, stay], { connectTimeout: 100 },
    async (client) => {
        await client.ready();
        assert.equal(client.seen.reconnecting[0].reason, 'no welcome in time');
    }));

test('urls in turn', async () => {
    const nodes = [new FakeNode([(peer) => peer.bye(1013)]), new FakeNode([stay])];
    await Promise.all(nodes.map((node) => node.ready));
    const client = open(nodes.map((node) => node.url), QUICK);
    await client.ready();
    assert.deepEqual(nodes.map((node) => node.peers.length), [1, 1]);
    client.close();
    nodes.forEach((node) => node.stop());
});

// --- tokens

test('a token function is asked at each connect', () => {
    let asked = 0;
    return against([(peer) => { peer.welcome(); peer.bye(4001); }, (peer) => { peer.welcome(); peer.bye(1011); },
        stay], { token: async () => { asked += 1; return `token ${asked}`; } }, async (client, node) => {
        await until(() => client.seen.open.length === 3);
        assert.deepEqual(node.peers.map((peer) => peer.query.get('token')),
            ['token 1', 'token 2', 'token 3']);
        assert.deepEqual(client.seen.reconnecting.map((event) => event.code), [4001, 1011]);
    });
});

test('4001: the same token again is not tried again', () => against(
    [(peer) => peer.bye(4001)], { token: async () => 'same' }, async (client, node) => {
        await until(() => client.seen.close.length);
        assert.equal(client.seen.close[0].code, 4001);
        assert.equal(node.peers.length, 1);
    }));

test('a token function that fails is asked again', () => {
    let asked = 0;
    const token = async () => {
        asked += 1;
        if (asked < 3) {
            throw new Error('no network');
        }
        return 'at last';
    };
    return against([stay], { token }, async (client, node) => {
        await client.ready();
        assert.deepEqual(client.seen.error.map((error) => error.message), ['no network', 'no network']);
        assert.equal(node.peers[0].query.get('token'), 'at last');
    });
});

test('auth: the token of the next connections', () => against(
    [(peer) => { peer.welcome(); peer.on = ({ id }) => {
        peer.say({ op: 'ok', id, user: 'anna', expires_at: null });
        peer.bye(1011);
    }; }, stay], { token: 'old' }, async (client, node) => {
        assert.equal((await client.auth('new')).user, 'anna');
        assert.equal(client.user, 'anna');
        await until(() => client.seen.open.length === 2);
        assert.deepEqual(node.peers.map((peer) => peer.query.get('token')), ['old', 'new']);
    }));

const jwt = (claims) => `x.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.x`;
const seconds = (more) => Date.now() / 1000 + more;
const authenticating = (peer) => {
    peer.welcome();
    peer.on = ({ id, op }) => op === 'auth' && peer.say({ op: 'ok', id, user: 'anna', expires_at: 1 });
};

for (const [clock, skew] of Object.entries({ right: 0, 'an hour behind': 3600, 'an hour ahead': -3600 })) {
    test(`a token that ends is renewed before, on the same connection; our clock is ${clock}`, () => {
        const given = [];
        const token = async () => {
            given.push(jwt({ sub: '\u00fc>?', iat: seconds(skew), exp: seconds(skew + 1.2 + given.length * 100) }));
            return given[given.length - 1];
        };
        return against([authenticating], { token }, async (client, node) => {
            await until(() => client.user === 'anna');
            assert.equal(given.length, 2);
            assert.deepEqual(node.peers[0].frames.map(({ op, token: said }) => [op, said]),
                [['auth', given[1]]]);
            assert.ok(Date.now() - node.peers[0].at >= 950);
            assert.deepEqual(client.order, ['open']);
        });
    });
}

test('a token that is not given anew is asked for again, and what goes wrong is told', () => {
    let asked = 0;
    const first = jwt({ exp: seconds(6) });
    const token = async () => {
        asked += 1;
        if (asked === 2) {
            throw new Error('no network');
        }
        return asked < 4 ? first : jwt({ exp: seconds(1000) });
    };
    return against([authenticating], { token }, async (client, node) => {
        await until(() => client.seen.error.length);
        assert.deepEqual(client.seen.error.map((error) => error.message), ['no network']);
        assert.equal(client.state, 'open');
        assert.ok(asked <= 3, 'at most once a second');
        assert.equal(node.peers.length, 1);
    });
});

test('what is no JWT, or ends in years, needs nothing', () => against([stay],
    { token: async () => jwt({ exp: seconds(1e9) }) }, async (client, node) => {
        const opaque = open(node.url, { token: async () => 'opaque' });
        await Promise.all([client.ready(), opaque.ready()]);
        await new Promise((resolve) => { setTimeout(resolve, 200); });
        assert.deepEqual(node.peers.map((peer) => peer.frames.length), [0, 0]);
        await opaque.close();
    }));

test('what a URL says', () => against([stay], { type: 'text', expires: 60, token: 'a+b&c' },
    async (client, node) => {
        await client.ready();
        assert.deepEqual(Object.fromEntries(node.peers[0].query),
            { type: 'text', expires: '60', token: 'a+b&c' });
        assert.equal(node.peers[0].socket.protocol, 'chanway.v1.json');
    }));

// --- ops

const answering = (answers) => (peer) => {
    peer.welcome();
    let next = 0;
    peer.on = ({ id, op }) => {
        if (op !== 'ping') {
            peer.say({ id, ...answers[Math.min(next, answers.length - 1)] });
            next += 1;
        }
    };
};
const error = (code, more) => ({ op: 'error', code, message: code, temporary: true, ...more });

test('errors that pass are tried again with the same key', () => against(
    [answering([error('unavailable'), error('timeout'), error('rate_limited', { retry_ms: 100 }),
        { op: 'ok', epoch: '1', offset: 1, duplicate: true }])], {}, async (client, node) => {
        const started = Date.now();
        const ok = await client.publish('g', 1);
        assert.deepEqual(ok, { epoch: '1', offset: 1, duplicate: true });
        assert.ok(Date.now() - started >= 20 + 40 + 140);
        const { frames } = node.peers[0];
        assert.equal(frames.length, 4);
        assert.equal(new Set(frames.map((frame) => JSON.stringify(frame))).size, 1);
        assert.match(frames[0].key, /^[\w-]{16,64}$/);
    }));

test('tried again at most `retries` times', () => against([answering([error('unavailable')])],
    { retries: 2 }, async (client, node) => {
        assert.equal((await refused(client.publish('g', 1))).code, 'unavailable');
        assert.equal(node.peers[0].frames.length, 3);
        assert.equal((await refused(client.publish('g', 1, { retries: 0 }))).code, 'unavailable');
        assert.equal(node.peers[0].frames.length, 4);
    }));

test('without a key only what was not done is tried again', () => against(
    [answering([error('unavailable'), error('timeout')])], {}, async (client, node) => {
        assert.equal((await refused(client.message(1))).code, 'timeout');
        assert.equal(node.peers[0].frames.length, 2);
        assert.ok(!('key' in node.peers[0].frames[0]));
    }));

test('other errors are final', () => against([answering([{ ...error('forbidden'), temporary: false,
    details: 'why' }])], {}, async (client, node) => {
    const failed = await refused(client.publish('g', 1));
    assert.deepEqual([failed.code, failed.temporary, failed.details], ['forbidden', false, 'why']);
    assert.equal(node.peers[0].frames.length, 1);
}));

test('keys are not for all who do not want them', () => against([answering([{ op: 'ok' }])],
    { keys: false }, async (client, node) => {
        await client.publish('g', 1);
        await client.publish('g', 1, { key: 'own' });
        assert.deepEqual(node.peers[0].frames.map((frame) => frame.key), [undefined, 'own']);
    }));

test('what was not answered is said again in its order', () => against(
    [(peer) => { peer.welcome(); peer.on = () => peer.frames.length === 4 && peer.socket.terminate(); },
        answering([{ op: 'ok' }])], {}, async (client, node) => {
        const lost = refused(client.message('once'));
        const done = [1, 2, 3].map((n) => client.publish('g', n));
        await Promise.all(done);
        assert.equal((await lost).code, 'connection_lost');
        assert.deepEqual(node.peers[1].frames, node.peers[0].frames.slice(1));
    }));

test('the queue is free again when it was answered', () => against([answering([{ op: 'ok' }])],
    { queueMax: 2 }, async (client) => {
        for (let i = 0; i < 3; i += 1) {
            const done = [client.publish('g', 1), client.publish('g', 2)];
            assert.equal((await refused(client.publish('g', 3))).code, 'queue_full');
            await Promise.all(done);
        }
    }));

test('an op in vain is forgotten, a late answer is nobody\'s', () => against(
    [(peer) => { peer.welcome(); peer.on = ({ id }) => setTimeout(() => peer.say({ op: 'ok', id }), 150); }],
    { timeout: 50, queueMax: 1 }, async (client, node) => {
        await client.ready();
        assert.equal((await refused(client.join('g'))).code, 'timeout');
        await until(() => node.peers[0].frames.length === 2);
        assert.deepEqual(node.peers[0].frames.map(({ op }) => op), ['join', 'leave']);
        await refused(client.ping());
        assert.deepEqual(client.seen.error, []);
    }));

// --- what comes

test('nothing twice, whatever comes', () => against([(peer) => {
    peer.welcome();
    peer.on = ({ id, op }) => {
        peer.say({ op: 'ok', id, ...(op === 'join' && { epoch: '7', offset: 2 }) });
        if (op === 'join') {
            for (const [epoch, offset] of [['7', 2], ['7', 3], ['7', 3], ['7', 1], ['7', 4], ['8', 1],
                ['8', 1], ['8', 2]]) {
                peer.say({ op: 'message', group: 'g', from: 'x', epoch, offset, data: `${epoch}-${offset}` });
            }
            [1, 2, 2, 1, 3].forEach((offset) => peer.say(
                { op: 'message', from: 'x', epoch: '1', offset, data: `direct ${offset}` }));
        }
    };
}], {}, async (client) => {
    await client.join('g');
    await client.ping();
    assert.deepEqual(client.seen.message.filter((m) => m.group).map((m) => m.data),
        ['7-3', '7-4', '8-1', '8-2']);
    assert.deepEqual(client.seen.message.filter((m) => !m.group).map((m) => m.data),
        ['direct 1', 'direct 2', 'direct 3']);
    assert.deepEqual(client.group('g').position, { epoch: '8', offset: 2 });
}));

test('positions go with the next connection', () => against([(peer) => {
    peer.welcome();
    peer.on = ({ id, group }) => peer.say({ op: 'ok', id, epoch: '7', offset: group === 'a@b' ? 2 : 0 });
    peer.say({ op: 'message', from: 'x', epoch: '1', offset: 9, data: 0 });
}, (peer) => peer.welcome({ resumed: true, groups: ['a@b', 'g', 'new'] })], {}, async (client, node) => {
    await client.join('a@b');
    await client.join('g');
    node.peers[0].say({ op: 'gap', group: 'g', epoch: '7', offset: 5 });
    await until(() => client.seen.gap.length);
    node.peers[0].socket.terminate();
    await until(() => client.seen.open.length === 2);
    assert.equal(node.peers[1].query.get('since'), '1-9,a@b@7-2,g@7-5');
    assert.deepEqual(client.seen.joined.map(({ group }) => group), ['new']);
}));

test('a group of the token in a new channel: what was missed is told', () => against([(peer) => {
    peer.welcome();
    peer.say({ op: 'joined', group: 'g', epoch: '7', offset: peer.number ? 9 : 2 });
}], {}, async (client, node) => {
    await until(() => client.seen.joined.length);
    node.peers[0].socket.terminate();
    await until(() => client.seen.joined.length === 2);
    assert.deepEqual(client.order.filter((event) => event !== 'reconnecting'),
        ['open', 'joined', 'left', 'open', 'gap', 'joined']);
    assert.deepEqual(client.seen.gap, [{ group: 'g', epoch: '7', offset: 9 }]);
}));

test('a group that can not be joined again is told as left', () => against([answering([{ op: 'ok' }]),
    answering([error('unavailable'), { ...error('forbidden'), temporary: false }])], {},
async (client, node) => {
    await client.join('g');
    node.peers[0].socket.terminate();
    await until(() => client.seen.left.length);
    assert.deepEqual(client.seen.error.map(({ code }) => code), ['forbidden']);
    assert.equal(client.group('g').joined, false);
    assert.equal(node.peers[1].frames.length, 2);
}));

test('fields and ops from later versions are nothing to it', () => against([(peer) => {
    peer.welcome({ later: 1 });
    peer.say({ op: 'later', x: 1 });
    peer.on = ({ id }) => peer.say({ op: 'pong', id, later: 1 });
}], {}, async (client) => {
    assert.equal(typeof await client.ping(), 'number');
    assert.deepEqual(client.seen.error, []);
}));

let failed = 0;
await Promise.all(tests.map(async ({ name, run }) => {
    try {
        await run();
    } catch (problem) {
        failed += 1;
        console.error(`FAILED ${name}\n${problem.stack}\n`);
    }
}));
console.log(`${tests.length - failed} passed, ${failed} failed`);
process.exit(failed ? 1 : 0);
