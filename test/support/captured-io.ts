import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough, Readable, Writable } from 'node:stream'
import type { Io } from '../../src/cli/io.ts'

/** An Io in a folder of its own, with what was written to it. */
export class CapturedIo implements Io {
  readonly stdin: Readable
  readonly stdout = new Captured()
  readonly stderr = new Captured()
  readonly cwd = mkdtempSync(join(tmpdir(), 'millrace-test-cli-'))
  readonly env: NodeJS.ProcessEnv
  readonly stop = new AbortController()
  readonly signal = this.stop.signal

  constructor(env: NodeJS.ProcessEnv = {}, input = '') {
    this.env = { PATH: process.env['PATH'], ...env }
    this.stdin = input ? Readable.from([input]) : new PassThrough()
  }

  /** What was printed for programs, a JSON value a line. */
  get json(): unknown[] {
    return this.stdout.text
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line) as unknown)
  }

  remove(): void {
    rmSync(this.cwd, { recursive: true, force: true })
  }
}

class Captured extends Writable {
  text = ''

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.text += chunk.toString()
    done()
  }
}
