import type * as fc from 'fast-check'
import type { Known, Member } from '../known.ts'
import type { Pair } from '../pair.ts'

/** Something that is done to both logs. */
export type Step = fc.AsyncCommand<Known, Pair>

/** All that a step may do with it before it runs. */
type Readable = Readonly<Known>

export function step(
  text: string,
  possible: (known: Readable) => boolean,
  run: (known: Known, pair: Pair) => Promise<void>,
): Step {
  return { check: possible, run, toString: () => text }
}

/** What a member does that is at work: the one of this number among those that there are. */
export const memberStep = (
  number: number,
  text: string,
  run: (member: Member, pair: Pair, known: Known) => Promise<void>,
): Step =>
  step(
    `member ${number} ${text}`,
    (known) => known.members.size > 0,
    (known, pair) => run([...known.members.values()][number % known.members.size]!, pair, known),
  )

/** Both sides must have lost the same. */
export async function beat(member: Member, pair: Pair): Promise<void> {
  const { name, group } = member
  member.silent = false
  await pair.sure(`${name} sends a heartbeat; lost`, async (side) =>
    side.labelsFor(group, await side.consumer(name).heartbeat()),
  )
  await pair.sure('may run', async (side) => side.consumer(name).mayRun)
}
