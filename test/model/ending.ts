import { claimBoth, type Claimer } from './claiming.ts'
import { passHours } from './clock.ts'
import { isExclusive, type Group, type Known } from './known.ts'
import type { Pair } from './pair.ts'
import type { Side } from './side.ts'
import { joinBoth } from './steps/membership.ts'

/** All leases, delays and lives are over. */
const LONG = 100

/** Everything that is left must be the same: what each group has pending and unread, and what all streams hold. */
export async function compareAll(known: Known, pair: Pair): Promise<void> {
  await passHours(LONG, pair.server, pair.prefix)
  pair.note('long ago')
  for (const group of known.groups) await drain(known, pair, group)
  await pair.sure('the stream', (side) => contents(side, pair.stream))
  await pair.sure('the other stream', (side) => contents(side, pair.out))
  await pair.sure('dead letters', (side) => deadLetters(side, pair))
}

/** Takes everything, and then finds nothing, also where the group begins again at its low-water mark. */
async function drain(known: Known, pair: Pair, group: Group): Promise<void> {
  await pair.each((side) => side.controls.resumeGroup(pair.stream, group))
  const name = `last of ${group}`
  await joinBoth(pair, { group, consumer: name, exclusive: isExclusive(group) })
  const last = { name, group, held: new Map<string, number>() }
  while ((await takeAll(known, pair, last)) > 0);
  await pair.each((side) => side.consumer(name).heartbeat())
  await pair.each((side) => side.controls.deleteGroup(pair.stream, group))
  // The first claim heals the group.
  await takeAll(known, pair, last)
  await takeAll(known, pair, last)
}

/** Acknowledges it as well, and answers how much it was. */
async function takeAll(known: Known, pair: Pair, member: Claimer): Promise<number> {
  const { name, group, held } = member
  const found = await claimBoth(pair, known, member, 1_000)
  const labels = [...held.keys()]
  held.clear()
  await pair.sure(`${name} acknowledges ${labels.join(' ')}; lost`, async (side) => {
    const outcomes = side.positions(labels).map((position) => ({ kind: 'acknowledge' as const, position }))
    return side.labelsFor(group, await side.consumer(name).settle(outcomes))
  })
  return Number(found)
}

async function contents(side: Side, stream: string): Promise<unknown> {
  const entries = await side.entries(stream)
  return entries.map(({ position, fields }) => [side.label(stream, position), ...fields])
}

/**
 * Without times, and in any order. A tombstone is written by whoever comes across what was trimmed, and at one moment
 * several may be due.
 */
async function deadLetters(side: Side, pair: Pair): Promise<string[]> {
  const letters = await side.entries(side.log.deadLetterStream(pair.stream))
  return letters.map(({ fields }) => shape(fields, side, pair.stream)).sort()
}

function shape(fields: readonly string[], side: Side, stream: string): string {
  const free = new Set(['deadletter-time'])
  if (fields[0] === 'deadletter-stream') free.add('deadletter-consumer')
  const isFree = (index: number) => index % 2 === 1 && free.has(fields[index - 1]!)
  return JSON.stringify(fields.map((part, index) => (isFree(index) ? '' : side.label(stream, part))))
}
