import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const MAIN = fileURLToPath(new URL('../torture/main.ts', import.meta.url))
const SECONDS = 120
/** What starting, the last retries and checking take on a busy machine comes on top. */
const LIMIT_MS = 420_000

/** The same schedule each time, so that what fails is the change at hand; `npm run torture` takes another one each time. */
const seed = process.env['TORTURE_SEED'] ?? '1'

test(
  'two minutes of faults of every kind break no promise',
  async () => {
    const args = ['--import', 'tsx', MAIN, '--seconds', String(SECONDS), '--seed', seed]
    const torture = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] })
    let output = ''
    for (const stream of [torture.stdout, torture.stderr])
      stream.on('data', (bytes: Buffer) => {
        output += String(bytes)
      })
    const [code] = (await once(torture, 'close')) as [number | null]
    // The whole of it only where it is needed.
    expect(code, `TORTURE_SEED=${seed}\n${output}`).toBe(0)
    console.log(output.slice(output.lastIndexOf('\nseed')))
  },
  LIMIT_MS,
)
