import type { SinkProcessTarget } from '../../src/testing/sink-conformance/lab.ts'
import type { SinkSpec } from '../../torture/sinks/spec.ts'
import { Child } from './child-process.ts'

export interface SinkChildOptions extends SinkProcessTarget {
  /** The Redis with the stream. */
  url: string
  spec: SinkSpec
}

export class SinkChild extends Child<{ ready: true }> {
  constructor(options: SinkChildOptions) {
    super('./sink-child.ts', options)
  }
}

/** For labs, whose sink a process can be told of. */
export async function startSinkProcess(
  url: string,
  spec: SinkSpec,
  target: SinkProcessTarget,
): Promise<{ kill(): Promise<void> }> {
  const child = new SinkChild({ ...target, url, spec })
  return { kill: () => child.end() }
}
