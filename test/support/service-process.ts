import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

const ROOT = join(import.meta.dirname, '../..')

/** Runs the command line in a process of its own, from the sources. */
export function spawnMillrace(args: readonly string[], env: NodeJS.ProcessEnv, cwd = ROOT): ChildProcess {
  const { PATH, HOME } = process.env
  // Not by the command tsx, which starts another process: a SIGKILL has to reach the one that does the work.
  const options = ['--import', join(ROOT, 'node_modules/tsx/dist/loader.mjs'), join(ROOT, 'src/cli/main.ts')]
  return spawn(process.execPath, [...options, ...args], {
    cwd,
    env: { PATH, HOME, TSX_TSCONFIG_PATH: join(ROOT, 'tsconfig.json'), ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
}

/** A service that runs in a process of its own. */
export class ServiceProcess {
  readonly child: ChildProcess
  readonly lines: string[] = []
  #url: string | undefined

  private constructor(child: ChildProcess) {
    this.child = child
    for (const stream of [child.stdout!, child.stderr!]) {
      createInterface({ input: stream }).on('line', (line) => {
        this.lines.push(line)
        this.#url ??= /API at (\S+),/.exec(line)?.[1]
      })
    }
  }

  /** Starts `millrace serve` on a free port. */
  static launch(env: NodeJS.ProcessEnv, args: readonly string[] = []): ServiceProcess {
    return new ServiceProcess(spawnMillrace(['serve', ...args], { SERVICE_PORT: '0', ...env }))
  }

  /** Starts it, and waits until it is ready. */
  static async start(env: NodeJS.ProcessEnv, args: readonly string[] = []): Promise<ServiceProcess> {
    const service = ServiceProcess.launch(env, args)
    await service.untilReady()
    return service
  }

  untilReady(): Promise<void> {
    return this.until(() => this.lines.some((line) => line.includes('is ready')))
  }

  get hasUrl(): boolean {
    return this.#url !== undefined
  }

  get url(): string {
    if (!this.#url) throw new Error(`the service printed no URL:\n${this.lines.join('\n')}`)
    return this.#url
  }

  /** Waits for a condition while the process lives. */
  async until(condition: () => boolean | Promise<boolean>, timeoutMs = 30_000): Promise<void> {
    const end = Date.now() + timeoutMs
    while (!(await condition())) {
      if (this.child.exitCode !== null || Date.now() > end) throw new Error(this.lines.join('\n'))
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  }

  async get<T = Record<string, unknown>>(path: string): Promise<T> {
    return (await fetch(this.url + path)).json() as Promise<T>
  }

  /** Sends a signal, waits for the end, and answers the exit code. */
  async end(signal: NodeJS.Signals = 'SIGTERM'): Promise<number | null> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return this.child.exitCode
    this.child.kill(signal)
    await once(this.child, 'exit')
    return this.child.exitCode
  }
}
