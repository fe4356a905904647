import { rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ContenderProcess } from '../contender-process.ts'
import type { Round, Servers } from '../contender.ts'
import { rawClient } from '../raw.ts'

/**
 * What is restored: a backup that the contender of that name made in a process of its own, so that nothing of it is in
 * the memory of the one that restores. It is made once, and ends with this process.
 */
export class Source {
  /** Of the stream in it. */
  readonly stream = 'source'
  readonly file = join(tmpdir(), `millrace-bench-restore-${process.pid}`)
  readonly #contender: string
  readonly #servers: Servers
  #made = false

  constructor(contender: 'millrace' | 'raw', servers: Servers) {
    this.#contender = contender
    this.#servers = servers
    process.on('exit', () => rmSync(this.file, { force: true }))
  }

  async make({ count }: Round): Promise<void> {
    if (this.#made) return
    this.#made = true
    const module = new URL(`../backup/${this.#contender}.ts`, import.meta.url)
    const backup = await ContenderProcess.start(module, this.#servers)
    await backup.run({ name: this.stream, count, file: this.file })
    await backup.stop()
    const client = await rawClient(this.#servers.redis)
    await client.flushAll('SYNC')
    client.destroy()
  }
}
