// Runs pieces of JavaScript with the client library at hand: see Program in ./program.py.
//
// A line of stdin is {"id", "code"}: the body of an async function. A line of stdout is its answer,
// {"id", "value"} or {"id", "error"}. Names that pieces share are properties of globalThis.
import { createRequire } from 'node:module';
import readline from 'node:readline';

const require = createRequire(import.meta.url);
const [library] = process.argv.slice(2);
const { connect, ...rest } = library.endsWith('.cjs') ? require(library) : await import(library);

globalThis.uncaught = [];
process.on('uncaughtException', (error) => globalThis.uncaught.push(String(error)));
Object.assign(globalThis, rest, { require });
globalThis.connect = (url, options) => connect(url, {
    WebSocket: process.env.CHANWAY_OWN_WEBSOCKET ? undefined : require('ws'), ...options,
});
require('./recorder.js');

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
    .on('close', () => process.exit(0));
