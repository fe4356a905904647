import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { examine } from '../torture/sinks/run.ts'

const MAIN = fileURLToPath(new URL('../torture/main.ts', import.meta.url))
/** Starting processes and waiting for what killed ones held takes its time on a busy machine. */
const LIMIT_MS = 300_000

test(
  'killed again and again, with sinks that fail one write in ten, connectors lose nothing, and repeat nothing where they promise that',
  async () => {
    // One that promises each event once, and one that promises it at least once.
    const args = ['--sinks', 'jsonl,webhook', '--events', '4000', '--seconds', '8', '--seed', '1']
    const torture = spawn(process.execPath, ['--import', 'tsx', MAIN, ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let output = ''
    for (const stream of [torture.stdout, torture.stderr])
      stream.on('data', (bytes: Buffer) => {
        output += String(bytes)
      })
    const [code] = (await once(torture, 'close')) as [number | null]
    expect(code, `the torture said:\n${output}`).toBe(0)
    expect(output).toMatch(/jsonl +4000 events .* 0 repeats/)
  },
  LIMIT_MS,
)

test('what is missing, strange or there twice is found', () => {
  expect(examine(['1', '2'], ['2', '1'], true)).toEqual({ repeats: 0, violations: [] })
  expect(examine(['1', '2'], ['2', '2', '1'], false)).toEqual({ repeats: 1, violations: [] })
  expect(examine(['1', '2'], ['2', '2', '3'], true).violations).toEqual([
    '1 events are missing, the first is 1',
    '1 that nobody published, the first is 3',
    '1 events are there more than once',
  ])
})
