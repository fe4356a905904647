import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { expect, it } from 'vitest'
import { synchronousDestination } from './destination.ts'

const LINES = 20_000

/** Writes more lines than any pipe holds, and ends without waiting for anything. */
function writeAndExit(fd: number) {
  const code = `
    import { synchronousDestination } from ${JSON.stringify(new URL('./destination.ts', import.meta.url).href)}
    const destination = synchronousDestination(${fd})
    for (let line = 1; line <= ${LINES}; line++) destination.write('a line of the log, number ' + line + '\\n')
    process.exit(0)`
  const args = ['--import', 'tsx', '--input-type=module', '-e', code]
  return spawn(process.execPath, args, { timeout: 20_000, stdio: ['ignore', 'pipe', 'pipe'] })
}

it.each([
  ['stdout', 1],
  ['stderr', 2],
] as const)('loses nothing on %s when the process ends at once', async (name, fd) => {
  const output = await text(writeAndExit(fd)[name])
  expect(output.trimEnd().split('\n')).toHaveLength(LINES)
  expect(output).toMatch(/number 20000\n$/)
})

it('goes on when the reader went away', async () => {
  const child = writeAndExit(1)
  child.stdout.destroy()
  const [code] = await once(child, 'close')
  expect(code).toBe(0)
})

it('writes lines as UTF-8, each at once', () => {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-log-'))
  const path = join(folder, 'log')
  const fd = openSync(path, 'a')
  const destination = synchronousDestination(fd)
  destination.write('grün ✔\n')
  expect(readFileSync(path, 'utf8')).toBe('grün ✔\n')
  closeSync(fd)
  rmSync(folder, { recursive: true })
})

it('drops lines where nobody reads, counts them, and goes on when somebody does', async () => {
  const url = JSON.stringify(new URL('./destination.ts', import.meta.url).href)
  const code = `
    import { synchronousDestination } from ${url}
    process.stdout.on('error', () => {})
    const destination = synchronousDestination(1)
    const line = 'x'.repeat(999) + '\\n'
    // More than a pipe holds, while nobody reads.
    for (let n = 0; n < 300; n++) destination.write(line)
    process.stderr.write('written')
    process.stdin.once('data', () => {
      destination.write('the last line\\n')
      process.exit(0)
    })`
  const args = ['--import', 'tsx', '--input-type=module', '-e', code]
  const child = spawn(process.execPath, args, { timeout: 20_000, stdio: ['pipe', 'pipe', 'pipe'] })
  await once(child.stderr, 'data')
  let output = ''
  child.stdout.setEncoding('utf8').on('data', (part) => (output += part))
  // From then on there is room again.
  await once(child.stdout, 'data')
  child.stdin.write('go')
  await once(child, 'close')
  const lines = output.trimEnd().split('\n')
  const dropped = Number(/^(\d+) lines were dropped$/.exec(lines.at(-2)!)?.[1])
  expect(lines.at(-1)).toBe('the last line')
  expect(lines.slice(0, -2).every((line) => line.length === 999)).toBe(true)
  expect(dropped + lines.length - 2).toBe(300)
})
