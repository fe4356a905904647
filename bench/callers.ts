/** As the requests of a busy server are: many at once, each waiting for its own answer. */
const CALLERS = 200

/** Publishes `total` events from callers of which each awaits one publish after the other. */
export async function awaitedByCallers(total: number, publish: () => Promise<unknown>): Promise<void> {
  let left = total
  const caller = async () => {
    while (left-- > 0) await publish()
  }
  await Promise.all(Array.from({ length: CALLERS }, caller))
}
