// As driver.mjs, but in a page of Chromium: `node page.mjs LIBRARY`. A library *.min.js is loaded as a
// classic script, others as a module; the page allows neither eval nor scripts of others.
import path from 'node:path';
import readline from 'node:readline';
import { fileURLToPath } from 'node:url';

import { launch, serve } from './chromium.mjs';

const here = path.dirname(fileURLToPath(import.meta.url));
const library = path.resolve(process.argv[2]);
const name = path.basename(library);
const isClassic = name.endsWith('.min.js');

const PAGE = `<!DOCTYPE html><title>chanway</title><link rel="icon" href="data:,">
${isClassic ? `<script src="/library/${name}"></script>` : ''}
<script src="/recorder.js"></script><script type="module" src="/start.mjs"></script>`;
const START = `${isClassic ? '' : `import * as chanway from '/library/${name}';`}
    globalThis.uncaught = [];
    addEventListener('error', ({ error }) => uncaught.push(String(error)));
    addEventListener('unhandledrejection', ({ reason }) => uncaught.push(String(reason)));
    addEventListener('securitypolicyviolation', ({ blockedURI }) => uncaught.push('CSP: ' + blockedURI));
    const { connect, ...rest } = ${isClassic ? 'globalThis.chanway' : 'chanway'};
    Object.assign(globalThis, rest, { connect: (url, { WebSocket, ...options } = {}) => connect(url, options) });
    globalThis.isReady = true;`;

const origin = await serve((where) => {
    if (where === '/') {
        return { text: PAGE };
    }
    if (where.startsWith('/library/')) {
        return { file: path.join(path.dirname(library), where.slice('/library/'.length)) };
    }
    return where === '/start.mjs' ? { file: 'start.mjs', text: START } : { file: path.join(here, where) };
}, { 'Content-Security-Policy':
    "default-src 'none'; script-src 'self'; connect-src ws://127.0.0.1:*; img-src data:" });
const browser = await launch();
const page = await browser.newPage();
page.on('console', (message) => console.error(`page: ${message.text()}`));
page.on('pageerror', (error) => console.error(`page: ${error}`));
await page.goto(origin);
await page.waitForFunction('globalThis.isReady', null, { timeout: 60000 });

async function run({ id, code }) {
    let answer;
    try {
        answer = await page.evaluate(`(async () => { ${code}\n})().then(
            (value) => JSON.stringify({ id: ${id}, value }),
            (error) => JSON.stringify({ id: ${id}, error: String(error && error.stack) }))`);
    } catch (error) { /* no JavaScript */
        answer = JSON.stringify({ id, error: String(error.stack) });
    }
    process.stdout.write(`${answer}\n`);
}

readline.createInterface({ input: process.stdin })
    .on('line', (line) => run(JSON.parse(line)))
    .on('close', () => browser.close().finally(() => process.exit(0)));
