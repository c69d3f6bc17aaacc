/*
 * ops.js - what was asked for and is not answered yet: said again after errors that pass and on the
 * next connection, within bounds.
 */

import { ChanwayError, Emitter, failure } from './base.js';

/* Errors after which the same op may succeed. After `timeout` it may have been done already. */
const TEMPORARY = ['unavailable', 'rate_limited', 'timeout'];

/* The part of the client that knows ops; `_socket` and `state` are set by the part that connects. */
export class Ops extends Emitter {
    constructor(options) {
        super();
        this._options = options;
        this.state = 'connecting';
        this._ops = new Map(); /* by id; not answered, in the order of the calls */
        this._waiting = 0;     /* of them the application's own */
        this._lastId = 0;
    }

    /* `frame` is a function where it depends on when it is sent. _isOnce: not to be said twice;
     * _isOwn: of this file, for one connection and without bounds. */
    _call(frame, how = {}) {
        if (this.state === 'closed') {
            return failure('closed', 'the client is closed');
        }
        if (!how._isOwn && this._waiting >= this._options.queueMax) {
            return failure('queue_full', `${this._waiting} ops wait for an answer or a connection`);
        }
        return new Promise((_resolve, _reject) => {
            const op = { _frame: frame, _how: how, _resolve, _reject, _id: ++this._lastId,
                _tries: 0, _isSent: false };
            const { timeout = this._options.timeout } = how;
            if (timeout && !how._isOwn) {
                op._timer = setTimeout(() => this._settle(op, new ChanwayError('timeout',
                    `no answer within ${timeout} ms`, { temporary: true })), timeout);
            }
            this._waiting += how._isOwn ? 0 : 1;
            this._ops.set(op._id, op);
            if (this.state === 'open') {
                this._sendOp(op);
            }
        });
    }

    _sendOp(op) {
        clearTimeout(op._retryTimer);
        op._isSent = true;
        const frame = typeof op._frame === 'function' ? op._frame() : op._frame;
        const text = JSON.stringify({ ...frame, id: op._id });
        const { _payload } = op._how;
        this._socket.send(_payload ? `${text.slice(0, -1)},${_payload}}` : text);
    }

    _settle(op, error, ok) {
        if (!this._ops.delete(op._id)) {
            return;
        }
        clearTimeout(op._timer);
        clearTimeout(op._retryTimer);
        this._waiting -= op._how._isOwn ? 0 : 1;
        if (error) {
            op._reject(error);
        } else {
            if (op._how._onOk) {
                op._how._onOk(ok);
            }
            op._resolve(ok);
        }
    }

    _onReply({ op: kind, id, ...reply }) {
        const op = this._ops.get(id);
        if (!op) { /* nobody waits for it any more, or an error of no op */
            if (kind === 'error' && id === undefined) {
                this._emit('error', new ChanwayError(reply.code, reply.message, reply));
            }
            return;
        }
        const { _isOnce, _isOwn, retries = this._options.retries } = op._how;
        if (kind !== 'error') {
            this._settle(op, null, reply);
        } else if (TEMPORARY.includes(reply.code) && (!_isOnce || reply.code !== 'timeout')
            && (_isOwn || op._tries < retries)) {
            op._tries += 1;
            op._isSent = false;
            op._retryTimer = setTimeout(() => this.state === 'open' && this._sendOp(op),
                (reply.retry_ms || 0) + this._backOff(op._tries));
        } else {
            this._settle(op, new ChanwayError(reply.code, reply.message, reply));
        }
    }

    /* Exponential, with jitter: half of it is random. */
    _backOff(failures) {
        const { backoffMin, backoffMax } = this._options;
        return Math.min(backoffMax, backoffMin * 2 ** (failures - 1)) * (0.5 + Math.random() / 2);
    }

    /* Of what was sent to a connection that is gone, that which must not be said twice has failed. */
    _dropSent() {
        for (const op of [...this._ops.values()]) {
            clearTimeout(op._retryTimer);
            if (op._how._isOwn || (op._isSent && op._how._isOnce)) {
                this._settle(op, new ChanwayError('connection_lost',
                    'the connection was lost before the answer', { temporary: true }));
            }
        }
    }
}
