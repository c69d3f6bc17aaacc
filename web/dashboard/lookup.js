/*
 * lookup.js - one channel, user or group found; lists of groups and channels; a group's messages live.
 */

import { connect } from './chanway.js';
import { $, amount, ask, keep, make, setText, span } from './page.js';

const EVERY_MS = 3000;
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const TAIL = 200;

/* As the nodes write the group of a user. */
function userGroup(user) {
    const bytes = [...new TextEncoder().encode(user)];
    return `user:${bytes.map((byte) => (/[A-Za-z0-9_.:@/-]/.test(String.fromCharCode(byte))
        ? String.fromCharCode(byte) : `=${byte.toString(16).toUpperCase().padStart(2, '0')}`)).join('')}`;
}

function rows(...pairs) {
    return make('dl', { class: 'found' }, ...pairs.flatMap(([name, ...value]) => [make('dt', {}, name),
        make('dd', {}, ...value)]));
}

export function startLookup(model) {
    let tail = null;
    let cursor = '0';

    const find = (text) => {
        $('search-text').value = text;
        return search();
    };
    const link = (text) => make('button', { type: 'button', class: 'link mono', onclick: () => find(text) }, text);
    const listed = (links) => links.flatMap((one, i) => (i ? [', ', one] : [one]));

    function endTail() {
        if (tail) {
            tail.close();
            tail = null;
        }
    }

    /* By a client of our own, as anybody would. */
    function startTail(group, button, log) {
        const [url] = model.urls();
        if (tail || !url) {
            endTail();
            setText(button, 'Watch its messages');
            return;
        }
        setText(button, 'Stop');
        log.hidden = false;
        tail = connect(url);
        const say = (kind, text) => {
            log.append(make('p', { class: kind }, text));
            while (log.children.length > TAIL) {
                log.firstElementChild.remove();
            }
            log.scrollTop = log.scrollHeight;
        };
        tail.on('message', ({ from, payload, offset, kind }) => say('', `${offset === undefined ? '' : `${offset} `}${from}: ${
            kind === 'data' ? JSON.stringify(payload) : kind === 'text' ? payload : `${payload.length} bytes`}`));
        tail.on('gap', () => say('told', 'messages are lost'));
        tail.on('reconnecting', () => say('note', 'the connection is lost, and made again'));
        tail.join(group).then(() => say('note', `joined by ${tail.node}`),
            (error) => say('told', `${error.code}: ${error.message}`));
    }

    async function showChannel(id) {
        const channel = await ask('/api/channel', { id });
        return [make('h3', { class: 'mono' }, channel.channel), rows(
            ['State', channel.connected ? 'connected' : 'away, may be resumed'],
            ['Node', channel.node || 'none'],
            ['User', channel.user ? link(channel.user) : 'not authenticated'],
            ['Address', channel.address],
            ['Payloads', channel.type],
            ['Since', `${new Date(channel.created).toLocaleString()} (${span(Date.now() - channel.created)})`],
            ['Lives', channel.expires ? `${channel.expires} s` : 'without limit'],
            ['Direct messages kept', amount(channel.queued)],
            ['Groups', ...(channel.groups.length ? listed(channel.groups.map(link)) : ['none'])],
        )];
    }

    async function showGroup(name) {
        const [group, page] = await Promise.all([ask('/api/group', { name }), ask('/api/members', { group: name })]);
        const log = make('div', { class: 'log mono', role: 'log', tabindex: '0', 'aria-label': `Messages of ${name}`,
            hidden: true });
        const button = make('button', { type: 'button', onclick: () => startTail(name, button, log) },
            'Watch its messages');
        const isEmpty = !group.members && group.epoch === '0';
        return [make('h3', { class: 'mono' }, name), isEmpty ? make('p', { class: 'quiet' }, 'Nobody is in it, and nothing was ever said.') : null,
            rows(['Members on all nodes', amount(group.members)], ['Messages so far', amount(group.offset)],
                ['Kept', amount(group.kept)],
                ['Members', ...(page.members.length ? listed(page.members.map((one) => link(one.channel))) : ['none']),
                    page.next === '0' ? '' : ', …']),
            name.startsWith('user:') ? null : make('p', { class: 'row' }, button), log].filter(Boolean);
    }

    async function showText(text) {
        if (UUID.test(text)) {
            return showChannel(text);
        }
        const user = userGroup(text);
        const of = await ask('/api/members', { group: user });
        if (of.members.length) {
            return [make('h3', {}, `User ${text}`), rows(['Channels',
                ...listed(of.members.map((one) => link(one.channel)))])].concat(await showGroup(text).catch(() => []));
        }
        return showGroup(text);
    }

    async function search() {
        const text = $('search-text').value.trim();
        endTail();
        if (!text) {
            $('found').replaceChildren();
            return;
        }
        try {
            const found = await showText(text);
            if ($('search-text').value.trim() === text) {
                $('found').replaceChildren(...found);
            }
        } catch (error) {
            $('found').replaceChildren(make('p', { class: 'quiet' }, error.code === 'not_found'
                ? 'There is no such channel.' : `That can't be looked up: ${error.message}.`));
        }
    }

    async function showGroups() {
        const { groups, total } = await ask('/api/groups', { match: $('groups-match').value.trim() });
        keep($('groups').tBodies[0], groups, (group) => group.name, (group) => make('tr', {},
            make('td', {}, link(group.name)), make('td', { class: 'number' })),
        (row, group) => setText(row.cells[1], amount(group.here)));
        setText($('groups-total'), total > groups.length ? `The largest ${groups.length} of ${total}.`
            : total ? '' : 'None.');
    }

    async function showChannels(from) {
        const page = await ask('/api/channels', { cursor: from });
        cursor = page.next;
        $('channels-next').disabled = cursor === '0';
        keep($('channels').tBodies[0], page.channels, (one) => one.channel, (one) => make('tr', {},
            make('td', {}, link(one.channel)), make('td', { class: 'mono' }, one.node)), () => {});
    }

    const quietly = (promise) => promise.catch(() => {}); /* the state at the top says why */
    const turn = async () => {
        if (!document.hidden && !$('lookup').hidden) {
            await quietly(showGroups());
        }
        setTimeout(turn, EVERY_MS);
    };
    $('search').addEventListener('submit', (event) => { event.preventDefault(); search(); });
    $('groups-match').addEventListener('input', () => quietly(showGroups()));
    $('channels-first').addEventListener('click', () => quietly(showChannels('0')));
    $('channels-next').addEventListener('click', () => quietly(showChannels(cursor)));
    model.addEventListener('view', ({ detail }) => {
        if (detail === 'lookup') {
            quietly(showGroups());
            quietly(showChannels('0'));
        } else {
            endTail();
        }
    });
    turn();
}
