import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { stripVTControlCharacters } from 'node:util'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { CapturedIo } from '../../../test/support/captured-io.ts'
import { until } from '../../../test/support/until.ts'
import { useCommand } from '../../../test/support/use-command.ts'
import { useProxy } from '../../../test/support/use-proxy.ts'
import { useRedis } from '../../../test/support/use-redis.ts'
import { EXIT } from '../exit.ts'
import { Screen } from './screen.ts'

const ROOT = join(import.meta.dirname, '../../..')
/** Of util-linux: runs a command on a terminal of its own. */
const SCRIPT = 'script'
const ENTER = '\u001b[?1049h'
const LEAVE = '\u001b[?1049l'

const { server, admin } = useRedis()
const proxy = useProxy(server)
const millrace = useCommand(server)

beforeEach(async () => {
  await admin.send(['FLUSHALL'])
  for (let n = 1; n <= 3; n++) await admin.send(['XADD', 'orders', `${n}-0`, 'a', 'b'])
  await admin.send(['XGROUP', 'CREATE', 'orders', 'mailer', '0'])
  await admin.send(['XREADGROUP', 'GROUP', 'mailer', 'c', 'COUNT', '1', 'STREAMS', 'orders', '>'])
})

describe('top without a terminal', () => {
  it('prints one frame with --once, and rates since the look before', async () => {
    const { code, out } = await millrace(['top', '--once', '--interval', '50ms'])
    expect(code).toBe(EXIT.ok)
    expect(out).toMatch(/^millrace top .* 1 group {2}lag 2 {2}pending 1\n\nSTREAM /)
    expect(out).toMatch(/^orders +mailer +2 +0\/s +0\/s +1 +1$/m)
  })

  it('says what to add otherwise', async () => {
    const { code, err } = await millrace(['top'])
    expect(code).toBe(EXIT.usage)
    expect(err).toContain('add --once')
  })

  it('suggests the stream that was meant', async () => {
    const { code, err } = await millrace(['top', 'order', '--once'])
    expect(code).toBe(EXIT.notFound)
    expect(err).toContain('did you mean "orders"?')
  })
})

describe('the screen', () => {
  it('is given back after a crash, and only once', () => {
    let crash = (_fault: unknown) => {}
    const io = new CapturedIo()
    const screen = new Screen(
      { ...io, onCrash: (listener) => (crash = listener) },
      () => {},
      () => {},
    )
    screen.enter()
    expect(io.stdout.text).toContain(ENTER)
    crash(new Error('a bug'))
    expect(io.stdout.text.endsWith(LEAVE)).toBe(true)
    screen.leave()
    screen.draw(['nothing more'])
    expect(io.stdout.text.split(LEAVE)).toHaveLength(2)
    expect(io.stdout.text.endsWith(LEAVE)).toBe(true)
    expect(io.stdin.listenerCount('data')).toBe(0)
    io.remove()
  })
})

const hasScript = spawnSync(SCRIPT, ['-V']).status === 0

describe.skipIf(!hasScript)('top on a terminal (skipped where there is no `script`)', () => {
  let folder: string
  let child: ChildProcess
  let output = ''

  /** Starts it on a terminal of 100 by 12, which becomes one of 40 by 8 as soon as there is a file `resize`. */
  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'millrace-test-top-'))
    const loader = join(ROOT, 'node_modules/tsx/dist/loader.mjs')
    const program = `"${process.execPath}" --import "${loader}" "${join(ROOT, 'src/cli/main.ts')}"`
    const script = [
      'stty cols 100 rows 12',
      '(while [ ! -e resize ]; do [ -d . ] || exit; sleep 0.05; done; stty cols 40 rows 8) < /dev/tty &',
      'echo $$ > pid',
      `exec ${program} top --interval 100ms`,
    ].join('\n')
    writeFileSync(join(folder, 'start.sh'), script)
    output = ''
    child = spawn(SCRIPT, ['-qfec', 'sh start.sh', '/dev/null'], {
      cwd: folder,
      env: {
        ...process.env,
        REDIS_URL: proxy.url('redis'),
        NO_COLOR: '1',
        TSX_TSCONFIG_PATH: join(ROOT, 'tsconfig.json'),
      },
    })
    child.stdout!.on('data', (bytes) => (output += String(bytes)))
    await until('the first frame', () => /orders +mailer +2/.test(frame()))
  })
  afterEach(async () => {
    writeFileSync(join(folder, 'resize'), '')
    if (child.exitCode === null) {
      child.kill('SIGKILL')
      await once(child, 'exit')
    }
    rmSync(folder, { recursive: true, force: true })
  })

  /** What is on the screen now. */
  const frame = () => stripVTControlCharacters(output.slice(output.lastIndexOf('\u001b[H')))
  const ended = async () => {
    const code = child.exitCode ?? ((await once(child, 'exit')) as [number | null])[0]
    await until('the rest of the output', () => output.includes(LEAVE))
    return code
  }

  it('follows what happens, keys, and the size of the terminal, until q', async () => {
    await admin.send(['XADD', 'orders', '4-0', 'a', 'b'])
    await until('the new lag', () => /orders +mailer +3/.test(frame()))
    await admin.send(['XADD', 'bills', '1-0', 'a', 'b'])
    writeFileSync(join(folder, 'resize'), '')
    await until('a frame of 40 columns', () => {
      const lines = frame().split(/\r*\n/)
      return lines.every((line) => line.length <= 40) && lines[0]!.startsWith('millrace top')
    })
    child.stdin!.write('pq')
    expect(await ended()).toBe(EXIT.ok)
    expect(output.indexOf(LEAVE)).toBeGreaterThan(output.indexOf(ENTER))
  })

  it('says that Redis is away, and goes on when it is back', async () => {
    proxy.swallow('both')
    await until('the trouble', () => /^last look .* ago: /.test(frame()))
    expect(frame()).toMatch(/orders +mailer +2/)
    proxy.pass()
    await until('a new look', () => frame().startsWith('millrace top'))
    child.stdin!.write('q')
    expect(await ended()).toBe(EXIT.ok)
  })

  it.each(['Ctrl-C', 'SIGTERM'])('gives the terminal back on %s', async (what) => {
    if (what === 'Ctrl-C') child.stdin!.write('\u0003')
    else process.kill(Number(readFileSync(join(folder, 'pid'), 'utf8')), 'SIGTERM')
    expect(await ended()).toBe(EXIT.ok)
  })
})
