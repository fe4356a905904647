import { execFile } from 'node:child_process'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  startTestPostgres,
  startTestRedis,
  startTestSentinel,
  type TestSentinel,
  type TestServer,
} from '../src/engines/test-servers.ts'

const ROOT = join(import.meta.dirname, '..')
const FOLDER = join(ROOT, '.millrace/guide')

/** Each program with the heading above it, and with what it prints. */
const programs = readFileSync(join(ROOT, 'docs/guide.md'), 'utf8')
  .split(/^## /m)
  .flatMap((section) =>
    [...section.matchAll(/```ts\n(.*?)```\n+```text\n(.*?)```/gs)].map(([, program, output]) => ({
      heading: section.slice(0, section.indexOf('\n')),
      program: program!,
      output: output!,
    })),
  )

describe('the programs of the guide', () => {
  let redis: TestServer
  let postgres: TestServer
  let sentinel: TestSentinel

  beforeAll(async () => {
    ;[redis, postgres, sentinel] = await Promise.all([
      startTestRedis(),
      startTestPostgres(),
      startTestSentinel(),
    ])
    mkdirSync(FOLDER, { recursive: true })
  })
  afterAll(async () => {
    rmSync(FOLDER, { recursive: true, force: true })
    await Promise.all([redis?.stop(), postgres?.stop(), sentinel?.stop()])
  })

  test('are there, and each says what it prints', () => {
    const all = readFileSync(join(ROOT, 'docs/guide.md'), 'utf8').match(/```ts\n/g)
    expect(programs).toHaveLength(all!.length)
  })

  test.each(programs)('$heading', async ({ heading, program, output }) => {
    const file = join(FOLDER, `${heading.replaceAll(/\W+/g, '-').toLowerCase()}.ts`)
    const sentinels = [...sentinel.nodes]
    const here = program
      .replaceAll('redis://localhost:6379', redis.url)
      .replaceAll('postgres://postgres@localhost:5432/orders', postgres.url)
      .replaceAll(/localhost:263[78]\d/g, () => sentinels.shift()!)
    writeFileSync(file, here)
    const tsx = join(ROOT, 'node_modules/.bin/tsx')
    const { stdout } = await promisify(execFile)(tsx, [file], { cwd: ROOT, timeout: 40_000 })
    expect(stdout).toBe(output)
  })
})
