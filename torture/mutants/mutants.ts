import type { TrialName } from './trials.ts'

/** A fault that Millrace was built to avoid, brought back. */
export interface Mutant {
  /** Of its patch, without the ending. */
  readonly name: string
  /** Under which it shows. */
  readonly trial: TrialName
  /** What the checker has to find, one of these at least: anything else would be found by accident. */
  readonly caughtBy: readonly string[]
}

/** The eight to design around, in the order of the hazards; then what a consumer, a publisher and an inbox must not do. */
export const MUTANTS: readonly Mutant[] = [
  { name: '01-resend-without-key', trial: 'replies', caughtBy: ['twice'] },
  { name: '02-recovery-dies-at-trimmed', trial: 'deaths', caughtBy: ['lost', 'progress'] },
  { name: '03-closed-after-timeout', trial: 'silence', caughtBy: ['lost', 'progress'] },
  { name: '04-stranded-by-lost-reply', trial: 'replies', caughtBy: ['lost'] },
  { name: '05-goes-on-with-old-master', trial: 'failovers', caughtBy: ['lost'] },
  { name: '06-maxlen-ahead-of-group', trial: 'late', caughtBy: ['lost'] },
  { name: '07-wait-elsewhere', trial: 'replicas', caughtBy: ['durability'] },
  // What it knew of attempts, and of what was done above its low-water mark, is gone with the group.
  {
    name: '08-unblocked-taken-for-lost-group',
    trial: 'migrations',
    caughtBy: ['exactly-once', 'poison'],
  },
  { name: '09-unfenced-acknowledgement', trial: 'pauses', caughtBy: ['exactly-once'] },
  { name: '10-recreated-at-the-end', trial: 'groups', caughtBy: ['lost'] },
  { name: '11-delconsumer-with-pending', trial: 'deaths', caughtBy: ['lost'] },
  { name: '12-maxlen-on-publish', trial: 'late', caughtBy: ['lost'] },
  { name: '13-acknowledged-before-commit', trial: 'commits', caughtBy: ['lost'] },
]
