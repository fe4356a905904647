import { against, whole } from '../report.ts'
import type { CommandSpeed, LargeSpeed, ListsSpeed } from './large.ts'
import type { Population } from './populate.ts'
import { LONGEST_MS, type SlowCommands } from './slow-commands.ts'

/** Slow commands that are shown, the worst ones. */
const SHOWN = 5

/** What an operator waits for on a large Redis. */
export const largeTable = ({ population, runs, commands, lists }: LargeSpeed): string =>
  [
    `A Redis with ${sizeOf(population)}; ${runs} runs`,
    ...Object.entries(commands).flatMap(([name, speed]) => commandRows(name, speed)),
    ...listRows(lists),
  ].join('\n')

const sizeOf = ({ streams, groups, consumers, pending }: Population): string =>
  Object.entries({ streams, groups, consumers, 'pending entries': pending })
    .map(([what, count]) => `${whole.format(count)} ${what}`)
    .join(', ')

const commandRows = (name: string, { seconds, cpuSeconds, growthMb, rows, slow }: CommandSpeed): string[] => [
  `  ${name.padEnd(10)} ${seconds.toFixed(2)} s (${cpuSeconds.toFixed(2)} s of a processor), ${whole.format(rows)} rows` +
    against(seconds, '<', 3, (aim) => `${aim} s`),
  `    at its peak ${Math.max(0, growthMb).toFixed(0)} MB more than on an empty Redis`,
  ...slowRows(slow),
]

const listRows = ({ pages, serviceMb: [before, after], slow }: ListsSpeed): string[] => [
  '  GET /api/admin/streams',
  ...pages.map(
    ({ limit, connections, load: { perSecond, p97_5, p99 } }) =>
      `    ${limit} a page, ${connections} connections: ${whole.format(perSecond)}/s, p97.5 ${p97_5} ms, p99 ${p99} ms` +
      against(p97_5, '<', 200, (aim) => `${aim} ms`),
  ),
  `    the service had ${before.toFixed(0)} MB at its start, ${after.toFixed(0)} MB afterwards`,
  ...slowRows(slow),
]

function slowRows({ calls, slow }: SlowCommands): string[] {
  const always = slow.filter(({ inEachRun }) => inEachRun).length
  const summary =
    `    of ${whole.format(calls)} commands ${slow.length} held up Redis for ${LONGEST_MS} ms at least once,` +
    ` ${always} of them in each run${against(always, '<', 1, String)}`
  const shown = slow.slice(0, SHOWN).map(({ command, times, worstMs }) => {
    return `      ${worstMs.toFixed(1)} ms, ${times} ${times === 1 ? 'time' : 'times'}: ${command}`
  })
  return [summary, ...shown]
}
