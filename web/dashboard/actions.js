/*
 * actions.js - what can be done to a channel or a group from the page.
 */

import { change, make, setText } from './page.js';

/* A form with one field; `run(text)` does it and says how it went. */
function action({ name, label, value = '', button, isDanger, run }) {
    const id = `action-${name}`;
    const input = make('input', { id, value, autocomplete: 'off', spellcheck: 'false', class: 'mono', maxlength: '4000' });
    const said = make('span', { role: 'status' });
    const form = make('form', { class: 'row' }, make('label', { for: id }, label), input,
        make('button', { class: isDanger && 'danger', type: 'submit' }, button), said);
    const start = async () => {
        setText(said, '');
        try {
            const words = await run(input.value.trim());
            said.className = 'done';
            setText(said, words);
        } catch (error) {
            said.className = 'failed';
            setText(said, error.message);
        }
    };
    form.addEventListener('submit', (event) => { event.preventDefault(); start(); });
    return form;
}

/* What is JSON is sent as JSON, anything else as text. */
function payload(text) {
    try {
        JSON.parse(text);
        return { json: text };
    } catch (error) {
        return { text };
    }
}

export function channelActions(channel) {
    return [
        action({ name: 'send', label: 'Send it a message', button: 'Send', run: async (text) => {
            const { status } = await change('/api/send', { channel, ...payload(text) });
            return status;
        } }),
        action({ name: 'add', label: 'Put it into a group', button: 'Add', run: async (group) => {
            await change('/api/add', { channel, group });
            return 'its node is asked';
        } }),
        action({ name: 'remove', label: 'Take it out of a group', button: 'Remove', run: async (group) => {
            await change('/api/remove', { channel, group });
            return 'its node is asked';
        } }),
        action({ name: 'close', label: 'Close it, saying', button: 'Close', isDanger: true, run: async (reason) => {
            await change('/api/close', { channel, reason });
            return 'its node is asked';
        } }),
    ];
}

export function groupActions(group) {
    return [action({ name: 'publish', label: 'Say to all', button: 'Publish', run: async (text) => {
        const { offset } = await change('/api/publish', { group, ...payload(text) });
        return offset === undefined ? 'said' : `said, as number ${offset}`;
    } })];
}
