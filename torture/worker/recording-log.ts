import type { StreamLog } from '../../src/core/stream-log.ts'
import { PUBLISHED, type EvidenceWriter } from '../evidence.ts'
import type { LaneName } from '../load.ts'

/** A log that tells the evidence where it wrote the events of a lane, which whoever added them does not get to know. */
export function recordingLog(log: StreamLog, lane: LaneName, evidence: EvidenceWriter): StreamLog {
  return {
    async append(stream, entries) {
      const results = await log.append(stream, entries)
      const at = Date.now()
      const rows = results.flatMap((result, index) => {
        const { fields } = entries[index]!
        const id = fields[fields.indexOf('id') + 1]!
        return typeof result === 'string' ? [[PUBLISHED.relayed, at, id, result]] : []
      })
      evidence.write(`published.${lane}`, rows)
      return results
    },
    read: (...args) => log.read(...args),
    lastPosition: (...args) => log.lastPosition(...args),
    deadLetterStream: (...args) => log.deadLetterStream(...args),
    join: (...args) => log.join(...args),
  }
}
