import { parseArgs } from 'node:util'
import { startTestPostgres, startTestRedis } from '../src/engines/test-servers.ts'
import { measureMemory } from './memory.ts'
import { race } from './race.ts'
import { memoryTable, scenarioTable } from './report.ts'
import { scenarios } from './scenarios.ts'

/* npm run bench [-- publish consume …] [--quick] [--json]: side by side on one Redis; see docs/performance.md. */

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    json: { type: 'boolean', default: false },
    /** Fewer events and rounds: to see that everything runs, not to quote. */
    quick: { type: 'boolean', default: false },
    rounds: { type: 'string' },
  },
})
const rounds = Number(values.rounds ?? (values.quick ? 1 : 5))
const all = scenarios(values.quick ? 0.1 : 1)
const names = [...Object.keys(all), 'memory']
const unknown = positionals.filter((name) => !names.includes(name))
if (unknown.length > 0) {
  process.stderr.write(`there is no scenario ${unknown.join(', ')}; there are: ${names.join(', ')}\n`)
  process.exit(2)
}
const wanted = new Set(positionals.length > 0 ? positionals : names)

const [redis, postgres] = await Promise.all([startTestRedis(), startTestPostgres()])
const servers = { redis: redis.url, postgres: postgres.url }
const results: Record<string, unknown> = {}
try {
  for (const [name, scenario] of Object.entries(all)) {
    if (!wanted.has(name)) continue
    const rates = await race(name, scenario.entrants, servers, rounds)
    results[name] = rates
    if (!values.json) process.stdout.write(`${scenarioTable(name, scenario, rates)}\n`)
  }
  if (wanted.has('memory')) {
    const memory = await measureMemory(servers, values.quick ? 50_000 : 1_000_000)
    results['memory'] = memory
    if (!values.json) process.stdout.write(`${memoryTable(memory)}\n`)
  }
} finally {
  await Promise.all([redis.stop(), postgres.stop()])
}
if (values.json) process.stdout.write(`${JSON.stringify(results)}\n`)
