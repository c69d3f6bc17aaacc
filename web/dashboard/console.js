/*
 * console.js - the protocol by hand: a WebSocket, and what goes over it.
 */

import { $, kept, make, setText } from './page.js';

const KEPT = 500;
const TEMPLATES = {
    join: { op: 'join', id: 1, group: 'chat' },
    publish: { op: 'publish', id: 2, group: 'chat', data: { hello: 'all' } },
    members: { op: 'members', id: 3, group: 'chat' },
    send: { op: 'send', id: 4, to: 'a channel’s id', text: 'only you' },
    'join since': { op: 'join', id: 5, group: 'chat', since: { epoch: '0', offset: 0 } },
    leave: { op: 'leave', id: 6, group: 'chat' },
    ping: { op: 'ping' },
};

export function startConsole(model) {
    let socket = null;
    const log = $('console-log');

    const add = (kind, text) => {
        const isAtEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 40;
        log.append(make('p', { class: kind }, text));
        while (log.children.length > KEPT) {
            log.firstElementChild.remove();
        }
        if (isAtEnd) {
            log.scrollTop = log.scrollHeight;
        }
    };

    function end() {
        socket = null;
        setText($('console-button'), 'Connect');
    }

    function open() {
        const protocol = $('console-protocol').value;
        const url = $('console-url').value.trim();
        let own;
        try {
            own = protocol ? new WebSocket(url, protocol) : new WebSocket(url);
        } catch (error) {
            add('told', error.message);
            return;
        }
        own.binaryType = 'arraybuffer';
        own.onopen = () => add('note', `connected to ${url}`);
        own.onmessage = ({ data }) => add('', `< ${typeof data === 'string' ? data : `${data.byteLength} bytes`}`);
        own.onclose = ({ code, reason }) => {
            add('note', `closed: ${code} ${reason}`);
            if (own === socket) {
                end();
            }
        };
        socket = own;
        setText($('console-button'), 'Close');
    }

    $('console-connect').addEventListener('submit', (event) => {
        event.preventDefault();
        if (socket) {
            socket.close(1000);
        } else {
            open();
        }
    });
    $('console-send').addEventListener('submit', (event) => {
        event.preventDefault();
        const text = $('console-text').value;
        if (!socket || socket.readyState !== 1) {
            add('told', 'not connected');
            return;
        }
        socket.send(text);
        add('sent', `> ${text}`);
    });
    $('console-clear').addEventListener('click', () => log.replaceChildren());
    $('console-templates').append(...Object.entries(TEMPLATES).map(([name, frame]) => make('button',
        { type: 'button', onclick: () => { $('console-text').value = JSON.stringify(frame); $('console-text').focus(); } },
        name)));
    model.addEventListener('change', () => {
        if (!$('console-url').value && model.urls().length) {
            const token = kept.get('token');
            $('console-url').value = model.urls()[0] + (token && `?token=${encodeURIComponent(token)}`);
        }
    });
}
