/*
 * chat.js - a chat of two clients on two nodes: what chanway.js is for, in a hundred lines.
 */

import { connect } from './chanway.js';
import { $, kept, make, setText } from './page.js';

const GROUP = 'chanway-demo';
const NAMES = ['Ada', 'Grace'];
const KEPT = 300;

/* One side: where it is, what was said, and what it says. */
function startPane(index, url) {
    const id = (word) => `chat-${index}-${word}`;
    const title = make('h2', { id: id('title') }, NAMES[index]);
    const where = make('p', { class: 'quiet mono', role: 'status' }, 'connecting');
    const messages = make('div', { class: 'messages', role: 'log', tabindex: '0', 'aria-label': `What ${NAMES[index]} sees` });
    const name = make('input', { id: id('name'), value: NAMES[index], maxlength: '30', size: '8', class: 'short',
        autocomplete: 'off' });
    const text = make('input', { id: id('text'), maxlength: '500', autocomplete: 'off' });
    const form = make('form', { class: 'row' },
        make('label', { for: id('name') }, 'Name'), name,
        make('label', { for: id('text') }, 'Message'), text, make('button', { type: 'submit' }, 'Send'));
    $('chat-panes').append(make('section', { class: 'panel', 'aria-labelledby': id('title') }, title, messages, form, where));

    const add = (kind, who, words) => {
        messages.append(make('p', { class: kind }, who ? make('span', { class: 'who' }, who) : null, words));
        while (messages.children.length > KEPT) {
            messages.firstElementChild.remove();
        }
        messages.scrollTop = messages.scrollHeight;
    };

    const client = connect(url, { token: kept.get('token') });
    const room = client.group(GROUP);
    client.on('open', ({ node, resumed }) => {
        setText(where, `on ${node}`);
        add('note', '', resumed ? `back, on ${node}` : `connected to ${node}`);
    });
    client.on('reconnecting', () => setText(where, 'the connection is lost, and made again'));
    client.on('close', ({ code, reason }) => setText(where, `closed: ${code} ${reason}`));
    client.on('error', (error) => add('note', '', error.message));
    room.on('gap', () => add('note', '', 'some messages are lost'));
    room.on('presence', ({ event, channel }) => add('note', '', `${channel.slice(-6)} ${event === 'join' ? 'came' : 'left'}`));
    room.on('message', ({ data, from }) => {
        const isMine = from === client.channel;
        add(isMine ? 'mine' : '', `${data && data.name ? data.name : from.slice(-6)}`, String((data && data.text) || ''));
    });
    room.join({ presence: true }).catch((error) => add('note', '', `can't join: ${error.message}`));

    form.addEventListener('submit', (event) => {
        event.preventDefault();
        const words = text.value.trim();
        if (!words) {
            return;
        }
        text.value = '';
        room.publish({ name: name.value, text: words }).catch((error) => add('note', '', `not sent: ${error.message}`));
    });
    return client;
}

export function startChat(model) {
    let clients = [];
    const start = () => {
        const urls = model.urls();
        if (clients.length || $('chat').hidden || !urls.length) {
            return;
        }
        /* Each begins with a node of its own, and has the others to go on with. */
        clients = NAMES.map((_, i) => startPane(i, urls.map((_url, n) => urls[(n + i) % urls.length])));
    };
    $('client-token').value = kept.get('token');
    $('client-form').addEventListener('submit', (event) => {
        event.preventDefault();
        kept.set('token', $('client-token').value.trim());
        clients.forEach((client) => client.close());
        clients = [];
        $('chat-panes').replaceChildren();
        start();
    });
    model.addEventListener('view', start);
    model.addEventListener('change', start);
}
