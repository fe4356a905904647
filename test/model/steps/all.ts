import * as fc from 'fast-check'
import { append } from './append.ts'
import { begin, claim } from './claim.ts'
import { deleteGroup, deleteStream, pause, resume, trim } from './control.ts'
import { copy } from './copy.ts'
import { former } from './former.ts'
import { crash, join, leave } from './membership.ts'
import { read } from './read.ts'
import { reserve } from './reserve.ts'
import { settle } from './settle.ts'
import type { Step } from './step.ts'
import { pass } from './time.ts'
import { expedite, heartbeat, waiting } from './waiting.ts'

/** How often each kind of step comes: what others build on more often. */
const WEIGHTS: readonly [weight: number, steps: fc.Arbitrary<Step>][] = [
  [8, append],
  [12, join],
  [20, claim],
  [20, settle],
  [6, begin],
  [5, expedite],
  [2, waiting],
  [4, heartbeat],
  [8, reserve],
  [5, pass],
  [3, leave],
  [3, crash],
  [3, former],
  [4, copy],
  [2, trim],
  [2, pause],
  [2, resume],
  [2, deleteGroup],
  [1, deleteStream],
  [1, read],
]

/** At most so many in a run. */
const MAX_STEPS = 120

export const steps = fc.commands(
  WEIGHTS.flatMap(([weight, arbitrary]) => Array.from({ length: weight }, () => arbitrary)),
  { maxCommands: MAX_STEPS, size: 'max' },
)
