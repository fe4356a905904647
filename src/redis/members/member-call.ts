import { InvalidError, MillraceError } from '../../core/errors.ts'
import type { PendingResult } from '../../core/group-members.ts'
import type { Connection } from '../connection.ts'
import { remedyFor } from '../errors.ts'
import { pages } from '../group/group-commands.ts'
import type { GroupScript } from '../group/group-script.ts'
import { INLET_PREFIX } from '../group/inlet-position.ts'
import { deadLetterKey, groupKeys, inletKey } from '../keys.ts'
import { actionsKey } from '../operations/action-record.ts'
import { accept, firstOf, refuse } from '../operations/refusal.ts'
import type { MemberReply } from './member-scripts.ts'
import { unknownConsumer } from './pending.ts'
import type { Selected } from './selection.ts'

/** How many entries a step takes: 1000 hold up other clients for 7 ms, and these for less than 2. */
const PAGE = 250

export interface MemberCallOptions {
  readonly stream: string
  readonly group: string
  /** As of `recordArguments`. */
  readonly record: readonly string[]
  readonly dryRun: boolean
  readonly force: boolean
  readonly minIdleMs: number
  /** Who gets the entries, or `''`. */
  readonly to: string
}

interface Step {
  readonly inlet: boolean
  readonly positions: readonly string[]
}

/** The first one is in the stream, also without a position there: it says whether stream and group are. */
function stepsOf({ inStream, inInlet }: Exclude<Selected, { consumer: string }>): Step[] {
  const parts = inStream.length > 0 ? [...pages(inStream, PAGE)] : [[]]
  return [
    ...parts.map((positions) => ({ inlet: false, positions })),
    ...[...pages(inInlet, PAGE)].map((positions) => ({ inlet: true, positions })),
  ]
}

/** One deed of an operator, in as many steps as it takes: in the stream first, then in the inlet. */
export class MemberCall {
  readonly #connection: Connection
  readonly #script: GroupScript<MemberReply>
  readonly #options: MemberCallOptions
  #dry: boolean
  #done = 0
  #missing = 0
  #trimmed = 0

  constructor(connection: Connection, script: GroupScript<MemberReply>, options: MemberCallOptions) {
    this.#connection = connection
    this.#script = script
    this.#options = options
    this.#dry = options.dryRun
  }

  async run(selected: Selected): Promise<PendingResult> {
    if ('consumer' in selected) for (const inlet of [false, true]) await this.#allOf(selected.consumer, inlet)
    else await this.#these(stepsOf(selected))
    return { done: this.#done, missing: this.#missing, trimmed: this.#trimmed }
  }

  async #these(steps: readonly Step[]): Promise<void> {
    // So that a step which is refused does not follow one that was done.
    if (steps.length > 1 && !this.#dry && !this.#options.force) {
      this.#dry = true
      await this.#each(steps)
      this.#dry = false
    }
    this.#done = this.#missing = this.#trimmed = 0
    await this.#each(steps)
  }

  async #each(steps: readonly Step[]): Promise<void> {
    for (const { inlet, positions } of steps)
      if (!(await this.#step(inlet, ['', ...positions]))) this.#missing += positions.length
  }

  async #allOf(consumer: string, inlet: boolean): Promise<void> {
    for (let [from, upTo] = ['-', '']; from !== '';) {
      const reply = await this.#step(inlet, [consumer, from, upTo, String(PAGE)])
      if (!reply) return
      ;[from, upTo] = reply
    }
  }

  /** Answers where to go on and up to where; undefined where there is no inlet. */
  async #step(inlet: boolean, selection: string[]): Promise<[next: string, upTo: string] | undefined> {
    const { stream, group, record, force, minIdleMs, to } = this.#options
    const key = inlet ? inletKey(stream, group) : stream
    const { state, retry, heartbeats } = groupKeys(key, group)
    const beside = [deadLetterKey(stream), actionsKey(stream), groupKeys(stream, group).heartbeats]
    const header = [group, record[0]!, stream, new Date().toISOString()]
    const flags = [this.#dry ? '1' : '0', force ? '1' : '0', String(minIdleMs)]
    const args = [...header, ...record, ...flags, inlet ? INLET_PREFIX : '', to, ...selection]
    const keys = [key, state, retry, heartbeats, ...beside]
    const reading = { inlet, exclusive: false }
    const call = this.#script.run(reading, this.#connection, keys, args)
    const answer = await call.catch((error: unknown) => {
      if (inlet && remedyFor(error) === 'heal') return 'unknown-stream' as const
      return refuse(stream)(error)
    })
    // An inlet ends with its last entry, and its group begins with the first that is read of it.
    if (inlet && (answer === 'unknown-stream' || answer === 'unknown-group')) return undefined
    return this.#count(answer, selection[0]!)
  }

  #count(answer: MemberReply, holder: string): [next: string, upTo: string] {
    const reply = accept(this.#options, answer)
    const { group, to } = this.#options
    if (reply === 'unknown-consumer') throw unknownConsumer(group, holder)
    if (reply === 'unknown-target') throw unknownConsumer(group, to)
    if (reply === 'target-of-ours') throw ofOurs(to)
    if (reply === 'foreign') throw foreign(group)
    if (reply.length === 2) throw this.#busy(reply[1])
    const [done, missing, trimmed, next, upTo] = reply
    this.#done += done
    this.#missing += missing
    this.#trimmed += trimmed
    return [next, upTo]
  }

  #busy(live: readonly string[]): MillraceError {
    const before = this.#done > 0 ? ` Before it was found, ${this.#done} entries were done.` : ''
    const message = `consumers that live hold these entries: ${firstOf(live)}. Stop them, or take the entries with force.${before}`
    return new MillraceError('CONSUMER_BUSY', message)
  }
}

const ofOurs = (to: string): InvalidError =>
  new InvalidError('CONFIGURATION_INVALID', 'entries can not be claimed like this', [
    {
      path: 'to',
      message: `"${to}" is a consumer of Millrace, which runs what it asked for; release the entries instead`,
    },
  ])

const foreign = (group: string): MillraceError =>
  new MillraceError(
    'GROUP_FOREIGN',
    `no consumer of Millrace ever read for "${group}", so nobody would take what is released; claim it for a consumer of the group`,
  )
