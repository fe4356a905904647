/**
 * Checks the health routes of a running service and fires a test event, a line for each verdict:
 *   npm run test:health -- http://localhost:8000
 * An API key comes from API_KEY. Exit code 1 when something is wrong, 2 on bad usage.
 */
const DEFAULT_URL = 'http://localhost:8000'
const TIMEOUT_MS = 10_000
const USAGE = `usage: npm run test:health -- [URL]   (default ${DEFAULT_URL}; API_KEY holds a key, if one is needed)`

const KEY_HINT = '; give a key of the scope publish in API_KEY'

/** @type {{ route: string, status: number, wanted: string, holds(body: any): boolean }[]} */
const CHECKS = [
  { route: 'GET /health/live', status: 200, wanted: 'the text OK', holds: (body) => body === 'OK' },
  { route: 'GET /health/ready', status: 200, wanted: 'ready', holds: (body) => body?.status === 'ready' },
  { route: 'GET /health', status: 200, wanted: 'healthy or degraded', holds: isWell },
  { route: 'GET /health-check', status: 200, wanted: 'healthy or degraded', holds: isWell },
  {
    route: 'GET /',
    status: 200,
    wanted: 'name and version',
    holds: (body) => Boolean(body?.name && body.version),
  },
  {
    route: 'POST /trigger-test-event',
    status: 201,
    wanted: 'a messageId',
    holds: (body) => Boolean(body?.messageId),
  },
]

process.exitCode = await main(process.argv.slice(2))

/** @param {string[]} args */
async function main(args) {
  const [text = DEFAULT_URL, ...others] = args
  const base = others.length === 0 ? readUrl(text) : undefined
  if (!base) {
    console.error(USAGE)
    return 2
  }
  let failures = 0
  for (const check of CHECKS) failures += (await verdict(base, check)) ? 0 : 1
  console.log(failures === 0 ? 'all is well' : `${failures} of ${CHECKS.length} checks failed`)
  return failures === 0 ? 0 : 1
}

/** @param {string} text */
function readUrl(text) {
  if (!/^https?:\/\//.test(text) || !URL.canParse(text)) return undefined
  return text.replace(/\/+$/, '')
}

/**
 * @param {string} base
 * @param {(typeof CHECKS)[number]} check
 */
async function verdict(base, { route, status, wanted, holds }) {
  const [method = '', path = ''] = route.split(' ')
  const since = performance.now()
  const found = await ask(method, base + path)
  const ms = Math.round(performance.now() - since)
  const well = found.status === status && holds(found.body)
  const shown = typeof found.body === 'string' ? found.body : JSON.stringify(found.body)
  console.log(`${well ? 'ok  ' : 'FAIL'} ${route} ${found.status ?? '-'} ${ms} ms ${shown.slice(0, 300)}`)
  if (!well) console.log(`     wanted: ${status} and ${wanted}${found.status === 401 ? KEY_HINT : ''}`)
  return well
}

/**
 * @param {string} method
 * @param {string} url
 */
async function ask(method, url) {
  const key = process.env['API_KEY']
  try {
    const response = await fetch(url, {
      method,
      redirect: 'manual',
      headers: key ? { authorization: `Bearer ${key}` } : {},
      signal: AbortSignal.timeout(TIMEOUT_MS),
    })
    return { status: response.status, body: parse(await response.text()) }
  } catch (thrown) {
    const { message, cause } = /** @type {Error & { cause?: NodeJS.ErrnoException }} */ (thrown)
    return { status: undefined, body: cause?.message || cause?.code || message }
  }
}

/** @param {string} text */
function parse(text) {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}

/** @param {{ status?: string }} [body] */
function isWell(body) {
  return body?.status === 'healthy' || body?.status === 'degraded'
}
