import type { Reservation, Verdict } from '../../core/stream-log.ts'
import type { Connection } from '../connection.ts'
import { inletKey, SEEN, seenKey } from '../keys.ts'
import { INLET_PREFIX } from './inlet-position.ts'
import { Script } from '../script.ts'

const MAX_PER_CALL = 500

/**
 * KEYS: stream, inlet, then the identity of each entry. ARGV: group, time to live in ms, then the positions.
 * Answers a letter per entry: `r`un, `d`uplicate or `w`ait. A reservation of an entry that is pending no more, since it
 * was trimmed or thrown away, binds nobody.
 */
const reserveScript = new Script<string>(`
local function under_way(position)
  local key, id = KEYS[1], position
  if string.sub(position, 1, ${INLET_PREFIX.length}) == '${INLET_PREFIX}' then
    key, id = KEYS[2], string.sub(position, ${INLET_PREFIX.length + 1})
  end
  local rows = redis.pcall('XPENDING', key, ARGV[1], id, id, 1)
  return not rows['err'] and #rows == 1
end
local verdicts = {}
for n = 3, #KEYS do
  local position, holder = ARGV[n], redis.call('GET', KEYS[n])
  if holder == '${SEEN}' then
    verdicts[#verdicts + 1] = 'd'
  elseif holder and holder ~= position and under_way(holder) then
    verdicts[#verdicts + 1] = 'w'
  else
    redis.call('SET', KEYS[n], position, 'PX', ARGV[2])
    verdicts[#verdicts + 1] = 'r'
  end
end
return table.concat(verdicts)
`)

const VERDICTS: Readonly<Record<string, Verdict>> = { r: 'run', d: 'duplicate', w: 'wait' }

/**
 * Says which entries of one identity may run. A reservation lives for `ttlMs` from the last time that it was asked for;
 * an entry that is still under way then is not remembered when it is acknowledged.
 */
export class Reservations {
  readonly #connection: Connection
  readonly #stream: string
  readonly #group: string

  constructor(connection: Connection, stream: string, group: string) {
    this.#connection = connection
    this.#stream = stream
    this.#group = group
  }

  async reserve(reservations: readonly Reservation[], ttlMs: number): Promise<Verdict[]> {
    const verdicts: Verdict[] = []
    const ttl = String(Math.max(1, Math.ceil(ttlMs)))
    for (let from = 0; from < reservations.length; from += MAX_PER_CALL) {
      const part = reservations.slice(from, from + MAX_PER_CALL)
      const seen = part.map(({ identity }) => seenKey(this.#stream, this.#group, identity))
      const keys = [this.#stream, inletKey(this.#stream, this.#group), ...seen]
      const args = [this.#group, ttl, ...part.map(({ position }) => position)]
      const letters = await reserveScript.run(this.#connection, keys, args)
      for (const letter of letters) verdicts.push(VERDICTS[letter]!)
    }
    return verdicts
  }
}
