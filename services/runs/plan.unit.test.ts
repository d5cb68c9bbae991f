import { expect, test } from '@jest/globals'
import type { RunCase } from '../../contracts/run.ts'
import { planned } from './plan.ts'

const pin = { stream: 'case-1', revision: 0 }
const icase: RunCase = { title: '登录', id: 1, case: pin, interface: pin }

test('few cases stand in the request, many beside it, with how many there are', () => {
  const few = [{ name: 'a', scene: 1, cases: [icase] }]
  expect(planned(few)).toEqual({ flows: few })
  const many = [{ name: 'a', scene: 1, cases: Array.from({ length: 1_000 }, () => icase) }]
  expect(planned(many)).toEqual({
    flows: [{ name: 'a', scene: 1, size: 1_000 }],
    plan: JSON.stringify([many[0]?.cases]),
  })
})

test('as many scenes as a task may have fit into one append, however long their names are', () => {
  const flows = Array.from({ length: 2_000 }, (_, nth) => ({
    name: `${nth} ${'😀长'.repeat(499)}`,
    scene: 2_000_000_000 + nth,
    cases: Array.from({ length: 100 }, () => icase),
  }))
  const { flows: kept } = planned(flows)
  expect(Buffer.byteLength(JSON.stringify(kept))).toBeLessThan(240 * 1024)
  expect(kept[7]?.name).toMatch(/^7 😀长.*…$/u)
})
