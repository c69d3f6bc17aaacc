/*
 * page.js - elements, and numbers in words.
 */

export const $ = (id) => document.getElementById(id);

/* An element with attributes; what is no element among `children` is text. */
export function make(name, attributes = {}, ...children) {
    const element = document.createElement(name);
    Object.entries(attributes).forEach(([key, value]) => {
        if (key.startsWith('on')) {
            element.addEventListener(key.slice(2), value);
        } else if (value !== undefined && value !== null && value !== false) {
            element.setAttribute(key, value === true ? '' : value);
        }
    });
    element.append(...children.filter((child) => child !== null && child !== undefined));
    return element;
}

/* The same of SVG. */
export function draw(name, attributes = {}, ...children) {
    const element = document.createElementNS('http://www.w3.org/2000/svg', name);
    Object.entries(attributes).forEach(([key, value]) => element.setAttribute(key, value));
    element.append(...children);
    return element;
}

/* Makes `parent` hold one element per row, and keeps those that are there: what has the focus stays.
 * `create(row)` gives an element, `fill(element, row)` brings it up to date. */
export function keep(parent, rows, key, create, fill) {
    const there = new Map([...parent.children].map((child) => [child.dataset.key, child]));
    let next = parent.firstElementChild;
    rows.forEach((row) => {
        const name = String(key(row));
        let element = there.get(name);
        if (!element) {
            element = create(row);
            element.dataset.key = name;
        }
        there.delete(name);
        if (element === next) {
            next = next.nextElementSibling;
        } else {
            parent.insertBefore(element, next);
        }
        fill(element, row);
    });
    there.forEach((element) => element.remove());
}

export function setText(element, text) {
    if (element.textContent !== text) {
        element.textContent = text;
    }
}

export const whole = (number) => Math.round(number).toLocaleString('en');

export function amount(number) {
    if (number === null || number === undefined || Number.isNaN(number)) {
        return '–';
    }
    if (number >= 1e6) {
        return `${(number / 1e6).toFixed(1)} M`;
    }
    if (number >= 1e4) {
        return `${(number / 1e3).toFixed(1)} k`;
    }
    return number >= 100 || Number.isInteger(number) ? whole(number) : number.toFixed(1);
}

export function size(bytes) {
    const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
    let unit = 0;
    let left = bytes || 0;
    while (left >= 1024 && unit < units.length - 1) {
        left /= 1024;
        unit += 1;
    }
    return `${unit && left < 100 ? left.toFixed(1) : Math.round(left)} ${units[unit]}`;
}

export function milliseconds(ms) {
    if (ms === null || ms === undefined || ms < 0 || Number.isNaN(ms)) {
        return '–';
    }
    if (Number.isInteger(ms) && ms < 10) { /* it was counted in whole ones */
        return ms ? `${ms} ms` : '< 1 ms';
    }
    return ms < 10 ? `${ms.toFixed(2)} ms` : ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`;
}

export function span(ms) {
    const s = Math.max(0, Math.floor(ms / 1000));
    const [d, h, m] = [Math.floor(s / 86400), Math.floor(s / 3600) % 24, Math.floor(s / 60) % 60];
    if (d) {
        return `${d} d ${h} h`;
    }
    return h ? `${h} h ${m} min` : m ? `${m} min` : `${s} s`;
}

async function answer(response) {
    const body = await response.json();
    if (!response.ok && !('status' in body)) {
        throw Object.assign(new Error(body.message), { code: body.code, status: response.status });
    }
    return body;
}

const query = (parameters) => {
    const text = new URLSearchParams(parameters).toString();
    return text && `?${text}`;
};

/* Asks this node; an answer that is no success is an error with its message. */
export async function ask(path, parameters = {}) {
    return answer(await fetch(path + query(parameters), { cache: 'no-store' }));
}

/* What this window was told: the admin's token and the clients', until it is closed. */
export const kept = {
    get: (name) => window.sessionStorage.getItem(`chanway-${name}`) || '',
    set: (name, value) => window.sessionStorage.setItem(`chanway-${name}`, value),
};

/* Asks for the admin's token; resolves to whether there is one now. */
function askForToken() {
    const dialog = $('admin');
    $('admin-token').value = '';
    dialog.returnValue = '';
    dialog.showModal();
    return new Promise((resolve) => {
        dialog.addEventListener('close', () => {
            kept.set('admin-token', $('admin-token').value);
            resolve(dialog.returnValue === 'ok');
        }, { once: true });
    });
}

/* Has this node do something; asks for the admin's token where the node does. */
export async function change(path, parameters) {
    const token = kept.get('admin-token');
    const response = await fetch(path + query(parameters), { method: 'POST',
        headers: token ? { Authorization: `Bearer ${token}` } : {} });
    if (response.status === 401 && await askForToken()) {
        return change(path, parameters);
    }
    return answer(response);
}
