import type { StreamLog } from './stream-log.ts'

/** The same log, with some of its methods changed. */
export const wrapLog = (log: StreamLog, changes: Partial<StreamLog>): StreamLog => ({
  append: (stream, entries) => log.append(stream, entries),
  read: (stream, after, limit, options) => log.read(stream, after, limit, options),
  lastPosition: (stream) => log.lastPosition(stream),
  deadLetterStream: (stream) => log.deadLetterStream(stream),
  join: (membership) => log.join(membership),
  ...changes,
})
