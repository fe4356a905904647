import { isDeepStrictEqual, inspect } from 'node:util'
import { MillraceError } from '../../src/core/errors.ts'
import type { Connection } from '../../src/redis/connection.ts'
import type { Side } from './side.ts'

/** What a call ends with that is refused. */
export interface Refusal {
  refused: string
}

const show = (value: unknown): string => inspect(value, { depth: 6, breakLength: 160, maxArrayLength: 200 })

/**
 * The log in memory and the one on Redis, to which everything is done that is done to one. What they answer must be the
 * same. A transcript says what was done and answered, since a step by itself says only what it chooses among.
 */
export class Pair {
  readonly memory: Side
  readonly redis: Side
  /** Past the log on Redis, to its server. */
  readonly server: Connection
  /** What all keys of this run begin with: one slot, so that one stream may produce to the other. */
  readonly prefix: string
  readonly stream: string
  /** Another stream, which is only produced to. */
  readonly out: string
  readonly #transcript: string[] = []
  readonly #counts = new Map<string, number>()

  constructor(memory: Side, redis: Side, server: Connection, prefix: string) {
    this.memory = memory
    this.redis = redis
    this.server = server
    this.prefix = prefix
    this.stream = `${prefix}stream`
    this.out = `${prefix}out`
  }

  get sides(): readonly [Side, Side] {
    return [this.memory, this.redis]
  }

  async each<T>(ask: (side: Side) => Promise<T>): Promise<[memory: T, redis: T]> {
    return [await ask(this.memory), await ask(this.redis)]
  }

  /** Asks both, and answers what both answered, or with which code both refused. */
  async same<T>(what: string, ask: (side: Side) => Promise<T>): Promise<T | Refusal> {
    return this.agree<T | Refusal>(what, await this.each((side) => ask(side).catch(refusal)))
  }

  /** The same for what is never refused. */
  async sure<T>(what: string, ask: (side: Side) => Promise<T>): Promise<T> {
    return this.agree(what, await this.each(ask))
  }

  agree<T>(what: string, [memory, redis]: readonly [T, T]): T {
    if (!isDeepStrictEqual(memory, redis)) {
      this.disagree(`${what}: the logs differ\n  memory: ${show(memory)}\n  Redis:  ${show(redis)}`)
    }
    this.#transcript.push(`${what} → ${show(memory)}`)
    return memory
  }

  note(what: string): void {
    this.#transcript.push(what)
  }

  disagree(message: string): never {
    throw new Error([message, 'What went before:', ...this.#transcript].join('\n  '))
  }

  /** Gives labels to what was written meanwhile, in the order in which it was. Answers the new ones. */
  async label(stream: string): Promise<string[]> {
    const [memory, redis] = await this.each((side) => side.unlabelled(stream))
    const fields = this.agree(
      `written to ${stream.slice(this.prefix.length)}`,
      [memory, redis].map((entries) => entries.map((entry) => [...entry.fields])) as [string[][], string[][]],
    )
    return fields.map((_, index) => {
      const label = this.nextLabel(stream === this.stream ? '#' : 'out#')
      this.memory.setLabel(stream, memory[index]!.position, label)
      this.redis.setLabel(stream, redis[index]!.position, label)
      return label
    })
  }

  nextLabel(kind: string): string {
    const count = (this.#counts.get(kind) ?? 0) + 1
    this.#counts.set(kind, count)
    return `${kind}${count}`
  }
}

export function refusal(error: unknown): Refusal {
  if (error instanceof MillraceError) return { refused: error.code }
  throw error
}

export const isRefusal = (answer: unknown): answer is Refusal =>
  typeof answer === 'object' && answer !== null && 'refused' in answer
