/*
 * model.js - what is known of the cluster: asked for again and again, rates made of counters.
 *
 * Every node says of itself, each 3 s, how far its counters are; any node tells what all say.
 */

import { ask } from './page.js';

const EVERY_MS = 1500;
/* Points of a chart. */
const KEPT = 120;
/* A node that has said nothing new for so long moves no messages, as far as we know. */
const STALE_MS = 12000;

const RATES = ['messages_in', 'messages_out', 'bytes_in', 'bytes_out', 'published', 'publish_us',
    'publish_count', 'gaps', 'closes', 'errors'];

function parseAbout(text) {
    try {
        return JSON.parse(text);
    } catch (error) {
        return null; /* an older node, or one that has just come */
    }
}

/* {name: value} and {name: {label: value}} of the Prometheus text. */
export function parseMetrics(text) {
    const metrics = {};
    for (const line of text.split('\n')) {
        const found = /^chanway_(\w+?)(?:\{(\w+)="([^"]*)"\})? (\S+)$/.exec(line);
        if (found && found[2]) {
            metrics[found[1]] = metrics[found[1]] || {};
            metrics[found[1]][found[3]] = Number(found[4]);
        } else if (found) {
            metrics[found[1]] = Number(found[4]);
        }
    }
    return metrics;
}

export class Model extends EventTarget {
    constructor() {
        super();
        this.self = '';          /* id of the node that serves the page */
        this.nodes = new Map();  /* by id: {id, about, rates, heardAt} */
        this.metrics = null;     /* of this node */
        this.ready = null;       /* its /readyz */
        this.isLost = false;     /* it does not answer */
        this.error = '';
        this.series = { in: [], out: [], publish: [], lag: [], connections: [] };
    }

    start() {
        const turn = async () => {
            if (!document.hidden) {
                await this.update();
            }
            setTimeout(turn, EVERY_MS);
        };
        turn();
    }

    async update() {
        const [nodes, ready, metrics] = await Promise.allSettled([ask('/api/nodes'), ask('/readyz'),
            fetch('/metrics', { cache: 'no-store' }).then((response) => response.text())]);
        this.isLost = ready.status === 'rejected';
        this.ready = ready.value || null;
        this.metrics = metrics.value ? parseMetrics(metrics.value) : null;
        this.error = nodes.status === 'rejected' ? String(nodes.reason.message) : '';
        if (nodes.value) {
            this.self = nodes.value.node;
            this._take(nodes.value.nodes);
        } else {
            this._forget();
        }
        this._remember();
        this.dispatchEvent(new Event('change'));
    }

    _take(listed) {
        const before = this.nodes;
        this.nodes = new Map();
        listed.sort((a, b) => a.id.localeCompare(b.id));
        for (const { id, about: text } of listed) {
            const about = parseAbout(text);
            const last = before.get(id) || { id, about: null, rates: {}, heardAt: Date.now() };
            if (about && (!last.about || about.at !== last.about.at)) {
                this.nodes.set(id, { id, about, rates: this._rates(last.about, about), heardAt: Date.now() });
            } else {
                const isStale = Date.now() - last.heardAt > STALE_MS;
                this.nodes.set(id, isStale ? { ...last, rates: {} } : last);
            }
        }
    }

    /* Nobody tells of the nodes: what they did is no news any more. */
    _forget() {
        this.nodes.forEach((node) => {
            if (Date.now() - node.heardAt > STALE_MS) {
                node.rates = {};
            }
        });
    }

    _rates(before, now) {
        const seconds = before ? (now.at - before.at) / 1000 : 0;
        const rates = {};
        for (const name of RATES) {
            rates[name] = seconds > 0 ? Math.max(0, now[name] - before[name]) / seconds : 0;
        }
        rates.publish_ms = rates.publish_count > 0 ? rates.publish_us / rates.publish_count / 1000 : null;
        return rates;
    }

    sum(read) {
        return [...this.nodes.values()].reduce((total, node) => total + (read(node) || 0), 0);
    }

    rate(name) {
        return this.sum((node) => node.rates[name]);
    }

    connections() {
        return this.sum((node) => node.about && node.about.connections);
    }

    /* Of a publish, by all nodes, in ms. */
    latency() {
        const count = this.rate('publish_count');
        return count > 0 ? this.rate('publish_us') / count / 1000 : null;
    }

    lag() {
        const lag = this.ready && this.ready.canary_lag_ms;
        return typeof lag === 'number' ? lag : null;
    }

    _remember() {
        const now = { in: this.rate('messages_in'), out: this.rate('messages_out'),
            publish: this.latency(), lag: this.lag(), connections: this.connections() };
        for (const [name, value] of Object.entries(now)) {
            const series = this.series[name];
            series.push(this.isLost ? null : value);
            series.splice(0, series.length - KEPT);
        }
    }

    /* Where clients reach a node, as far as its address says; null: not by TCP. */
    url(node) {
        const found = node.about && /^(\[[^\]]*\]|[^:]*):(\d+)$/.exec(node.about.listen);
        if (!found || node.about.listen.startsWith('unix:')) {
            return null;
        }
        const isAny = ['', '0.0.0.0', '[::]', '127.0.0.1', '[::1]', 'localhost'].includes(found[1]);
        const host = isAny ? window.location.hostname : found[1];
        return `${node.about.tls ? 'wss' : 'ws'}://${host}:${found[2]}${node.about.path}`;
    }

    urls() {
        return [...this.nodes.values()].map((node) => this.url(node)).filter(Boolean);
    }
}
