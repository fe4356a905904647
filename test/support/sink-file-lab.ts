import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { FileSink, type FileSinkOptions } from '../../src/connectors/sinks/file.ts'
import type { SinkLab, SinkProcessTarget } from '../../src/testing/sink-conformance/lab.ts'
import { FaultyDisk } from './sink-disk.ts'
import { linesBelow } from './sink-files.ts'
import { startSinkProcess } from './sink-process.ts'

/** A directory, on a disk that fails when it is told to. */
export class FileLab implements SinkLab {
  readonly oversize = 20_000
  readonly directory = mkdtempSync(join(tmpdir(), 'file-sink-'))
  readonly faulty = new FaultyDisk()
  readonly #options: FileSinkOptions
  readonly #url: string

  constructor(options: Omit<FileSinkOptions, 'directory'>, url: string) {
    this.#options = { maxEventBytes: 10_000, ...options, directory: this.directory }
    this.#url = url
  }

  sink(): FileSink {
    return new FileSink(this.#options, this.faulty.disk)
  }

  async held(): Promise<unknown[]> {
    const lines = linesBelow(this.directory, (path) => this.#forGood(path))
    return lines.map(({ data }) => data)
  }

  cut(): Promise<void> {
    return this.faulty.cut(this.#options.format === 'jsonl' ? 0 : 3)
  }

  hang(): () => void {
    return this.faulty.hang()
  }

  leave(): () => void {
    this.faulty.gone = 'ENOSPC'
    return () => {
      this.faulty.gone = undefined
    }
  }

  startProcess(target: SinkProcessTarget): Promise<{ kill(): Promise<void> }> {
    return startSinkProcess(this.#url, { type: 'file', options: this.#options }, target)
  }

  async close(): Promise<void> {
    rmSync(this.directory, { recursive: true, force: true })
  }

  /** How much of a file would survive a loss of power. */
  #forGood(path: string): number {
    const found = statSync(path, { throwIfNoEntry: false })
    if (!found || !this.faulty.isThereForGood(path)) return 0
    return this.faulty.syncedBytes(found.ino) ?? Infinity
  }
}
