import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

/** What a receiver's process answers, once at its start and then whenever it is asked to forget what it holds. */
export type Heard = { address: string } | { held: number }

/** A server that events are sent to, in a process of its own: what it needs is nobody's processor time. */
export class Receiver {
  readonly #child: ChildProcess
  readonly address: string

  private constructor(child: ChildProcess, address: string) {
    this.#child = child
    this.address = address
  }

  /** It ends with this process. @param file a module beside this one */
  static async start(file: string): Promise<Receiver> {
    const child = fork(fileURLToPath(new URL(file, import.meta.url)))
    const [{ address }] = (await once(child, 'message')) as [{ address: string }]
    return new Receiver(child, address)
  }

  /** How many events it has got since the last call. */
  async take(): Promise<number> {
    this.#child.send('take')
    const [{ held }] = (await once(this.#child, 'message')) as [{ held: number }]
    return held
  }
}

/** In the process of a receiver. @param take answers how many events it holds, and forgets them */
export function receive(address: string, take: () => number): void {
  process.on('message', () => process.send!({ held: take() } satisfies Heard))
  process.on('disconnect', () => process.exit())
  process.send!({ address } satisfies Heard)
}
