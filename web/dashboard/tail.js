/*
 * tail.js - a group's messages as they come, by a client of our own, as anybody would.
 */

import { connect } from './chanway.js';
import { kept, make, setText } from './page.js';

const KEPT = 200;

function words({ from, payload, offset, kind }) {
    const text = kind === 'data' ? JSON.stringify(payload) : payload;
    return `${offset === undefined ? '' : `${offset} `}${from}: ${kind === 'bytes' ? `${payload.length} bytes` : text}`;
}

export class Tail {
    constructor(model, group) {
        this.model = model;
        this.group = group;
        this.client = null;
        this.log = make('div', { class: 'log mono', role: 'log', tabindex: '0', hidden: true,
            'aria-label': `Messages of ${group}` });
        this.button = make('button', { type: 'button', onclick: () => this.toggle() }, 'Watch its messages');
        this.elements = [make('p', { class: 'row' }, this.button), this.log];
    }

    toggle() {
        if (this.client) {
            this.stop();
        } else {
            this.start();
        }
    }

    stop() {
        if (this.client) {
            this.client.close();
            this.client = null;
            setText(this.button, 'Watch its messages');
        }
    }

    start() {
        const urls = this.model.urls();
        this.log.hidden = false;
        if (!urls.length) {
            this.say('told', 'no node listens where a browser could connect');
            return;
        }
        setText(this.button, 'Stop');
        const client = connect(urls, { token: kept.get('token') });
        this.client = client;
        client.on('message', (message) => this.say('', words(message)));
        client.on('gap', () => this.say('told', 'messages are lost'));
        client.on('close', ({ code, reason }) => code !== 1000 && this.say('told', `closed: ${code} ${reason}`));
        client.on('reconnecting', () => this.say('note', 'the connection is lost, and made again'));
        client.join(this.group).then(() => this.say('note', `joined by ${client.node}`),
            (error) => this.say('told', `${error.code}: ${error.message}`));
    }

    say(kind, text) {
        this.log.append(make('p', { class: kind }, text));
        while (this.log.children.length > KEPT) {
            this.log.firstElementChild.remove();
        }
        this.log.scrollTop = this.log.scrollHeight;
    }
}
