import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { parseArgs } from 'node:util'
import { files } from './files.ts'

/* Writes the dashboards and the rules. `--runbook URL` is where your people find docs/runbook.md. */

const { values } = parseArgs({ options: { runbook: { type: 'string' }, to: { type: 'string' } } })
const folder = values.to ?? join(import.meta.dirname, '..')

for (const [path, text] of await files(values.runbook)) {
  const file = join(folder, path)
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, text)
}
