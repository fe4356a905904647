// @ts-check
/**
 * Makes a fresh clone ready, before anything is installed: `node scripts/setup.mjs [--build]`. Node built-ins only.
 * What is up to date is left alone, so that it can run before every start.
 */
import { fileURLToPath } from 'node:url'

import { build, isBuilt } from './setup-build.mjs'
import { install, isInstalled, linkCommand } from './setup-install.mjs'
import { withSetupLock } from './setup-lock.mjs'

const OLDEST_NODE = [20, 19]
const root = fileURLToPath(new URL('..', import.meta.url))
const wantsBuild = process.argv.includes('--build')

/** @param {string} line */
const say = (line) => process.stderr.write(`[setup] ${line}\n`)

function checkNode() {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
  const [oldestMajor = 0, oldestMinor = 0] = OLDEST_NODE
  if (major > oldestMajor || (major === oldestMajor && minor >= oldestMinor)) return
  throw new Error(
    `Millrace needs Node ${OLDEST_NODE.join('.')} or newer; this is Node ${process.versions.node}.`,
  )
}

const isReady = () => isInstalled(root) && (!wantsBuild || isBuilt(root))

async function setUp() {
  checkNode()
  if (!isReady()) {
    await withSetupLock(root, say, async () => {
      if (!isInstalled(root)) await install(root, say)
      if (wantsBuild && !isBuilt(root)) await build(root, say)
    })
  }
  linkCommand(root)
}

try {
  await setUp()
} catch (error) {
  say(error instanceof Error ? error.message : String(error))
  process.exitCode = 1
}
