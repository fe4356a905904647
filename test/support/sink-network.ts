import type { FaultProxy } from '../../src/testing/fault-proxy.ts'
import type { SinkFaults } from '../../src/testing/sink-conformance/lab.ts'

/** What goes wrong between a sink and its server, by a proxy in front of it. */
export class SinkNetwork implements Pick<SinkFaults, 'cut' | 'leave'> {
  readonly #proxy: FaultProxy
  #cuts = 0

  constructor(proxy: FaultProxy) {
    this.#proxy = proxy
  }

  /** After the server has the write, and before, in turn. */
  cut(): Promise<void> {
    if (this.#cuts++ % 2 === 0) return this.#proxy.dropNextReply(isWriteOfSeveral)
    return new Promise((resolve) => {
      this.#proxy.dropReplies((bytes) => {
        if (!isWriteOfSeveral(bytes)) return false
        this.#proxy.pass()
        this.#proxy.cut()
        resolve()
        return false
      })
    })
  }

  /** Every connection ends with the first answer. */
  leave(): () => void {
    this.#proxy.dropReplies(() => true)
    this.#proxy.cut()
    return () => this.#proxy.pass()
  }
}

/** The events of the suite have numbers. */
const isWriteOfSeveral = (bytes: Buffer): boolean => {
  const number = '"number":'
  return bytes.indexOf(number) !== bytes.lastIndexOf(number)
}
