import type { Operator } from '../../core/action-record.ts'
import { MillraceError } from '../../core/errors.ts'
import type { Hold, HoldOptions, Holds } from '../../core/holds.ts'
import { checkName } from '../../core/names.ts'
import { isPosition } from '../../core/position.ts'
import type { Connection } from '../connection.ts'
import { NOW } from '../lua.ts'
import { actionsKey, recordArguments, recordFrom } from '../operations/action-record.ts'
import { WRONG_TYPE } from '../replay/replay-lua.ts'
import { Script } from '../script.ts'
import { slotPrefix } from '../slots.ts'

/**
 * Hash: name of a hold → its value, `<position>` or `<position> <expiresAtMs>` by the server's clock. Retention keeps
 * everything at or above the position. Scripts write it with HSET and remove it with HDEL; one that can't be read
 * keeps everything, and one that has expired is removed by retention.
 */
export const holdsKey = (stream: string): string => `${slotPrefix(stream)}holds`

/** `heldFrom(value, now)`: from which position on a hold keeps, or nothing when it has expired. */
export const HELD_FROM = `
local function heldFrom(value, now)
  local ms, seq, expires = string.match(value, '^0*(%d+)%-0*(%d+) ?(%S*)$')
  if not ms then return '0-0' end
  expires = tonumber(expires)
  if expires and expires <= now then return nil end
  return ms .. '-' .. seq, expires
end
`

/*
 * KEYS: holds, actions. ARGV: name, position, time to live in ms or ``, 1 to do so only where the hold is still in force,
 * then the record, where there is to be one.
 */

const CHANGED = `
${WRONG_TYPE}${recordFrom(5)}
local wrong = wrong_type(KEYS[1], 'hash') or ARGV[5] and wrong_type(KEYS[2], 'stream')
if wrong then return wrong end
local function changed(action)
  if ARGV[5] then record(KEYS[2], action, { 'count', 1, 'hold', ARGV[1], 'position', ARGV[2] }) end
end
`

const setScript = new Script<0 | 1>(`
${NOW}${HELD_FROM}${CHANGED}
local known = redis.call('HGET', KEYS[1], ARGV[1])
if ARGV[4] == '1' and not (known and heldFrom(known, now)) then return 0 end
local expires = ARGV[3] == '' and '' or string.format(' %.0f', now + tonumber(ARGV[3]))
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2] .. expires)
changed('hold')
return 1
`)

const releaseScript = new Script<0 | 1>(`
${CHANGED}
local released = redis.call('HDEL', KEYS[1], ARGV[1])
if released == 1 then changed('release-hold') end
return released
`)

const listScript = new Script<[name: string, position: string, expiresAt: string][]>(`
${NOW}${HELD_FROM}
local rows, flat = {}, redis.call('HGETALL', KEYS[1])
for i = 1, #flat, 2 do
  local position, expires = heldFrom(flat[i + 1], now)
  if position then rows[#rows + 1] = { flat[i], position, expires and string.format('%.0f', expires) or '' } end
end
return rows
`)

/** Holds on streams of Redis. */
export class RedisHolds implements Holds {
  readonly #connection: Connection

  constructor(connection: Connection) {
    this.#connection = connection
  }

  async set(
    stream: string,
    name: string,
    position: string,
    options: HoldOptions = {},
    operator?: Operator,
  ): Promise<void> {
    await this.#write(stream, name, position, options, false, operator)
  }

  async move(stream: string, name: string, position: string, options: HoldOptions = {}): Promise<boolean> {
    return this.#write(stream, name, position, options, true)
  }

  async release(stream: string, name: string, operator?: Operator): Promise<boolean> {
    const args = [name, '', '', '', ...recordOf(stream, operator)]
    return (await releaseScript.run(this.#connection, keysOf(stream), args)) === 1
  }

  async list(stream: string): Promise<Hold[]> {
    const rows = await listScript.run(this.#connection, [holdsKey(stream)], [])
    return rows.map(([name, position, expiresAt]) =>
      expiresAt === '' ? { name, position } : { name, position, expiresAt: Number(expiresAt) },
    )
  }

  async #write(
    stream: string,
    name: string,
    position: string,
    { ttlMs }: HoldOptions,
    onlyInForce: boolean,
    operator?: Operator,
  ): Promise<boolean> {
    checkName('stream name', stream)
    checkName('name of the hold', name)
    if (!isPosition(position)) throw impossible(`the position of a hold is such as 0-0, not "${position}"`)
    if (ttlMs !== undefined && !(Number.isFinite(ttlMs) && ttlMs > 0))
      throw impossible(`the time to live of a hold is a number of ms above 0, not ${ttlMs}`)
    const args = [
      name,
      position,
      ttlMs === undefined ? '' : String(Math.ceil(ttlMs)),
      onlyInForce ? '1' : '0',
      ...recordOf(stream, operator),
    ]
    return (await setScript.run(this.#connection, keysOf(stream), args)) === 1
  }
}

const keysOf = (stream: string): string[] => [holdsKey(stream), actionsKey(stream)]
const recordOf = (stream: string, operator: Operator | undefined): string[] =>
  operator ? recordArguments(operator, stream) : []

const impossible = (message: string) => new MillraceError('CONFIGURATION_INVALID', message)
