import { MillraceError } from '../../core/errors.ts'
import { checkName } from '../../core/names.ts'
import type { Connection } from '../connection.ts'
import { groupKeys } from '../keys.ts'
import { FIELD, NOW } from '../lua.ts'
import { Script } from '../script.ts'

/**
 * KEYS: stream, state. ARGV: group. Answers 1 when it was running, 0 when it was paused already, -1 when there is no
 * such group.
 */
const pauseScript = new Script<-1 | 0 | 1>(`
${NOW}${FIELD}
local kind, known = redis.call('TYPE', KEYS[1])['ok'], redis.call('EXISTS', KEYS[2]) == 1
if kind == 'stream' then
  for _, group in ipairs(redis.call('XINFO', 'GROUPS', KEYS[1])) do
    known = known or field(group, 'name') == ARGV[1]
  end
end
if not known then return -1 end
return redis.call('HSETNX', KEYS[2], 'paused', now)
`)

/**
 * Stops and starts groups from outside. What is done to the entries of a group has a class of its own beside this one.
 *
 * @example
 * const control = new RedisGroupControl(connection)
 * await control.pause('user:events', 'mailer')
 */
export class RedisGroupControl {
  readonly #connection: Connection

  /** @param connection one that nobody blocks */
  constructor(connection: Connection) {
    this.#connection = connection
  }

  /**
   * From at most a second later on no member of the group is handed entries, until `resume`: no new ones, no retries and
   * nothing that others abandoned. What is in hand runs on and is settled. A pause outlives restarts of all members and
   * of Redis, and the healing of a group that was deleted. Answers whether the group was running before.
   *
   * @throws MillraceError `UNKNOWN_GROUP`, `NAME_INVALID`
   */
  async pause(stream: string, group: string): Promise<boolean> {
    const { state } = keysOf(stream, group)
    const done = await pauseScript.run(this.#connection, [stream, state], [group])
    if (done >= 0) return done === 1
    const message = `the stream "${stream}" has no group "${group}"; it is created when its first consumer joins`
    throw new MillraceError('UNKNOWN_GROUP', message)
  }

  /** Ends a pause, within a second for all members; answers whether there was one. */
  async resume(stream: string, group: string): Promise<boolean> {
    const { state } = keysOf(stream, group)
    return (await this.#connection.send<number>(['HDEL', state, 'paused'])) === 1
  }

  async isPaused(stream: string, group: string): Promise<boolean> {
    return (await this.pausedSince(stream, group)) !== undefined
  }

  /** In ms since 1970, by the clock of the server; undefined while the group is not paused. */
  async pausedSince(stream: string, group: string): Promise<number | undefined> {
    const { state } = keysOf(stream, group)
    const since = await this.#connection.send<string | null>(['HGET', state, 'paused'])
    return since === null ? undefined : Number(since)
  }
}

function keysOf(stream: string, group: string) {
  checkName('stream name', stream)
  checkName('group name', group)
  return groupKeys(stream, group)
}
