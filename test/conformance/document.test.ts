import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, describe, expect, test } from 'vitest'

const ROOT = join(import.meta.dirname, '../..')
const FOLDER = join(ROOT, '.millrace/conformance')
const text = readFileSync(join(ROOT, 'docs/conformance.md'), 'utf8')

describe('the program of the document', () => {
  afterAll(() => rmSync(FOLDER, { recursive: true, force: true }))

  const program = [...text.matchAll(/```ts\n(.*?)```/gs)].map(([, code]) => code!)[1]!

  /** Runs it by node:test, and answers what that reports. */
  const run = async (name: string, code: string, options: string[] = []) => {
    mkdirSync(FOLDER, { recursive: true })
    const file = join(FOLDER, `${name}.test.ts`)
    writeFileSync(file, code)
    const args = ['--import', 'tsx', '--test', '--test-reporter=tap', ...options, file]
    const env = { ...process.env, NODE_TEST_CONTEXT: undefined }
    const done = await promisify(execFile)(process.execPath, args, {
      cwd: ROOT,
      env,
      maxBuffer: 2 ** 26,
    }).catch((error: { stdout: string; code: number }) => error)
    return { failed: 'code' in done && done.code !== 0, output: done.stdout }
  }

  test('passes with a log that keeps the promises', async () => {
    const { failed, output } = await run('sound', program)
    expect(output).toMatch(/^# fail 0$/m)
    expect(Number(/^# pass (\d+)$/m.exec(output)?.[1])).toBeGreaterThan(100)
    expect(failed).toBe(false)
  })

  test('fails with one that loses every hundredth entry', async () => {
    const lossy = program.replace(
      'super.append(stream, entries)',
      'super.append(stream, entries.slice(0, 99))',
    )
    expect(lossy).not.toBe(program)
    const { failed, output } = await run('lossy', lossy, ['--test-name-pattern=a thousand entries'])
    expect(failed).toBe(true)
    expect(Number(/^# fail (\d+)$/m.exec(output)?.[1])).toBeGreaterThan(0)
  })
})

describe('the table of cases', () => {
  const rows = text.split('\n').filter((line) => line.startsWith('| ') && line.includes('.ts`'))
  const named = rows.flatMap((row) =>
    [...row.matchAll(/`([\w/.-]+\.ts)`((?: “[^”]+”,?)*)/g)].flatMap(([, file, titles]) =>
      [...titles!.matchAll(/“([^”]+)”/g)].map(([, title]) => [file!, title!] as const),
    ),
  )

  test('names a case for each of the sixteen of Watermill', () => {
    expect(rows).toHaveLength(16)
    expect(named.length).toBeGreaterThan(16)
  })

  test.each(named)('%s has “%s”', (file, title) => {
    expect(existsSync(join(ROOT, file))).toBe(true)
    expect(readFileSync(join(ROOT, file), 'utf8')).toContain(`'${title}'`)
  })
})
