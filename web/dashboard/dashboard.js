/*
 * dashboard.js - the page: views, and what the overview shows.
 */

import { startBans } from './bans.js';
import { Chart } from './charts.js';
import { startChat } from './chat.js';
import { startConsole } from './console.js';
import { startLookup } from './lookup.js';
import { Model } from './model.js';
import { $, amount, keep, make, milliseconds, setText, size, span, whole } from './page.js';
import { Picture } from './picture.js';

const CLOSE_WORDS = {
    1000: 'ended', 1001: 'node drained', 1002: 'protocol', 1003: 'wrong frame', 1006: 'lost', 1007: 'no UTF-8',
    1009: 'too big', 1011: 'internal', 1013: 'node full', 4000: 'silent', 4001: 'not authenticated',
    4002: 'rate limit', 4003: 'expired', 4004: 'closed or banned', 4005: 'too slow', 4006: 'resumed',
};

const model = new Model();

/* --- views */

function show() {
    const { hash } = window.location;
    if (hash && !hash.startsWith('#/')) {
        return; /* a jump within the view */
    }
    const views = [...document.querySelectorAll('.view')];
    const chosen = views.find((view) => view.id === hash.slice(2)) || views[0];
    views.forEach((view) => { view.hidden = view !== chosen; });
    document.querySelectorAll('nav a').forEach((link) => {
        if (link.hash === `#/${chosen.id}`) {
            link.setAttribute('aria-current', 'page');
        } else {
            link.removeAttribute('aria-current');
        }
    });
    document.title = chosen.id === 'overview' ? 'Chanway' : `${chosen.getAttribute('aria-label')} – Chanway`;
    window.scrollTo(0, 0);
    model.dispatchEvent(new CustomEvent('view', { detail: chosen.id }));
}

/* --- the overview */

function state() {
    if (model.isLost) {
        return ['this node does not answer', 'bad'];
    }
    if (!model.ready) {
        return ['connecting', 'wait'];
    }
    return model.ready.status === 'ready' ? ['ready', 'good'] : [`not ready: ${model.ready.why}`, 'bad'];
}

function showState() {
    const [words, kind] = state();
    setText($('state'), words);
    $('state').className = `pill ${kind}`;
    setText($('this-node'), model.self);
}

function showCards() {
    const gaps = model.sum((node) => node.about && node.about.gaps);
    const cards = [
        ['Nodes', whole(model.nodes.size)],
        ['Channels', amount(model.connections())],
        ['Messages in /s', amount(model.rate('messages_in'))],
        ['Messages out /s', amount(model.rate('messages_out'))],
        ['Bytes out /s', size(model.rate('bytes_out'))],
        ['Unsent', size(model.sum((node) => node.about && node.about.queue_bytes))],
        ['Publish to ok', milliseconds(model.latency())],
        ['Gaps told', amount(gaps), gaps > 0],
    ];
    keep($('cards'), cards, ([name]) => name, ([name]) => make('li', {}, make('span', {}, name), make('b')),
        (card, [, value, isAlarm]) => {
            setText(card.querySelector('b'), value);
            card.classList.toggle('alarm', !!isAlarm);
        });
}

function nodeState({ about, heardAt }) {
    if (!about) {
        return ['no news', 'wait'];
    }
    if (!about.redis_up) {
        return ['no Redis', 'bad'];
    }
    if (about.draining) {
        return ['draining', 'wait'];
    }
    return Date.now() - heardAt > 9000 ? ['silent', 'wait'] : ['ready', 'good'];
}

function showNodes() {
    keep($('nodes').tBodies[0], [...model.nodes.values()], (node) => node.id, (node) => make('tr', {},
        make('th', { scope: 'row', class: 'mono' }, node.id), make('td', {}, make('span', { class: 'pill' })),
        ...Array.from({ length: 9 }, () => make('td', { class: 'number' })), make('td', { class: 'mono' })),
    (row, node) => {
        const { about, rates } = node;
        const [words, kind] = nodeState(node);
        const pill = row.querySelector('.pill');
        setText(pill, words);
        pill.className = `pill ${kind}`;
        const cells = about ? [amount(about.connections), amount(about.groups), amount(rates.messages_in),
            amount(rates.messages_out), size(rates.bytes_out), milliseconds(rates.publish_ms),
            size(about.queue_bytes), amount(about.gaps), span(about.at - about.started), about.listen] : [];
        [...row.cells].slice(2).forEach((cell, i) => setText(cell, cells[i] || '–'));
    });
}

function showRedis() {
    const metrics = model.metrics || {};
    const mean = (name) => (metrics[`${name}_count`]
        ? milliseconds((metrics[`${name}_sum`] / metrics[`${name}_count`]) * 1000) : '–');
    const rows = [
        ['State', metrics.redis_up ? 'up' : 'not reached'],
        ['A message through it and back', milliseconds(model.lag())],
        ['Round trip of a command, mean', mean('redis_round_trip_seconds')],
        ['Commands without an answer', amount(metrics.redis_commands_in_flight)],
        ['Reconnects', amount(metrics.redis_reconnects_total)],
        ['Error answers', amount(metrics.redis_errors_total)],
        ['Turn of the event loop, mean', mean('loop_turn_seconds')],
    ];
    keep($('redis'), rows.flatMap(([name, value]) => [[`${name}:name`, name], [`${name}:value`, value]]),
        ([key]) => key, ([key]) => make(key.endsWith(':name') ? 'dt' : 'dd'),
        (element, [, text]) => setText(element, text));
}

function showBars(parent, counts, words) {
    const rows = Object.entries(counts || {}).filter(([, count]) => count > 0).sort((a, b) => b[1] - a[1]);
    const most = rows.length ? rows[0][1] : 1;
    keep(parent, rows.length ? rows : [['none', 0]], ([code]) => code, ([code]) => (code === 'none'
        ? make('p', { class: 'quiet' }, 'None.') : make('div', { class: 'bar' },
            make('span', {}, words[code] ? `${code} ${words[code]}` : code),
            make('progress', { 'aria-label': `${code}` }), make('b', { class: 'number' }))),
    (element, [code, count]) => {
        if (code === 'none') {
            return;
        }
        const progress = element.querySelector('progress');
        progress.max = most;
        progress.value = count;
        setText(element.querySelector('b'), amount(count));
    });
}

function showUrls() {
    keep($('urls'), model.urls(), (url) => url, (url) => make('option', { value: url }), () => {});
}

const rate = (value) => `${amount(value)} /s`;
const picture = new Picture($('picture'));
const charts = [
    [new Chart($('chart-messages'), 'Messages a second', [{ name: 'in', color: 'in', format: rate },
        { name: 'out', color: 'out', format: rate }], 10), ['in', 'out']],
    [new Chart($('chart-latency'), 'Time through Redis', [
        { name: 'publish to ok', color: 'lag', format: milliseconds },
        { name: 'there and back', color: 'in', format: milliseconds }], 2), ['publish', 'lag']],
    [new Chart($('chart-connections'), 'Channels', [{ name: 'on all nodes', color: 'in', format: amount }], 10),
        ['connections']],
];

model.addEventListener('change', () => {
    showState();
    showUrls();
    if ($('overview').hidden) {
        return;
    }
    showCards();
    picture.update(model);
    charts.forEach(([chart, names]) => chart.update(names.map((name) => model.series[name])));
    showNodes();
    showRedis();
    showBars($('closes'), model.metrics && model.metrics.closes_total, CLOSE_WORDS);
    showBars($('errors'), model.metrics && model.metrics.errors_total, {});
});

startLookup(model);
startBans(model);
startChat(model);
startConsole(model);
window.addEventListener('hashchange', show);
show();
model.start();
