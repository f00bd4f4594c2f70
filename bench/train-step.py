"""The PyTorch arm of bench/train-step.ts: FOLDER THREADS LEARNING_RATE.

Loads the model and the PEFT adapter of FOLDER, prints one line when ready, then answers each line {batch, time, ids} on
standard input with {loss, milliseconds} of one AdamW step.
"""

import json
import sys
import time

import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM

folder, threads, learning_rate = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
torch.set_num_threads(threads)
base = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager")
model = PeftModel.from_pretrained(base, f"{folder}/adapter", is_trainable=True)
model.train()
trainable = [p for p in model.parameters() if p.requires_grad]
optimizer = torch.optim.AdamW(trainable, lr=learning_rate, weight_decay=0.01)
print(json.dumps({"ready": torch.__version__}), flush=True)
for line in sys.stdin:
    request = json.loads(line)
    ids = torch.tensor(request["ids"]).reshape(request["batch"], request["time"])
    start = time.perf_counter()
    optimizer.zero_grad()
    loss = model(input_ids=ids, labels=ids, use_cache=False).loss
    loss.backward()
    torch.nn.utils.clip_grad_norm_(trainable, 1.0)
    optimizer.step()
    print(json.dumps({"loss": loss.item(), "milliseconds": (time.perf_counter() - start) * 1000}), flush=True)
