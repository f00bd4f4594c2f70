import { FineTuningTrainer } from 'ratchet';

const [rows, outputDir = 'fine-tuned'] = ['examples/train-lora.jsonl', process.argv[2]];
const trainer = new FineTuningTrainer({ model: 'models/base', outputDir, learningRate: 2e-3, numEpochs: 20 });
const before = await trainer.evaluateModel(rows);
const onStep = ({ step, totalSteps, loss }) => console.log(`step ${step}/${totalSteps}  loss ${loss.toFixed(3)}`);
const result = await trainer.train(rows, null, 'lora', { onStep });
const after = await trainer.evaluateModel(rows);
console.log(`${result.outputDir}: accuracy ${before.accuracy.toFixed(2)} → ${after.accuracy.toFixed(2)}`);
await trainer.close();
