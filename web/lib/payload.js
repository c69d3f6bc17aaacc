/*
 * payload.js - payloads to and from frames; positions.
 */

import { ChanwayError } from './base.js';

function toBase64(bytes) {
    let text = '';
    for (let i = 0; i < bytes.length; i += 8192) {
        text += String.fromCharCode.apply(null, bytes.subarray(i, i + 8192));
    }
    return btoa(text);
}

function fromBase64(base64) {
    return Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
}

/* The payload field of a frame as JSON text, so that it stays what it is now, whatever the caller
 * does to the value later. `as` says which field; without it the value and the channel's type do. */
export function payloadText(value, as, type) {
    const isBuffer = value instanceof ArrayBuffer;
    if (as === 'bytes' || (!as && (isBuffer || ArrayBuffer.isView(value)))) {
        if (!isBuffer && !ArrayBuffer.isView(value)) {
            throw new ChanwayError('bad_payload', 'bytes are an ArrayBuffer or a view of one');
        }
        return `"bytes":"${toBase64(isBuffer ? new Uint8Array(value)
            : new Uint8Array(value.buffer, value.byteOffset, value.byteLength))}"`;
    }
    if (as === 'text' || (!as && type === 'text' && typeof value === 'string')) {
        return `"text":${JSON.stringify(String(value))}`;
    }
    const json = JSON.stringify(value);
    if (json === undefined) {
        throw new ChanwayError('bad_payload', 'this is no JSON value');
    }
    return `"data":${json}`;
}

export function readMessage({ op, ...message }) {
    const kind = ['data', 'text', 'bytes'].find((field) => field in message);
    if (kind === 'bytes') {
        message.bytes = fromBase64(message.bytes);
    }
    return Object.assign(message, { kind, payload: message[kind] });
}

export function randomName() {
    const numbers = new Uint32Array(4);
    if (globalThis.crypto && crypto.getRandomValues) {
        crypto.getRandomValues(numbers);
    } else { /* Node 18: unique is all it must be */
        numbers.forEach((_, i) => { numbers[i] = Math.random() * 2 ** 32; });
    }
    return Array.from(numbers, (number) => number.toString(36)).join('');
}

/* How long a JWT may still be used, in ms, by the clock of who made it where ours can't be right; not a
 * number if it doesn't say. */
export function tokenLife(token) {
    try {
        const { exp, iat } = JSON.parse(atob(token.split('.')[1].replace(/-/g, '+').replace(/_/g, '/')));
        const left = exp * 1000 - Date.now();
        const whole = (exp - iat) * 1000;
        return left > 0 && !(left > whole) ? left : whole;
    } catch (error) { /* another kind of token */
        return NaN;
    }
}

export const positionOf = ({ epoch, offset }) => ({ epoch, offset });
export const positionText = ({ epoch, offset }) => `${epoch}-${offset}`;
export const isSeen = (last, { epoch, offset }) => last && last.epoch === epoch && offset <= last.offset;
