"""Checkpoints of the shape of Detoxify's, with random weights: they cost the same and say nothing."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.synthetic import SEED

CLASSES = ("toxicity", "severe_toxicity", "obscene", "threat", "insult", "identity_attack")
TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json", "vocab.txt", "special_tokens_map.json")


@dataclass(frozen=True)
class Shape:
    """An encoder with a classifier, as transformers names and configures it."""

    model: str
    settings: Mapping[str, Any]


# What the encoder's published configuration says; transformers' defaults are those of BERT-base.
BERT = Shape("BertForSequenceClassification", {"model_type": "bert", "vocab_size": 30522})
ALBERT = Shape(
    "AlbertForSequenceClassification",
    {
        "model_type": "albert", "vocab_size": 30522, "hidden_size": 768, "intermediate_size": 3072,
        "num_attention_heads": 12, "num_hidden_layers": 12, "embedding_size": 128,
    },
)
# The encoder of the bundled model.
MINILM = Shape(
    "BertForSequenceClassification",
    {
        "model_type": "bert", "vocab_size": 30522, "hidden_size": 384, "intermediate_size": 1536, "num_attention_heads": 12,
        "num_hidden_layers": 6,
    },
)


def make_checkpoint(shape: Shape, folder: Path) -> Path:
    """A checkpoint in `folder`, with its encoder's configuration and a tokenizer beside it."""
    import torch
    import transformers

    from commentsvc.screening.training.train import encoder_folder

    folder.mkdir(parents=True)
    for name in TOKENIZER_FILES:
        shutil.copyfile(encoder_folder() / name, folder / name)
    (folder / "config.json").write_text(json.dumps(shape.settings))
    kind = getattr(transformers, shape.model)
    torch.manual_seed(SEED)
    model = kind(kind.config_class.from_pretrained(str(folder), num_labels=len(CLASSES)))
    arch = {
        "num_classes": len(CLASSES), "model_type": str(folder), "model_name": shape.model, "tokenizer_name": "BertTokenizer",
    }
    config = {"arch": {"args": arch}, "dataset": {"args": {"classes": list(CLASSES)}}}
    path = folder / "checkpoint.ckpt"
    torch.save({"config": config, "state_dict": model.state_dict()}, path)
    return path
