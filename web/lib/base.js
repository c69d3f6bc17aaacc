/*
 * base.js - errors and events.
 */

export class ChanwayError extends Error {
    constructor(code, message, more) {
        super(message || code);
        this.name = 'ChanwayError';
        this.code = code;
        Object.assign(this, more);
    }
}

export const failure = (code, message, more) => Promise.reject(new ChanwayError(code, message, more));

export class Emitter {
    constructor() {
        this._handlers = new Map();
    }

    /* Returns what takes the handler off again. */
    on(event, handler) {
        this._handlers.set(event, [...(this._handlers.get(event) || []), handler]);
        return () => this.off(event, handler);
    }

    once(event, handler) {
        const off = this.on(event, (value) => {
            off();
            handler(value);
        });
        return off;
    }

    off(event, handler) {
        this._handlers.set(event, (this._handlers.get(event) || []).filter((one) => one !== handler));
    }

    /* A handler that throws is the application's fault: it stops nobody else. */
    _emit(event, value) {
        for (const handler of this._handlers.get(event) || []) {
            try {
                handler(value);
            } catch (error) {
                setTimeout(() => { throw error; });
            }
        }
    }
}
