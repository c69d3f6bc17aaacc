/*
 * lookup.js - one channel, user or group found; lists of groups and channels; a group's messages live.
 */

import { channelActions, groupActions } from './actions.js';
import { banButton } from './bans.js';
import { $, amount, ask, keep, make, setText, span } from './page.js';
import { Tail } from './tail.js';

const EVERY_MS = 3000;
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/* As the nodes write the group of a user. */
function userGroup(user) {
    const bytes = [...new TextEncoder().encode(user)];
    return `user:${bytes.map((byte) => (/[A-Za-z0-9_.:@/-]/.test(String.fromCharCode(byte))
        ? String.fromCharCode(byte) : `=${byte.toString(16).toUpperCase().padStart(2, '0')}`)).join('')}`;
}

/* "10.0.0.7:51514", "[::1]:443" and addresses without a port. */
function hostOf(address) {
    const found = /^\[(.*)\](?::\d+)?$|^([^:]+)(?::\d+)?$/.exec(address);
    return found ? found[1] || found[2] : address;
}

function facts(...pairs) {
    return make('dl', { class: 'found' }, ...pairs.flatMap(([name, ...value]) => [make('dt', {}, name),
        make('dd', {}, ...value)]));
}

const listed = (links) => links.flatMap((one, i) => (i ? [', ', one] : [one]));
const quietly = (promise) => promise.catch(() => {}); /* the state at the top says why */

class Lookup {
    constructor(model) {
        this.model = model;
        this.tail = null;
        this.cursor = '0';
    }

    start() {
        const turn = async () => {
            if (!document.hidden && !$('lookup').hidden) {
                await quietly(this.showGroups());
            }
            setTimeout(turn, EVERY_MS);
        };
        $('search').addEventListener('submit', (event) => { event.preventDefault(); this.search(); });
        $('groups-match').addEventListener('input', () => quietly(this.showGroups()));
        $('channels-first').addEventListener('click', () => quietly(this.showChannels('0')));
        $('channels-next').addEventListener('click', () => quietly(this.showChannels(this.cursor)));
        this.model.addEventListener('view', ({ detail }) => {
            if (detail === 'lookup') {
                quietly(this.showGroups());
                quietly(this.showChannels('0'));
            } else {
                this.endTail();
            }
        });
        turn();
    }

    link(text) {
        const find = () => {
            $('search-text').value = text;
            this.search();
        };
        return make('button', { type: 'button', class: 'link mono', onclick: find }, text);
    }

    endTail() {
        if (this.tail) {
            this.tail.stop();
            this.tail = null;
        }
    }

    async search() {
        const text = $('search-text').value.trim();
        this.endTail();
        let found = [];
        try {
            found = text ? await this.find(text) : [];
        } catch (error) {
            found = [make('p', { class: 'quiet' }, error.code === 'not_found' ? 'There is no such channel.'
                : `That can't be looked up: ${error.message}.`)];
        }
        if ($('search-text').value.trim() === text) {
            $('found').replaceChildren(...found);
        }
    }

    async find(text) {
        if (UUID.test(text)) {
            return this.channel(text);
        }
        const user = await ask('/api/members', { group: userGroup(text) });
        return user.members.length ? [make('h3', {}, `User ${text}`), facts(['Channels',
            ...listed(user.members.map((one) => this.link(one.channel)))])] : this.group(text);
    }

    async channel(id) {
        const channel = await ask('/api/channel', { id });
        return [make('h3', { class: 'mono' }, channel.channel), facts(
            ['State', channel.connected ? 'connected' : 'away, may be resumed'],
            ['Node', channel.node || 'none'],
            ['User', ...(channel.user ? [this.link(channel.user), ' ', banButton(userGroup(channel.user))]
                : ['not authenticated'])],
            ['Address', channel.address, ' ', banButton(`address:${hostOf(channel.address)}`)],
            ['Payloads', channel.type],
            ['Since', `${new Date(channel.created).toLocaleString()} (${span(Date.now() - channel.created)})`],
            ['Lives', channel.expires ? `${channel.expires} s` : 'without limit'],
            ['Direct messages kept', amount(channel.queued)],
            ['Groups', ...(channel.groups.length ? listed(channel.groups.map((one) => this.link(one))) : ['none'])],
        ), make('div', { class: 'actions' }, ...channelActions(channel.channel))];
    }

    async group(name) {
        const [group, page] = await Promise.all([ask('/api/group', { name }), ask('/api/members', { group: name })]);
        const isNew = !group.members && group.epoch === '0';
        const members = page.members.length ? listed(page.members.map((one) => this.link(one.channel))) : ['none'];
        this.tail = name.startsWith('user:') ? null : new Tail(this.model, name);
        return [make('h3', { class: 'mono' }, name),
            isNew ? make('p', { class: 'quiet' }, 'Nobody is in it, and nothing was said.') : '',
            facts(['Members on all nodes', amount(group.members)], ['Messages so far', amount(group.offset)],
                ['Kept', amount(group.kept)], ['Members', ...members, page.next === '0' ? '' : ', …']),
            make('div', { class: 'actions' }, ...groupActions(name)), ...(this.tail ? this.tail.elements : [])];
    }

    async showGroups() {
        const { groups, total } = await ask('/api/groups', { match: $('groups-match').value.trim() });
        keep($('groups').tBodies[0], groups, (group) => group.name, (group) => make('tr', {},
            make('td', {}, this.link(group.name)), make('td', { class: 'number' })),
        (row, group) => setText(row.cells[1], amount(group.here)));
        const all = total ? '' : 'None.';
        setText($('groups-total'), total > groups.length ? `The largest ${groups.length} of ${total}.` : all);
    }

    async showChannels(from) {
        const page = await ask('/api/channels', { cursor: from });
        this.cursor = page.next;
        $('channels-next').disabled = page.next === '0';
        keep($('channels').tBodies[0], page.channels, (one) => one.channel, (one) => make('tr', {},
            make('td', {}, this.link(one.channel)), make('td', { class: 'mono' }, one.node)), () => {});
    }
}

export function startLookup(model) {
    new Lookup(model).start();
}
