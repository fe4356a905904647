// @ts-check
import { createHash } from 'node:crypto'
import { rmSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'

/**
 * Runs `work` while no other set-up of this folder does. The lock is a local socket that we listen on: the system takes
 * it back when we die, so it can't become stale as a file would.
 * @param {string} root
 * @param {(line: string) => void} say
 * @param {() => Promise<void>} work
 */
export async function withSetupLock(root, say, work) {
  const address = addressOf(root)
  let release = await listen(address)
  if (!release) say('Another set-up is at work in this folder: waiting for it …')
  while (!release) {
    await untilReleased(address)
    release = await listen(address)
  }
  try {
    await work()
  } finally {
    release()
  }
}

/** @param {string} root */
function addressOf(root) {
  const name = `millrace-setup-${createHash('sha256').update(root).digest('hex').slice(0, 16)}`
  // On Linux a name that starts with NUL is no file at all.
  return process.platform === 'linux' ? `\0${name}` : join(tmpdir(), `${name}.sock`)
}

/**
 * @param {string} address
 * @returns {Promise<(() => void) | undefined>} what releases it; undefined when somebody else listens there
 */
function listen(address) {
  /** @type {Set<import('node:net').Socket>} */
  const waiting = new Set()
  const server = createServer((socket) => waiting.add(socket.on('error', () => {})))
  const release = () => {
    server.close()
    for (const socket of waiting) socket.destroy()
  }
  return new Promise((resolve, reject) => {
    server.once('listening', () => resolve(release))
    server.once('error', (error) => {
      if ('code' in error && error.code === 'EADDRINUSE') resolve(undefined)
      else reject(error)
    })
    server.listen(address)
  })
}

/**
 * A connection to the holder ends when the holder does.
 * @param {string} address
 */
async function untilReleased(address) {
  const socket = connect(address)
  socket.on('error', (error) => {
    // Outside Linux a killed holder leaves its file, at which nobody listens.
    const isLeftOver = 'code' in error && error.code === 'ECONNREFUSED' && !address.startsWith('\0')
    if (isLeftOver) rmSync(address, { force: true })
  })
  await new Promise((resolve) => socket.once('close', resolve))
  await delay(50)
}
