import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { Socket } from 'node:net'
import { dirname } from 'node:path'

import { commandLine, spawned, type SpawnServer } from './spawn.ts'

/**
 * A shell that starts the server, tells its pid, and then reads from a pipe of which we hold the other end. That read
 * returns when we say "keep", or when the system closes the pipe because we are gone, SIGKILL included: then nothing
 * may stay behind.
 */
const SCRIPT = `
log=$1 folder=$2 end=$3
shift 3
"$@" </dev/null >"$log" 2>&1 &
echo $!
read -r word
[ "$word" = keep ] && exit
cd /
kill -CONT $!
kill -$end $!
wait
rm -rf "$folder"
`

/** Spawns servers, one after the other, that end with our own process. */
export function supervisor(): { spawn: SpawnServer; end(): Promise<void> } {
  let shell: ChildProcess | undefined
  const letGo = async (word: string): Promise<void> => {
    if (shell && shell.exitCode === null && shell.signalCode === null) {
      shell.ref()
      shell.stdin!.end(`${word}\n`)
      await once(shell, 'exit')
    }
    shell = undefined
  }
  return {
    async spawn(server, launch, port) {
      await letGo('keep')
      // A killed PostgreSQL would leave shared memory and children behind, of which SIGQUIT makes an end.
      const end = server.name === 'Redis' ? 'KILL' : 'QUIT'
      const folder = dirname(server.dataDir)
      const supervised = ['/bin/sh', '-c', SCRIPT, 'sh', server.logFile, folder, end]
      const command = [...supervised, ...commandLine(server, launch, port)]
      shell = await spawned(server, launch, command, ['pipe', 'pipe', 'ignore'])
      const [pid] = (await once(shell.stdout!, 'data')) as [Buffer]
      letUsExit(shell)
      return Number(pid)
    },
    end: () => letGo('remove'),
  }
}

/** A test that forgets its server must end all the same, and the server with it. */
function letUsExit({ stdin, stdout }: ChildProcess): void {
  stdin!.on('error', () => {}) // somebody else may have ended the shell
  if (stdin instanceof Socket) stdin.unref()
  stdout!.destroy()
}
