import { endWith, jest } from './jest.ts'

/**
 * `npm run test:esdb`: the end-to-end tests with `EVENT_STORE=esdb`, each platform on a double of EventStoreDB of its own
 * (`test/support/event-log.ts`). Words after `--` go to jest, in place of all of `test/e2e`. The last line is `N passed, N failed`.
 */
export async function main(args: readonly string[]): Promise<void> {
  console.log(
    'With EVENT_STORE=esdb against test/support/esdb-double.ts, which is a double: no EventStoreDB server takes part',
  )
  endWith(await jest(args.length > 0 ? args : ['test/e2e/'], { TEST_EVENT_STORE: 'esdb' }))
}
