/*
 * chanway.js - the client of a Chanway cluster, for browsers and Node. It depends on nothing.
 *
 *   connecting --welcome--> open --lost--> reconnecting --welcome--> open ... --> closed
 *
 * What the application asks for is an op: it waits in `_ops`, in the order of the calls, until it is
 * answered, and is said again on the next connection if that can do no harm. How far each group and
 * the direct messages have come is kept, so that a connection goes on where the last one broke off,
 * on whichever node. Names that begin with `_` are the library's own; the build shortens them.
 */

import { ChanwayError, failure } from './lib/base.js';
import { Group } from './lib/group.js';
import { Ops } from './lib/ops.js';
import {
    isSeen, payloadText, positionOf, positionText, randomName, readMessage, tokenLife,
} from './lib/payload.js';

const SUBPROTOCOL = 'chanway.v1.json';
/* Above it positions go into the op `since`: the whole head of a request must fit 8 KiB. */
const URL_LIMIT = 2048;
/* A connection that held for so long was a good one: back-off begins anew. */
const STABLE_MS = 5000;
const CLOSE_MS = 2000;
/* A new token is asked for when so much of the old one's life is over. */
const TOKEN_PART = 0.8;
const TOKEN_MIN_MS = 1000;
const TIMER_MAX_MS = 2 ** 31 - 1;

const NEVER = 0;
const BACK_OFF = 1;
const AT_ONCE = 2;
const NEW_CHANNEL = 3;
const NEW_TOKEN = 4;
/* PROTOCOL: close codes. Others below 3000 come from proxies and lost networks: with back-off. Others
 * from 3000 on are the application's: only if `bye` says when. */
const COME_BACK = {
    1000: NEVER, 1002: NEVER, 1003: NEVER, 1007: NEVER, 1009: NEVER, 1001: BACK_OFF,
    4000: AT_ONCE, 4001: NEW_TOKEN, 4002: BACK_OFF, 4003: NEW_CHANNEL, 4004: NEVER,
    4005: BACK_OFF, 4006: NEVER,
};

const DEFAULTS = {
    queueMax: 1000, timeout: 30000, retries: 5, backoffMin: 500, backoffMax: 30000,
    connectTimeout: 15000, pingTimeout: 10000, attempts: Infinity, keys: true,
};

/* A code that keeps the session; npm's ws can also drop a connection whose other end is gone. */
function shut(socket) {
    socket.onclose = socket.onmessage = null;
    try {
        socket.close(4000);
    } catch (error) {
        /* it was never open */
    }
    if (socket.terminate) {
        socket.terminate();
    }
}

export class Client extends Ops {
    constructor(url, options = {}) {
        super({ ...DEFAULTS, ...options });
        this._urls = [].concat(url);
        this._WebSocket = this._options.WebSocket || globalThis.WebSocket;
        if (!this._WebSocket) {
            throw new ChanwayError('bad_request',
                'no WebSocket here: hand one in, {WebSocket: require("ws")}');
        }
        this.welcome = null;
        this._session = null;
        this._direct = null;   /* position of the last direct message seen */
        this._groups = new Map();
        this._keyPrefix = randomName();
        this._losses = 0;      /* connections lost, or not made */
        this._failures = 0;    /* of them in a row */
        this._bye = null;
        this._socket = null;
        this._onOnline = () => this._failures && this._retryTimer && this._connect();
        if (typeof addEventListener === 'function') {
            addEventListener('online', this._onOnline);
        }
        for (const name of this._options.groups || []) {
            this.join(name).catch((error) => this._emit('error', error));
        }
        Promise.resolve().then(() => this._turn === undefined && this._connect());
    }

    get channel() { return this.welcome && this.welcome.channel; }

    get node() { return this.welcome && this.welcome.node; }

    get user() { return this.welcome && this.welcome.user; }

    /* Resolves once it is open; rejects if it is closed for good. */
    ready() {
        if (this.state === 'open') {
            return Promise.resolve(this);
        }
        return this.state === 'closed' ? failure('closed', 'the client is closed')
            : new Promise((resolve, reject) => {
                const off = [
                    this.on('open', () => { off.forEach((one) => one()); resolve(this); }),
                    this.on('close', (event) => {
                        off.forEach((one) => one());
                        reject(new ChanwayError('closed', event.reason, { closeCode: event.code }));
                    }),
                ];
            });
    }

    /* The handle of a group, joined or not: handlers set here miss nothing. */
    group(name) {
        if (!this._groups.has(name)) {
            this._groups.set(name, new Group(this, name));
        }
        return this._groups.get(name);
    }

    join(name, how) {
        return this.group(name).join(how);
    }

    leave(name, how) {
        return this.group(name).leave(how);
    }

    publish(group, payload, { echo, ...how } = {}) {
        return this._say({ op: 'publish', group, ...(echo === false && { echo }) }, payload, how);
    }

    send(to, payload, how = {}) {
        return this._say({ op: 'send', to }, payload, how);
    }

    /* To the application behind the node. No key: not said again if it may have arrived. */
    message(payload, how = {}) {
        return this._say({ op: 'message' }, payload, { ...how, key: null });
    }

    async* members(group, { count, ...how } = {}) {
        let cursor;
        do {
            const page = await this._call({ op: 'members', group, ...(cursor && { cursor }),
                ...(count && { count }) }, how);
            yield* page.members;
            cursor = page.next;
        } while (cursor !== undefined);
    }

    /* Its token is that of the next connections too, unless a function gives them. */
    auth(token, how) {
        return this._call({ op: 'auth', token }, { ...how, _onOk: (ok) => this._isAuth(token, ok) });
    }

    /* Direct messages up to this one need not be kept for a resume; by default all that were seen. */
    ack(position = this._direct, how = undefined) {
        return position ? this._call({ op: 'ack', ...positionOf(position) }, how) : Promise.resolve({});
    }

    /* The time of a round trip in ms. */
    async ping(how) {
        const started = Date.now();
        await this._call({ op: 'ping' }, how);
        return Date.now() - started;
    }

    /* 1000 ends the session; a code from 3000 on leaves it to be resumed. Resolves when it is shut. */
    close(code = 1000, reason = '') {
        const socket = this._socket;
        if (code !== 1000 && !(code >= 3000 && code < 5000)) {
            return failure('bad_request', 'the code is 1000, or 3000 to 4999');
        }
        if (this.state === 'closed') {
            return Promise.resolve();
        }
        this._detach();
        this._end(code, reason);
        return new Promise((resolve) => {
            if (!socket || socket.readyState === 3) {
                resolve();
                return;
            }
            const timer = setTimeout(() => { shut(socket); resolve(); }, CLOSE_MS);
            socket.onclose = () => { clearTimeout(timer); resolve(); };
            socket.close(code, reason);
        });
    }

    /* --- ops */

    _say(frame, payload, { as, key, ...how }) {
        const auto = key === undefined && this._options.keys
            ? `${this._keyPrefix}-${++this._lastId}` : key;
        try {
            const _payload = payloadText(payload, as, this._options.type);
            return this._call({ ...frame, ...(auto && { key: auto }) },
                { ...how, _payload, _isOnce: !auto });
        } catch (error) {
            return Promise.reject(error);
        }
    }

    _joinOp(group, how) {
        return this._call(() => group._joinFrame(), {
            ...how, _onOk: (ok) => group._isWanted && group._isIn(ok),
        });
    }

    /* --- connecting */

    async _connect() {
        clearTimeout(this._retryTimer);
        this._retryTimer = null;
        const turn = this._turn = {};
        const { token, connectTimeout } = this._options;
        this._connectTimer = setTimeout(() => this._lost(1006, 'no welcome in time'), connectTimeout);
        let next;
        try {
            const word = typeof token === 'function' ? await token() : token;
            next = () => this._connectWith(word);
        } catch (error) {
            next = () => {
                this._emit('error', error);
                this._lost(1006, 'no token');
            };
        }
        if (this._turn === turn) { /* else it was closed, or given up, meanwhile */
            next();
        }
    }

    _connectWith(token) {
        if (this._isRefused && token === this._token) {
            this._end(4001, 'the token is the one that was refused');
            return;
        }
        this._isRefused = false;
        this._token = token;
        let socket;
        try {
            socket = new this._WebSocket(this._url(token), [SUBPROTOCOL]);
        } catch (error) { /* the URL is none */
            this._emit('error', error);
            this._end(1006, String(error.message));
            return;
        }
        this._open(socket);
    }

    _url(token) {
        const { type, expires } = this._options;
        const base = this._urls[this._losses % this._urls.length];
        const words = { type, expires, token, session: this._session };
        if (this._session) {
            words.since = [positionText(this._direct || { epoch: 0, offset: 0 })].concat(
                [...this._groups.values()].filter((group) => group._isWanted && group.position)
                    .map((group) => `${group.name}@${positionText(group.position)}`)).join();
        }
        const write = () => base + (base.includes('?') ? '&' : '?') + Object.entries(words)
            .filter(([, value]) => value !== undefined && value !== null && value !== '')
            .map(([key, value]) => `${key}=${encodeURIComponent(value)}`).join('&');
        this._isLater = write().length > URL_LIMIT && !!words.since;
        if (this._isLater) {
            words.since = 'later';
        }
        return write().replace(/[?&]$/, '');
    }

    _isAuth(token, { user }) {
        this.welcome.user = user;
        this._token = token;
        if (typeof this._options.token !== 'function') {
            this._options.token = token;
        }
        this._watchToken();
    }

    /* Where a function gives the tokens, a new one comes before the old one ends. */
    _watchToken() {
        const { token } = this._options;
        const life = typeof token === 'function' ? tokenLife(this._token) : NaN;
        clearTimeout(this._tokenTimer);
        if (life) {
            this._tokenTimer = setTimeout(() => this._renewToken(token, this._turn),
                Math.min(TIMER_MAX_MS, Math.max(TOKEN_MIN_MS, life * TOKEN_PART)));
        }
    }

    async _renewToken(give, turn) {
        try {
            const token = await give();
            if (this._turn === turn && token !== this._token) {
                await this._call({ op: 'auth', token },
                    { _isOwn: true, _onOk: (ok) => this._isAuth(token, ok) });
                return;
            }
        } catch (error) { /* the old one may yet do; or 4001 comes, and it is asked for again */
            if (this._turn === turn) {
                this._emit('error', error);
            }
        }
        if (this._turn === turn) {
            this._watchToken();
        }
    }

    _open(socket) {
        this._socket = socket;
        socket.onmessage = ({ data }) => {
            this._heardAt = Date.now();
            this._pingedAt = 0;
            this._onFrame(JSON.parse(data));
        };
        socket.onerror = () => {}; /* onclose says it */
        socket.onclose = ({ code, reason }) => this._lost(code, reason);
    }

    /* The connection is no longer ours; what it may still bring is nobody's. */
    _detach() {
        const socket = this._socket;
        clearTimeout(this._connectTimer);
        clearTimeout(this._beatTimer);
        clearTimeout(this._tokenTimer);
        clearTimeout(this._retryTimer);
        this._retryTimer = this._socket = this._turn = null;
        if (socket) {
            socket.onmessage = socket.onclose = null;
        }
    }

    _lost(code, reason) {
        const socket = this._socket;
        const bye = this._bye;
        const wasOpen = this.state === 'open';
        this._bye = null;
        this._detach();
        if (socket) {
            shut(socket);
        }
        let how = COME_BACK[code];
        if (how === undefined) {
            how = code < 3000 || (bye && bye.retry_ms !== null) ? BACK_OFF : NEVER;
        }
        if (how === NEW_TOKEN) {
            this._isRefused = true;
            how = typeof this._options.token === 'function' ? AT_ONCE : NEVER;
        }
        if (how === NEW_CHANNEL) {
            this._session = null;
        }
        if (wasOpen && Date.now() - this._openedAt >= STABLE_MS) {
            this._failures = 0;
        }
        if (how === NEVER || this._failures >= this._options.attempts) {
            this._end(code, reason);
            return;
        }
        this.state = 'reconnecting';
        this._dropSent();
        const advice = bye && bye.retry_ms;
        const isCalm = !this._failures && (how !== BACK_OFF || typeof advice === 'number');
        this._failures += 1;
        this._losses += 1;
        const delay = Math.round((advice || 0) + (isCalm ? 0 : this._backOff(this._failures)));
        this._retryTimer = setTimeout(() => this._connect(), delay);
        this._emit('reconnecting', { code, reason, delay, attempt: this._failures });
    }

    _end(code, reason) {
        this._detach();
        this.state = 'closed';
        if (typeof removeEventListener === 'function') {
            removeEventListener('online', this._onOnline);
        }
        for (const op of [...this._ops.values()]) {
            this._settle(op, new ChanwayError('closed', `closed with ${code} ${reason}`,
                { closeCode: code }));
        }
        this._emit('close', { code, reason });
    }

    /* --- what comes */

    _onFrame(frame) {
        const { op, ...rest } = frame;
        if (op === 'welcome') {
            this._onWelcome(rest);
        } else if (op === 'message') {
            this._onMessage(frame);
        } else if (op === 'ok' || op === 'error' || op === 'pong') {
            this._onReply(frame);
        } else if (op === 'bye') {
            this._bye = rest;
            this._emit('bye', rest);
        } else if (op === 'gap') {
            this._onGap(rest);
        } else if (op === 'presence') {
            this.group(rest.group)._tell(op, rest);
        } else if (op === 'joined') {
            this._onJoined(this.group(rest.group), rest);
        } else if (op === 'left') {
            const group = this.group(rest.group);
            group._forget();
            group._tell(op, rest);
        }
    }

    _onMessage(frame) {
        const group = frame.group === undefined ? null : this.group(frame.group);
        const last = group ? group.position : this._direct;
        if (isSeen(last, frame) || (group && group._isLeaving)) {
            return;
        }
        if (group) {
            if (frame.epoch) {
                group.position = positionOf(frame);
            }
            group._tell('message', readMessage(frame));
        } else {
            this._direct = frame.epoch ? positionOf(frame) : this._direct;
            this._emit('message', readMessage(frame));
        }
    }

    _onGap(gap) {
        const at = gap.epoch ? positionOf(gap) : null;
        if (gap.group === undefined) {
            this._direct = at || this._direct;
            this._emit('gap', gap);
        } else {
            const group = this.group(gap.group);
            group.position = at || group.position;
            group._tell('gap', gap);
        }
    }

    /* By a back end or by the token. A position from before says that something was missed. */
    _onJoined(group, at) {
        const missed = !group._isWanted && group.position;
        group._isWanted = group._isByServer = true;
        group._isLeaving = false;
        group._isIn(at);
        if (missed && group.position !== missed) {
            group._tell('gap', at);
        }
        group._tell('joined', at);
    }

    _onWelcome(welcome) {
        clearTimeout(this._connectTimer);
        this.welcome = welcome;
        this._session = welcome.session;
        this._openedAt = Date.now();
        this.state = 'open';
        this._watchToken();
        this._watch(this._options.pingInterval || (welcome.heartbeat || 15) * 1000);
        if (this._isLater) {
            this._own({ op: 'since', ...this._positions() }).catch(() => {});
        }
        if (!welcome.resumed) {
            this._direct = null;
        }
        this._rejoin(welcome.resumed ? welcome.groups : []);
        [...this._ops.values()].filter((op) => !op._how._isOwn).forEach((op) => this._sendOp(op));
        this._emit('open', welcome);
    }

    _positions() {
        const groups = {};
        this._groups.forEach((group, name) => {
            if (group._isWanted && group.position) {
                groups[name] = group.position;
            }
        });
        return { direct: this._direct || { epoch: '0', offset: 0 }, groups };
    }

    _own(frame, how) {
        return this._call(frame, { ...how, _isOwn: true }).catch((error) => {
            if (error.code !== 'connection_lost' && error.code !== 'closed') {
                this._emit('error', error);
            }
            throw error;
        });
    }

    /* `names`: what the channel is in already. */
    _rejoin(names) {
        for (const name of names) {
            const group = this.group(name);
            if (group._isLeaving) {
                this._leaveAgain(group);
            } else if (!group._isWanted) { /* while we were away */
                this._onJoined(group, { group: name });
            } else {
                group.joined = true;
            }
        }
        for (const group of this._groups.values()) {
            const isIn = names.includes(group.name);
            if (!group._isWanted || group._joining) {
                continue; /* a join that was not answered is said again by itself */
            }
            if (!isIn && group._isByServer) {
                group.joined = group._isWanted = false; /* the position stays: see _onJoined */
                group._tell('left', { group: group.name });
            } else if (!isIn || group._presence) {
                this._joinAgain(group, isIn);
            }
        }
    }

    _leaveAgain(group) {
        if (this.state === 'open') { /* else the next welcome sees to it */
            this._own({ op: 'leave', group: group.name },
                { _onOk: () => { group._isLeaving = false; } }).catch(() => {});
        }
    }

    /* A resumed group does not ask for presence any more: it is left and joined where it was. */
    async _joinAgain(group, isIn) {
        group.joined = isIn;
        try {
            if (isIn) {
                await this._own({ op: 'leave', group: group.name });
            }
            const ok = await this._own(() => group._joinFrame(),
                { _onOk: (reply) => group._isWanted && group._isIn(reply) });
            group._tell('joined', { group: group.name, ...ok });
        } catch (error) {
            if (error.code !== 'connection_lost' && error.code !== 'closed') {
                group._forget();
                group._tell('left', { group: group.name });
            }
        }
    }

    /* --- heartbeat */

    /* Browsers can't send pings of WebSocket and don't show those that come: a connection that is
     * silent is asked, and given up if it does not answer. */
    _watch(interval) {
        this._heardAt = Date.now();
        this._pingedAt = 0;
        const look = () => {
            const now = Date.now();
            const { pingTimeout } = this._options;
            let next = this._heardAt + interval - now;
            if (this._pingedAt) {
                next = this._pingedAt + pingTimeout - now;
                if (next <= 0) {
                    this._lost(4000, 'the node is silent');
                    return;
                }
            } else if (next <= 0) {
                this._pingedAt = now;
                next = pingTimeout;
                this._socket.send('{"op":"ping"}');
            }
            this._beatTimer = setTimeout(look, next);
        };
        clearTimeout(this._beatTimer);
        this._beatTimer = setTimeout(look, interval);
    }
}

export const connect = (url, options) => new Client(url, options);

export { ChanwayError, Group };
