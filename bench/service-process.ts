import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Servers } from './contender.ts'

/** The service as `npm start` runs it, on the built JavaScript and on the servers of the run. */
export class ServiceProcess {
  readonly #child: ChildProcess
  #url: string | undefined

  private constructor(child: ChildProcess) {
    this.#child = child
  }

  /** Resolves when it is ready. */
  static async start({ redis, postgres }: Servers, env: NodeJS.ProcessEnv = {}): Promise<ServiceProcess> {
    const dist = join(import.meta.dirname, '../dist')
    const args = [join(dist, 'cli/main.js'), 'serve', '--app', join(dist, 'examples/app.js')]
    const own = { PATH: process.env['PATH'], REDIS_URL: redis, DATABASE_URL: postgres, SERVICE_PORT: '0' }
    const child = spawn(process.execPath, args, {
      // In a folder without a `.env`, which would be read.
      cwd: tmpdir(),
      env: { ...own, ...env },
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const service = new ServiceProcess(child)
    await service.#ready()
    return service
  }

  get pid(): number {
    return this.#child.pid!
  }

  get url(): string {
    return this.#url!
  }

  async stop(): Promise<void> {
    this.#child.kill('SIGTERM')
    if (this.#child.exitCode === null) await once(this.#child, 'exit')
  }

  async #ready(): Promise<void> {
    for await (const line of createInterface({ input: this.#child.stdout! })) {
      this.#url ??= /API at (\S+),/.exec(line)?.[1]
      if (!line.includes('is ready')) continue
      // What it says from now on must not fill the pipe.
      this.#child.stdout!.resume()
      return
    }
    throw new Error('the service ended before it was ready')
  }
}
