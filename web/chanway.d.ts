/* chanway.d.ts - the types of chanway.js. How it behaves: README.md. */

/** A place in a group's messages, or in the direct ones. A message is one, too. */
export interface Position {
    epoch: string;
    offset: number;
}

export interface Message {
    /** Absent: a direct message. */
    group?: string;
    /** A channel's uuid, a back end's name, or "server". */
    from: string;
    kind: 'data' | 'text' | 'bytes';
    /** Whichever of the three fields below it has. */
    payload: unknown;
    data?: any;
    text?: string;
    bytes?: Uint8Array;
    /** Absent where the group keeps no history. */
    epoch?: string;
    offset?: number;
}

export interface Welcome {
    channel: string;
    node: string;
    type: 'json' | 'text' | 'bytes';
    created: number;
    expires: number | null;
    heartbeat: number;
    session: string | null;
    /** False: a new channel. Its direct messages from before are gone; groups are joined again. */
    resumed: boolean;
    groups: string[];
    user: string | null;
    version: string;
}

export interface Member {
    channel: string;
    user: string | null;
    node: string;
}

export interface Presence {
    group: string;
    event: 'join' | 'leave';
    channel: string;
    user: string | null;
}

/** Messages that are lost for good, up to and with this position. No group: direct ones. */
export interface Gap extends Partial<Position> {
    group?: string;
}

export interface Membership extends Partial<Position> {
    group: string;
    recovered?: boolean;
}

export interface Bye {
    code: number;
    reason: string;
    retry_ms: number | null;
}

export interface Reconnecting {
    code: number;
    reason: string;
    /** In ms, until the next attempt. */
    delay: number;
    /** Attempts in a row, from 1. */
    attempt: number;
}

export interface Closed {
    code: number;
    reason: string;
}

export interface GroupEvents {
    message: Message;
    presence: Presence;
    gap: Gap;
    /** By a back end or by the token, or again after a reconnect without a session. */
    joined: Membership;
    /** By a back end, or it could not be joined again. */
    left: { group: string } & Partial<Position>;
}

export interface ClientEvents extends GroupEvents {
    /** Connected: for the first time, or again. */
    open: Welcome;
    /** The connection was lost; it will be made again. */
    reconnecting: Reconnecting;
    /** For good. */
    close: Closed;
    bye: Bye;
    /** What belongs to no call. */
    error: Error;
}

export class ChanwayError extends Error {
    /**
     * As the protocol has it (`forbidden`, `rate_limited`, ...), or of the library: `queue_full`,
     * `closed`, `connection_lost` (it may have been done), `timeout` (of either).
     */
    code: string;
    /** The same may succeed later. */
    temporary?: boolean;
    retry_ms?: number;
    details?: any;
    /** With `closed`: the WebSocket's close code. */
    closeCode?: number;
}

export interface OpOptions {
    /** In ms, from the call on, reconnects included; 0: none. */
    timeout?: number;
    /** How often it is tried again after `unavailable`, `timeout` and `rate_limited`. */
    retries?: number;
}

export interface PayloadOptions extends OpOptions {
    /** By default: bytes for binary values, text for strings on a channel of type text, else data. */
    as?: 'data' | 'text' | 'bytes';
    /** Makes it idempotent: 1 to 64 bytes. By default a random one; null: none. */
    key?: string | null;
}

export interface PublishOptions extends PayloadOptions {
    /** False: not to oneself. */
    echo?: boolean;
}

export interface JoinOptions extends OpOptions {
    /** Also what came after this position; `{epoch: '0', offset: 0}`: all that is kept. */
    since?: Position;
    /** Hear who joins and leaves. */
    presence?: boolean;
}

export interface MembersOptions extends OpOptions {
    /** Members per page, 1 to 1000. */
    count?: number;
}

export interface PublishOk extends Partial<Position> {
    /** This key had been published before: the position is the first one's. */
    duplicate?: boolean;
}

export interface SendOk extends PublishOk {
    status: 'delivered' | 'queued';
}

export interface Options {
    /** A JWT, or a function that gives one, asked at each connect. */
    token?: string | (() => string | undefined | Promise<string | undefined>);
    type?: 'json' | 'text' | 'bytes';
    /** Seconds the channel may live. */
    expires?: number;
    /** Groups to join at once; what fails is told by `error`. */
    groups?: string[];
    /** The constructor to use where there is no global one: `ws` of npm. */
    WebSocket?: unknown;
    /** Ops without an answer, 1000; beyond: `queue_full`. */
    queueMax?: number;
    /** Of an op, in ms: 30000. */
    timeout?: number;
    /** Of an op: 5. */
    retries?: number;
    /** publish and send get a key by themselves: true. */
    keys?: boolean;
    /** In ms, doubled at each attempt up to `backoffMax`, half of it random: 500, 30000. */
    backoffMin?: number;
    backoffMax?: number;
    /** Reconnects in a row before it is closed: no limit. */
    attempts?: number;
    /** In ms until `welcome`: 15000. */
    connectTimeout?: number;
    /** In ms of silence until it asks: what the node says, 15000; until it gives up then: 10000. */
    pingInterval?: number;
    pingTimeout?: number;
}

declare class Emitter<Events> {
    /** Returns what takes the handler off again. */
    on<E extends keyof Events>(event: E, handler: (value: Events[E]) => void): () => void;
    once<E extends keyof Events>(event: E, handler: (value: Events[E]) => void): () => void;
    off<E extends keyof Events>(event: E, handler: (value: Events[E]) => void): void;
}

export class Group extends Emitter<GroupEvents> {
    private constructor();
    readonly client: Client;
    readonly name: string;
    readonly joined: boolean;
    /** Of the last message seen; null where there is no history. */
    readonly position: Position | null;
    /** After a join with `since`: whether nothing was lost. */
    readonly recovered?: boolean;
    join(options?: JoinOptions): Promise<this>;
    leave(options?: OpOptions): Promise<void>;
    publish(payload: unknown, options?: PublishOptions): Promise<PublishOk>;
    members(options?: MembersOptions): AsyncGenerator<Member, void, void>;
}

export class Client extends Emitter<ClientEvents> {
    constructor(url: string | string[], options?: Options);
    readonly state: 'connecting' | 'open' | 'reconnecting' | 'closed';
    readonly welcome: Welcome | null;
    /** Of the last welcome. */
    readonly channel: string | null;
    readonly node: string | null;
    readonly user: string | null;
    /** Resolves when it is open; rejects when it is closed for good. */
    ready(): Promise<this>;
    /** The handle of a group, joined or not. */
    group(name: string): Group;
    join(name: string, options?: JoinOptions): Promise<Group>;
    leave(name: string, options?: OpOptions): Promise<void>;
    publish(group: string, payload: unknown, options?: PublishOptions): Promise<PublishOk>;
    /** To one channel, wherever it is. */
    send(to: string, payload: unknown, options?: PayloadOptions): Promise<SendOk>;
    /** To the application behind the node. */
    message(payload: unknown, options?: Omit<PayloadOptions, 'key'>): Promise<{}>;
    members(group: string, options?: MembersOptions): AsyncGenerator<Member, void, void>;
    auth(token: string, options?: OpOptions): Promise<{ user: string | null; expires_at: number | null }>;
    /** Direct messages up to there need not be kept; by default all that were seen. */
    ack(position?: Position, options?: OpOptions): Promise<{}>;
    /** The time of a round trip, in ms. */
    ping(options?: OpOptions): Promise<number>;
    /** 1000 ends the session; a code from 3000 on leaves it to be resumed. */
    close(code?: number, reason?: string): Promise<void>;
}

export function connect(url: string | string[], options?: Options): Client;
