import { setTimeout as sleep } from 'node:timers/promises'
import type { Delivery, Handler } from '../../src/core/delivery.ts'
import type { Inbox } from '../../src/postgres/inbox.ts'
import type { Transaction } from '../../src/postgres/transaction.ts'
import { WORKED, type EvidenceWriter } from '../evidence.ts'
import { effectsStream, LANES, sumOf, traitsOf, type LaneName, type Payload } from '../load.ts'

type Typed = Delivery<Payload>

/** Makes the handler of a lane for one group. It tells the evidence that it starts before it does anything else. */
export const handlers =
  (name: string, evidence: EvidenceWriter, inbox: Inbox) =>
  (lane: LaneName, group: string): Handler<Payload> => {
    const tell = (what: string, { event, position, attempt }: Typed) => {
      const row = [what, Date.now(), event.data.id, group, position, attempt, name, event.key ?? '']
      evidence.write(`worked.${lane}`, [row])
    }
    const run = async (delivery: Typed, effect: (delivery: Typed) => Promise<void> | void) => {
      tell(WORKED.start, delivery)
      const { id, sum, body } = delivery.event.data
      const { poison, failures, workMs } = traitsOf(lane, id)
      if (sumOf(body) !== sum || delivery.event.id !== id) tell(WORKED.broken, delivery)
      if (workMs > 0) await sleep(workMs)
      if (poison || delivery.attempt <= failures) {
        tell(WORKED.thrown, delivery)
        throw new Error(poison ? 'poison' : 'fails at first')
      }
      await effect(delivery)
      tell(WORKED.effect, delivery)
    }
    switch (LANES[lane].effects) {
      case 'inbox':
        return inbox.handler<Payload>((delivery, tx) => run(delivery, insertEffect(tx)))
      case 'produced':
        return (delivery) => run(delivery, produceEffect)
      case 'file':
        return (delivery) => run(delivery, () => {})
    }
  }

const insertEffect =
  (tx: Transaction) =>
  async ({ event, position }: Typed): Promise<void> => {
    await tx.query('INSERT INTO torture_effects (id, position) VALUES ($1, $2)', [event.data.id, position])
  }

const produceEffect = (delivery: Typed): void => {
  const { stream, event, position } = delivery
  const fields = ['type', 'effect', 'data', JSON.stringify(event.data.id), 'of', position]
  delivery.produce(
    effectsStream(stream),
    event.key === undefined ? fields : [...fields, 'partitionkey', event.key],
  )
}
