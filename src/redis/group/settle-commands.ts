import { sizeOf } from '../../core/entry-size.ts'
import { InvalidError } from '../../core/errors.ts'
import { comparePositions } from '../../core/position.ts'
import type { Claim, Outcome } from '../../core/stream-log.ts'
import { remedyFor, replyCode } from '../errors.ts'
import { pages, type GroupCommands } from './group-commands.ts'
import { INLET_PREFIX } from './inlet-position.ts'
import { seenKey } from '../keys.ts'
import { replyCall } from '../rpc/settle-replies.ts'
import { checkProduced, produceCall, producing, type Acknowledgement } from './produce.ts'
import type { RequestSettling } from '../rpc/redis-rpc.ts'
import * as scripts from './settle-scripts.ts'

/** More in one script would hold up other clients for longer than a few milliseconds. */
const MAX_ACKNOWLEDGED_PER_CALL = 1_000
const MAX_MOVED_PER_CALL = 250
const MAX_COPIED_PER_CALL = 100
/** The same for the characters of what is produced. */
const MAX_PRODUCED_SIZE = 1_000_000
const COMMON_KEYS = 5

type Of<Kind extends Outcome['kind']> = Extract<Outcome, { kind: Kind }>

/** The scripts by which claims begin and end, typed. Each kind of outcome is settled whatever becomes of the others. */
export class SettleCommands {
  readonly #commands: GroupCommands
  /** What stands before a position in a reservation. */
  readonly #prefix: string

  constructor(commands: GroupCommands) {
    this.#commands = commands
    this.#prefix = commands.who.inlet ? INLET_PREFIX : ''
  }

  async begin(claims: readonly Claim[]): Promise<string[]> {
    const lost: string[] = []
    for (const part of pages(claims, MAX_MOVED_PER_CALL)) {
      const args = part.flatMap(({ position, attempt }) => [position, String(attempt)])
      lost.push(...(await this.#commands.run(scripts.beginScript, args)))
    }
    return lost
  }

  async expedite(positions: readonly string[]): Promise<void> {
    for (const part of pages(positions, MAX_MOVED_PER_CALL))
      await this.#commands.run(scripts.expediteScript, part)
  }

  async waiting(positions: readonly string[]): Promise<string[]> {
    const waiting: string[] = []
    for (const part of pages(positions, MAX_MOVED_PER_CALL))
      waiting.push(...(await this.#commands.run(scripts.waitingScript, part)))
    return waiting
  }

  /** @param held how many entries the consumer holds, of which the outcomes are a part */
  async settle(outcomes: readonly Outcome[], held: number): Promise<string[]> {
    const kinds = sort(outcomes)
    const lost = await all([
      this.#acknowledge(kinds.plain, held),
      this.#acknowledgeOnce(kinds.once, held),
      this.#park(kinds.parked),
      this.#produce(kinds.producing, held),
      this.#bury(kinds.buried),
    ])
    return lost.flat()
  }

  async #acknowledge(positions: readonly string[], held: number): Promise<string[]> {
    const lost: string[] = []
    for (const part of pages(positions, MAX_ACKNOWLEDGED_PER_CALL)) {
      const args = [String(held), ...[...part].sort(comparePositions)]
      const call = this.#commands.run(scripts.acknowledgeScript, args)
      lost.push(...(await call.catch(this.#lostIfEnded(part))))
    }
    return lost
  }

  async #acknowledgeOnce(outcomes: readonly Acknowledgement[], held: number): Promise<string[]> {
    const lost: string[] = []
    for (const part of pages(outcomes, MAX_MOVED_PER_CALL)) {
      const sorted = [...part].sort((a, b) => comparePositions(a.position, b.position))
      const args = [String(held), this.#prefix, ...sorted.map(({ position }) => position)]
      const keys = sorted.map(({ identity }) => this.#seenKey(identity!))
      const call = this.#commands.run(scripts.acknowledgeOnceScript, args, keys)
      lost.push(...(await call.catch(this.#lostIfEnded(positionsOf(part)))))
    }
    return lost
  }

  #produce(outcomes: readonly Acknowledgement[], held: number): Promise<string[]> {
    const { requests } = this.#commands.who
    return requests ? this.#reply(outcomes, held, requests) : this.#produceInTurn(pagesBySize(outcomes))
  }

  async #reply(
    outcomes: readonly Acknowledgement[],
    held: number,
    { maxReplies, onDropped }: RequestSettling,
  ): Promise<string[]> {
    const lost: string[] = []
    for (const part of pagesBySize(outcomes)) {
      const { keys, args } = replyCall(this.#commands.who.stream, part, maxReplies)
      const call = this.#commands.run(scripts.replyScript, [String(held), ...args], keys)
      const [notOurs, dropped] = await call.catch((error): [string[], number] => [
        this.#lostIfEnded(positionsOf(part))(error),
        0,
      ])
      // A reply to what another one took over meanwhile is for nobody as well.
      if (dropped + notOurs.length > 0) onDropped(dropped + notOurs.length)
      lost.push(...notOurs)
    }
    return lost
  }

  /** Nothing is written while what stands before it can't be for a while: it may be of the same key. */
  async #produceInTurn(parts: Iterable<readonly Acknowledgement[]>): Promise<string[]> {
    const lost: string[] = []
    const refusals: unknown[] = []
    for (const part of parts) {
      try {
        lost.push(...(await this.#produceTogether(part)))
      } catch (error) {
        if (!isRefusal(error)) throw error
        refusals.push(error)
      }
    }
    if (refusals.length > 0) throw refusals[0]
    return lost
  }

  /** What can't be written, for instance since its stream holds something else, holds up no other entry of the call. */
  async #produceTogether(outcomes: readonly Acknowledgement[]): Promise<string[]> {
    const { stream, group } = this.#commands.who
    try {
      const produced = outcomes.flatMap(({ produce = [] }) => produce)
      checkProduced(stream, produced)
      const { keys, streams, args } = produceCall(stream, group, outcomes)
      const call = [this.#prefix, String(streams), ...args]
      return await this.#commands.run(scripts.produceScript, call, keys)
    } catch (error) {
      if (outcomes.length === 1 || !isRefusal(error)) return this.#lostIfEnded(positionsOf(outcomes))(error)
      const middle = outcomes.length >> 1
      return this.#produceInTurn([outcomes.slice(0, middle), outcomes.slice(middle)])
    }
  }

  async #park(outcomes: readonly (Of<'retry'> | Of<'release'>)[]): Promise<string[]> {
    const lost: string[] = []
    for (const part of pages(outcomes, MAX_MOVED_PER_CALL)) {
      const args = part.flatMap(({ kind, position, attempts, delayMs = 0 }) => [
        position,
        String(attempts),
        String(Math.ceil(delayMs)),
        // What is given back may have been started all the same.
        String(kind === 'retry' ? attempts : attempts + 1),
      ])
      const call = this.#commands.run(scripts.parkScript, args)
      const [notOurs, trimmed] = await call.catch((error) => [
        this.#lostIfEnded(positionsOf(part))(error),
        [],
      ])
      this.#commands.tellTrimmed(trimmed)
      lost.push(...notOurs)
    }
    return lost
  }

  async #bury(outcomes: readonly Of<'dead-letter'>[]): Promise<string[]> {
    const lost: string[] = []
    for (const part of pages(outcomes, MAX_COPIED_PER_CALL)) {
      const keys: string[] = []
      const args = [this.#prefix]
      for (const { position, attempts, letter, identity } of part) {
        if (identity !== undefined) keys.push(this.#seenKey(identity))
        const seen = identity === undefined ? 0 : COMMON_KEYS + keys.length
        args.push(position, String(attempts), letter.error, letter.reason, String(seen))
      }
      const call = this.#commands.run(scripts.deadLetterScript, args, keys)
      lost.push(...(await call.catch(this.#lostIfEnded(positionsOf(part)))))
    }
    return lost
  }

  /** An inlet ends with its last entry, which the call before may have settled: only this call's part is lost. */
  #lostIfEnded(positions: readonly string[]) {
    return (error: unknown): string[] => {
      if (!this.#commands.who.inlet || remedyFor(error) !== 'heal') throw error
      return [...positions]
    }
  }

  #seenKey(identity: string): string {
    const { stream, group } = this.#commands.who
    return seenKey(stream, group, identity)
  }
}

function sort(outcomes: readonly Outcome[]) {
  const plain: string[] = []
  const once: Acknowledgement[] = []
  const producers: Acknowledgement[] = []
  const parked: (Of<'retry'> | Of<'release'>)[] = []
  const buried: Of<'dead-letter'>[] = []
  for (const outcome of outcomes) {
    if (outcome.kind === 'dead-letter') buried.push(outcome)
    else if (outcome.kind !== 'acknowledge') parked.push(outcome)
    else if (producing(outcome)) producers.push(outcome)
    else if (outcome.identity !== undefined) once.push(outcome)
    else plain.push(outcome.position)
  }
  return { plain, once, producing: producers, parked, buried }
}

const positionsOf = (outcomes: readonly Outcome[]): string[] => outcomes.map(({ position }) => position)

/** Waits for all of them, also where one fails. */
async function all<T>(calls: readonly Promise<T>[]): Promise<T[]> {
  await Promise.allSettled(calls)
  return Promise.all(calls)
}

/** What was asked for can't be done, now or later. */
const isRefusal = (error: unknown): boolean =>
  error instanceof InvalidError || ['WRONGTYPE', 'ERR'].includes(replyCode(error))

/** At least one in each page, however large. */
function* pagesBySize(outcomes: readonly Acknowledgement[]): Generator<readonly Acknowledgement[]> {
  let page: Acknowledgement[] = []
  let size = 0
  for (const outcome of outcomes) {
    const more = (outcome.produce ?? []).reduce((sum, { fields }) => sum + sizeOf(fields) + 100, 0)
    if (page.length === MAX_COPIED_PER_CALL || (page.length > 0 && size + more > MAX_PRODUCED_SIZE)) {
      yield page
      page = []
      size = 0
    }
    page.push(outcome)
    size += more
  }
  if (page.length > 0) yield page
}
