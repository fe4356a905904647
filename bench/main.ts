import { parseArgs } from 'node:util'
import { measureLarge } from './admin/large.ts'
import { LARGE, SMALL } from './admin/populate.ts'
import { largeTable } from './admin/report.ts'
import { measureAuditDelay } from './audit-delay/measure.ts'
import { measureConnect } from './connect/measure.ts'
import { hangTable } from './connect/report.ts'
import { measureHttp } from './http/measure.ts'
import { measureMemory } from './memory.ts'
import { race } from './race.ts'
import { auditDelayTable, httpTable, memoryTable, rpcTable, scenarioTable, usersTable } from './report.ts'
import { measureRpc } from './rpc/measure.ts'
import { LONG_WORK, scenarios } from './scenarios.ts'
import { withServers } from './servers.ts'
import { measureUsers } from './users/measure.ts'

/* npm run bench [-- publish consume …] [--quick] [--json]: side by side on one Redis; see docs/performance.md. */

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    json: { type: 'boolean', default: false },
    /** Fewer events and rounds: to see that everything runs, not to quote. */
    quick: { type: 'boolean', default: false },
  },
})
const rounds = flags.quick ? 1 : 7
const growthEvents = flags.quick ? 50_000 : 1_000_000
const all = scenarios(flags.quick ? 0.1 : 1)

const known = [...Object.keys(all), 'admin', 'connect', 'rpc', 'http', 'users', 'memory']
const unknown = positionals.filter((name) => !known.includes(name))
if (unknown.length > 0) {
  process.stderr.write(`there is no scenario ${unknown.join(', ')}; there are: ${known.join(', ')}\n`)
  process.exit(2)
}
const named = positionals.length > 0 ? positionals : known
const wanted = named.includes('admin') ? [...named, ...LONG_WORK] : named

const results: Record<string, object> = {}
const show = (table: string) => flags.json || process.stdout.write(`${table}\n\n`)
const POSTGRES = ['admin', 'audit', 'connect', 'http', 'users', 'memory']
const needsPostgres = POSTGRES.some((name) => wanted.includes(name))
await withServers({ postgres: needsPostgres }, async (servers) => {
  for (const [name, scenario] of Object.entries(all)) {
    if (!wanted.includes(name)) continue
    const speeds = await race(name, scenario.entrants, servers, Math.min(rounds, scenario.rounds ?? rounds))
    results[name] = speeds
    show(scenarioTable(scenario, speeds))
  }
  if (wanted.includes('audit')) {
    const delay = await measureAuditDelay(servers, flags.quick ? 20 : 200)
    results['auditDelay'] = delay
    show(auditDelayTable(delay))
  }
  if (wanted.includes('admin')) {
    const large = await measureLarge(servers, flags.quick ? SMALL : LARGE, {
      runs: flags.quick ? 3 : 5,
      seconds: flags.quick ? 2 : 5,
    })
    results['admin'] = large
    show(largeTable(large))
  }
  if (wanted.includes('connect')) {
    const effort = { rounds, scale: flags.quick ? 0.1 : 1, hangSeconds: flags.quick ? 5 : 60 }
    const connect = await measureConnect(servers, effort, (scenario, speeds) =>
      show(scenarioTable(scenario, speeds)),
    )
    results['connect'] = connect
    show(hangTable(connect.hang))
  }
  if (wanted.includes('rpc')) {
    const rpc = await measureRpc(servers, flags.quick ? 1 : 5, flags.quick ? 0.1 : 1)
    results['rpc'] = rpc
    show(rpcTable(rpc))
  }
  if (wanted.includes('http')) {
    const http = await measureHttp(servers, flags.quick ? 1 : 3, flags.quick ? 2 : 5)
    results['http'] = http
    show(httpTable(http))
  }
  if (wanted.includes('users')) {
    const users = await measureUsers(servers, flags.quick ? 1 : 3, flags.quick ? 2 : 5)
    results['users'] = users
    show(usersTable(users))
  }
  if (!wanted.includes('memory')) return
  const memory = await measureMemory(servers, growthEvents)
  results['memory'] = memory
  show(memoryTable(memory, growthEvents))
})
if (flags.json) process.stdout.write(`${JSON.stringify(results, rounded)}\n`)

/** Of a measurement, more digits would only be noise. */
function rounded(_key: string, value: unknown): unknown {
  return typeof value === 'number' ? Number(value.toPrecision(4)) : value
}
