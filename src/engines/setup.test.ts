import { execFile } from 'node:child_process'
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

import { afterEach, beforeEach, expect, test } from 'vitest'

/** Stands for npm: installs a compiler that notes its runs. */
const NPM = `
const { appendFileSync, chmodSync, existsSync, mkdirSync, writeFileSync } = require('node:fs')
appendFileSync('npm.log', process.argv.slice(2, 3) + '\\n')
if (existsSync('broken')) { console.error('npm error code E404'); process.exit(1) }
mkdirSync('node_modules/.bin', { recursive: true })
const tsdown = \`#!/usr/bin/env node
const { appendFileSync, existsSync, mkdirSync, writeFileSync } = require('node:fs')
appendFileSync('build.log', 'built\\\\n')
if (existsSync('src/broken.ts')) { console.error('broken.ts has no sense'); process.exit(1) }
mkdirSync('dist/cli', { recursive: true })
writeFileSync('dist/cli/main.js', '#!/usr/bin/env node')
\`
writeFileSync('node_modules/.bin/tsdown', tsdown)
chmodSync('node_modules/.bin/tsdown', 0o755)
`

let root: string
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'millrace-setup-'))
  cpSync(join(process.cwd(), 'scripts'), join(root, 'scripts'), { recursive: true })
  mkdirSync(join(root, 'src'))
  writeFileSync(join(root, 'package.json'), '{"type":"module"}')
  writeFileSync(join(root, 'package-lock.json'), '{}')
  writeFileSync(join(root, 'src/a.ts'), 'export const a = 1')
  writeFileSync(join(root, 'npm-cli.cjs'), NPM)
  writeFileSync(join(root, 'npm-cli.js'), "await import('./npm-cli.cjs')")
})
afterEach(() => rmSync(root, { recursive: true }))

async function setUp(...args: string[]): Promise<string> {
  const env = { PATH: process.env['PATH'], npm_execpath: join(root, 'npm-cli.js') }
  const { stderr } = await promisify(execFile)(process.execPath, ['scripts/setup.mjs', ...args], {
    cwd: root,
    env,
  })
  return stderr
}

const runs = (log: string): string[] =>
  existsSync(join(root, log)) ? readFileSync(join(root, log), 'utf8').trim().split('\n') : []

test('installs, builds and links the command; once', async () => {
  expect(await setUp('--build')).toMatch(/Installing[^]*Building/)
  expect(readlinkSync(join(root, 'node_modules/.bin/millrace'))).toBe('../../dist/cli/main.js')
  expect(existsSync(join(root, 'node_modules/.bin/millrace'))).toBe(true)
  expect(await setUp('--build')).toBe('')
  expect([runs('npm.log'), runs('build.log')]).toEqual([['ci'], ['built']])
})

test('does not build unless told to', async () => {
  await setUp()
  expect(runs('build.log')).toEqual([])
})

test('does again what has become stale', async () => {
  await setUp('--build')
  writeFileSync(join(root, 'src/b.ts'), 'export const b = 1')
  await setUp('--build')
  rmSync(join(root, 'src/b.ts'))
  await setUp('--build')
  rmSync(join(root, 'dist'), { recursive: true })
  await setUp('--build')
  expect([runs('npm.log').length, runs('build.log').length]).toEqual([1, 4])
  writeFileSync(join(root, 'src/a.test.ts'), 'a test is not built')
  await setUp('--build')
  expect(runs('build.log')).toHaveLength(4)
  writeFileSync(join(root, 'package-lock.json'), '{"changed":true}')
  await setUp('--build')
  expect([runs('npm.log').length, runs('build.log').length]).toEqual([2, 5])
})

test('two at once do the work once', async () => {
  await Promise.all([setUp('--build'), setUp('--build'), setUp('--build')])
  expect([runs('npm.log'), runs('build.log')]).toEqual([['ci'], ['built']])
})

test('tells what npm complained of, after it tried both ways, and tries again next time', async () => {
  writeFileSync(join(root, 'broken'), '')
  await expect(setUp()).rejects.toMatchObject({
    code: 1,
    stderr: expect.stringMatching(
      /could not be installed[^]*npm error code E404[^]*Check the network/,
    ) as string,
  })
  expect(runs('npm.log')).toEqual(['ci', 'install'])
  rmSync(join(root, 'broken'))
  await setUp()
  expect(runs('npm.log')).toEqual(['ci', 'install', 'ci'])
})

test('tells what the compiler complained of, and builds again next time', async () => {
  writeFileSync(join(root, 'src/broken.ts'), '')
  await expect(setUp('--build')).rejects.toThrow('broken.ts has no sense')
  await expect(setUp('--build')).rejects.toThrow('broken.ts has no sense')
})
