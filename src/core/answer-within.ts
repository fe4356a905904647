/**
 * The answer of a server, where it comes in time; what is asked goes on. Where it was this process that had no time, the
 * answer is there already: it is read before anybody is blamed.
 *
 * @throws Error `no answer within … ms`, and whatever the answer rejects with
 */
export async function answerWithin<T>(answer: Promise<T>, ms: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const impatience = new Promise<never>((_, reject) => {
    const giveUp = () => reject(new Error(`no answer within ${ms} ms`))
    timer = setTimeout(() => setImmediate(giveUp), ms)
  })
  try {
    return await Promise.race([answer, impatience])
  } finally {
    clearTimeout(timer)
  }
}
