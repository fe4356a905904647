import * as fc from 'fast-check'
import type { Connection } from '../../../src/redis/connection.ts'
import { passSecond } from '../clock.ts'
import { GROUPS, isExclusive, type Group, type Known } from '../known.ts'
import type { Pair } from '../pair.ts'
import { beat, step, type Step } from './step.ts'

const group: fc.Arbitrary<Group> = fc.constantFrom(...GROUPS)

/** Something that is done from outside to a group that is there. */
const groupStep = (text: string, run: (group: Group, pair: Pair, known: Known) => Promise<unknown>) =>
  group.map((group) =>
    step(
      `${text} ${group}`,
      (known) => known.groups.has(group),
      (known, pair) => run(group, pair, known).then(() => pair.note(`${text} ${group}`)),
    ),
  )

export const pause: fc.Arbitrary<Step> = groupStep('pause group', (group, pair) =>
  pair.each((side) => side.controls.pauseGroup(pair.stream, group)),
)

export const resume: fc.Arbitrary<Step> = groupStep('resume group', (group, pair) =>
  pair.each((side) => side.controls.resumeGroup(pair.stream, group)),
)

export const deleteGroup: fc.Arbitrary<Step> = groupStep('delete group', async (group, pair, known) => {
  await pair.each((side) => side.controls.deleteGroup(pair.stream, group))
  if (isExclusive(group)) await tellLosses(pair, known)
})

/**
 * In an exclusive group nothing is handed out before what was lost has been told. When a loss with the group is noticed,
 * if not by a heartbeat, is free.
 */
async function tellLosses(pair: Pair, known: Known): Promise<void> {
  for (const member of [...known.members.values(), ...known.former])
    if (isExclusive(member.group)) await beat(member, pair)
}

export const deleteStream: fc.Arbitrary<Step> = fc.constant(
  step(
    'delete the stream',
    () => true,
    async (known, pair) => {
      await pair.each((side) => side.controls.deleteStream(pair.stream))
      for (const side of pair.sides) side.forgetStream(pair.stream)
      // Positions must not come again, by which entries could not be told apart any more.
      passSecond()
      await nextMillisecond(pair.server)
      known.existence = 'deleted'
      pair.note('delete the stream')
      await tellLosses(pair, known)
    },
  ),
)

async function nextMillisecond(server: Connection): Promise<void> {
  const now = async () => {
    const [seconds, micros] = await server.send<[string, string]>(['TIME'])
    return Number(seconds) * 1_000 + Math.floor(Number(micros) / 1_000)
  }
  const start = await now()
  while ((await now()) <= start);
}

export const trim: fc.Arbitrary<Step> = fc.nat(20).map((number) =>
  step(
    `trim before entry ${number}`,
    (known) => known.entries.length > 0,
    async (known: Known, pair) => {
      const label = known.entries[number % known.entries.length]!
      known.trimmed = true
      await pair.each((side) => side.controls.trim(pair.stream, side.position(label)))
      pair.note(`trim before ${label}`)
    },
  ),
)
