/*
 * charts.js - lines over time. Every chart says in words what it shows.
 */

import { draw, make, setText } from './page.js';

const WIDTH = 600;
const HEIGHT = 150;
const POINTS = 120;

/* The next of 1, 2, 5, 10, ... */
function ceiling(value) {
    const power = 10 ** Math.floor(Math.log10(value || 1));
    return [1, 2, 5, 10].map((step) => step * power).find((top) => top >= value);
}

/* `lines`: {name, color, format}; update(series) has one list per line, its last point is now. */
export class Chart {
    constructor(parent, title, lines, least) {
        this.title = title;
        this.lines = lines;
        this.least = least;
        this.svg = draw('svg', { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: 'none', role: 'img' });
        for (const y of [0.5, 75, 149.5]) {
            this.svg.append(draw('line', { class: 'grid', x1: 0, x2: WIDTH, y1: y, y2: y }));
        }
        this.fills = lines.map(({ color }) => this.svg.appendChild(draw('path', { class: `fill c-${color}` })));
        this.paths = lines.map(({ color }) => this.svg.appendChild(draw('path', { class: `c-${color}` })));
        this.values = lines.map(() => make('b'));
        this.top = make('span', { class: 'quiet' });
        const legend = make('ul', { class: 'legend' }, ...lines.map(({ name, color }, i) => make('li', {},
            make('i', { class: `c-${color}` }), `${name} `, this.values[i])), make('li', {}, this.top));
        parent.append(make('div', { class: 'chart' }, this.svg, legend));
    }

    update(series) {
        const top = ceiling(Math.max(this.least, ...series.flat().filter((value) => value !== null)));
        const words = [];
        series.forEach((values, i) => {
            const line = this._line(values, top);
            this.paths[i].setAttribute('d', line);
            this.paths[i].style.fill = 'none';
            this.fills[i].setAttribute('d', line.includes('NaN') ? '' : this._area(values, top));
            const last = values.length ? values[values.length - 1] : null;
            setText(this.values[i], this.lines[i].format(last));
            words.push(`${this.lines[i].name} ${this.lines[i].format(last)}`);
        });
        setText(this.top, `up to ${this.lines[0].format(top)}, last 3 min`);
        this.svg.setAttribute('aria-label', `${this.title}: ${words.join(', ')}`);
    }

    _points(values, top) {
        return values.map((value, i) => (value === null ? null
            : [WIDTH - ((values.length - 1 - i) * WIDTH) / (POINTS - 1),
                HEIGHT - 2 - (Math.min(value, top) / top) * (HEIGHT - 6)]));
    }

    /* A gap in the values is a gap in the line. */
    _line(values, top) {
        let isDown = false;
        return this._points(values, top).map((point) => {
            const verb = isDown ? 'L' : 'M';
            isDown = point !== null;
            return point ? `${verb}${point[0].toFixed(1)} ${point[1].toFixed(1)}` : '';
        }).join('');
    }

    _area(values, top) {
        const points = this._points(values, top).filter(Boolean);
        if (points.length < 2) {
            return '';
        }
        return `M${points[0][0].toFixed(1)} ${HEIGHT}${points.map(([x, y]) => `L${x.toFixed(1)} ${y.toFixed(1)}`)
            .join('')}L${points[points.length - 1][0].toFixed(1)} ${HEIGHT}Z`;
    }
}
