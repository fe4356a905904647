// @ts-check
import { createHash } from 'node:crypto'
import { chmodSync, existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

import { runWithProgress } from './setup-run.mjs'

const INPUTS = ['src', 'examples', 'package.json', 'package-lock.json', 'tsconfig.json', 'tsdown.config.ts']
const MAIN = 'dist/cli/main.js'

/** @param {string} root */
const markOf = (root) => join(root, 'node_modules/.millrace-build')

/**
 * Whether dist was made from the sources as they are now. Their times and sizes are compared for sameness, not for age:
 * a file put back from a backup is older than the build, and one that was deleted has no age.
 * @param {string} root
 */
export function isBuilt(root) {
  const mark = markOf(root)
  return existsSync(join(root, MAIN)) && existsSync(mark) && readFileSync(mark, 'utf8') === fingerprint(root)
}

/**
 * @param {string} root
 * @param {(line: string) => void} say
 */
export async function build(root, say) {
  say('Building …')
  // Taken first: what changes while we build is built again next time.
  const before = fingerprint(root)
  const { ok, output } = await runWithProgress(join(root, 'node_modules/.bin/tsdown'), [], root)
  if (!ok) throw new Error(`The build failed:\n${output.trim().split('\n').slice(-30).join('\n')}`)
  chmodSync(join(root, MAIN), 0o755)
  writeFileSync(markOf(root), before)
}

/** @param {string} root */
function fingerprint(root) {
  const hash = createHash('sha256')
  for (const file of INPUTS.flatMap((input) => filesIn(root, input))) {
    const { mtimeMs, size } = statSync(join(root, file))
    hash.update(`${file} ${mtimeMs} ${size}\n`)
  }
  return hash.digest('hex')
}

/**
 * @param {string} root
 * @param {string} input
 * @returns {string[]}
 */
function filesIn(root, input) {
  const found = statSync(join(root, input), { throwIfNoEntry: false })
  if (!found?.isDirectory()) return found && !input.endsWith('.test.ts') ? [input] : []
  return readdirSync(join(root, input))
    .sort()
    .flatMap((name) => filesIn(root, join(input, name)))
}
