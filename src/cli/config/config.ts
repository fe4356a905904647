import { envExample } from '../../config/example.ts'
import type { Reading } from '../../config/readings.ts'
import type { Origin } from '../../config/sources.ts'
import type { Variable } from '../../config/variable.ts'
import { VARIABLES } from '../../config/variables.ts'
import { print, printJson, type Io } from '../io.ts'
import { printTable, type Column } from '../output/table.ts'
import { checkConfig } from '../service/check-config.ts'
import { readServiceConfig, type ConfigFlags } from '../service-config.ts'

/** `millrace config print`: every variable as a service would get it that is started here with these flags. */
export async function configPrintCommand(io: Io, flags: ConfigFlags & { json?: boolean }): Promise<void> {
  const { config, variables } = await readServiceConfig(io, flags)
  checkConfig(config, io.env)
  if (flags.json) return printJson(io, variables.map(toJson))
  await printTable(io, variables, COLUMNS)
}

const COLUMNS: readonly Column<Reading>[] = [
  { title: 'VARIABLE', text: ({ name }) => name },
  { title: 'VALUE', text: ({ name, shown }) => shown ?? `(${noteOf(name)})`, shrinks: true },
  { title: 'ORIGIN', text: ({ origin }) => toText(origin), shrinks: true },
]

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
