import { execFile, spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, test } from 'vitest'
import { loadConfig } from '../../src/config/config.ts'
import type { Variable } from '../../src/config/variable.ts'
import { VARIABLES } from '../../src/config/variables.ts'
import { ROLES } from '../../src/config/variables/service.ts'
import { useOnce } from '../support/use.ts'
import { all, assignments, KNOWN, one, parseUnit, readUnit, ROOT, type Unit } from './systemd-unit.ts'

const service = readUnit('millrace@.service')
const database = readUnit('database.conf')
const NEEDS_DATABASE = new Set(['api', 'worker'])
const table: Readonly<Record<string, Variable>> = VARIABLES

const read = (name: string): string => readFileSync(join(ROOT, name), 'utf8')
const fileOf = (name: string): Record<string, string> =>
  assignments(read(`deploy/systemd/etc/${name}.env`).split('\n'))
const secondsOf = (text: string): number => Number(/^(\d+)s$/.exec(text)![1])

const place = useOnce(
  async () => ({ folder: mkdtempSync(join(tmpdir(), 'millrace-systemd-')) }),
  async ({ folder }) => rmSync(folder, { recursive: true }),
)

/** What systemd would hand to a role: a file wins over Environment=, a later one over an earlier one. */
function environmentOf(role: string): { unit: Unit; env: Record<string, string> } {
  const unit = NEEDS_DATABASE.has(role) ? [...service, ...database] : service
  const env = { ...assignments(all(unit, 'Environment')), ...fileOf('millrace'), ...fileOf(role) }
  const filled = Object.entries(env).map(([name, value]) => [name, value.replace('%i', role)])
  return { unit, env: Object.fromEntries(filled) }
}

describe('the unit', () => {
  test('has directives that there are, in their sections', () => {
    const unknown = [...service, ...database].filter(({ section, name }) => !KNOWN[section]?.includes(name))
    expect(unknown).toEqual([])
  })

  test('one that can not be read is refused', () => {
    expect(() => parseUnit('Type=exec')).toThrow('Type=exec')
    expect(() => parseUnit('[Service]\nType exec')).toThrow('Type exec')
  })

  test('gives the processes no rights, and nothing to write but their state', () => {
    const hardened = Object.fromEntries(service.map(({ name, value }) => [name, value]))
    expect(hardened).toMatchObject({
      CapabilityBoundingSet: '',
      NoNewPrivileges: 'true',
      PrivateDevices: 'true',
      PrivateTmp: 'true',
      ProtectHome: 'true',
      ProtectSystem: 'strict',
      RestrictNamespaces: 'true',
      UMask: '0077',
      User: 'millrace',
    })
    const folders = one(service, 'StateDirectory').split(' ')
    const { env } = environmentOf('connector')
    for (const name of ['BACKUP_DIRECTORY', 'OUTPUT_DIRECTORY']) {
      const folder = env[name]!.replace('%S', '/var/lib')
      expect(folders.map((one) => `/var/lib/${one}`)).toContain(folder)
    }
  })

  test('a handler ends before the stop gives up on it, and the stop before the process is killed', () => {
    const env = assignments(all(service, 'Environment'))
    const [handler, grace] = [env['HANDLER_TIMEOUT_MS'], env['SHUTDOWN_GRACE_PERIOD_MS']].map(Number)
    expect(handler!).toBeLessThan(grace!)
    expect(grace!).toBeLessThan(secondsOf(one(service, 'TimeoutStopSec')) * 1000)
    expect(Number(env['MAX_MEMORY_BYTES'])).toBeLessThanOrEqual(0.8 * 2 ** 30)
    expect(one(service, 'MemoryMax')).toBe('1G')
  })

  test('reloads by the signal that reads the configuration again', () => {
    expect(one(service, 'ExecReload')).toBe('/bin/kill -HUP $MAINPID')
    expect(one(service, 'ExecStart')).toMatch(
      / \/opt\/millrace\/node_modules\/millrace\/dist\/cli\/main\.js serve$/,
    )
    expect(JSON.parse(read('package.json'))).toMatchObject({ bin: { millrace: './dist/cli/main.js' } })
  })
})

describe('secrets', () => {
  test('are in files, none of them in an environment', () => {
    for (const role of ROLES) {
      const names = Object.keys(environmentOf(role).env)
      expect(names.filter((name) => table[name]?.secret)).toEqual([])
    }
  })

  test('that are loaded as credentials are those that need a restart anyway', () => {
    for (const unit of [service, database]) {
      const env = Object.entries(assignments(all(unit, 'Environment')))
      const credentials = env.filter(([, value]) => value.startsWith('%d/'))
      const loaded = all(unit, 'LoadCredential').map((value) => value.split(':')[0])
      expect(credentials.map(([, value]) => value.slice('%d/'.length))).toEqual(loaded)
      const reloading = credentials.filter(([name]) => table[name.replace(/_FILE$/, '')]!.reloads)
      expect(reloading).toEqual([])
    }
  })

  test.each(ROLES)('the role %s is configured without a mistake or a warning', (role) => {
    const { env, unit } = environmentOf(role)
    const credentials = join(place.folder, role)
    mkdirSync(credentials)
    const files = Object.entries(env).filter(([name]) => name.endsWith('_FILE'))
    for (const [name, path] of files) {
      const file = join(credentials, path.split('/').at(-1)!)
      writeFileSync(file, name === 'API_KEYS_FILE' ? `ops:admin:${'0'.repeat(64)}\n` : 'secret\n')
      env[name] = file
    }
    const config = loadConfig(env, { cwd: '/nowhere', version: '1.0.0' })
    expect(config.warnings).toEqual([])
    expect(config.redis).toEqual({ url: 'rediss://:secret@redis.internal:6379' })
    expect(config.database !== undefined).toBe(true)
    expect(files).toHaveLength(all(unit, 'LoadCredential').length + 1)
  })

  test('every role has a port of its own', () => {
    const ports = ROLES.map((role) => fileOf(role)['SERVICE_PORT'])
    expect(new Set(ports).size).toBe(ROLES.length)
  })
})

test('docs/deployment/systemd.md installs every file, and none that there is not', () => {
  const guide = read('docs/deployment/systemd.md')
  const named = [...guide.matchAll(/deploy\/systemd\/([\w@./-]*\w)/g)].map(([, file]) => file!)
  const files = readdirSync(join(ROOT, 'deploy/systemd'), { recursive: true, encoding: 'utf8' })
  expect(named.filter((file) => !files.includes(file))).toEqual([])
  expect(named).toEqual(expect.arrayContaining(['millrace@.service', 'database.conf', 'etc']))
  const environments = readdirSync(join(ROOT, 'deploy/systemd/etc'))
  expect(environments.sort()).toEqual([...ROLES, 'millrace'].map((name) => `${name}.env`).sort())
})

test('the commands of the guide give a shell the configuration of the service', () => {
  const [, lines = ''] = /## Commands\n.*?```sh\n(.*?)\n[^\n]*millrace doctor\n```/s.exec(
    read('docs/deployment/systemd.md'),
  )!
  const etc = join(place.folder, 'etc')
  mkdirSync(join(etc, 'secrets'), { recursive: true })
  writeFileSync(join(etc, 'millrace.env'), read('deploy/systemd/etc/millrace.env'))
  for (const name of ['redis_password', 'database_password'])
    writeFileSync(join(etc, 'secrets', name), 'secret\n')
  writeFileSync(join(etc, 'api_keys'), `ops:admin:${'0'.repeat(64)}\n`)
  const script = `${lines.replaceAll('/etc/millrace', etc)}\nenv -0`
  const { stdout, stderr } = spawnSync('sh', ['-c', script], {
    encoding: 'utf8',
    env: { PATH: process.env['PATH'] },
  })
  expect(stderr).toBe('')
  const pairs = stdout
    .split('\0')
    .filter(Boolean)
    .map((pair) => pair.split(/=(.*)/s).slice(0, 2) as [string, string])
  const config = loadConfig(Object.fromEntries(pairs), { cwd: '/nowhere', version: '1.0.0' })
  expect(config.redis).toEqual({ url: 'rediss://:secret@redis.internal:6379' })
  expect(config.database).toMatchObject({
    url: expect.stringContaining('secret@postgres.internal') as string,
  })
})

const HAS_SYSTEMD = spawnSync('systemd-analyze', ['--version']).status === 0

describe.skipIf(!HAS_SYSTEMD)('systemd itself (skipped where systemd-analyze is not there)', () => {
  const run = promisify(execFile)
  const written = (role: string): string => {
    const folder = join(place.folder, `units-${role}`)
    const file = join(folder, `millrace@${role}.service`)
    mkdirSync(join(folder, `millrace@${role}.service.d`), { recursive: true })
    // It looks whether the program is there.
    writeFileSync(file, read('deploy/systemd/millrace@.service').replace('/usr/bin/node', process.execPath))
    writeFileSync(
      join(folder, `millrace@${role}.service.d/database.conf`),
      read('deploy/systemd/database.conf'),
    )
    return file
  }

  test('finds nothing wrong', async () => {
    const { stdout, stderr } = await run('systemd-analyze', ['verify', written('api')])
    expect(stdout + stderr).toBe('')
  })

  test('finds the service as little exposed as it can tell', async () => {
    const args = ['security', '--offline=true', '--threshold=15', '--no-pager', written('worker')]
    const { stdout } = await run('systemd-analyze', args)
    expect(stdout).toContain('Overall exposure level')
  })
})
