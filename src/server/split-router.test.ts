import { Hono } from 'hono'
import { expect, it } from 'vitest'
import { SplitRouter } from './split-router.ts'

it('leads to routes on both sides, through what is for all of them, in the order in which they were added', async () => {
  const app = new Hono({ router: new SplitRouter(['/elsewhere/', '/admin/']) })
  app.use(async (c, next) => {
    await next()
    c.header('passed', 'yes')
  })
  app.get('/admin/:name/summary', (c) => c.text(`summary of ${c.req.param('name')}`))
  app.get('/admin/:name/:id', (c) => c.text(`${c.req.param('name')} ${c.req.param('id')}`))
  app.post('/events', (c) => c.text('published'))
  app.get('/*', (c) => c.text('any'))
  const ask = async (method: string, path: string) => {
    const answer = await app.request(path, { method })
    return [answer.status, answer.headers.get('passed'), await answer.text()]
  }
  expect(await ask('GET', '/admin/a%2Fb/summary')).toEqual([200, 'yes', 'summary of a/b'])
  expect(await ask('GET', '/admin/a/7')).toEqual([200, 'yes', 'a 7'])
  expect(await ask('POST', '/events')).toEqual([200, 'yes', 'published'])
  expect(await ask('GET', '/admin/a/b/c')).toEqual([200, 'yes', 'any'])
  expect(await ask('GET', '/elsewhere')).toEqual([200, 'yes', 'any'])
  expect(await ask('DELETE', '/events')).toEqual([404, 'yes', '404 Not Found'])
})
