import { FineTuningTrainer } from 'ratchet';

const folder = new URL('.', import.meta.url).pathname;
const trainer = new FineTuningTrainer({
  model: `${folder}../models/base`,
  outputDir: process.argv[2] ?? 'fine-tuned',
  learningRate: 2e-3,
  numEpochs: 20,
});
const before = await trainer.evaluateModel(`${folder}train-lora.jsonl`);
const onStep = ({ step, totalSteps, loss }) => console.log(`step ${step}/${totalSteps}  loss ${loss.toFixed(3)}`);
const { outputDir } = await trainer.train(`${folder}train-lora.jsonl`, null, 'lora', { onStep });
const after = await trainer.evaluateModel(`${folder}train-lora.jsonl`);
console.log(`${outputDir}: accuracy ${before.accuracy.toFixed(2)} → ${after.accuracy.toFixed(2)}`);
await trainer.close();
