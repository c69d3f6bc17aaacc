// echo.mjs REDIS-URL [NAME]: whoever connects is put into the group `lobby`, whatever they say is answered.
import Redis from 'ioredis';

const [url, name = 'one'] = process.argv.slice(2);
const reader = new Redis(url); // waits for events
const db = new Redis(url); // and this one does something about them
const stream = 'cw:{events}';
const group = 'echo';

async function call(fn, channel, ...words) {
  try {
    await db.callBuffer('FCALL', fn, 1, `cw:{c:${channel}}`, ...words);
  } catch (error) {
    if (!error.message.startsWith('NOCHANNEL')) throw error; // else it has gone meanwhile
  }
}

async function handle(fields) {
  const event = {};
  for (let i = 0; i < fields.length; i += 2) event[fields[i]] = fields[i + 1]; // values are bytes
  if (`${event.event}` === 'connect') await call('cw_group_add', event.channel, 'lobby');
  if (`${event.event}` === 'message')
    await call('cw_send', event.channel, event.type, event.payload, 'FROM', 'echo');
}

await db.xgroup('CREATE', stream, group, '$', 'MKSTREAM').catch(() => {}); // it is there already
console.log('ready');
for (let position = '0'; ; ) { // what was read and never acknowledged, then what is new
  const words = ['GROUP', group, name, 'COUNT', 100, 'BLOCK', 1000, 'STREAMS', stream, position];
  const entries = (await reader.xreadgroupBuffer(...words))?.[0][1] ?? [];
  if (entries.length === 0) position = '>';
  for (const [id, fields] of entries) {
    await handle(fields ?? []); // null: trimmed away meanwhile
    await db.xack(stream, group, id);
  }
}
