/*
 * bans.js - who is kept out: the list, a new one, one that is lifted.
 */

import { $, ask, change, keep, make, setText, span } from './page.js';

const EVERY_MS = 3000;

/* Has it done, and says how it went. */
async function attempt(path, parameters) {
    const said = $('ban-said');
    try {
        await change(path, parameters);
        said.className = 'done';
        setText(said, 'done');
    } catch (error) {
        said.className = 'failed';
        setText(said, error.message);
    }
    await show().catch(() => {});
}

async function show() {
    const { bans, total } = await ask('/api/bans');
    bans.sort((a, b) => a.who.localeCompare(b.who));
    keep($('bans').tBodies[0], bans, (ban) => ban.who, ({ who }) => make('tr', {},
        make('td', { class: 'mono' }, who), make('td'), make('td'), make('td', {}, make('button', { type: 'button',
            class: 'link', 'aria-label': `Lift the ban of ${who}`, onclick: () => attempt('/api/unban', { who }) }, 'lift'))),
    (row, ban) => {
        setText(row.cells[1], span(ban.seconds * 1000));
        setText(row.cells[2], ban.reason);
    });
    const all = total ? '' : 'Nobody is banned.';
    setText($('bans-total'), total > bans.length ? `${bans.length} of ${total}.` : all);
}

/* A button that begins a ban of `who`. */
export function banButton(who) {
    const begin = () => {
        $('ban-who').value = who;
        $('ban-reason').focus();
    };
    return make('button', { type: 'button', class: 'link', 'aria-label': `Ban ${who}`, onclick: begin }, 'ban');
}

export function startBans(model) {
    const turn = async () => {
        if (!document.hidden && !$('lookup').hidden) {
            await show().catch(() => {}); /* the state at the top says why */
        }
        setTimeout(turn, EVERY_MS);
    };
    $('ban').addEventListener('submit', (event) => {
        event.preventDefault();
        attempt('/api/ban', { who: $('ban-who').value.trim(), seconds: $('ban-seconds').value.trim(),
            reason: $('ban-reason').value.trim() });
    });
    model.addEventListener('view', () => show().catch(() => {}));
    turn();
}
