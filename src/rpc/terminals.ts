import { correlated } from '../core/correlation.ts'
import { InvalidError, toError } from '../core/errors.ts'
import type { Note } from '../core/rpc.ts'
import { validate } from '../core/schema.ts'
import type { Contract } from './contract.ts'
import { Deadlines } from './deadlines.ts'
import type { Counts, Surroundings } from './parties.ts'
import { Run, timeOver, toldToStop, type RequestContext } from './run.ts'
import { errorJson, isTold, replyJson, RequestInvalid, type ReadRequest } from './wire.ts'

/** Answers one request; where the contract says `parts`, with many parts. */
export type AnyHandler = (request: unknown, context: RequestContext) => unknown

export interface Arrived extends ReadRequest {
  readonly position: string
  readonly attempt: number
  readonly data: unknown
  /** How long the requester still waits, in ms. */
  readonly leftMs: number
  /** Aborted when the request is not ours any more. */
  ours(): AbortSignal | undefined
  /** Writes a part, where the contract says so. Answers whether somebody wants it. */
  writePart(fields: string[]): Promise<boolean>
}

/** Runs requests and makes replies of what comes of them; whoever uses it says how many run at once. */
export class Terminals {
  readonly #contract: Contract
  readonly #handler: AnyHandler
  readonly #surroundings: Surroundings
  readonly #counts: Counts
  readonly #runs = new Map<string, Run>()
  readonly #deadlines = new Deadlines<Run>((over) => {
    for (const run of over) run.abort(timeOver())
  })

  constructor(contract: Contract, handler: AnyHandler, surroundings: Surroundings, counts: Counts) {
    this.#contract = contract
    this.#handler = handler
    this.#surroundings = surroundings
    this.#counts = counts
  }

  /** The fields of the reply, or undefined where nobody waits for one any more. Never rejects by what the handler does. */
  async answer(request: Arrived): Promise<string[] | undefined> {
    const { requestId, correlationId } = request
    const run = new Run(request, request.ours)
    this.#counts.activeTerminals++
    this.#runs.set(run.position, run)
    run.step = this.#deadlines.add(run, request.leftMs)
    try {
      const work = () => this.#work(run, request)
      const fields = await (correlationId === undefined ? work() : correlated(correlationId, work))
      if (!run.unwanted) return ['requestId', requestId, ...fields]
      this.#counts.lateReplies++
      return undefined
    } finally {
      this.#deadlines.delete(run, run.step)
      this.#runs.delete(run.position)
      this.#counts.activeTerminals--
    }
  }

  hear(note: Note): void {
    const run = this.#runs.get(note.position)
    if (note.kind === 'cancel') run?.abort(toldToStop())
    else run?.allow(note.parts)
  }

  stop(): void {
    this.#deadlines.stop()
  }

  async #work(run: Run, request: Arrived): Promise<string[]> {
    try {
      const checked = this.#checked(request.data)
      const data = checked instanceof Promise ? await checked : checked
      const result = this.#handler(data, run)
      if (this.#contract.answer === 'parts') return await this.#parts(run, request, result)
      const json = replyJson(this.#contract, await result, this.#surroundings.maxBytes)
      return ['data', typeof json === 'string' ? json : await json]
    } catch (error) {
      const fields = ['error', await this.#failure(run, toError(error))]
      if (this.#contract.answer === 'parts') fields.push('attempt', String(run.attempt))
      return fields
    }
  }

  #checked(data: unknown): unknown {
    const refuse = (error: unknown): never => {
      throw error instanceof InvalidError ? new RequestInvalid(error) : error
    }
    try {
      const checked = validate(this.#contract.request, data, `the request of "${this.#contract.name}"`)
      return checked instanceof Promise ? checked.catch(refuse) : checked
    } catch (error) {
      return refuse(error)
    }
  }

  async #parts(run: Run, { requestId, writePart }: Arrived, result: unknown): Promise<string[]> {
    const { maxBytes } = this.#surroundings
    let count = 0
    for await (const value of result as AsyncIterable<unknown>) {
      await run.room(count + 1)
      const json = await replyJson(this.#contract, value, maxBytes)
      const numbered = ['part', String(count), 'attempt', String(run.attempt)]
      if (!(await writePart(['requestId', requestId, 'data', json, ...numbered]))) {
        run.abort(toldToStop())
        break
      }
      count++
    }
    return ['end', String(count), 'attempt', String(run.attempt)]
  }

  /** What the requester is not told stands in the log of the responder. */
  async #failure(run: Run, thrown: Error): Promise<string> {
    const { requestId, position } = run
    const { maxBytes } = this.#surroundings
    const tell = (error: unknown, why: string) => {
      const { stream, name: contract } = this.#contract
      const line = { error, stream, contract, requestId, position }
      this.#surroundings.lines.error(line, `${why}: ${toError(error).message}`)
    }
    if (!run.unwanted && !isTold(this.#contract, thrown)) tell(thrown, 'a request failed')
    try {
      return await errorJson(this.#contract, thrown, maxBytes)
    } catch (error) {
      tell(error, 'an error of a contract can not be told')
      return errorJson(this.#contract, error, maxBytes)
    }
  }
}
