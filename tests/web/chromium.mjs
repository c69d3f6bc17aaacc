// A headless Chromium for tests: the distribution's own, driven by playwright-core.
import { createRequire } from 'node:module';
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';

const { chromium } = createRequire(import.meta.url)('playwright-core');
const PROGRAMS = ['chromium-headless-shell', 'chromium', 'chromium-browser', 'google-chrome'];
const TYPES = { '.html': 'text/html', '.js': 'text/javascript', '.mjs': 'text/javascript' };

function findProgram() {
    const folders = (process.env.PATH || '').split(path.delimiter);
    const found = [process.env.CHANWAY_CHROMIUM || ''].concat(PROGRAMS.flatMap(
        (name) => folders.map((folder) => path.join(folder, name)))).find((file) => fs.existsSync(file));
    if (!found) {
        console.error('no Chromium here: scripts/deps --test installs it, CHANWAY_CHROMIUM=PATH names one');
        process.exit(1);
    }
    return found;
}

export function launch() {
    return chromium.launch({
        executablePath: findProgram(), timeout: 60000,
        args: [...(process.getuid() ? [] : ['--no-sandbox']), '--disable-dev-shm-usage'],
    });
}

// Serves files: `files` gives the file, or the text, of each path.
export async function serve(files, headers = {}) {
    const server = http.createServer((request, response) => {
        const { pathname } = new URL(request.url, 'http://x');
        const { file, text } = files(pathname) || {};
        if (text === undefined && !(file && fs.existsSync(file))) {
            response.writeHead(404).end();
            return;
        }
        response.writeHead(200, { 'Content-Type': TYPES[path.extname(file || 'x.html')], ...headers });
        response.end(text === undefined ? fs.readFileSync(file) : text);
    });
    await new Promise((resolve) => { server.listen(0, '127.0.0.1', resolve); });
    return `http://127.0.0.1:${server.address().port}`;
}
