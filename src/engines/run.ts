import { spawn } from 'node:child_process'

export interface RunOptions {
  env?: NodeJS.ProcessEnv
  cwd?: string
  input?: string
  uid?: number
  gid?: number
  timeoutMs?: number
}

/** Runs a program to its end. Resolves with what it printed; rejects with the last lines of what it complained of. */
export function run(file: string, args: string[], options: RunOptions = {}): Promise<string> {
  const { input = '', timeoutMs = 300_000, ...rest } = options
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, { cwd: '/', ...rest, timeout: timeoutMs, stdio: 'pipe' })
    let output = ''
    let complaints = ''
    child.stdout.on('data', (chunk) => (output += chunk))
    child.stderr.on('data', (chunk) => (complaints += chunk))
    child.stdin.on('error', () => {}) // it may end without reading all
    child.stdin.end(input)
    child.once('error', reject)
    child.once('close', (code, signal) => {
      if (code === 0) return resolve(output)
      reject(new Error(lastLines(complaints || output, 3) || `${file} ended with ${signal ?? code}`))
    })
  })
}

export function lastLines(text: string, count: number): string {
  return text.trim().split('\n').slice(-count).join('\n')
}
