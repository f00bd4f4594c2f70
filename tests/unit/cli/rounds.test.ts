import { describe, expect, it } from 'vitest';
import { baselineLine, beforeAfterTable, roundLine, roundsHeader } from '../../../apps/cli/render/rounds.js';
import { createStyle, visible } from '../../../apps/cli/render/style.js';
import { evaluation, round } from './sample-loop.js';

const plain = createStyle(false);

describe('the table of rounds', () => {
  it('lines up the base model and every kind of round', () => {
    const lines = [
      roundsHeader(plain),
      baselineLine({ score: 40, successRate: 0.2, edgeScore: 10 }, 12.4),
      roundLine(round(1), 61, plain),
      roundLine(round(2, { promoted: false, stage: 'medium' }), 3700, plain),
      roundLine(round(10, { trained: false, loss: null, model: null, reason: 'only 12 examples' }), null, plain),
    ];
    expect(`\n${lines.join('\n')}\n`).toMatchInlineSnapshot(`
      "
      round  stage   score  success  edge cases  labels     loss         time
      base   –        40.0   20.0 %        10.0       0        –         12 s
      1      easy     50.3   31.3 %        22.0     112   0.4321   1 min 01 s  promoted
      2      medium   50.3   31.3 %        22.0     224   0.4321   1 h 01 min  kept the former: validation score 40.0 → 50.0
      10     easy     50.3   31.3 %        22.0    1120        –            –  not trained: only 12 examples
      "
    `);
  });

  it('looks the same in colour, but for the colours', () => {
    expect(visible(roundLine(round(1), 61, createStyle(true)))).toBe(roundLine(round(1), 61, plain));
  });
});

describe('the before/after table', () => {
  it('has a line per artifact type and ends with all of them', () => {
    const before = [evaluation('all', 40), evaluation('architecture', 50), evaluation('code_prototype', 30)];
    const after = [evaluation('architecture', 49.96), evaluation('code_prototype', 25), evaluation('all', 80)];
    expect(`\n${beforeAfterTable(before, after, plain).join('\n')}\n`).toMatchInlineSnapshot(`
      "
      artifact type  tests  score before  after         success before   after  edge cases before  after
      architectures     80          50.0   50.0     ±0          25.0 %  25.0 %               25.0   25.0
      code              80          30.0   25.0   −5.0          15.0 %  12.5 %               15.0   12.5
      all               80          40.0   80.0  +40.0          20.0 %  40.0 %               20.0   40.0
      "
    `);
  });
});
