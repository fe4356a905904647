import type { Claim, Outcome } from '../core/stream-log.ts'
import { comparePositions } from '../core/position.ts'
import type { Connection } from './connection.ts'
import * as scripts from './group-scripts.ts'
import { acknowledgeScript, beginScript, deadLetterScript, parkScript } from './settle-scripts.ts'
import { deadLetterKey, groupKeys, type GroupKeys } from './keys.ts'
import type { Script } from './script.ts'

/** More would hold up other clients for longer than a few milliseconds. */
const MAX_OUTCOMES_PER_CALL = 1_000

/** The scripts of one consumer in one group, typed. Nothing here remembers anything. */
export class GroupCommands {
  readonly #connection: Connection
  readonly #keys: GroupKeys
  readonly #group: string
  readonly #consumer: string

  constructor(connection: Connection, stream: string, group: string, consumer: string) {
    this.#connection = connection
    this.#keys = groupKeys(stream, group)
    this.#group = group
    this.#consumer = consumer
  }

  /** Answers whether the group was missing. */
  async ensureGroup(start: string): Promise<boolean> {
    return (await this.#run(scripts.ensureGroupScript, [start])) === 1
  }

  async poll(limit: number, deadAfterMs: number) {
    const args = [String(limit), String(deadAfterMs)]
    const [wait, silentConsumers, rows] = await this.#run(scripts.pollScript, args)
    return { due: toClaims(rows, 'retry'), untilNextMs: wait < 0 ? Infinity : wait, silentConsumers }
  }

  /** Sees to it that everything that waits for its retry has a time. */
  async sweep(): Promise<void> {
    for (let cursor = '-'; cursor !== '';) cursor = await this.#run(scripts.sweepScript, [cursor, '1000'])
  }

  async survey() {
    const rows = await this.#run(scripts.surveyScript, [])
    return rows.map(([name, pending, silentMs]) => ({ name, pending, silentMs }))
  }

  async takeOver(from: {
    consumer: string
    minIdleMs: number
    cursor: string
    limit: number
    silentMs: number
  }) {
    const { consumer, minIdleMs, cursor, limit, silentMs } = from
    const scan = Math.max(limit, 500)
    const args = [consumer, String(minIdleMs), cursor, String(limit), String(scan), String(silentMs)]
    const [next, idleMs, rows] = await this.#run(scripts.takeOverScript, args)
    return { next, idleMs, claims: toClaims(rows, 'abandoned') }
  }

  async adopt(positions: readonly string[]): Promise<Claim[]> {
    return toClaims(await this.#run(scripts.adoptScript, positions), 'abandoned')
  }

  async begin(claims: readonly Claim[]): Promise<string[]> {
    if (claims.length === 0) return []
    const args = claims.flatMap(({ position, attempt }) => [position, String(attempt)])
    return this.#run(beginScript, args)
  }

  async heartbeat(held: readonly string[], resetIdle: boolean) {
    const [lost, unknown] = await this.#run(scripts.heartbeatScript, [resetIdle ? '1' : '0', ...held])
    return { lost, unknown }
  }

  async removeConsumer(name: string, silentMs: number): Promise<void> {
    await this.#run(scripts.removeConsumerScript, [name, String(silentMs)])
  }

  async leave(): Promise<void> {
    while ((await this.#run(scripts.leaveScript, ['1000'])) > 0);
  }

  /** @param held how many entries the consumer holds, of which the outcomes are a part */
  async settle(outcomes: readonly Outcome[], held: number): Promise<string[]> {
    const lost: string[] = []
    for (let from = 0; from < outcomes.length; from += MAX_OUTCOMES_PER_CALL) {
      const part = outcomes.slice(from, from + MAX_OUTCOMES_PER_CALL)
      lost.push(
        ...(await this.#acknowledge(part, held)),
        ...(await this.#park(part)),
        ...(await this.#bury(part)),
      )
    }
    return lost
  }

  async #acknowledge(outcomes: readonly Outcome[], held: number): Promise<string[]> {
    const positions: string[] = []
    for (const { kind, position } of outcomes) if (kind === 'acknowledge') positions.push(position)
    if (positions.length === 0) return positions
    return this.#run(acknowledgeScript, [String(held), ...positions.sort(comparePositions)])
  }

  async #park(outcomes: readonly Outcome[]): Promise<string[]> {
    const args: string[] = []
    for (const outcome of outcomes) {
      if (outcome.kind !== 'retry' && outcome.kind !== 'release') continue
      const delayMs = outcome.kind === 'retry' ? Math.ceil(outcome.delayMs) : 0
      args.push(outcome.position, String(outcome.attempts), String(delayMs))
    }
    return args.length === 0 ? [] : this.#run(parkScript, args)
  }

  async #bury(outcomes: readonly Outcome[]): Promise<string[]> {
    const args = [this.#keys.stream]
    for (const outcome of outcomes) {
      if (outcome.kind !== 'dead-letter') continue
      const { error, reason } = outcome.letter
      args.push(outcome.position, String(outcome.attempts), error, reason, new Date().toISOString())
    }
    return args.length === 1 ? [] : this.#run(deadLetterScript, args, [deadLetterKey(this.#keys.stream)])
  }

  #run<Reply>(
    script: Script<Reply>,
    args: readonly string[],
    moreKeys: readonly string[] = [],
  ): Promise<Reply> {
    const { stream, state, retry, heartbeats } = this.#keys
    const keys = [stream, state, retry, heartbeats, ...moreKeys]
    return script.run(this.#connection, keys, [this.#group, this.#consumer, ...args])
  }
}

/** Oldest first; a sorted set answers those that are due at one moment in alphabetical order. */
function toClaims(rows: readonly scripts.TakenRow[], origin: Claim['origin']): Claim[] {
  return rows
    .map(([position, starts, fields]) => ({ position, fields, attempt: starts + 1, origin }))
    .sort((a, b) => comparePositions(a.position, b.position))
}
