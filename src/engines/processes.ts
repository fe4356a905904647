import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'

const hasProc = process.platform === 'linux'

/**
 * Names a process for good: `<pid>-<start time>`. A pid alone is given out again after a while, and what a dead
 * process left behind would then look alive. Undefined for a process that is gone, a zombie included.
 */
export function identityOf(pid: number): string | undefined {
  const start = hasProc ? startInProc(pid) : startFromPs(pid)
  return start && `${pid}-${start}`
}

export function isAlive(identity: string): boolean {
  return identityOf(Number.parseInt(identity, 10)) === identity
}

export const ownIdentity: string = identityOf(process.pid) ?? `${process.pid}-0`

export interface FoundProcess {
  identity: string
  pid: number
  commandLine: string
}

/**
 * Processes whose command line contains `fragment`, the oldest first: a server's forked children carry the same
 * command line for a moment, or for as long as a background rewrite takes.
 */
export function findProcesses(fragment: string): FoundProcess[] {
  return commandLines()
    .filter(({ commandLine }) => commandLine.includes(fragment))
    .flatMap((found) => {
      const identity = identityOf(found.pid)
      return identity ? [{ ...found, identity }] : []
    })
    .sort((a, b) => startOf(a.identity) - startOf(b.identity) || a.pid - b.pid)
}

/** Resolves with whether the process ended within the time given. */
export async function untilGone(identity: string, timeoutMs: number): Promise<boolean> {
  const deadline = Date.now() + timeoutMs
  while (isAlive(identity)) {
    if (Date.now() > deadline) return false
    await delay(10)
  }
  return true
}

/** Sends a signal to a process that may have ended by itself in the meantime. */
export function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}

const startOf = (identity: string): number => Number(identity.split('-')[1])

function startInProc(pid: number): string | undefined {
  const stat = readIfThere(`/proc/${pid}/stat`)
  // The second field is the program's name in brackets, which may itself hold blanks and brackets.
  const [state, ...fields] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  // The first thread of a process that was killed may end before the others, which hold its files and sockets.
  const isGone = state === 'Z' ? Number(fields[16]) <= 1 : state === 'X'
  return isGone ? undefined : fields[18]
}

function startFromPs(pid: number): string | undefined {
  const [state, ...started] = ps('-o', 'stat=,lstart=', '-p', String(pid)).trim().split(/\s+/)
  return !state || state.startsWith('Z') ? undefined : String(Date.parse(started.join(' ')))
}

function commandLines(): { pid: number; commandLine: string }[] {
  if (!hasProc) return ps('-axww', '-o', 'pid=,args=').split('\n').map(splitPsLine)
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((name) => ({
      pid: Number(name),
      commandLine: readIfThere(`/proc/${name}/cmdline`).replaceAll('\0', ' '),
    }))
}

function splitPsLine(line: string): { pid: number; commandLine: string } {
  const [, pid = '0', commandLine = ''] = /^\s*(\d+)\s+(.*)$/.exec(line) ?? []
  return { pid: Number(pid), commandLine: `${commandLine} ` }
}

function ps(...args: string[]): string {
  try {
    const env = { ...process.env, LC_ALL: 'C' } // dates that can be parsed
    return execFileSync('ps', args, { env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
  } catch {
    return '' // ps fails when no process matches
  }
}

function readIfThere(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return '' // it ended while we looked
  }
}
