import type { Variable } from './variable.ts'
import { VARIABLES } from './variables.ts'

const HEADER = `# Every variable of Millrace, with its default. Copy this file to .env and take the # away from what you set.
# The environment wins over .env, and a flag over both; see docs/configuration.md.
# Written by \`millrace config example\`.
`

/** A `.env` to start from: every variable with what it is for, all of them commented out. */
export const envExample = (): string =>
  HEADER +
  Object.entries(VARIABLES as Record<string, Variable>)
    .map(([name, variable]) => `\n${describe(name, variable)}# ${name}=${standard(variable)}\n`)
    .join('')

function describe(name: string, { about, schema, defaultNote, aliases = [], secret }: Variable): string {
  const lines = [about, `Wanted: ${schema.description}`]
  if (defaultNote !== undefined) lines.push(`Default: ${defaultNote}`)
  if (aliases.length > 0) lines.push(`Alias: ${aliases.join(', ')}`)
  if (secret) lines.push(`Or ${name}_FILE: the path of a file that holds it`)
  return lines.map((line) => `# ${line}\n`).join('')
}

/** What a dotenv file would take for the start of a comment or the end of a value stands in quotes. */
const standard = ({ default: text = '' }: Variable): string =>
  /^[\w.,:/-]*$/.test(text) ? text : JSON.stringify(text)
