/*
 * group.js - the handle of a group: what the application knows of it, and how far it has come.
 */

import { Emitter } from './base.js';
import { isSeen, positionOf } from './payload.js';

export class Group extends Emitter {
    constructor(client, name) {
        super();
        this.client = client;
        this.name = name;
        this.joined = false;
        this.position = null;    /* of the last message seen */
        this._isWanted = false;
        this._isLeaving = false; /* told to, not confirmed */
        this._isByServer = false;
        this._presence = false;
        this._held = null;       /* events that wait for the caller of join() to listen */
    }

    async join({ since, presence = false, ...how } = {}) {
        const isFirst = !this._isWanted;
        if (isFirst) {
            this._held = [];
            this.position = null;
        }
        this._isWanted = true;
        this._isLeaving = this._isByServer = false;
        this._presence = presence;
        this._since = since;
        this._joining = (this._joining || 0) + 1;
        try {
            this.recovered = (await this.client._joinOp(this, how)).recovered;
        } catch (error) {
            if (isFirst) {
                this._forget();
                if (error.code === 'timeout') { /* it may yet be done */
                    this._isLeaving = true;
                    this.client._leaveAgain(this);
                }
            }
            throw error;
        } finally {
            this._joining -= 1;
            if (isFirst) {
                setTimeout(() => this._release());
            }
        }
        return this;
    }

    leave(how) {
        this._forget();
        this._isLeaving = true;
        return this.client._call({ op: 'leave', group: this.name }, {
            ...how, _onOk: () => { this._isLeaving = false; },
        }).then(() => undefined);
    }

    publish(payload, how) {
        return this.client.publish(this.name, payload, how);
    }

    members(how) {
        return this.client.members(this.name, how);
    }

    _forget() {
        this.joined = this._isWanted = false;
        this.position = this._held = null;
    }

    _joinFrame() {
        const since = this.position || this._since;
        return {
            op: 'join', group: this.name, ...(since && { since: positionOf(since) }),
            ...(this._presence && { presence: true }),
        };
    }

    _isIn(at) {
        this.joined = true;
        if (at.epoch && !isSeen(this.position, at)) {
            this.position = positionOf(at);
        }
    }

    /* An event of this group, for its own handlers and the client's. */
    _tell(event, value) {
        if (this._held) {
            this._held.push([event, value]);
        } else {
            this._emit(event, value);
            this.client._emit(event, value);
        }
    }

    _release() {
        const held = this._held || [];
        this._held = null;
        held.forEach(([event, value]) => this._tell(event, value));
    }
}
