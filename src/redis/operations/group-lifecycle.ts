import type { Operator } from '../../core/action-record.ts'
import { InvalidError, MillraceError } from '../../core/errors.ts'
import type { GroupDeletion, GroupLifecycle } from '../../core/group-lifecycle.ts'
import { DEFAULT_MIN_IDLE_MS } from '../../core/group-members.ts'
import { checkName } from '../../core/names.ts'
import { isEntryId, plainPosition } from '../../core/position.ts'
import { isReservedName } from '../../core/reserved-names.ts'
import { actionsKey, recordArguments } from './action-record.ts'
import type { Connection } from '../connection.ts'
import { createScript, deleteScript } from './group-lifecycle-scripts.ts'
import { companionsOf, groupKeys, inletKey } from '../keys.ts'
import { lagScript } from './lag.ts'
import { accept, firstOf, refuse } from './refusal.ts'
import { retentionKey } from '../retention/retention.ts'

/**
 * Makes and ends groups on Redis.
 *
 * @example
 * const lifecycle = new RedisGroupLifecycle(connection)
 * const ada = { actor: 'ada@example.com', reason: 'the mailer moved elsewhere' }
 * await lifecycle.delete('user:events', 'mailer', { ...ada, dryRun: true }) // { pending: 3, behind: 1200, live: [], … }
 * await lifecycle.delete('user:events', 'mailer', ada)
 */
export class RedisGroupLifecycle implements GroupLifecycle {
  readonly #connection: Connection

  /** @param connection one that nobody blocks */
  constructor(connection: Connection) {
    this.#connection = connection
  }

  async create(
    stream: string,
    group: string,
    options: Operator & { start?: string; createStream?: boolean },
  ): Promise<boolean> {
    checkGroup(stream, group)
    const { start = '0', createStream = false } = options
    if (createStream && isReservedName(stream)) throw reserved()
    if (start !== '0' && start !== '$' && !isEntryId(start)) throw noStart(start)
    const { state, retry, heartbeats } = groupKeys(stream, group)
    const keys = [stream, state, retry, heartbeats, actionsKey(stream)]
    const place = isEntryId(start) ? plainPosition(start) : start
    const args = [group, ...recordArguments(options, stream), place, createStream ? '1' : '0']
    const call = createScript.run(this.#connection, keys, args)
    return accept({ stream, group }, await call.catch(refuse(stream))) === 1
  }

  async delete(
    stream: string,
    group: string,
    options: Operator & { dryRun?: boolean; force?: boolean },
  ): Promise<GroupDeletion> {
    checkGroup(stream, group)
    const flags = [options.dryRun ? '1' : '0', options.force ? '1' : '0']
    const args = [group, ...recordArguments(options, stream), String(DEFAULT_MIN_IDLE_MS), ...flags]
    const behind = await this.#behind(stream, group)
    const call = deleteScript.run(this.#connection, deletionKeys(stream, group), args)
    const answer = accept({ stream, group }, await call.catch(refuse(stream)))
    if (answer.length === 2) throw busy(group, answer[1])
    const [pending, copies, live] = answer
    return { pending, behind, copies, live }
  }

  /** Counted before the deed, since more may come in at any time. */
  async #behind(stream: string, group: string): Promise<number | 'unknown'> {
    const call = lagScript.run(this.#connection, [stream, retentionKey(stream)], [group])
    const [behind = -1] = (await call.catch(refuse(stream))) ?? []
    return behind < 0 ? 'unknown' : behind
  }
}

function checkGroup(stream: string, group: string): void {
  checkName('stream name', stream)
  checkName('group name', group)
}

const deletionKeys = (stream: string, group: string): string[] => [
  stream,
  groupKeys(stream, group).heartbeats,
  inletKey(stream, group),
  actionsKey(stream),
  retentionKey(stream),
  ...companionsOf(stream, group),
]

const noStart = (start: unknown): InvalidError => {
  const message = `must be "0", "$" or a position such as 1700000000000-0, not ${JSON.stringify(start)}`
  return new InvalidError('CONFIGURATION_INVALID', 'the group can not begin there', [
    { path: 'start', message },
  ])
}

const reserved = (): InvalidError =>
  new InvalidError('NAME_INVALID', 'the stream can not be created', [
    { path: 'stream', message: 'is a name that Millrace keeps for itself' },
  ])

const busy = (group: string, live: readonly string[]): MillraceError =>
  new MillraceError(
    'GROUP_BUSY',
    `consumers of "${group}" live: ${firstOf(live)}. Stop them first: with force they would create it again`,
  )
