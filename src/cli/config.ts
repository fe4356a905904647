import { envExample } from '../config/example.ts'
import type { Reading } from '../config/readings.ts'
import type { Origin } from '../config/sources.ts'
import type { Variable } from '../config/variable.ts'
import { VARIABLES } from '../config/variables.ts'
import { print, printJson, type Io } from './io.ts'
import { checkConfig } from './service/check-config.ts'
import { readServiceConfig, type ConfigFlags } from './service-config.ts'

/** `millrace config print`: every variable as a service would get it that is started here with these flags. */
export async function configPrintCommand(io: Io, flags: ConfigFlags & { json?: boolean }): Promise<void> {
  const { config, variables } = await readServiceConfig(io, flags)
  checkConfig(config)
  if (flags.json) return printJson(io, variables.map(toJson))
  const rows = variables.map(({ name, shown, origin }) => [
    name,
    shown ?? `(${noteOf(name)})`,
    toText(origin),
  ])
  for (const line of aligned(rows)) await print(io, line)
}

/** `millrace config example`: a `.env` to start from. */
export async function configExampleCommand(io: Io): Promise<void> {
  await print(io, envExample().trimEnd())
}

const toJson = ({ name, shown, origin: { source, as, path } }: Reading) => ({
  name,
  value: shown ?? null,
  origin: source,
  ...(as !== undefined && { as }),
  ...(path !== undefined && { path }),
})

const noteOf = (name: Reading['name']): string => (VARIABLES[name] as Variable).defaultNote ?? 'none'

/** Such as `environment (PORT)` or `environment (REDIS_PW_FILE: /run/secrets/redis)`. */
function toText({ source, as, path }: Origin): string {
  const details = [as, path].filter((detail) => detail !== undefined).join(': ')
  return details === '' ? source : `${source} (${details})`
}

/** A value as long as a list of keys must not push the origins of all others off the screen. */
const MAX_COLUMN = 60

function aligned(rows: readonly (readonly string[])[]): string[] {
  const shown = rows.map((row) => row.map(onOneLine))
  const widths = [0, 1].map((at) => Math.min(MAX_COLUMN, Math.max(...shown.map((row) => row[at]!.length))))
  return shown.map((row) => row.map((cell, at) => cell.padEnd(widths[at] ?? 0)).join('  '))
}

const CONTROL_CHARACTERS = /\p{Cc}/gu

const onOneLine = (text: string): string => text.replace(CONTROL_CHARACTERS, ' ')
