import type { Stream } from '../../config/random.js';
import { contextStatement } from './context.js';
import { CONTEXT_RATE, REWORDING_RATE, type Distribution, type TaskFamily } from './family.js';
import { Grammar, sentencesOf, statement, zipfSample, type Statement } from './grammar.js';
import { CLIENTS, CONTEXT_SENTENCES, SERVICES } from './lexicon.js';

/** A directed edge `from --> to`. */
export type Edge = readonly [from: string, to: string];

/** What a specification asks for: all edges in canonical order, and the rules behind those it does not name. */
export interface ArchitectureGraph {
  client: string;
  edges: Edge[];
  /** Each implied construct with the edges it needs and those it forbids. */
  rules: { name: string; needs: Edge[]; forbids: Edge[] }[];
}

export const architectureGrammar = new Grammar({
  client: ['{client} app calls {service}', 'the {client} app talks to {service}'],
  call: ['{from} calls {to}', '{from} talks to {to}'],
  store: ['{service} stores data', '{service} keeps records'],
  cached: ['{service} needs fast reads', '{service} is read very often'],
  event: ['{service} works in background', '{service} may run later'],
  replica: ['{service} data must survive loss', '{service} must never lose data'],
  highAvailability: ['{service} must stay up', '{service} is always available'],
  internet: ['open to internet', 'anyone on the internet can use it'],
  context: CONTEXT_SENTENCES,
});
const PROPERTIES = ['none', 'store', 'cached', 'event', 'replica'];

function draw(source: Stream, distribution: Distribution): Statement[] {
  const easy = distribution === 'easy';
  const count = easy ? source.weighted([1, 2], [0.5, 0.5]) : source.weighted([1, 2, 3, 4], [0.15, 0.35, 0.3, 0.2]);
  const services = ['api', ...zipfSample(source, easy ? SERVICES.slice(0, 7) : SERVICES, count)];
  const items = [statement('client', { client: source.pick(CLIENTS), service: 'api' })];
  if (!easy && source.float() < 0.12) items.push(statement('highAvailability', { service: 'api' }));
  if (!easy && source.float() < 0.03) items.push(statement('internet'));
  for (let index = 1; index <= count; index++) {
    const service = services[index]!;
    items.push(statement('call', { from: easy ? 'api' : source.pick(services.slice(0, index)), to: service }));
    const kind = source.weighted(PROPERTIES, easy ? [0.4, 0.6, 0, 0, 0] : [0.28, 0.395, 0.17, 0.13, 0.025]);
    if (kind !== 'none') items.push(statement(kind, { service }));
  }
  if (easy) return items;
  if (source.float() < CONTEXT_RATE) items.push(contextStatement(source));
  return architectureGrammar.reword(items, source, REWORDING_RATE);
}

function parse(text: string): Statement[] | null {
  const items = sentencesOf(text).map((sentence) => architectureGrammar.parse(sentence));
  if (items.some((item) => item === null)) return null;
  return items.filter((item) => item?.kind === 'client').length === 1 ? (items as Statement[]) : null;
}

/** The flowchart a specification asks for, with the databases, caches, queues, replicas, balancer and firewall it implies. */
export function architectureGraph(statements: readonly Statement[]): ArchitectureGraph {
  const { client = 'web', service: entry = 'api' } = statements.find((item) => item.kind === 'client')?.slots ?? {};
  const said = (kind: string, service: string) =>
    statements.some((item) => item.kind === kind && item.slots['service'] === service);
  const rules: ArchitectureGraph['rules'] = [];
  const edges: Edge[] = [];
  const add = (...added: Edge[]) => {
    for (const edge of added)
      if (!edges.some((other) => other[0] === edge[0] && other[1] === edge[1])) edges.push(edge);
  };
  const imply = (name: string, needs: Edge[], forbids: Edge[] = []) => {
    rules.push({ name, needs, forbids });
    add(...needs);
  };
  const chain = [client];
  if (statements.some((item) => item.kind === 'internet')) chain.push('waf');
  if (said('highAvailability', entry)) chain.push('lb');
  chain.push(entry);
  const entryEdges = chain.slice(1).map((node, index): Edge => [chain[index]!, node]);
  if (chain.length > 2) imply('guarded entry', entryEdges, [[client, entry]]);
  else add(...entryEdges);

  const described = new Set<string>();
  const describe = (service: string) => {
    if (described.has(service)) return;
    described.add(service);
    if (said('store', service)) imply('database', [[service, `${service}_db`]]);
    if (said('cached', service)) {
      imply('cache', [[service, `${service}_cache`], [`${service}_cache`, `${service}_db`]]); // prettier-ignore
    }
    if (said('replica', service)) {
      imply('replica', [[service, `${service}_db`], [`${service}_db`, `${service}_replica`]]); // prettier-ignore
    }
  };
  describe(entry);
  for (const { kind, slots } of statements) {
    if (kind !== 'call') continue;
    const { from = '', to = '' } = slots;
    if (said('event', to))
      imply('queue', [[from, `${to}_queue`], [`${to}_queue`, to]], [[from, to]]); // prettier-ignore
    else add([from, to]);
    describe(to);
  }
  return { client, edges, rules };
}

/** Mermaid flowchart text, one edge a line. */
export function renderArchitecture(edges: readonly Edge[]): string {
  return ['flowchart', ...edges.map(([from, to]) => `${from} --> ${to}`)].join('\n');
}

/** Reads a flowchart. `bad` counts lines that are no edge or repeat one; null without the header. */
export function parseArchitecture(text: string): { edges: Edge[]; lines: number; bad: number } | null {
  const [header, ...lines] = text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
  if (header === undefined || !/^flowchart( (TB|TD|BT|LR|RL))?$/.test(header)) return null;
  const edges: Edge[] = [];
  let bad = 0;
  for (const line of lines) {
    const match = /^(\w+) *--> *(\w+)$/.exec(line);
    if (!match || edges.some(([from, to]) => from === match[1] && to === match[2])) bad++;
    else edges.push([match[1]!, match[2]!]);
  }
  return { edges, lines: lines.length, bad };
}

function rename(statements: readonly Statement[], source: Stream) {
  const names = new Map<string, string>();
  const services = source.shuffle(SERVICES);
  for (const [index, service] of SERVICES.entries()) names.set(service, services[index]!);
  const clients = source.shuffle(CLIENTS);
  for (const [index, client] of CLIENTS.entries()) names.set(client, clients[index]!);
  return {
    names,
    statements: statements.map((item) => ({
      ...item,
      slots: Object.fromEntries(Object.entries(item.slots).map(([slot, text]) => [slot, names.get(text) ?? text])),
    })),
  };
}

export const architectureFamily: TaskFamily = {
  artifactType: 'architecture',
  draw,
  parse,
  rename,
  render: (statements) => statements.map((item) => `${architectureGrammar.render(item)}.`).join(' '),
  reword: (statements, source, probability) => architectureGrammar.reword(statements, source, probability),
  reference: (statements) => renderArchitecture(architectureGraph(statements).edges),
  constructs: (statements) =>
    [...new Set(statements.map((item) => item.kind))]
      .filter((kind) => !['client', 'call', 'context'].includes(kind))
      .sort(),
  size: (statements) => architectureGraph(statements).edges.length,
};
