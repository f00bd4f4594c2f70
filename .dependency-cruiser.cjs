/** The layers of ARCHITECTURE.md as rules. `import type` across layers is allowed: only values make a dependency. */
const folders = [
  'workflows',
  'activities',
  'workers',
  'learning',
  'engine',
  'providers',
  'datasets',
  'store',
  'config',
  'apps',
  'scripts',
  'bench',
  'examples',
  'tests',
];

const mayImport = {
  config: [],
  learning: [],
  engine: [],
  store: ['config'],
  datasets: ['config'],
  providers: ['config'],
  activities: ['learning', 'engine', 'store', 'datasets', 'providers', 'config'],
  workflows: ['learning'],
  workers: folders.filter((folder) => !['apps', 'scripts', 'bench', 'examples', 'tests', 'workers'].includes(folder)),
  // The command line starts the supervisor and names workflow messages; it never opens the store.
  apps: ['workers', 'workflows', 'config'],
};

// Errors, random streams and hashes are shared by every layer; they import nothing of ours but each other.
const everywhere = '^config/(errors|random|hash)\\.ts$';

// Learning-rate schedules and the registry of models load no tensors: the command line prints what the engine will do.
// `ratchet doctor` tries the runtime below the engine.
const pureEngine = '^engine/(optim/schedules/|registry/|trace/onnxruntime\\.ts$)';

const notType = { dependencyTypesNot: ['type-only'] };

module.exports = {
  forbidden: [
    ...Object.entries(mayImport).map(([from, to]) => ({
      name: `layer-${from}`,
      comment: `${from}/ imports values only from itself${to.length > 0 ? `, ${to.join(', ')}` : ''}`,
      severity: 'error',
      from: { path: `^${from}/` },
      to: {
        path: `^(${folders.filter((folder) => folder !== from && !to.includes(folder)).join('|')})/`,
        pathNot: from === 'apps' ? [everywhere, pureEngine] : everywhere,
        ...notType,
      },
    })),
    {
      name: 'no-circular',
      comment: 'modules that need each other are one module, or share a third',
      severity: 'error',
      from: {},
      to: { circular: true, viaOnly: notType },
    },
    {
      name: 'no-missing',
      comment: 'optional: what runs without them looks for them where it needs them',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true, pathNot: ['^@tensorflow/tfjs-node', '^@huggingface/transformers$'] },
    },
    {
      name: 'runtime-from-dev',
      comment: 'what the package runs is a dependency, not a devDependency',
      severity: 'error',
      from: { path: `^(${Object.keys(mayImport).join('|')})/` },
      to: { dependencyTypes: ['npm-dev'], ...notType },
    },
    {
      name: 'workflows-are-deterministic',
      comment: 'workflow code may not touch the machine: no Node modules, no I/O libraries',
      severity: 'error',
      from: { path: '^workflows/' },
      to: {
        path: [
          '^(fs|path|os|net|http|https|child_process|worker_threads|crypto)(/|$)',
          '@duckdb',
          'onnxruntime',
          'zod',
        ],
        ...notType,
      },
    },
    {
      name: 'no-shared-drawers',
      comment: 'utils/, helpers/ and common/ say nothing about what is in them',
      severity: 'error',
      from: {},
      to: { path: '(^|/)(utils|helpers|common)/', pathNot: 'node_modules' },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '(^|/)(dist|data|node_modules|models)/' },
    tsPreCompilationDeps: 'specify',
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'node', 'default'] },
  },
};
