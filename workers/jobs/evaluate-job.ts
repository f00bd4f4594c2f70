import { mkdtempSync, rmSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseLines } from '../../activities/artifacts.js';
import type { EngineRow } from '../../activities/engine-row.js';
import { prepareTrainingData } from '../../activities/training-data.js';
import {
  evaluateModel,
  generateTexts,
  loadChatTemplate,
  type ChatTemplate,
  type Evaluation,
} from '../../engine/index.js';
import { adapterLabels } from '../../engine/nn/new-head.js';
import { bleuSignature, corpusBleu } from '../../learning/metrics/bleu.js';
import { predictedClass } from '../../learning/metrics/calibration.js';
import { chrfSignature, corpusChrf } from '../../learning/metrics/chrf.js';
import { classificationReport, type ClassificationReport } from '../../learning/metrics/classification.js';
import { rougeL, rougeN } from '../../learning/metrics/rouge.js';
import { findModel } from './find-model.js';
import type { EvaluateJob, JobContext } from './messages.js';

/** How generated texts compare with the references. */
export interface TextComparison {
  texts: number;
  /** Share of texts that equal their reference, white space at the ends aside. */
  exactMatch: number;
  /** 0–100. */
  bleu: number;
  bleuSignature: string;
  /** 0–100. */
  chrf: number;
  chrfSignature: string;
  /** Mean F-measures, 0–1. */
  rouge1: number;
  rouge2: number;
  rougeL: number;
}

export interface EvaluationResult extends Omit<Evaluation, 'classes'> {
  /** Rows of the file that were left out, by reason. */
  dropped: Record<string, number>;
  /** Of a classifier. */
  classification:
    (Omit<ClassificationReport, 'perClass'> & { names: string[]; perClass: ClassificationReport['perClass'] }) | null;
  /** Of a language model whose rows have references, when asked for. */
  comparison: TextComparison | null;
}

/**
 * Measures a model on a user's file: likelihood of the answers (or classes), texts generated and compared with the
 * references, latency and memory. Texts of which all is learned have no reference and are only scored.
 *
 * @throws RatchetError; the signal's reason when stopped
 */
export async function runEvaluateJob(job: EvaluateJob, context: JobContext): Promise<EvaluationResult> {
  const { emit, signal } = context;
  const modelDir = await findModel(job.model, job.modelCache, context);
  const runtime = job.threads === undefined ? {} : { threads: job.threads };
  const folder = mkdtempSync(path.join(tmpdir(), 'ratchet-evaluate-'));
  try {
    const data = await prepareTrainingData({
      file: job.file,
      evalRatio: 0,
      modelDir,
      maxLength: job.maxLength,
      labels: await adapterLabels(job.adapter),
      objective: () => null,
      seed: 1,
      folder,
    });
    const { maxLength, batchSize, timedPredictions, maxNewTokens, adapter } = job;
    const progress = (what: string) => (done: number, total: number) => emit({ event: 'progress', what, done, total });
    const { classes, ...evaluation } = await evaluateModel(
      {
        modelDir,
        adapterDir: adapter,
        dataFile: data.train.file,
        maxLength,
        batchSize,
        timedPredictions,
        maxNewTokens,
      },
      { signal, onProgress: progress('scoring') },
      runtime,
    );
    let comparison: TextComparison | null = null;
    if (job.generate && classes === null) {
      const text = await readFile(data.train.file, 'utf8');
      const rows = parseLines<EngineRow>(text.split('\n'));
      const questions = questionsOf(rows, await loadChatTemplate(modelDir));
      if (questions.length > 0) {
        const prompts = questions.map(({ prompt }) => prompt);
        const generations = await generateTexts(
          {
            modelDir,
            adapterDir: adapter,
            prompts,
            fromTemplate: questions.map(({ fromTemplate }) => fromTemplate),
            maxNewTokens,
            temperature: 0,
            batchSize,
          },
          { signal, onProgress: progress('generating') },
          runtime,
        );
        comparison = compareTexts(
          generations.map((generation) => generation.text.trim()),
          questions.map(({ reference }) => reference.trim()),
        );
      }
    }
    return {
      ...evaluation,
      peakMemoryBytes: process.resourceUsage().maxRSS * 1024,
      dropped: data.dropped,
      classification: classes && classify(classes),
      comparison,
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

interface Question {
  prompt: string;
  reference: string;
  /** A chat template wrote the prompt. */
  fromTemplate: boolean;
}

/** What to ask, and the answer that is known: of a conversation, its last. */
function questionsOf(rows: readonly EngineRow[], template: ChatTemplate | null): Question[] {
  return rows.flatMap((row): Question[] => {
    if ('completion' in row) return [{ prompt: row.prompt, reference: row.completion, fromTemplate: false }];
    if (!('messages' in row) || template === null) return [];
    const last = row.messages.at(-1)!;
    if (last.role !== 'assistant' || typeof last.content !== 'string') return [];
    const options = { addGenerationPrompt: true, ...(row.tools && { tools: row.tools }) };
    const prompt = template.render(row.messages.slice(0, -1), options);
    return [{ prompt, reference: last.content, fromTemplate: true }];
  });
}

/** Compares texts with one reference each. */
export function compareTexts(texts: readonly string[], references: readonly string[]): TextComparison {
  const each = references.map((reference) => [reference]);
  const mean = (score: (text: string, reference: string) => number) =>
    texts.reduce((sum, text, i) => sum + score(text, references[i]!), 0) / texts.length;
  return {
    texts: texts.length,
    exactMatch: mean((text, reference) => (text === reference ? 1 : 0)),
    bleu: corpusBleu(texts, each).score,
    bleuSignature: bleuSignature(1),
    chrf: corpusChrf(texts, each),
    chrfSignature: chrfSignature(1),
    rouge1: mean((text, reference) => rougeN(text, reference, 1).fMeasure),
    rouge2: mean((text, reference) => rougeN(text, reference, 2).fMeasure),
    rougeL: mean((text, reference) => rougeL(text, reference).fMeasure),
  };
}

function classify({ names, predictions }: NonNullable<Evaluation['classes']>): EvaluationResult['classification'] {
  const report = classificationReport(
    predictions.map(({ label }) => label),
    predictions.map(({ probabilities }) => predictedClass(probabilities)),
    names.length,
  );
  return { names, ...report };
}
