import { noLog, type Log, type Service } from '../../core/service.ts'
import type { Connection, Sender } from '../connection.ts'
import { PatientConnection } from '../connections/patient.ts'
import { changeScript } from './settings-script.ts'
import { SettingsWatch } from './settings-watch.ts'

export interface VersionedHashOptions {
  log?: Log
  offlineTimeoutMs?: number
}

/** A hash with a version, and a stream as the record of its changes: settings of a service, and its API keys. */
export class VersionedHash {
  readonly sender: Sender
  readonly log: Log
  readonly values: string
  readonly changes: string
  readonly #connection: Connection

  constructor(connection: Connection, values: string, changes: string, options: VersionedHashOptions) {
    this.#connection = connection
    this.sender = new PatientConnection(connection, options.offlineTimeoutMs)
    this.log = options.log ?? noLog
    this.values = values
    this.changes = changes
  }

  /** Makes a change and its record in one step. @param args as the script wants them */
  change(args: readonly string[]) {
    return changeScript.run(this.sender, [this.values, this.changes], args)
  }

  watch(onChange: () => Promise<void>): Service {
    return new SettingsWatch(() => this.#mark(), onChange, this.log)
  }

  /**
   * Differs after every change, also after a failover that lost the last ones, when a version comes again. Fails at once
   * while there is no connection: the watch looks again anyway.
   */
  async #mark(): Promise<string> {
    const marks = await this.#connection.send<(string | null)[]>(['HMGET', this.values, 'version', 'change'])
    return JSON.stringify(marks)
  }
}
