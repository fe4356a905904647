import type { Log } from '../core/service.ts'
import type { TlsSource } from '../core/tls.ts'
import type { Address } from './connections/address.ts'

/** Where Redis is: exactly one of `url`, `sentinel` and `cluster`. */
export interface RedisOptions {
  /** One server: `redis://user:password@host:port/database`, or `rediss:` for TLS. */
  url?: string
  /** A master and its replicas, watched by Sentinels: the master is found, and followed when it changes. */
  sentinel?: SentinelOptions
  /** A Redis Cluster, by some of its nodes as `host:port`; the others are found. */
  cluster?: { nodes: readonly string[] }
  /** Of the servers, where the URL doesn't say. */
  username?: string
  password?: string
  /**
   * Speak TLS to the servers, and to the Sentinels; with a URL, `rediss:` says so. As options: with an authority of one's
   * own, or a certificate of ours. What a function gives is asked for again with each connection that is made, so that
   * certificates can be replaced. Whoever shows a wrong certificate is never spoken to.
   */
  tls?: boolean | TlsSource
  /**
   * Which address to use for one that Sentinels or nodes tell, both as `host:port`, where servers know themselves by
   * addresses that don't lead there from here.
   */
  addressMap?: Readonly<Record<string, string>>
}

export interface SentinelOptions {
  /** Of the master, as the Sentinels call it. */
  name: string
  /** All Sentinels, as `host:port`. */
  nodes: readonly string[]
  /** Of the Sentinels themselves, which have users of their own. */
  username?: string
  password?: string
}

export interface ConnectionOptions extends RedisOptions {
  log?: Log
  /** How long one attempt to connect may take, in ms (10000). */
  connectTimeoutMs?: number
  /** How long a command may take before its connection counts as dead, in ms (5000). */
  commandTimeoutMs?: number
}

/** A part of a command: a text, or bytes that need not be one. */
export type Argument = string | Buffer

/** What the strings of a reply come as. Bytes that are no text are lost in a text. */
export type ReplyAs = 'text' | 'bytes'

/** What sends one command. */
export interface Sender {
  /**
   * Sends one command to the server that has its key; replies are raw RESP2. Fails at once while there is no connection:
   * what loops tries again by itself, and what does not goes over a `PatientConnection`.
   *
   * @param args the command and the key that it is routed by are texts
   * @param replyAs with `bytes` the bulk strings of the reply are Buffers (`text`)
   * @throws MillraceError `REDIS_UNAVAILABLE` when nothing was sent, `REDIS_REFUSED` when Redis answered an error,
   *   `REDIS_UNCERTAIN` when the reply was lost: the command may have run. `CLOSED` after `close`.
   */
  send<T = unknown>(args: readonly Argument[], deadlineMs?: number, replyAs?: ReplyAs): Promise<T>
}

/** One socket: what is sent on it runs in that order, and waits for what was sent before. */
export interface Socket extends Sender {
  /** The same object for all who share the socket. */
  readonly line: object
}

/**
 * A way to Redis that mends itself, whether there is one server, a master among replicas or a cluster. Commands that are
 * sent one after the other to one server run in that order. What is written again after a lost reply is decided by
 * whoever sent it, never by the connection.
 */
export interface Connection extends Sender {
  /**
   * Several commands on one socket, none of which is sent when the one before failed. Where the first one is answered
   * that the key is elsewhere, all of it is done there instead.
   */
  together<T>(key: string, work: (socket: Socket) => Promise<T>): Promise<T>
  /** The server that has a key now, as far as known: for commands that name no key. */
  serverOf(key: string): ServerConnection
  /** All masters: one, but in a cluster, by the slots that they have. For commands about a whole server. */
  masters(): ServerConnection[]
  /** Resolves when commands for a key can be sent, or for any key, or after `timeoutMs`. */
  whenReady(timeoutMs: number, key?: string): Promise<void>
  /** Ends it; commands under way fail as uncertain. Idempotent. */
  close(): Promise<void>
}

/** The connection to one server, or to whichever is the master. */
export interface ServerConnection extends Sender {
  /** Where it leads to. */
  readonly address: Address
  readonly ready: boolean
  /** Changes with every new socket: what the server knew of the old one is gone. */
  readonly epoch: number
}
