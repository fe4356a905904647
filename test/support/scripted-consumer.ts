import { setImmediate as immediate } from 'node:timers/promises'
import type { Claim, Consumer, Outcome } from '../../src/core/stream-log.ts'

/** Long enough for what was accepted to run. */
export async function turn(): Promise<void> {
  for (let count = 0; count < 3; count++) await immediate()
}

/** A consumer whose settlements end when, and as, the test says. */
export class ScriptedConsumer implements Consumer {
  mayRun = true
  readonly settled: Outcome[] = []
  readonly begun: Claim[] = []
  readonly calls: { outcomes: readonly Outcome[]; end(lost?: string[]): void; fail(): void }[] = []

  settle(outcomes: readonly Outcome[]): Promise<string[]> {
    return new Promise((resolve, reject) => {
      const end = (lost: string[] = []) => {
        this.settled.push(...outcomes)
        resolve(lost)
      }
      this.calls.push({ outcomes, end, fail: () => reject(new Error('no reply')) })
    })
  }

  /** Ends the settlement that waits, and those that follow from it. */
  async endAll(): Promise<void> {
    for (let quiet = 0; quiet < 3; quiet++) {
      for (const call of this.calls.splice(0)) {
        call.end()
        quiet = 0
      }
      await turn()
    }
  }

  begin(claims: readonly Claim[]): Promise<string[]> {
    this.begun.push(...claims)
    return Promise.resolve([])
  }

  reserve = (all: readonly unknown[]) => Promise.resolve(all.map(() => 'run' as const))
  expedite = () => Promise.resolve()
  checkProduced = () => {}
  waiting = () => Promise.resolve([])
  claim = () => Promise.resolve([])
  heartbeat = () => Promise.resolve([])
  leave = () => Promise.resolve()
}
