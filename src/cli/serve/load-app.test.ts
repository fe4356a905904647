import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { CapturedIo } from '../../../test/support/captured-io.ts'
import { failureOf } from '../../../test/support/until.ts'
import { loadApp, placeOfMistake } from './load-app.ts'

let io: CapturedIo
beforeEach(() => (io = new CapturedIo()))
afterEach(() => io.remove())

function write(name: string, text: string): string {
  const path = join(io.cwd, name)
  writeFileSync(path, text)
  return pathToFileURL(path).href
}

test('the place of a mistake in the syntax is found, also in what a module imports', async () => {
  write('part.mjs', 'export const part = 1\nexport default {\n  a: 1,,\n}')
  const url = write('app.mjs', 'import "./part.mjs"\nprocess.exit(1)')
  expect(await placeOfMistake(url)).toMatch(/part\.mjs:3$/)
})

test('nothing of a module runs while the place is looked for', async () => {
  write('broken.mjs', 'export default {,}')
  const marker = join(io.cwd, 'marker')
  const url = write(
    'app.mjs',
    `import { appendFileSync } from 'node:fs'\nappendFileSync(${JSON.stringify(marker)}, 'x')\nawait import('./broken.mjs')`,
  )
  expect(await placeOfMistake(url)).toBeUndefined()
  expect(existsSync(marker)).toBe(false)
})

test('a module that awaits what does not end can be stopped', async () => {
  write('app.mjs', 'await new Promise((resolve) => (globalThis.endOfApp = resolve))')
  const failure = failureOf(() => loadApp(io, 'app.mjs'))
  io.stop.abort('SIGTERM')
  expect((await failure).message).toMatch(/^stopped before the app module \S*app\.mjs had loaded$/)
})
