import { z } from 'zod'

/** What every event of every scenario carries: about 190 bytes of JSON. */
export const orderSchema = z.object({
  orderId: z.string(),
  customerId: z.string(),
  amount: z.number(),
  currency: z.enum(['EUR', 'USD']),
  items: z.array(z.object({ sku: z.string(), quantity: z.int() })),
  shipTo: z.object({ city: z.string() }),
  placedAt: z.string(),
})

export type Order = z.infer<typeof orderSchema>

export const ORDER_TYPE = 'order.placed'

/** Made before the clock runs, since making orders is nobody's business here; writing them as JSON is everybody's. */
export const orders = (count: number): Order[] => Array.from({ length: count }, (_, index) => order(index))

const order = (index: number): Order => ({
  orderId: `order-${100_000 + index}`,
  customerId: `customer-${1_000 + (index % 997)}`,
  amount: 10 + (index % 90) + 0.25,
  currency: 'EUR',
  items: [{ sku: 'wheel-24', quantity: 1 + (index % 4) }],
  shipTo: { city: 'Bielefeld' },
  placedAt: '2026-01-28T10:00:00Z',
})
