import type { StreamChoice } from '../../core/backup.ts'
import { MillraceError } from '../../core/errors.ts'
import { matchesGlob } from '../../core/glob.ts'
import { isReservedName } from '../../core/reserved-names.ts'
import type { Connection } from '../connection.ts'
import { deadLetterKey } from '../keys.ts'
import { SCHEDULED_STREAMS_KEY, scheduleKeys } from '../schedule/schedule-keys.ts'
import { slotPrefix } from '../slots.ts'

const SCAN_COUNT = '1000'

/** A scan of all keys of the servers. */
export async function* scanKeys(
  connection: Connection,
  ...filter: readonly string[]
): AsyncGenerator<Buffer> {
  for (const server of connection.masters()) {
    let cursor = '0'
    do {
      const args = ['SCAN', cursor, ...filter, 'COUNT', SCAN_COUNT]
      const [next, keys] = await server.send<[Buffer, Buffer[]]>(args, undefined, 'bytes')
      cursor = next.toString()
      yield* keys
    } while (cursor !== '0')
  }
}

/** The streams that are chosen, also those of which only dead letters, or what is to come, are there. */
export async function chooseStreams(
  connection: Connection,
  { streams, match }: StreamChoice,
): Promise<string[]> {
  if (streams) {
    const names = [...new Set(streams)].sort()
    const there = await Promise.all(names.map((name) => exists(connection, name)))
    const missing = names.find((_, index) => !there[index])
    if (missing === undefined) return names
    throw new MillraceError(
      'UNKNOWN_STREAM',
      `there is no stream "${missing}", and nothing that belongs to one`,
    )
  }
  const names = await allStreams(connection)
  return [...names].filter((name) => match === undefined || matchesGlob(match, name)).sort()
}

async function allStreams(connection: Connection): Promise<Set<string>> {
  const names = new Set<string>()
  for await (const key of scanKeys(connection, 'TYPE', 'stream')) {
    const name = key.toString()
    if (!Buffer.from(name).equals(key))
      throw new MillraceError(
        'NAME_INVALID',
        `the name of a stream is no UTF-8 (${key.toString('hex')} in hex): choose the streams to back up by their names`,
      )
    const owner = isReservedName(name) ? ownerOfLetters(name) : name
    if (owner !== undefined) names.add(owner)
  }
  const flat = await connection.send<string[]>(['ZRANGE', SCHEDULED_STREAMS_KEY, '0', '-1'])
  const waiting = await Promise.all(flat.map((name) => exists(connection, name)))
  flat.forEach((name, index) => waiting[index] && names.add(name))
  return names
}

async function exists(connection: Connection, name: string): Promise<boolean> {
  const keys = [name, deadLetterKey(name), scheduleKeys(name).due]
  const types = await Promise.all(keys.map((key) => connection.send<string>(['TYPE', key])))
  // Where the name is taken by something else, what is beside it belongs to nobody.
  if (types[0] !== 'stream' && types[0] !== 'none') return false
  return types[0] === 'stream' || types[1] === 'stream' || types[2] === 'zset'
}

/** Of which stream these are the dead letters, should it be gone. */
function ownerOfLetters(key: string): string | undefined {
  const prefix = key.slice(0, -'dead-letter'.length)
  return key.endsWith('dead-letter') ? streamOfPrefix(prefix) : undefined
}

/** Which stream puts its companions behind this prefix; the three shapes are those of `slotPrefix`. */
function streamOfPrefix(prefix: string): string | undefined {
  const candidates = [
    prefix.slice(0, -'::'.length),
    prefix.slice(1, -'}:'.length),
    prefix.slice(prefix.indexOf('}') + 1, -'~:'.length),
  ]
  return candidates.find((name) => name !== '' && !isReservedName(name) && slotPrefix(name) === prefix)
}
