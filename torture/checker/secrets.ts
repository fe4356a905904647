import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Canaries } from '../canaries.ts'
import type { Violation } from './report.ts'

/** No secret stands in any log: of our processes, of Redis and of PostgreSQL. */
export function checkSecrets(folder: string, canaries: Canaries, serverLogs: readonly string[]): Violation[] {
  const own = join(folder, 'logs')
  const files = [...readdirSync(own).map((name) => join(own, name)), ...serverLogs]
  const violations: Violation[] = []
  for (const file of files) {
    const text = readFileSync(file, 'utf8')
    for (const [what, secret] of Object.entries(canaries) as [string, string][]) {
      const at = text.indexOf(secret)
      if (at < 0) continue
      const line = text.slice(text.lastIndexOf('\n', at) + 1, text.indexOf('\n', at))
      violations.push({
        invariant: 'secret',
        subject: file,
        expected: `no ${what} in it`,
        found: line.replaceAll(secret, '<secret>').slice(0, 500),
      })
    }
  }
  return violations
}
