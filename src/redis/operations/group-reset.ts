import { InvalidError, MillraceError } from '../../core/errors.ts'
import type { GroupResets, ResetOptions, ResetPreview, ResetRequest } from '../../core/group-reset.ts'
import { checkName } from '../../core/names.ts'
import { comparePositions, FIRST_POSITION, isEntryId } from '../../core/position.ts'
import { actionsKey, recordArguments } from './action-record.ts'
import type { Connection } from '../connection.ts'
import { pendingScript, previewScript, resetScript } from './group-reset-scripts.ts'
import { groupKeys } from '../keys.ts'
import { accept, firstOf, refuse } from './refusal.ts'
import { countRange } from '../replay/replay-count.ts'
import { noPlace, positionBefore } from '../replay/replay-range.ts'

const PENDING_PER_STEP = 1_000

/**
 * Resets groups on Redis.
 *
 * @example
 * const resets = new RedisGroupResets(connection)
 * const request = { stream: 'user:events', group: 'mailer', to: new Date('2026-01-28T09:00:00Z') }
 * await resets.preview(request) // { direction: 'back', entries: 1200, dropped: 3, kept: 0, live: [], … }
 * await resets.reset(request, { actor: 'ada@example.com', reason: 'mails of the morning were not sent' })
 */
export class RedisGroupResets implements GroupResets {
  readonly #connection: Connection

  constructor(connection: Connection) {
    this.#connection = connection
  }

  async preview(request: ResetRequest): Promise<ResetPreview> {
    const { stream, pending: policy } = checkRequest(request)
    const args = ['', '', stream, '', request.group, placeOf(request.to)]
    const answer = await previewScript.run(this.#connection, keysOf(request), args).catch(refuse(stream))
    const [from, to, pending, live] = accept(request, answer)
    const order = comparePositions(to, from)
    const [low, high] = order < 0 ? [to, from] : [from, to]
    const range = await countRange(this.#connection, stream, `(${low}`, high)
    const above = await this.#pendingAbove(request, to, pending)
    const kept = policy === 'drop' ? 0 : pending - above
    return {
      from,
      to,
      direction: order < 0 ? 'back' : order > 0 ? 'forward' : 'nowhere',
      entries: range.entries,
      complete: range.complete,
      dropped: pending - kept,
      kept,
      live,
    }
  }

  async reset(
    request: ResetRequest,
    options: ResetOptions,
  ): Promise<Pick<ResetPreview, 'from' | 'to' | 'dropped' | 'kept'>> {
    const { stream, group, pending } = checkRequest(request)
    const record = recordArguments(options, stream)
    const args = [...record, group, placeOf(request.to), pending, options.force ? '1' : '0']
    const answer = await resetScript.run(this.#connection, keysOf(request), args).catch(refuse(stream))
    const accepted = accept(request, answer)
    if (accepted.length === 2) throw busy(group, accepted[1])
    const [from, to, dropped, kept] = accepted
    return { from, to, dropped, kept }
  }

  /** What comes in meanwhile is not counted, so never more than there was. */
  async #pendingAbove({ stream, group }: ResetRequest, position: string, most: number): Promise<number> {
    let above = 0
    for (let start = `(${position}`; start !== '' && above < most;) {
      const args = [group, start, String(PENDING_PER_STEP)]
      const [next, count] = await pendingScript.run(this.#connection, [stream], args)
      above += count
      start = next
    }
    return Math.min(above, most)
  }
}

const keysOf = ({ stream, group }: ResetRequest): string[] => {
  const { state, retry, heartbeats } = groupKeys(stream, group)
  return [stream, state, retry, heartbeats, actionsKey(stream)]
}

function checkRequest(request: ResetRequest): ResetRequest & { pending: 'keep' | 'drop' } {
  const { stream, group, pending = 'keep' } = request
  checkName('stream name', stream)
  checkName('group name', group)
  if (pending !== 'keep' && pending !== 'drop') {
    const message = `must be "keep" or "drop", not ${JSON.stringify(pending)}`
    throw new InvalidError('CONFIGURATION_INVALID', 'the group can not be reset like this', [
      { path: 'pending', message },
    ])
  }
  return { ...request, pending }
}

/** The last entry that is not to be read, as the scripts take it. */
function placeOf(to: string | Date): string {
  if (to instanceof Date) return positionBefore(to)
  if (to === 'start') return FIRST_POSITION
  if (to === 'end' || isEntryId(to)) return to
  throw noPlace({
    path: 'to',
    message: 'must be "start", "end", a position such as 1700000000000-0, or a Date since 1970',
  })
}

const busy = (group: string, live: readonly string[]): MillraceError =>
  new MillraceError(
    'GROUP_BUSY',
    `consumers of "${group}" live: ${firstOf(live)}. Stop them and wait 10 s, or reset with force`,
  )
