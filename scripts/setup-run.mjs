// @ts-check
import { spawn } from 'node:child_process'

const PROGRESS_MS = 3000

/**
 * Runs a program that must not ask anything, and calls `progress` every few seconds meanwhile.
 * @param {string} file
 * @param {string[]} args
 * @param {string} cwd
 * @param {() => void} [progress]
 * @returns {Promise<{ ok: boolean, output: string }>}
 */
export function runWithProgress(file, args, cwd, progress = () => {}) {
  const env = { ...process.env, NO_COLOR: '1' } // what it prints may end in an error message of ours
  const timer = setInterval(progress, PROGRESS_MS)
  return new Promise((resolve) => {
    const child = spawn(file, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] })
    let output = ''
    child.stdout.on('data', (chunk) => (output += chunk))
    child.stderr.on('data', (chunk) => (output += chunk))
    child.once('error', (error) => resolve({ ok: false, output: `npm error ${file}: ${error.message}` }))
    child.once('close', (code) => resolve({ ok: code === 0, output }))
  }).finally(() => clearInterval(timer))
}
