"""Exports a causal language model for transformers.js: export-onnx.py MODEL_FOLDER TARGET_FOLDER.

Inputs and outputs have the names and shapes of Optimum's exports: input_ids, attention_mask, position_ids,
num_logits_to_keep and past_key_values.N.key/value to logits and present.N.key/value, with batch and lengths dynamic.
Writes config.json, generation_config.json and onnx/model.onnx, the last one when all else is there.
"""

import json
import os
import sys
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM
from transformers.cache_utils import DynamicCache

source, target = Path(sys.argv[1]), Path(sys.argv[2])
model = AutoModelForCausalLM.from_pretrained(source, dtype=torch.float32, attn_implementation="sdpa").eval()
config = model.config
layers = config.num_hidden_layers
heads = getattr(config, "num_key_value_heads", config.num_attention_heads)
size = config.hidden_size // config.num_attention_heads


class WithCache(torch.nn.Module):
    """The model with its cache as plain tensors; logits of the last num_logits_to_keep positions only."""

    def __init__(self):
        super().__init__()
        self.model = model

    def forward(self, input_ids, attention_mask, position_ids, num_logits_to_keep, *past):
        cache = DynamicCache()
        for layer in range(layers):
            cache.update(past[2 * layer], past[2 * layer + 1], layer)
        # transformers takes a four-dimensional mask as it is: what a query sees is at most as late as itself.
        slots = torch.arange(attention_mask.shape[1])
        slot_of_query = slots[-input_ids.shape[1] :]
        seen = (slots[None, :] <= slot_of_query[:, None])[None, None] & (attention_mask[:, None, None, :] > 0)
        bias = torch.where(seen, 0.0, torch.finfo(torch.float32).min)
        hidden = self.model.base_model(
            input_ids=input_ids,
            attention_mask=bias,
            position_ids=position_ids,
            past_key_values=cache,
            use_cache=True,
        ).last_hidden_state
        logits = self.model.lm_head(hidden[:, -num_logits_to_keep:, :])
        present = [tensor for layer in cache.layers for tensor in (layer.keys, layer.values)]
        return (logits, *present)


batch, time, past_time = 2, 3, 5
past_names = [f"{layer}.{kind}" for layer in range(layers) for kind in ("key", "value")]
example = (
    torch.ones(batch, time, dtype=torch.int64),
    torch.ones(batch, past_time + time, dtype=torch.int64),
    torch.arange(past_time, past_time + time).expand(batch, time),
    torch.tensor(1),
    *[torch.zeros(batch, heads, past_time, size) for _ in past_names],
)
axes = {
    "input_ids": {0: "batch_size", 1: "sequence_length"},
    "attention_mask": {0: "batch_size", 1: "total_sequence_length"},
    "position_ids": {0: "batch_size", 1: "sequence_length"},
    "logits": {0: "batch_size", 1: "num_logits_to_keep"},
    **{f"past_key_values.{name}": {0: "batch_size", 2: "past_sequence_length"} for name in past_names},
    **{f"present.{name}": {0: "batch_size", 2: "total_sequence_length"} for name in past_names},
}
(target / "onnx").mkdir(parents=True, exist_ok=True)
part = target / "onnx" / "part.onnx"
with torch.no_grad():
    torch.onnx.export(
        WithCache(),
        example,
        str(part),
        input_names=["input_ids", "attention_mask", "position_ids", "num_logits_to_keep"]
        + [f"past_key_values.{name}" for name in past_names],
        output_names=["logits"] + [f"present.{name}" for name in past_names],
        dynamic_axes=axes,
        opset_version=18,
        dynamo=False,
    )
(target / "config.json").write_text((source / "config.json").read_text())
(target / "generation_config.json").write_text(json.dumps({"eos_token_id": None, "pad_token_id": 0}))
os.replace(part, target / "onnx" / "model.onnx")
