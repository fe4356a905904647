import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { publishSample } from '../examples/commands/events.ts'
import { connect } from '../src/bus/connect.ts'
import { until } from './support/until.ts'
import { useRedis } from './support/use-redis.ts'
import { useOnce } from './support/use.ts'

const { server: redis, admin } = useRedis()
const bus = useOnce(
  () => connect({ url: redis.url }),
  (it) => it.close(),
)
const seed = async (count: number) => {
  for (let n = 0; n < count; n++) await publishSample(bus, n)
}

const ROOT = join(import.meta.dirname, '..')
const { scripts } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
  scripts: Record<string, string>
}

/** Without a `.env`, and without an embedded Redis unless a test says so. */
let folder = ''
beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), 'millrace-commands-'))))

const running: Command[] = []
afterEach(async () => {
  for (const command of running.splice(0)) await command.end('SIGKILL')
  rmSync(folder, { recursive: true })
  await admin.send(['FLUSHALL'])
})

/** What a script of package.json runs once everything is installed, in a process of its own. */
class Command {
  out = ''
  err = ''
  readonly ended: Promise<number | null>
  readonly #child

  constructor(name: string, args: readonly string[], env: NodeJS.ProcessEnv) {
    const file = /^node scripts\/setup\.mjs && tsx (\S+)$/.exec(scripts[name]!)![1]!
    const loader = join(ROOT, 'node_modules/tsx/dist/loader.mjs')
    const { PATH, HOME } = process.env
    this.#child = spawn(process.execPath, ['--import', loader, join(ROOT, file), ...args], {
      cwd: folder,
      env: { PATH, HOME, TSX_TSCONFIG_PATH: join(ROOT, 'tsconfig.json'), ...env },
    })
    this.#child.stdout.on('data', (bytes) => (this.out += String(bytes)))
    this.#child.stderr.on('data', (bytes) => (this.err += String(bytes)))
    this.ended = once(this.#child, 'close').then(([code]) => code as number | null)
    running.push(this)
  }

  /** As Ctrl-C does. */
  async end(signal: NodeJS.Signals = 'SIGINT'): Promise<number | null> {
    this.#child.kill(signal)
    return this.ended
  }
}

const launch = (name: string, args: readonly (string | number)[] = [], env = { REDIS_URL: redis.url }) =>
  new Command(name, args.map(String), env)

/** Runs a command to its end, which is expected to be good. */
async function run(name: string, ...args: (string | number)[]): Promise<string> {
  const command = launch(name, args)
  expect({ code: await command.ended, err: command.err }).toEqual({ code: 0, err: '' })
  return command.out
}

const STREAMS = ['user:events', 'chat:messages', 'task:queue', 'system:logs']
const lengths = () => Promise.all(STREAMS.map((name) => admin.send<number>(['XLEN', name])))
const LINE = /^\d+-\d+ message\.sent \{"senderId":"/
const linesOf = (text: string) => text.trim().split('\n')

const messagesIn = ({ out }: Command): string[] => out.match(/^\d+-\d+ (?=\w+ to ).*$/gm) ?? []

describe('the commands', () => {
  it('publish events of each stream, as many as are asked for, and tell their positions', async () => {
    const lines = linesOf(await run('producer', 9, 1))
    expect(lines.at(-1)).toBe('published 9 events')
    expect(lines.slice(0, -1).every((line) => /^\d+-\d+$/.test(line))).toBe(true)
    expect(await lengths()).toEqual([3, 2, 2, 2])
  })

  it('read a stream without a group: from its beginning, so many or on until Ctrl-C', async () => {
    await seed(8)
    const [two, one, all] = [
      launch('consumer', [2]),
      launch('consumer', [1, 0, 'task:queue']),
      launch('consumer'),
    ]
    expect([await two.ended, await one.ended]).toEqual([0, 0])
    expect(linesOf(two.out)).toEqual([expect.stringMatching(LINE), expect.stringMatching(LINE)])
    expect(one.out).toContain('task.created')
    await until('what was there', () => all.out === two.out)
    await seed(4)
    await until('what came', () => linesOf(all.out).length === 3)
    expect(await all.end()).toBe(0)
    expect(await admin.send(['XINFO', 'GROUPS', 'chat:messages'])).toEqual([])
  })

  it('take part in a group, and at Ctrl-C finish what runs and hand the rest on', async () => {
    await seed(80)
    const first = launch('consumer-group', [1_000, 50])
    await until('some', () => messagesIn(first).length >= 2)
    expect(await first.end()).toBe(0)
    const before = messagesIn(first)
    expect(first.out).toMatch(new RegExp(`handled ${before.length} events\n$`))
    expect(before.length).toBeLessThan(20)
    const second = launch('consumer-group', [20 - before.length])
    expect(await second.ended).toBe(0)
    expect(new Set([...before, ...messagesIn(second)]).size).toBe(20)
    expect(before.length + messagesIn(second).length).toBe(20)
    const [pending] = await admin.send<[number]>(['XPENDING', 'chat:messages', 'example-group'])
    expect(pending).toBe(0)
  })

  it('show streams, groups and how far these are', async () => {
    await seed(8)
    await admin.send(['XGROUP', 'CREATE', 'chat:messages', 'slow', '0'])
    await admin.send(['XREADGROUP', 'GROUP', 'slow', 'c', 'COUNT', '1', 'STREAMS', 'chat:messages', '>'])
    const [once, twice] = await Promise.all([run('inspect'), run('inspect', 2, 1, 'chat:*')])
    for (const name of STREAMS) expect(once).toContain(name)
    expect(once).toMatch(/'chat:messages' │ 'slow' │ 1 +│ 1 +│/)
    expect(twice.match(/'slow'/g)).toHaveLength(2)
    expect(twice).not.toContain('task:queue')
  })

  it.each([
    ['as fast as answers come', [500]],
    ['by a schedule', [20, 5]],
  ])('put publishing under load, %s, and report', async (_how, args) => {
    const out = await run('load-test', ...args)
    expect(out).toMatch(new RegExp(`^published ${args[0]} events in [\\d.]+ s, 0 failed$`, 'm'))
    expect(out).toMatch(/^\d+ events\/s$/m)
    expect(out).toMatch(/^p50 [\d.]+ ms, p95 [\d.]+ ms, p99 [\d.]+ ms, longest [\d.]+ ms$/m)
    expect(await admin.send(['XLEN', 'load:test'])).toBe(args[0])
  })
})

describe('the Redis of the commands', () => {
  const failureOf = async (env: NodeJS.ProcessEnv, ...args: (string | number)[]) => {
    const command = new Command('producer', args.map(String), env)
    expect(await command.ended).toBe(1)
    return command.err.trim()
  }
  const remedy = 'run npm start in another terminal, or set REDIS_URL'

  it('is that of a running `npm start` where nothing names one, or of `.env`', async () => {
    const { port } = new URL(redis.url)
    mkdirSync(join(folder, '.millrace'))
    writeFileSync(join(folder, '.millrace/redis.json'), JSON.stringify({ port: Number(port) }))
    const embedded = new Command('producer', ['4', '0'], {})
    expect([await embedded.ended, embedded.err]).toEqual([0, ''])
    writeFileSync(join(folder, '.env'), 'REDIS_HOST=127.0.0.1\nREDIS_PORT=1\n')
    expect(await failureOf({}, 4)).toContain('127.0.0.1:1')
    const named = new Command('producer', ['4', '0'], { REDIS_URL: redis.url })
    expect([await named.ended, named.err]).toEqual([0, ''])
    expect(await lengths()).toEqual([2, 2, 2, 2])
  })

  it('is missed in words that say what to do, and so are wrong numbers', async () => {
    const here = { REDIS_URL: redis.url }
    const [none, away, count, delay] = await Promise.all([
      failureOf({}),
      failureOf({ REDIS_URL: 'redis://127.0.0.1:1' }),
      failureOf(here, '0'),
      failureOf(here, 1, 'soon'),
    ])
    expect(none).toBe(`there is no Redis here: ${remedy}`)
    expect(away).toContain(remedy)
    expect(count).toContain('"0" is no whole number from 1 up')
    expect(delay).toContain('"soon" is no whole number from 0 up')
  })
})
