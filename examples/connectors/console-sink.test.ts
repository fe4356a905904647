import { Writable } from 'node:stream'
import { sinkConformance, type SinkLab } from 'millrace/testing'
import { describe, expect, test } from 'vitest'
import { ConsoleSink } from './console-sink.ts'

class ConsoleLab implements SinkLab {
  #lines = ''
  #answered: Promise<void> = Promise.resolve()

  sink() {
    const write = async (chunk: Buffer, done: () => void) => {
      await this.#answered
      this.#lines += String(chunk)
      done()
    }
    return new ConsoleSink(new Writable({ write: (chunk, _, done) => void write(chunk, done) }))
  }

  async held() {
    const lines = this.#lines.split('\n').filter((line) => line !== '')
    return lines.map((line) => (JSON.parse(line) as { data: unknown }).data)
  }

  hang() {
    let letGo = () => {}
    this.#answered = new Promise((resolve) => (letGo = resolve))
    return letGo
  }

  async close() {}
}

const without = {
  exactlyOnce: 'what was printed can not be looked up',
  refuse: 'it prints every event',
  oversize: 'a line may be of any length',
  throttle: 'it does not ask for less',
  cut: 'an output that broke does not come back',
  leave: 'an output that broke does not come back',
  startProcess: 'what was printed is not there any more',
}

sinkConformance({ name: 'console', open: async () => new ConsoleLab(), without }, { describe, test, expect })
