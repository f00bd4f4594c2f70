"""The PyTorch side of bench/train-step.ts: peer.py FOLDER THREADS.

Loads the model and the PEFT adapter of a workload, prints a line when ready, then makes one step for each line on
standard input and answers {loss, wall, cpu}; at the end of the input it prints {peak}. Steps of fixed shapes are a plain
PyTorch loop; chats of mixed lengths are trained by the transformers Trainer with dynamic padding.
"""

import json
import resource
import sys
import time

import peft
import torch
import transformers
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification, Trainer, TrainerCallback
from transformers import TrainingArguments

LEARNING_RATE = 1e-4
folder, threads = sys.argv[1], int(sys.argv[2])
torch.set_num_threads(threads)
with open(f"{folder}/workload.json") as file:
    work = json.load(file)
classifies = "label" in work["steps"][0][0]
loader = AutoModelForSequenceClassification if classifies else AutoModelForCausalLM
model = loader.from_pretrained(work["model"], dtype=torch.float32)
if work["lora"]:
    model = PeftModel.from_pretrained(model, f"{folder}/adapter", is_trainable=True)
model.train()
trainable = [p for p in model.parameters() if p.requires_grad]


def collate(rows):
    """Rows padded on the right to the longest of them, labels -100 where nothing is learned."""
    longest = max(len(row["ids"]) for row in rows)
    pad = lambda values, value: values + [value] * (longest - len(values))
    batch = {
        "input_ids": torch.tensor([pad(row["ids"], 0) for row in rows]),
        "attention_mask": torch.tensor([pad([1] * len(row["ids"]), 0) for row in rows]),
    }
    if classifies:
        batch["labels"] = torch.tensor([row["label"] for row in rows])
    else:
        labels = [[-100] * row["prompt"] + row["ids"][row["prompt"] :] for row in rows]
        batch["labels"] = torch.tensor([pad(row, -100) for row in labels])
    return batch


def answer(**fields):
    print(json.dumps(fields), flush=True)


def resident(name):
    """A line of /proc/self/status in megabytes; the peak of the whole process where there is no such file."""
    try:
        with open("/proc/self/status") as status:
            return next(int(line.split()[1]) / 1024 for line in status if line.startswith(name))
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def ready():
    """Forgets the peak of loading, so that the peak is that of training."""
    try:
        with open("/proc/self/clear_refs", "w") as file:
            file.write("5")
    except OSError:
        pass
    versions = {"torch": torch.__version__, "transformers": transformers.__version__, "peft": peft.__version__}
    answer(ready=versions, resident=resident("VmRSS"))


def plain_loop():
    optimizer = torch.optim.AdamW(trainable, lr=LEARNING_RATE, weight_decay=0.01)
    ready()
    for step in work["steps"]:
        if not sys.stdin.readline():
            return
        wall, cpu = time.perf_counter(), time.process_time()
        batch = collate(step)
        if all(len(row["ids"]) == len(step[0]["ids"]) for row in step):
            del batch["attention_mask"]
        optimizer.zero_grad()
        loss = model(**batch, **({} if classifies else {"use_cache": False})).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(trainable, 1.0)
        optimizer.step()
        answer(loss=loss.item(), wall=(time.perf_counter() - wall) * 1000, cpu=(time.process_time() - cpu) * 1000)


class OneStepALine(TrainerCallback):
    """Waits for a line before each step and answers after it; the time of collating the next batch counts too."""

    def __init__(self):
        self.losses = []

    def on_step_begin(self, args, state, control, **kwargs):
        if not sys.stdin.readline():
            control.should_training_stop = True
        self.wall, self.cpu = time.perf_counter(), time.process_time()

    def on_step_end(self, args, state, control, **kwargs):
        wall, cpu = time.perf_counter() - self.wall, time.process_time() - self.cpu
        answer(loss=self.losses[-1], wall=wall * 1000, cpu=cpu * 1000)


class InOrder(Trainer):
    """The transformers Trainer without shuffling, so that both sides train on the same rows."""

    def _get_train_sampler(self, *args, **kwargs):
        return torch.utils.data.SequentialSampler(self.train_dataset)

    def training_step(self, *args, **kwargs):
        loss = super().training_step(*args, **kwargs)
        pace.losses.append(loss.item())
        return loss


def trainer_loop():
    arguments = TrainingArguments(
        output_dir=f"{folder}/trainer",
        per_device_train_batch_size=work["rows"],
        num_train_epochs=1,
        learning_rate=LEARNING_RATE,
        lr_scheduler_type="constant",
        weight_decay=0.01,
        max_grad_norm=1.0,
        use_cpu=True,
        save_strategy="no",
        logging_strategy="no",
        report_to=[],
        disable_tqdm=True,
        remove_unused_columns=False,
    )
    rows = [row for step in work["steps"] for row in step]
    trainer = InOrder(model=model, args=arguments, train_dataset=rows, data_collator=collate, callbacks=[pace])
    ready()
    trainer.train()


pace = OneStepALine()
if work["time"] is None:
    trainer_loop()
else:
    plain_loop()
sys.stdin.read()
answer(peak=resident("VmHWM"))
