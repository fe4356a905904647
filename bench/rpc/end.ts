/** Both ends of one way to ask and answer, on a stream of its own. */
export interface Ends {
  /** One round trip: the request is a text, and so is the reply. */
  request(text: string): Promise<string>
  close(): Promise<void>
}

/** The default export of a way's module. @param terminals how many requests may run at once */
export type OpenEnds = (url: string, stream: string, terminals: number) => Promise<Ends>

/** What the child process is told to do, and what it answers. */
export interface Task {
  stream: string
  /** Requests under way at any time. */
  inFlight: number
  count: number
}

export interface Measured {
  perSecond: number
  /** Of the times of the round trips, in ms. */
  p50: number
}
