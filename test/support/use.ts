import { afterAll, afterEach, beforeAll, beforeEach } from 'vitest'

type Open<T> = () => Promise<T>
type Close<T> = (it: T) => Promise<unknown>

/**
 * Something that is open while the tests of a file, or of a `describe`, run. The answer stands for it from the
 * beginning, so that others can be made of it; it works within hooks and tests, and can not be spied on. Several are
 * opened in the order of the calls and closed in the opposite one, like all hooks.
 *
 * @example
 * const server = useOnce(startTestPostgres, (it) => it.stop())
 */
export function useOnce<T extends object>(open: Open<T>, close: Close<T>): T {
  const place = new Place(open, close)
  beforeAll(() => place.fill())
  afterAll(() => place.clear())
  return place.standIn
}

/** The same, anew for each test. */
export function useEach<T extends object>(open: Open<T>, close: Close<T>): T {
  const place = new Place(open, close)
  beforeEach(() => place.fill())
  afterEach(() => place.clear())
  return place.standIn
}

class Place<T extends object> {
  readonly #open: Open<T>
  readonly #close: Close<T>
  #content: T | undefined

  constructor(open: Open<T>, close: Close<T>) {
    this.#open = open
    this.#close = close
  }

  async fill(): Promise<void> {
    this.#content = await this.#open()
  }

  async clear(): Promise<void> {
    const content = this.#content
    this.#content = undefined
    if (content) await this.#close(content)
  }

  readonly standIn = new Proxy({} as T, {
    get: (_, name) => {
      const content = this.#present
      const value: unknown = Reflect.get(content, name)
      // Private fields are those of the object itself, never of what stands for it.
      return typeof value === 'function' ? value.bind(content) : value
    },
    set: (_, name, value) => Reflect.set(this.#present, name, value),
  })

  get #present(): T {
    if (!this.#content) throw new Error('it is open in hooks and tests only: use it there')
    return this.#content
  }
}
