// @ts-check
import { createHash } from 'node:crypto'
import {
  accessSync,
  constants,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'

import { runWithProgress } from './setup-run.mjs'

const QUIET = ['--no-audit', '--no-fund', '--no-update-notifier']
const COMMAND = '../../dist/cli/main.js'

/** @param {string} root */
const markOf = (root) => join(root, 'node_modules/.millrace-lock-hash')

/** @param {string} root */
function lockHash(root) {
  return createHash('sha256')
    .update(readFileSync(join(root, 'package-lock.json')))
    .digest('hex')
}

/**
 * Whether the last installation was complete, and of this lock file.
 * @param {string} root
 */
export function isInstalled(root) {
  return existsSync(markOf(root)) && readFileSync(markOf(root), 'utf8') === lockHash(root)
}

/**
 * @param {string} root
 * @param {(line: string) => void} say
 */
export async function install(root, say) {
  say('Installing dependencies (after a clone or a change of package-lock.json only) …')
  // "dev" whatever NODE_ENV says: the compiler is among them.
  const flags = [...QUIET, '--include=dev', ...cacheFlags(root)]
  const first = await npm(root, say, ['ci', ...flags])
  if (!first.ok) {
    // ci refuses a lock file without the binaries for other systems, which a mirror may not have; install takes the same
    // versions from it and is content with the binaries for this one.
    say('npm ci did not work; trying npm install …')
    const second = await npm(root, say, ['install', '--no-save', ...flags])
    if (!second.ok) throw new Error(failure(first.output, second.output))
  }
  writeFileSync(markOf(root), lockHash(root))
}

/**
 * @param {string} root
 * @param {(line: string) => void} say
 * @param {string[]} args
 */
function npm(root, say, args) {
  const started = Date.now()
  const progress = () => {
    const seconds = Math.round((Date.now() - started) / 1000)
    say(`  ${countPackages(root)} packages in place, ${seconds} s …`)
  }
  // Started by npm, we are told where it is, which need not be on the PATH.
  const cli = process.env['npm_execpath']
  const [file, ...rest] = cli?.endsWith('.js') ? [process.execPath, cli, ...args] : ['npm', ...args]
  return runWithProgress(file ?? 'npm', rest, root, progress)
}

/**
 * A user without a home has nowhere to keep npm's cache.
 * @param {string} root
 */
function cacheFlags(root) {
  const cache = process.env['npm_config_cache'] || join(homedir(), '.npm')
  try {
    mkdirSync(cache, { recursive: true })
    accessSync(cache, constants.W_OK)
    return []
  } catch {
    return [`--cache=${join(root, '.millrace/npm-cache')}`]
  }
}

/** @param {string} root */
function countPackages(root) {
  const folder = join(root, 'node_modules')
  if (!existsSync(folder)) return 0
  const names = readdirSync(folder).filter((name) => !name.startsWith('.'))
  const scoped = names.filter((name) => name.startsWith('@'))
  const inScopes = scoped.flatMap((scope) => readdirSync(join(folder, scope)))
  return names.length - scoped.length + inScopes.length
}

/** @param {...string} outputs */
function failure(...outputs) {
  const lines = outputs
    .flatMap((output) => output.split('\n'))
    .filter((line) => /^npm (error|ERR!) \S/.test(line))
  return [
    'The dependencies could not be installed. npm says:',
    ...[...new Set(lines)].slice(0, 12).map((line) => `  ${line}`),
    'Check the network and the rights on this folder, then run the command again.',
  ].join('\n')
}

/**
 * Makes `npx millrace` work in the checkout. npm does so for packages that are installed, not for the one it is in.
 * @param {string} root
 */
export function linkCommand(root) {
  const link = join(root, 'node_modules/.bin/millrace')
  if (readlinkIfThere(link) === COMMAND) return
  rmSync(link, { force: true })
  try {
    symlinkSync(COMMAND, link)
  } catch (error) {
    // Another set-up made it in the meantime.
    if (readlinkIfThere(link) !== COMMAND) throw error
  }
}

/** @param {string} path */
function readlinkIfThere(path) {
  try {
    return readlinkSync(path)
  } catch {
    return undefined
  }
}
