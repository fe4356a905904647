import { InvalidError, MillraceError } from '../../core/errors.ts'
import {
  DEFAULT_MIN_IDLE_MS,
  type ConsumerStatus,
  type GroupMembers,
  type Liveness,
  type PendingFilter,
  type PendingOptions,
  type PendingPage,
  type PendingResult,
  type PendingSelection,
} from '../../core/group-members.ts'
import { checkName } from '../../core/names.ts'
import type { Connection } from '../connection.ts'
import type { GroupScript } from '../group/group-script.ts'
import { groupKeys, inletKey, RETRY_CONSUMER } from '../keys.ts'
import { actionsKey, recordArguments } from '../operations/action-record.ts'
import { accept, refuse } from '../operations/refusal.ts'
import { readConsumers } from './consumers.ts'
import { MemberCall } from './member-call.ts'
import { acknowledgeScript, claimScript, releaseScript, type MemberReply } from './member-scripts.ts'
import { readPending } from './pending.ts'
import { removeScript } from './reading-scripts.ts'
import { checkSelection } from './selection.ts'

/**
 * The members of groups on Redis.
 *
 * @example
 * const members = new RedisGroupMembers(connection)
 * await members.consumers('user:events', 'mailer') // [{ name: 'mailer-1', pending: 17, state: 'dead', … }]
 * const ada = { actor: 'ada@example.com', reason: 'its machine is gone' }
 * await members.release('user:events', 'mailer', { consumer: 'mailer-1' }, ada) // { done: 17, missing: 0, trimmed: 0 }
 */
export class RedisGroupMembers implements GroupMembers {
  readonly #connection: Connection

  /** @param connection one that nobody blocks */
  constructor(connection: Connection) {
    this.#connection = connection
  }

  async consumers(stream: string, group: string, options: Liveness = {}): Promise<ConsumerStatus[]> {
    checkGroup(stream, group)
    return readConsumers(this.#connection, stream, group, patienceOf(options))
  }

  async pending(stream: string, group: string, filter: PendingFilter = {}, page: PendingPage = {}) {
    checkGroup(stream, group)
    return readPending(this.#connection, stream, group, filter, page)
  }

  async claim(
    stream: string,
    group: string,
    selection: PendingSelection,
    to: string,
    options: PendingOptions,
  ): Promise<PendingResult> {
    checkName('consumer name', to)
    if (to === RETRY_CONSUMER) throw noTarget('is no consumer; release the entries instead')
    if ('consumer' in selection && selection.consumer === to) throw noTarget('has these entries already')
    return this.#run(claimScript, stream, group, selection, options, to)
  }

  release(
    stream: string,
    group: string,
    selection: PendingSelection,
    options: PendingOptions,
  ): Promise<PendingResult> {
    return this.#run(releaseScript, stream, group, selection, options)
  }

  acknowledge(
    stream: string,
    group: string,
    selection: PendingSelection,
    options: PendingOptions,
  ): Promise<PendingResult> {
    return this.#run(acknowledgeScript, stream, group, selection, options)
  }

  async remove(
    stream: string,
    group: string,
    consumer: string,
    options: Omit<PendingOptions, 'force'>,
  ): Promise<boolean> {
    checkGroup(stream, group)
    checkName('consumer name', consumer)
    if (consumer === RETRY_CONSUMER) throw stays(consumer, 'stands for what waits for its retry')
    const inlet = inletKey(stream, group)
    const [beats, copyBeats] = [groupKeys(stream, group).heartbeats, groupKeys(inlet, group).heartbeats]
    const own = [group, consumer, String(patienceOf(options)), options.dryRun ? '1' : '0']
    const keys = [stream, beats, actionsKey(stream), inlet, copyBeats]
    const call = removeScript.run(this.#connection, keys, [...own, ...recordArguments(options, stream)])
    const answer = accept({ stream, group }, await call.catch(refuse(stream)))
    if (answer === 'live') throw stays(consumer, 'lives; stop it first')
    if (answer === 'holds') throw stays(consumer, 'holds entries; release or claim them first')
    return answer === 1
  }

  async #run(
    script: GroupScript<MemberReply>,
    stream: string,
    group: string,
    selection: PendingSelection,
    options: PendingOptions,
    to = '',
  ): Promise<PendingResult> {
    checkGroup(stream, group)
    const selected = checkSelection(selection)
    const record = recordArguments(options, stream)
    const { dryRun = false, force = false } = options
    const call = { stream, group, record, dryRun, force, minIdleMs: patienceOf(options), to }
    return new MemberCall(this.#connection, script, call).run(selected)
  }
}

function checkGroup(stream: string, group: string): void {
  checkName('stream name', stream)
  checkName('group name', group)
}

function patienceOf({ minIdleMs = DEFAULT_MIN_IDLE_MS }: Liveness): number {
  if (Number.isSafeInteger(minIdleMs) && minIdleMs >= 0) return minIdleMs
  const message = `must be a whole number of ms from 0 on, not ${minIdleMs}`
  throw new InvalidError('CONFIGURATION_INVALID', 'nobody can be told dead by this', [
    { path: 'minIdleMs', message },
  ])
}

const noTarget = (message: string): InvalidError =>
  new InvalidError('CONFIGURATION_INVALID', 'entries can not be claimed like this', [{ path: 'to', message }])

const stays = (consumer: string, why: string): MillraceError =>
  new MillraceError('CONSUMER_BUSY', `"${consumer}" can not be removed: it ${why}`)
