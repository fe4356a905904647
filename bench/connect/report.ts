import { against, whole } from '../report.ts'
import type { Hang } from './hang.ts'

/** What a sink that does not answer does to the memory of its pipeline. */
export const hangTable = ({ hangSeconds, events, peakMb, caughtUpSeconds }: Hang): string =>
  [
    `Pipeline to a sink that hangs for ${hangSeconds} s while ${whole.format(events)} events come`,
    `  at its peak ${peakMb.toFixed(0)} MB resident${against(peakMb, '<', 200, (mb) => `${mb} MB`)}`,
    `  caught up ${caughtUpSeconds.toFixed(1)} s after that`,
  ].join('\n')
