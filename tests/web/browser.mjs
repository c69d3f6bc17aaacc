// Runs pieces of JavaScript that drive Chromium: see Browser in ./program.py and driver.mjs.
//
// `page` is a page; `problems` are errors, refused loads and requests to other places than
// `globalThis.allowed`; `violations(page)` is what axe finds wrong for those who can't see or point.
import { createRequire } from 'node:module';
import fs from 'node:fs';
import readline from 'node:readline';

import { launch } from './chromium.mjs';

const require = createRequire(import.meta.url);
const axe = fs.readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');

globalThis.browser = await launch();
globalThis.problems = [];
globalThis.allowed = [];

globalThis.openPage = async (options) => {
    const page = await browser.newPage(options);
    page.on('console', (message) => ['error', 'warning'].includes(message.type())
        && problems.push(`${message.type()}: ${message.text()}`));
    page.on('pageerror', (error) => problems.push(String(error.stack)));
    const check = (url) => allowed.every((start) => !url.startsWith(start)) && problems.push(`request: ${url}`);
    page.on('request', (request) => check(request.url()));
    page.on('websocket', (socket) => check(socket.url()));
    return page;
};

globalThis.violations = async (page) => {
    await page.evaluate(axe);
    const found = await page.evaluate(() => window.axe.run(document, { runOnly: {
        type: 'tag', values: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'best-practice'] } }));
    return found.violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => `${node.html} ${
        node.failureSummary}`).join(' | ')}`);
};

const AsyncFunction = (async () => {}).constructor;

async function run({ id, code }) {
    let answer;
    try {
        answer = { value: await new AsyncFunction(code)() };
    } catch (error) {
        answer = { error: String(error && error.stack) };
    }
    process.stdout.write(`${JSON.stringify({ id, ...answer })}\n`);
}

readline.createInterface({ input: process.stdin })
    .on('line', (line) => run(JSON.parse(line)))
    .on('close', () => browser.close().finally(() => process.exit(0)));
