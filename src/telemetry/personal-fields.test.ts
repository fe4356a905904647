import { expect, test } from 'vitest'
import { PersonalFields } from './personal-fields.ts'
import { presentable } from './redact.ts'

const show = (declared: string[], fields: object): unknown =>
  JSON.parse(JSON.stringify(presentable(fields, false, new PersonalFields(declared))))

test.each([
  [['email'], { email: 1, a: [{ Email: 2, b: 3 }] }, { email: '****', a: [{ Email: '****', b: 3 }] }],
  [['user.phone'], { user: { phone: 1 }, phone: 2 }, { user: { phone: '****' }, phone: 2 }],
  [['user.phone'], { order: { user: [{ phone: 1 }] } }, { order: { user: [{ phone: '****' }] } }],
  [['user.phone'], { user: { home: { phone: 1 } } }, { user: { home: { phone: 1 } } }],
  [['a.b.c', 'b.d'], { a: { b: { c: 1, d: 2, e: 3 } } }, { a: { b: { c: '****', d: '****', e: 3 } } }],
  [['user'], { user: { name: 'Ada' } }, { user: '****' }],
  [['__proto__'], JSON.parse('{"__proto__":{"a":1},"b":2}'), JSON.parse('{"__proto__":"****","b":2}')],
  [['email'], { at: new Map([['email', 'x']]) }, { at: { email: '****' } }],
])('%j', (declared, fields, shown) => {
  expect(show(declared, fields)).toEqual(shown)
})
