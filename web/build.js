#!/usr/bin/env node
/*
 * build.js - the library as one file, minified: `node build.js [FOLDER]`, by default dist/.
 *
 *   chanway.min.mjs   ES module
 *   chanway.min.js    classic script: the global `chanway`
 *   chanway.cjs       the same for require()
 *
 * The modules are put one behind the other, without their imports and exports: no two of them give the
 * same name to different things, and the minifier says so if they do.
 */

import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const here = path.dirname(fileURLToPath(import.meta.url));
const FILES = ['lib/base.js', 'lib/payload.js', 'lib/group.js', 'lib/ops.js', 'chanway.js'];
const EXPORTS = ['connect', 'Client', 'Group', 'ChanwayError'];

function minifier() {
    const require = createRequire(import.meta.url);
    try {
        return require(require.resolve('uglify-js', { paths: [here, path.join(here, '../tests')] }));
    } catch (error) {
        console.error(`build.js: no uglify-js here: run 'npm ci' in tests/ (${error.code})`);
        return process.exit(1);
    }
}

function joined() {
    return FILES.map((name) => fs.readFileSync(path.join(here, name), 'utf8')
        .replace(/^import [^;]*;\n/gm, '')
        .replace(/^export \{[^}]*\};\n/gm, '')
        .replace(/^export /gm, '')).join('\n');
}

function minify(code, module) {
    const result = minifier().minify(code, {
        module, toplevel: true, compress: { passes: 2 },
        mangle: { properties: { regex: /^_/ } },
    });
    if (result.error) {
        throw result.error;
    }
    return `/* chanway, MIT licence */\n${result.code}\n`;
}

function main(folder) {
    const code = joined();
    const names = EXPORTS.join(', ');
    fs.mkdirSync(folder, { recursive: true });
    const write = (name, text) => {
        fs.writeFileSync(path.join(folder, name), text);
        console.log(`${path.join(folder, name)}: ${Buffer.byteLength(text)} bytes`);
    };
    write('chanway.min.mjs', minify(`${code}\nexport { ${names} };`, true));
    const values = EXPORTS.map((name) => `${JSON.stringify(name)}: ${name}`).join(', ');
    const classic = `(() => { 'use strict'; ${code}
        const exported = { ${values} };
        if (typeof module === 'object' && module.exports) { module.exports = exported; }
        else { globalThis['chanway'] = exported; } })();`;
    const script = minify(classic, false);
    write('chanway.min.js', script);
    write('chanway.cjs', script);
}

main(process.argv[2] || path.join(here, 'dist'));
