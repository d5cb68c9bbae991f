/** Imports run contracts <- platform <- projections <- services <- gateway <- roles <- main. */
const layers = ['contracts', 'platform', 'projections', 'services', 'gateway', 'roles']
const above = (layer) =>
  [...layers.slice(layers.indexOf(layer) + 1), 'main\\.ts$', 'test', 'scripts', 'bench'].join('|')

/**
 * Each client of an outside system is imported, as a value, in one place. kafkajs has two, for the command line client stands alone. pg has two, for it reaches two systems: the ledger's own
 * database, and the databases that scripts of cases look into, which share nothing with it.
 */
const clients = {
  pg: '^(platform|services/runner/databases)/postgres\\.ts$',
  mysql2: '^services/runner/databases/mysql\\.ts$',
  knex: '^platform/postgres\\.ts$',
  undici: '^services/runner/case/send\\.ts$',
  pyodide: '^services/runner/sandbox/',
  pino: '^platform/logger\\.ts$',
  koa: '^gateway/app\\.ts$',
  // Its table of codecs is not among what it exports.
  kafkajs: '^(platform/message-log/kafka(/codecs)?\\.ts|cli/kafka\\.mjs)$',
  '@eventstore': '^platform/event-store/esdb\\.ts$',
  'prom-client': '^platform/metrics\\.ts$',
  '@opentelemetry': '^platform/tracing/',
}

module.exports = {
  forbidden: [
    ...layers.map((layer) => ({
      name: `${layer}-imports-upwards`,
      severity: 'error',
      comment: `${layer}/ must not know what is built on it`,
      from: { path: `^${layer}/`, pathNot: '\\.test\\.ts$' },
      to: { path: `^(${above(layer)})` },
    })),
    ...Object.entries(clients).map(([name, place]) => ({
      name: `${name}-in-one-place`,
      severity: 'error',
      comment: `${name} is imported as a value only in ${place}`,
      from: { pathNot: [place, '^(test|bench|scripts)/', '\\.test\\.ts$'] },
      to: { path: `^node_modules/${name}/`, dependencyTypesNot: ['type-only'] },
    })),
    {
      name: 'gateway-and-services-use-queries-alone',
      severity: 'error',
      comment: "of a projection, services and gateway use its queries; engine and tables are the projector's",
      from: { path: '^(services|gateway)/', pathNot: '\\.test\\.ts$' },
      to: { path: '^projections/(engine|rows)', dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'client-stands-alone',
      severity: 'error',
      comment:
        'the command line client is installed without the platform and without any package; for Kafka it asks for kafkajs',
      from: { path: '^(bin|cli)/', pathNot: '\\.test\\.ts$' },
      to: { pathNot: '^(cli/|node_modules/kafkajs/)', dependencyTypesNot: ['core'] },
    },
    { name: 'no-circles', severity: 'error', from: {}, to: { circular: true } },
    { name: 'no-unknown-modules', severity: 'error', from: {}, to: { couldNotResolve: true } },
    {
      name: 'no-development-dependencies',
      severity: 'error',
      comment: 'what runs in production is a dependency',
      from: { path: `^(${layers.join('|')}|main\\.ts)`, pathNot: '\\.test\\.ts$' },
      to: { dependencyTypes: ['npm-dev'], dependencyTypesNot: ['type-only'] },
    },
  ],
  options: {
    parser: 'swc',
    tsConfig: { fileName: 'tsconfig.json' },
    tsPreCompilationDeps: true,
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '(^|/)(node_modules/\\.|\\.data|\\.cache)' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'node', 'default', 'types'] },
  },
}
