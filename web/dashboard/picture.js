/*
 * picture.js - the cluster as a picture: clients above, nodes, Redis below; what flows, flows.
 */

import { amount, draw, setText } from './page.js';

const HEIGHT = 300;
const NODE_Y = 112;
const REDIS_Y = 262;
const BOX = 124;
/* As wide as there is room for, so that words are as large as elsewhere. */
const WIDTH_MIN = 330;
const WIDTH_MAX = 1200;
/* More would be too small to read. */
const SHOWN = 12;

/* The more messages the faster: from a crawl to a stream. */
function seconds(rate) {
    return Math.max(0.35, 4 / (1 + Math.log10(1 + rate)));
}

export class Picture {
    constructor(parent) {
        this.parent = parent;
        this.svg = draw('svg', { role: 'img' });
        this.lines = this.svg.appendChild(draw('g'));
        this.things = this.svg.appendChild(draw('g'));
        parent.append(this.svg);
        this.shown = '';
        this.parts = new Map();
    }

    update(model) {
        const nodes = [...model.nodes.values()].slice(0, SHOWN);
        const width = Math.round(Math.min(WIDTH_MAX, Math.max(WIDTH_MIN, this.parent.clientWidth)));
        const shown = `${width} ${nodes.map((node) => node.id).join()}`;
        if (shown !== this.shown || !this.redis) {
            this.shown = shown;
            this.width = width;
            this.svg.setAttribute('viewBox', `0 0 ${width} ${HEIGHT}`);
            this._build(nodes, model.self);
        }
        nodes.forEach((node) => this._fill(node));
        const hidden = model.nodes.size - nodes.length;
        const rate = model.rate('published');
        setText(this.redis, `${amount(rate)} /s`);
        setText(this.more, hidden > 0 ? `and ${hidden} more nodes` : '');
        this.svg.setAttribute('aria-label', `${model.nodes.size} nodes with ${model.connections()} channels, `
            + `${amount(rate)} messages a second through Redis`);
    }

    _build(nodes, self) {
        this.lines.replaceChildren();
        this.things.replaceChildren();
        this.parts.clear();
        nodes.forEach((node, i) => {
            const x = (this.width * (i + 0.5)) / nodes.length;
            this.parts.set(node.id, this._node(node, x, node.id === self,
                Math.min(BOX, this.width / nodes.length - 8)));
        });
        const REDIS = { x: this.width / 2, y: REDIS_Y };
        this.things.append(draw('path', { class: 'redis', d: `M${REDIS.x - 62} ${REDIS.y - 22}v34c0 9 28 16 62 16`
            + 's62-7 62-16v-34M' + `${REDIS.x - 62} ${REDIS.y - 22}c0-9 28-16 62-16s62 7 62 16-28 16-62 16-62-7-62-16Z` }));
        this.things.append(draw('text', { x: REDIS.x, y: REDIS.y + 8 }, 'Redis'));
        this.redis = this.things.appendChild(draw('text', { class: 'small start', x: REDIS.x + 72, y: REDIS.y + 5 }));
        this.more = this.things.appendChild(draw('text', { class: 'small', x: this.width - 70, y: REDIS.y + 5 }));
    }

    _node(node, x, isSelf, width) {
        const [name] = node.id.split('.');
        const up = `M${x} ${NODE_Y + 24}C${x} ${NODE_Y + 90} ${this.width / 2} ${NODE_Y + 60} ${this.width / 2} ${REDIS_Y - 36}`;
        const clients = `M${x} 34V${NODE_Y - 24}`;
        const part = { links: [], flows: {} };
        for (const d of [up, clients]) {
            part.links.push(this.lines.appendChild(draw('path', { class: 'link', d })));
        }
        for (const [key, d, direction] of [['published', up, 'up'], ['heard', up, 'down'],
            ['in', clients, 'up'], ['out', clients, 'down']]) {
            part.flows[key] = this.lines.appendChild(draw('path', { class: `flow ${direction}`, d,
                transform: direction === 'up' ? 'translate(-4 -3)' : 'translate(4 3)' }));
        }
        part.box = this.things.appendChild(draw('rect', { x: x - width / 2, y: NODE_Y - 24, width, height: 48,
            rx: 12, class: 'node' }));
        const fits = Math.max(3, Math.floor(width / 8.2));
        const short = name.length > fits ? `${name.slice(0, fits - 1)}…` : name;
        const isNarrow = width < 100;
        this.things.append(draw('text', { x, y: NODE_Y - 2 }, short));
        part.rate = this.things.appendChild(draw('text', { class: 'small', x, y: NODE_Y + 15 }));
        part.clients = this.things.appendChild(draw('text', { class: 'small', x, y: 24 }));
        part.isSelf = isSelf;
        part.isNarrow = isNarrow;
        return part;
    }

    _fill({ id, about, rates }) {
        const part = this.parts.get(id);
        const isUp = about && about.redis_up;
        const state = !about ? '' : !isUp ? 'ill' : about.draining ? 'leaving' : '';
        part.box.setAttribute('class', `node ${state} ${part.isSelf ? 'self' : ''}`);
        part.links[0].setAttribute('class', `link ${isUp || !about ? '' : 'down'}`);
        const words = part.isNarrow ? ['', ' / ', ''] : [' channels', ' in, ', ' out'];
        setText(part.clients, about ? `${amount(about.connections)}${words[0]}` : '');
        setText(part.rate, `${amount(rates.messages_in || 0)}${words[1]}${amount(rates.messages_out || 0)}${words[2]}`);
        const flowing = { published: rates.published, heard: rates.messages_out, in: rates.messages_in,
            out: rates.messages_out };
        Object.entries(part.flows).forEach(([key, path]) => {
            const rate = flowing[key] || 0;
            path.style.display = rate > 0 ? '' : 'none';
            const duration = `${seconds(rate).toFixed(1)}s`;
            if (path.style.animationDuration !== duration) {
                path.style.animationDuration = duration;
            }
        });
    }
}
