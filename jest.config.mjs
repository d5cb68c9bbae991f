/** One configuration; the kinds of test are told apart by their file names (CONTRIBUTING.md). */
export default {
  testEnvironment: 'node',
  extensionsToTreatAsEsm: ['.ts'],
  transform: {
    '^.+\\.ts$': [
      '@swc/jest',
      { jsc: { parser: { syntax: 'typescript' }, target: 'es2024' }, module: { type: 'es6' } },
    ],
  },
  testMatch: ['**/*.test.ts'],
  // Long freezes and restarts: `npm run test:chaos` has the patience.
  testPathIgnorePatterns: ['/node_modules/', ...(process.env.CHAOS_TESTS ? [] : [String.raw`\.chaos\.test\.ts$`])],
  modulePathIgnorePatterns: ['<rootDir>/.data', '<rootDir>/.cache'],
  // On two cores a long file that begins last is half the machine asleep.
  testSequencer: '<rootDir>/test/support/longest-first.ts',
  globalSetup: '<rootDir>/test/support/global-setup.ts',
  globalTeardown: '<rootDir>/test/support/global-teardown.ts',
  testTimeout: 30_000,
}
