import type { TestServer } from '../../src/engines/test-servers.ts'
import type { RedisOptions } from '../../src/redis/connection.ts'
import type { FaultProxy } from '../../src/testing/fault-proxy.ts'

/** What Redis is in a run: its servers, how the processes of the run reach them, and how they can be broken. */
export interface Topology {
  /** How publishers and workers connect: through proxies, with a password that no log may show. */
  readonly redis: RedisOptions
  /** The proxies on their way. */
  readonly proxies: readonly FaultProxy[]
  /** A server that holds keys: the only one, the master, or one of the masters. */
  server(victim: number): Promise<TestServer>
  /** All replicas, of whichever master; where there are any. */
  replicas?(): Promise<TestServer[]>
  /** Has a replica take over from the master by command; where there are replicas. */
  failover?(victim: number): Promise<void>
  /** Moves the slot of a stream to another master; where there are several. */
  migrate?(victim: number): Promise<void>
  /** Waits until the servers agree on who is who, and every replica has caught up. */
  settled(): Promise<void>
  /** Log files of the servers. */
  readonly logs: readonly string[]
  /**
   * Sends a command of ours to whoever has its keys, past the proxies, and waits for a server that is away.
   *
   * @param key one of its keys, where it has any
   */
  readonly send: Send
  /** INFO of every master, as text. */
  info(): Promise<string[]>
  /** All keys, and who is connected, over all masters. */
  keys(): Promise<string[]>
  clients(): Promise<string[]>
  stop(): Promise<void>
}

/** Sends a command, and answers the raw reply. */
export type Send = <T>(args: readonly string[], key?: string) => Promise<T>

export interface TopologyOptions {
  /** Of the user `torture`, as whom the processes connect. */
  readonly password: string
}

export const REDIS_USER = 'torture'
