import { readEvidence } from '../evidence.ts'
import type { History } from './history.ts'
import type { Violation } from './report.ts'

const AROUND_MS = 15_000

/** Adds to each violation what the evidence says of its event, and which faults were near. */
export function tellStories(folder: string, history: History, violations: readonly Violation[]): Violation[] {
  const stories = new Map<string, string[]>()
  for (const { lane, eventId } of violations) if (lane && eventId) stories.set(`${lane} ${eventId}`, [])
  for (const lane of new Set(violations.flatMap(({ lane }) => lane ?? [])))
    for (const part of ['published', 'worked'] as const)
      for (const row of readEvidence(folder, `${part}.${lane}`))
        stories.get(`${lane} ${row[2]}`)?.push(`${part} ${row.join(' ')}`)
  return violations.map((violation) => {
    const { lane, eventId, at } = violation
    return {
      ...violation,
      ...(eventId !== undefined && { story: stories.get(`${lane} ${eventId}`) ?? [] }),
      ...(at !== undefined && { faults: history.around(at, AROUND_MS) }),
    }
  })
}
