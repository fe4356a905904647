// @ts-check
/**
 * Whether the service in this container lives, for a container engine; the image has no shell and no curl.
 *   node health.mjs [PATH]   (default /health/live; /health/ready asks whether requests should come)
 * It reads HOST and SERVICE_PORT as the service does. Exit code 1 with a line that says what is wrong.
 */
const DEADLINE_MS = 3000
const EVERYWHERE = new Set(['', '0.0.0.0', '::'])

const [path = '/health/live'] = process.argv.slice(2)
const url = `http://${host()}:${process.env['SERVICE_PORT'] || process.env['PORT'] || '8000'}${path}`

try {
  const response = await fetch(url, { redirect: 'manual', signal: AbortSignal.timeout(DEADLINE_MS) })
  const body = (await response.text()).slice(0, 200)
  say(response.status === 200, `answered ${response.status} ${body}`)
} catch (thrown) {
  say(false, describe(thrown))
}

function host() {
  const { HOST = '' } = process.env
  if (EVERYWHERE.has(HOST)) return '127.0.0.1'
  return HOST.includes(':') ? `[${HOST}]` : HOST
}

/**
 * @param {boolean} isWell
 * @param {string} what
 */
function say(isWell, what) {
  console.log(`${isWell ? 'healthy' : 'unhealthy'}: ${url} ${what}`)
  process.exitCode = isWell ? 0 : 1
}

/** @param {unknown} thrown */
function describe(thrown) {
  if (!(thrown instanceof Error)) return String(thrown)
  if (thrown.name === 'TimeoutError') return `gave no answer within ${DEADLINE_MS} ms`
  const { cause } = thrown
  return `gave no answer: ${cause instanceof Error ? cause.message || cause.name : thrown.message}`
}
