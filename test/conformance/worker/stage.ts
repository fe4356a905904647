import { z } from 'zod'
import { Bus } from '../../../src/bus/bus.ts'
import type { Delivery } from '../../../src/core/delivery.ts'
import { FIRST_POSITION } from '../../../src/core/position.ts'
import type { Entry } from '../../../src/core/stream-log.ts'
import { stream } from '../../../src/core/stream.ts'
import type { OpenLog } from '../../../src/testing/conformance/adapter.ts'
import type { Worker } from '../../../src/worker/worker.ts'
import { Lab, type LabOptions } from '../../support/worker-lab.ts'

export type StageCases = Readonly<Record<string, (stage: Stage) => Promise<void>>>

/** Nobody is taken for dead who is only slow, where a case is not about that. */
export const NEVER_DEAD_MS = 30_000

/** What one case plays on: a bus and workers on a stream of its own, which all end with it. */
export class Stage extends Lab {
  readonly bus: Bus
  readonly opened: OpenLog
  /** Events of type `number`, whose data is one. */
  readonly numbers
  readonly #peers: Lab[] = []

  constructor(opened: OpenLog) {
    super(opened.log, () => opened.close())
    this.opened = opened
    this.bus = new Bus(opened.log)
    this.numbers = stream(this.stream, { number: z.number() })
  }

  override worker(options: LabOptions): Worker {
    return super.worker({ deadAfterMs: NEVER_DEAD_MS, ...options })
  }

  /** Workers on another log of the same data, as another process has them. */
  async openPeer(): Promise<Lab> {
    const { log, close } = await this.opened.openPeer!()
    const peer = new Lab(log, close, this.stream)
    this.#peers.push(peer)
    return peer
  }

  /** Publishes the numbers from 0 on, each under the key that `keyOf` gives it. */
  publishKeyed(count: number, keyOf: (number: number) => string): Promise<string[]> {
    const event = (data: number) => ({ type: 'number' as const, data, key: keyOf(data) })
    return this.bus.publishMany(
      this.numbers,
      Array.from({ length: count }, (_, data) => event(data)),
    )
  }

  /** Everything in the stream. */
  async entries(): Promise<Entry[]> {
    const entries: Entry[] = []
    for (;;) {
      const page = await this.log.read(this.stream, entries.at(-1)?.position ?? FIRST_POSITION, 1_000)
      if (page.length === 0) return entries
      entries.push(...page)
    }
  }

  override async close(): Promise<void> {
    await this.bus.close(1_000)
    await Promise.all(this.#peers.map((peer) => peer.close()))
    await super.close()
  }
}

/** Opens once; whoever waits for it goes on then. */
export class Gate {
  open: () => void = () => {}
  readonly opened = new Promise<void>((resolve) => (this.open = resolve))
}

/** Which events were handled, by their data. */
export class Handled {
  readonly deliveries: Delivery[] = []
  readonly add = (delivery: Delivery): void => void this.deliveries.push(delivery)

  get numbers(): number[] {
    return this.deliveries.map(({ event }) => event.data as number)
  }

  get sorted(): number[] {
    return this.numbers.sort((a, b) => a - b)
  }

  get attempts(): number[] {
    return this.deliveries.map(({ attempt }) => attempt)
  }

  /** The numbers of each remainder in the order in which they were handled. */
  byRemainder(divisor: number): number[][] {
    return upTo(divisor).map((rest) => this.numbers.filter((number) => number % divisor === rest))
  }

  /** How many different events there were. */
  get distinct(): number {
    return new Set(this.numbers).size
  }
}

/** 0 to `count - 1`. */
export const upTo = (count: number): number[] => Array.from({ length: count }, (_, number) => number)

/** Lets everybody else have a turn. */
export const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
