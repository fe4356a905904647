import * as fc from 'fast-check'
import type { Membership } from '../../../src/core/stream-log.ts'
import { hours } from '../clock.ts'
import { groupOf, isExclusive, SLOTS, type Slot } from '../known.ts'
import type { Pair } from '../pair.ts'
import { memberStep, step, type Step } from './step.ts'

/** Between one hour and two, so that no hour that passes ends when a life does. */
const DEAD_AFTER_MS = hours(1.5)

const slot: fc.Arbitrary<Slot> = fc.constantFrom(...SLOTS)

/** The number of a member; see memberStep. */
export const who = fc.nat(SLOTS.length - 1)

/** Joins on both sides; `start` may be the label of an entry. */
export async function joinBoth(pair: Pair, who: Omit<Membership, 'stream'>): Promise<void> {
  const common = { ...who, stream: pair.stream, deadAfterMs: DEAD_AFTER_MS }
  await pair.sure(`${who.consumer} joins`, async (side) => {
    const start = who.start?.startsWith('#') ? side.position(who.start) : who.start
    const consumer = await side.log.join({ ...common, start: start ?? '0' })
    side.joined.set(who.consumer, { consumer, claims: new Map() })
    return consumer.mayRun
  })
}

const start = fc.oneof({ weight: 4, arbitrary: fc.constant('0') }, fc.constant('$'), fc.nat(20))

export const join: fc.Arbitrary<Step> = fc.tuple(slot, start).map(([slot, start]) =>
  step(
    `${slot} joins at ${typeof start === 'string' ? start : `entry ${start}`}`,
    (known) => !known.members.has(slot) && (typeof start === 'string' || known.entries.length > 0),
    async (known, pair) => {
      const { name, group } = known.add(slot)
      const at = typeof start === 'string' ? start : known.entries[start % known.entries.length]!
      await joinBoth(pair, { group, consumer: name, start: at, exclusive: isExclusive(groupOf(slot)) })
    },
  ),
)

export const leave: fc.Arbitrary<Step> = who.map((number) =>
  memberStep(number, 'leaves', async (member, pair, known) => {
    known.remove(member)
    await pair.sure(`${member.name} leaves`, (side) => side.consumer(member.name).leave())
  }),
)

/** Nothing is called: that is how a process dies. Another one takes its place, and it may come back to life. */
export const crash: fc.Arbitrary<Step> = who.map((number) =>
  memberStep(number, 'crashes', async (member, pair, known) => {
    known.remove(member)
    pair.note(`${member.name} crashes`)
  }),
)
