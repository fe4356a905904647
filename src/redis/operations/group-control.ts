import type { Operator } from '../../core/action-record.ts'
import { MillraceError } from '../../core/errors.ts'
import type { GroupControl } from '../../core/group-control.ts'
import { checkName } from '../../core/names.ts'
import { actionsKey, recordArguments, recordFrom } from './action-record.ts'
import type { Connection } from '../connection.ts'
import { groupKeys } from '../keys.ts'
import { FIELD, NOW } from '../lua.ts'
import { WRONG_TYPE } from '../replay/replay-lua.ts'
import { Script } from '../script.ts'

/*
 * KEYS: stream, state, actions. ARGV: group, then the record, where there is to be one.
 */

/** `changed(action)` writes it down. */
const CHANGED = `
${WRONG_TYPE}${recordFrom(2)}
local wrong = wrong_type(KEYS[2], 'hash') or ARGV[2] and wrong_type(KEYS[3], 'stream')
if wrong then return wrong end
local function changed(action)
  if ARGV[2] then record(KEYS[3], action, { 'group', ARGV[1], 'count', 1 }) end
end
-- One that was deleted and has not healed yet has its state.
local function is_known()
  if redis.call('EXISTS', KEYS[2]) == 1 then return true end
  if redis.call('TYPE', KEYS[1])['ok'] ~= 'stream' then return false end
  for _, group in ipairs(redis.call('XINFO', 'GROUPS', KEYS[1])) do
    if field(group, 'name') == ARGV[1] then return true end
  end
  return false
end
`

/**
 * Answers 1 when it was running, 0 when it was paused already, -1 when there is no
 * such group.
 */
const pauseScript = new Script<-1 | 0 | 1>(`
${NOW}${FIELD}${CHANGED}
if not is_known() then return -1 end
local paused = redis.call('HSETNX', KEYS[2], 'paused', now)
if paused == 1 then changed('pause') end
return paused
`)

/** Answers 1 when it was paused, 0 when it was not, -1 when there is no such group. */
const resumeScript = new Script<-1 | 0 | 1>(`
${FIELD}${CHANGED}
if not is_known() then return -1 end
local resumed = redis.call('HDEL', KEYS[2], 'paused')
if resumed == 1 then changed('resume') end
return resumed
`)

/**
 * Stops and starts groups from outside. What is done to the entries of a group has a class of its own beside this one.
 *
 * @example
 * const control = new RedisGroupControl(connection)
 * await control.pause('user:events', 'mailer')
 */
export class RedisGroupControl implements GroupControl {
  readonly #connection: Connection

  /** @param connection one that nobody blocks */
  constructor(connection: Connection) {
    this.#connection = connection
  }

  async pause(stream: string, group: string, operator?: Operator): Promise<boolean> {
    return this.#change(pauseScript, stream, group, operator)
  }

  async resume(stream: string, group: string, operator?: Operator): Promise<boolean> {
    return this.#change(resumeScript, stream, group, operator)
  }

  async isPaused(stream: string, group: string): Promise<boolean> {
    return (await this.pausedSince(stream, group)) !== undefined
  }

  async pausedSince(stream: string, group: string): Promise<number | undefined> {
    const { state } = keysOf(stream, group)
    const since = await this.#connection.send<string | null>(['HGET', state, 'paused'])
    return since === null ? undefined : Number(since)
  }

  async #change(
    script: Script<-1 | 0 | 1>,
    stream: string,
    group: string,
    operator: Operator | undefined,
  ): Promise<boolean> {
    const { state } = keysOf(stream, group)
    const record = operator ? recordArguments(operator, stream) : []
    const done = await script.run(this.#connection, [stream, state, actionsKey(stream)], [group, ...record])
    if (done >= 0) return done === 1
    const message = `the stream "${stream}" has no group "${group}"; it is created when its first consumer joins`
    throw new MillraceError('UNKNOWN_GROUP', message)
  }
}

function keysOf(stream: string, group: string) {
  checkName('stream name', stream)
  checkName('group name', group)
  return groupKeys(stream, group)
}
