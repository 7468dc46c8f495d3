"""Detoxify checkpoints of a few kilobytes: the real architectures, tiny, with random weights."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

SIX = ("toxic", "severe_toxic", "obscene", "threat", "insult", "identity_hate")
SEVEN = (
    "toxicity", "severe_toxicity", "obscene", "identity_attack", "insult", "threat",
    "sexual_explicit",
)
SENTENCES = (
    "thank you for the article about the bus lane and the library",
    "you are an idiot and i will find you",
    "the council discussed the budget for the new road",
    "Quelle bonne idée, merci beaucoup !",
    "what a load of rubbish, nobody believes this shit",
)
SIZES = {
    "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32,
}
KINDS: dict[str, dict[str, Any]] = {
    "bert": {
        "model_name": "BertForSequenceClassification", "tokenizer_name": "BertTokenizer",
        "encoder": "bert-base-uncased", "config": {"max_position_embeddings": 64},
    },
    "roberta": {
        "model_name": "RobertaForSequenceClassification", "tokenizer_name": "RobertaTokenizer",
        "encoder": "roberta-base", "config": {"max_position_embeddings": 66, "type_vocab_size": 1},
    },
    "xlm-roberta": {
        "model_name": "XLMRobertaForSequenceClassification",
        "tokenizer_name": "XLMRobertaTokenizer", "encoder": "xlm-roberta-base",
        "config": {"max_position_embeddings": 66, "type_vocab_size": 1},
    },
    "albert": {
        "model_name": "AlbertForSequenceClassification", "tokenizer_name": "AlbertTokenizer",
        "encoder": "albert-base-v2",
        "config": {"max_position_embeddings": 64, "embedding_size": 8},
    },
}


def _tokenizer(kind: str) -> tuple[Any, dict[str, str]]:
    """Return a small tokenizer of the family's kind, and its special tokens."""
    from tokenizers import (
        Tokenizer,
        decoders,
        models,
        normalizers,
        pre_tokenizers,
        processors,
        trainers,
    )

    if kind in {"bert", "albert"}:
        names = {"cls_token": "[CLS]", "sep_token": "[SEP]", "mask_token": "[MASK]"}
        names |= {"unk_token": "[UNK]" if kind == "bert" else "<unk>"}
        names |= {"pad_token": "[PAD]" if kind == "bert" else "<pad>"}
        start, end = "[CLS]", "[SEP]"
    else:
        names = {"bos_token": "<s>", "eos_token": "</s>", "cls_token": "<s>", "sep_token": "</s>"}
        names |= {"unk_token": "<unk>", "pad_token": "<pad>", "mask_token": "<mask>"}
        start, end = "<s>", "</s>"
    order = ["bos_token", "pad_token", "eos_token", "unk_token", "cls_token", "sep_token"]
    special = list(dict.fromkeys(names[key] for key in [*order, "mask_token"] if key in names))
    trainer: Any
    if kind == "bert":
        tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
        tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
        tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        trainer = trainers.WordPieceTrainer(vocab_size=200, special_tokens=special, show_progress=False)
    elif kind == "roberta":
        tokenizer = Tokenizer(models.BPE())
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        tokenizer.decoder = decoders.ByteLevel()
        trainer = trainers.BpeTrainer(
            vocab_size=320, special_tokens=special, show_progress=False,
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        )
    else:
        tokenizer = Tokenizer(models.Unigram())
        tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
        trainer = trainers.UnigramTrainer(
            vocab_size=120, special_tokens=special, show_progress=False, unk_token="<unk>"
        )
    tokenizer.train_from_iterator(SENTENCES * 3, trainer)
    pair = [(token, tokenizer.token_to_id(token)) for token in (start, end)]
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{start} $A {end}", pair=f"{start} $A {end} $B {end}", special_tokens=pair
    )
    return tokenizer, names


def write_architecture(folder: Path, kind: str) -> Any:
    """Write config.json and the tokenizer of a tiny encoder; return the configuration."""
    import transformers

    folder.mkdir(parents=True, exist_ok=True)
    tokenizer, names = _tokenizer(kind)
    tokenizer.save(str(folder / "tokenizer.json"))
    made = {"tokenizer_class": KINDS[kind]["tokenizer_name"], "model_max_length": 62, **names}
    (folder / "tokenizer_config.json").write_text(json.dumps(made))
    model_class = getattr(transformers, KINDS[kind]["model_name"])
    pad = tokenizer.token_to_id(names["pad_token"])
    config = model_class.config_class(
        vocab_size=tokenizer.get_vocab_size(), pad_token_id=pad, **SIZES, **KINDS[kind]["config"]
    )
    config.save_pretrained(str(folder))
    return config


def write_checkpoint(
    folder: Path, kind: str, *, classes: tuple[str, ...] = SIX, outputs: int | None = None
) -> Path:
    """Write architecture and ``checkpoint.ckpt`` to *folder* and return the checkpoint's path."""
    import torch
    import transformers

    config = write_architecture(folder, kind)
    config.num_labels = outputs or len(classes)
    torch.manual_seed(7)
    model = getattr(transformers, KINDS[kind]["model_name"])(config)
    with torch.no_grad():
        for tensor in model.parameters():  # wide enough for scores that differ
            tensor.add_(torch.randn_like(tensor) * 0.2)
    arch = {
        "num_classes": config.num_labels,
        "model_type": KINDS[kind]["encoder"],
        "model_name": KINDS[kind]["model_name"],
        "tokenizer_name": KINDS[kind]["tokenizer_name"],
    }
    path = folder / "checkpoint.ckpt"
    save(path, {
        "config": {"arch": {"args": arch}, "dataset": {"args": {"classes": list(classes)}}},
        "state_dict": model.state_dict(),
    })
    return path


def load(path: Path) -> Any:
    """Return what a checkpoint holds, to be changed and saved again."""
    import torch

    return torch.load(path, weights_only=True)


def save(path: Path, content: Any) -> None:
    """Write a checkpoint."""
    import torch

    torch.save(content, path)
