// A program that uses the types of web/chanway.d.ts, right and wrong: checked by tsc, never run.
import { connect, ChanwayError, Client, type Gap, type Group, type Message, type Options, type PublishOk }
    from 'chanway';

const options: Options = {
    token: async () => 'x', type: 'text', WebSocket: class {}, groups: ['a'], backoffMin: 10,
};
const client: Client = connect(['ws://a', 'ws://b'], options);
client.on('open', ({ resumed, groups }) => resumed === true && groups.length);
client.once('reconnecting', ({ delay, attempt }) => delay + attempt);
client.on('gap', (gap: Gap) => gap.group?.length);
client.on('close', ({ code, reason }) => `${code + 1} ${reason}`);
// @ts-expect-error no such event
client.on('nope', () => {});
// @ts-expect-error it is not set from outside
client.state = 'open';
// @ts-expect-error a URL is needed
connect();

const chat: Group = await client.join('chat', { presence: true, since: { epoch: '0', offset: 0 } });
const off: () => void = chat.on('message', (message: Message) => message.bytes?.length);
off();
let last: Message | undefined;
chat.on('message', (message) => { last = message; });
const ok: PublishOk = await chat.publish(new Uint8Array(3), { as: 'bytes', echo: false, key: null });
const isTwice: boolean | undefined = ok.duplicate;
console.log(isTwice, last);
// @ts-expect-error bytes, text or data
await chat.publish(1, { as: 'json' });
for await (const member of chat.members({ count: 3 })) {
    console.log(member.channel.length, member.user?.length);
}
try {
    const { status } = await client.send('x', { n: 1 }, { timeout: 5 });
    console.log(status === 'queued');
    // @ts-expect-error delivered or queued
    console.log(status === 'lost');
} catch (error) {
    if (error instanceof ChanwayError) {
        console.log(error.code === 'not_found', error.retry_ms);
    }
}
// @ts-expect-error an option of the client, not of a call
await client.publish('g', 1, { keys: false });
const roundTrip: number = await client.ping();
const { user } = await client.auth('token');
await client.ack();
await client.close(4999, `${roundTrip} ${user}`);
export {};
