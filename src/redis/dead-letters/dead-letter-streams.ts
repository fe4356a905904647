import type { DeadLetterStreams } from '../../core/dead-letters.ts'
import { namedFields } from '../../core/codec.ts'
import { InvalidError } from '../../core/errors.ts'
import type { Connection } from '../connection.ts'
import { nameOf } from '../connections/address.ts'
import { deadLetterKey } from '../keys.ts'

const KEYS_PER_STEP = 500
const STEPS_PER_CALL = 20

/**
 * Finds dead letters by the names of their keys: a list of them would be a key in another slot, which no script that
 * buries a letter could write to. A part of the keys a call. A replica that took over meanwhile has the place of its
 * master and the keys in another order, so it is looked through from its beginning.
 */
export async function findStreams(connection: Connection, after = '0:0:'): Promise<DeadLetterStreams> {
  const [, server, from, name] = /^(\d{1,4}):(\d{1,20}):(\S{0,300})$/.exec(after) ?? []
  if (from === undefined) {
    throw new InvalidError('CONFIGURATION_INVALID', 'there is no such page', [
      { path: 'after', message: 'must be `next` of the page before' },
    ])
  }
  const found = new Map<string, number>()
  const masters = connection.masters()
  let at = Number(server)
  const first = masters[at]
  let cursor = first && nameOf(first.address) === name ? from : '0'
  for (let step = 0; step < STEPS_PER_CALL && at < masters.length; step++) {
    const args = ['SCAN', cursor, 'MATCH', '*dead-letter', 'COUNT', String(KEYS_PER_STEP), 'TYPE', 'stream']
    const [next, keys] = await masters[at]!.send<[string, string[]]>(args)
    for (const stream of await Promise.all(keys.map((key) => streamOf(connection, key)))) {
      if (stream !== undefined) found.set(stream.name, stream.letters)
    }
    cursor = next
    if (cursor === '0') at++
  }
  const streams = [...found].map(([stream, letters]) => ({ stream, letters }))
  const here = masters[at]
  return here ? { streams, next: `${at}:${cursor}:${nameOf(here.address)}` } : { streams }
}

/** The key's own letters say which stream it belongs to; a key that only looks like ours is left out. */
async function streamOf(
  connection: Connection,
  key: string,
): Promise<{ name: string; letters: number } | undefined> {
  const [rows, letters] = await Promise.all([
    connection.send<[string, string[]][]>(['XRANGE', key, '-', '+', 'COUNT', '1']),
    connection.send<number>(['XLEN', key]),
  ])
  const name = namedFields(rows[0]?.[1] ?? []).get('deadletter-stream')
  return name !== undefined && deadLetterKey(name) === key ? { name, letters } : undefined
}
