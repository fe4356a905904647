import { setTimeout as sleep } from 'node:timers/promises'
import type { MillraceError } from '../../core/errors.ts'
import type { Argument, Connection, ReplyAs, ServerConnection, Socket } from '../connection.ts'
import { canWait, remedyFor } from '../errors.ts'
import { commandKey } from './command-key.ts'

/** How long whoever does not say waits for Redis, in ms. */
const DEFAULT_PATIENCE_MS = 10_000
/** Pause before what Redis could not do at the moment is tried again, in ms. */
const PAUSE_MS = 50

type WhenReady = (timeoutMs: number) => Promise<void>
type Passes = (error: MillraceError) => boolean

/**
 * For calls of users, who do not try again themselves: a command waits for a connection that is being made, and for a
 * Redis that can't take it at the moment, for so long and no longer. It fails as ever then. What was sent and not
 * answered is for the caller to judge. Commands that wait may be sent in another order than they were given.
 */
export class PatientConnection implements Connection {
  readonly #connection: Connection
  readonly #patienceMs: number

  constructor(connection: Connection, patienceMs = DEFAULT_PATIENCE_MS) {
    this.#connection = connection
    this.#patienceMs = patienceMs
  }

  send<T = unknown>(args: readonly Argument[], deadlineMs?: number, replyAs?: ReplyAs): Promise<T> {
    const key = commandKey(args)
    return outlast(this.#patienceMs, canWait, this.#whenReady(key), () =>
      this.#connection.send<T>(args, deadlineMs, replyAs),
    )
  }

  /** Waits for the connection alone: a part of the work may be done when a command fails. */
  together<T>(key: string, work: (socket: Socket) => Promise<T>): Promise<T> {
    return this.whenReady(this.#patienceMs, key).then(() => this.#connection.together(key, work))
  }

  /** Makes a call again that is safe to make twice, also when a reply was lost. */
  insist<T>(key: string, call: () => Promise<T>): Promise<T> {
    return outlast(this.#patienceMs, passes, this.#whenReady(key), call)
  }

  /** What is asked of one server fails at once, here as well: another may have its place by then. */
  serverOf(key: string): ServerConnection {
    return this.#connection.serverOf(key)
  }

  masters(): ServerConnection[] {
    return this.#connection.masters()
  }

  whenReady(timeoutMs: number, key?: string): Promise<void> {
    return this.#connection.whenReady(timeoutMs, key)
  }

  close(): Promise<void> {
    return this.#connection.close()
  }

  #whenReady(key: string | undefined): WhenReady {
    return (timeoutMs) => this.#connection.whenReady(timeoutMs, key)
  }
}

const passes: Passes = (error) => canWait(error) || remedyFor(error) === 'reconnect'

async function outlast<T>(
  patienceMs: number,
  again: Passes,
  whenReady: WhenReady,
  call: () => Promise<T>,
): Promise<T> {
  const until = performance.now() + patienceMs
  for (;;) {
    await whenReady(Math.max(0, until - performance.now()))
    try {
      return await call()
    } catch (error) {
      if (performance.now() >= until || !again(error as MillraceError)) throw error
      await sleep(PAUSE_MS)
    }
  }
}
