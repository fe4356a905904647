import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { afterEach, beforeEach, expect, test } from 'vitest'

import { MillraceError } from '../core/errors.ts'
import { findRedis, findValkey } from './redis-program.ts'

let dir: string
let bin: string
let lines: string[]
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'millrace-program-'))
  bin = join(dir, 'bin')
  lines = []
  mkdirSync(bin)
})
afterEach(() => rmSync(dir, { recursive: true }))

const engines = (): string => join(dir, 'engines')
const options = () => ({ path: bin, engines: engines(), onProgress: (line: string) => lines.push(line) })
const find = () => findRedis(options())

function program(name: string, ...script: string[]): void {
  const file = join(bin, name)
  writeFileSync(file, ['#!/bin/sh', ...script].join('\n'))
  chmodSync(file, 0o755)
}

const server = (version: string): string => `echo "Redis server v=${version} sha=00000000:0"`

/** Stands for a machine's apt, whose packages hold a server of that version. Notes the sources that it is given. */
function apt(version: string, server = 'redis-server'): void {
  const sources =
    'Packages http://mirror.test/debian/ bookworm main\nPackages http://mirror.test/debian/ bookworm-updates main'
  const answers = `*download*) : >some.deb ;; *indextargets*) echo "${sources}" ;;`
  program(
    'apt-get',
    `echo run >>${dir}/runs`,
    `case "$*" in ${answers} *SourceList=*update*) /bin/cp sources.list ${dir} ;; esac`,
  )
  program('apt-cache', 'echo "  Depends: libc6"', 'echo "  Depends: libjemalloc2"')
  program(
    'dpkg',
    '/bin/mkdir -p "$3/usr/bin" "$3/usr/lib/a-linux-gnu"',
    `printf '#!/bin/sh\\necho "Redis server v=${version} libraries=$LD_LIBRARY_PATH"' >"$3/usr/bin/${server}"`,
    `/bin/chmod 755 "$3/usr/bin/${server}"`,
  )
}

test('redis-server on the PATH comes first', async () => {
  program('redis-server', server('7.2.4'))
  program('valkey-server', server('8.0.1'))
  expect(await find()).toEqual({
    file: join(bin, 'redis-server'),
    env: {},
    origin: 'path',
    software: 'Redis 7.2.4',
  })
})

test('then valkey-server on the PATH, also when redis-server is too old', async () => {
  program('redis-server', server('6.0.16'))
  program('valkey-server', server('8.0.1'))
  expect(await find()).toMatchObject({ origin: 'path', software: 'Valkey 8.0.1' })
})

test('then the package, fetched once and with progress shown', async () => {
  apt('7.0.15')
  const fetched = await find()
  expect(fetched).toMatchObject({
    file: join(engines(), 'redis/usr/bin/redis-server'),
    env: { LD_LIBRARY_PATH: join(engines(), 'redis/usr/lib/a-linux-gnu') },
    origin: 'package',
    software: 'Redis 7.0.15 (Debian package)',
  })
  expect(lines).toHaveLength(3)
  const runs = readFileSync(join(dir, 'runs'), 'utf8')
  expect(await find()).toEqual(fetched)
  expect(readFileSync(join(dir, 'runs'), 'utf8')).toBe(runs)
})

test('a download that was killed leaves nothing that matters', async () => {
  apt('7.0.15')
  mkdirSync(join(engines(), 'redis.new-abc/root/usr/bin'), { recursive: true })
  expect(await find()).toMatchObject({ origin: 'package' })
  expect(readdirSync(engines()).sort()).toEqual(['lock', 'redis'])
})

test('an unpacked Redis that does not run here is fetched again', async () => {
  apt('7.0.15')
  mkdirSync(join(engines(), 'redis/usr/bin'), { recursive: true })
  writeFileSync(join(engines(), 'redis/usr/bin/redis-server'), 'for another machine', { mode: 0o755 })
  expect(await find()).toMatchObject({ origin: 'package' })
})

test('Valkey comes from the PATH, else from the backports of the same mirror', async () => {
  apt('8.0.1', 'valkey-server')
  program('redis-server', server('7.2.4'))
  expect(await findValkey(options())).toMatchObject({
    file: join(engines(), 'valkey/usr/bin/valkey-server'),
    software: 'Valkey 8.0.1 (Debian package)',
  })
  const suites = ['bookworm', 'bookworm-updates', 'bookworm-backports']
  const list = suites.map((suite) => `deb http://mirror.test/debian/ ${suite} main`)
  expect(readFileSync(join(dir, 'sources.list'), 'utf8').trim().split('\n')).toEqual(list)
  program('valkey-server', server('8.1.0'))
  expect(await findValkey(options())).toMatchObject({ origin: 'path', software: 'Valkey 8.1.0' })
})

test('a Valkey that can not be had says why', async () => {
  program('apt-get')
  program('dpkg')
  const error = await findValkey(options()).catch(String)
  expect(error).toContain('No Valkey could be had')
  expect(error).toContain('no source of a release whose backports could be asked')
})

test('one message names all that was tried, and the way out', async () => {
  program('redis-server', server('6.0.16'))
  program('apt-get', 'echo "E: Could not resolve the mirror" >&2', 'exit 100')
  program('dpkg')
  const error = await find().catch((error: unknown) => error)
  expect(error).toBeInstanceOf(MillraceError)
  expect(error).toMatchObject({ code: 'ENGINE_UNAVAILABLE' })
  const { message } = error as MillraceError
  expect(message).toContain('older than 7.0')
  expect(message).toContain('valkey-server on the PATH: valkey-server was not found')
  expect(message).toContain('E: Could not resolve the mirror')
  expect(message).toContain('REDIS_URL')
  expect(readdirSync(engines())).toEqual(['lock'])
})

test('an empty PATH is no surprise', async () => {
  const error = await findRedis({ path: '', engines: engines(), onProgress: () => {} }).catch(
    (error: unknown) => error,
  )
  expect((error as Error).message).toContain('was not found')
  expect(existsSync(join(engines(), 'redis'))).toBe(false)
})
