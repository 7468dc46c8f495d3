"""Detoxify checkpoints: which there are, how they are read safely, and what must be in them.

A checkpoint is what ``torch.save`` made of ``config`` (architecture and label names) and
``state_dict`` (weights). It does not hold the shape of the encoder or its vocabulary: those are
``config.json`` and ``tokenizer.json`` of the encoder it was trained from, in a folder of their own.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from commentsvc.screening.toxicity import LABELS, OPTIONAL_LABELS, ScoringError

DETOXIFY_WINDOW: Final = 512
"""Tokens after which Detoxify stops reading."""
OUR_ENCODER: Final = "sentence-transformers/all-MiniLM-L6-v2"
"""What the checkpoints of ``model train`` name as their encoder; a package ships it."""
ARCHITECTURE_FILES: Final = ("config.json", "tokenizer.json", "tokenizer_config.json")

OUR_NAMES: Final[Mapping[str, str]] = {
    "toxic": "toxicity",
    "severe_toxic": "severe_toxicity",
    "identity_hate": "identity_attack",
    **{label: label for label in (*LABELS, *OPTIONAL_LABELS)},
}
"""Detoxify's name of a class -> ours; its identity classes ("male", "muslim" …) have none."""


class CheckpointError(ScoringError):
    """A checkpoint, or what belongs to it, is missing, unreadable or does not fit."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A checkpoint that was read; ``columns`` says where each of ``labels`` is in the logits."""

    path: Path
    sha256: str
    model_name: str
    tokenizer_name: str
    encoder: str
    outputs: int
    labels: tuple[str, ...]
    columns: tuple[int, ...]
    state: Mapping[str, Any]
    span_head: Mapping[str, Any] | None = None
    span_layer: int = -1

    def window(self, config: Any) -> int:
        """Return how many tokens the encoder of *config* reads, special ones included."""
        positions = int(config.max_position_embeddings)
        if config.model_type in {"roberta", "xlm-roberta", "camembert"}:
            positions -= int(config.pad_token_id) + 1  # these count from after the padding's
        return min(positions, DETOXIFY_WINDOW)


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal."""
    with path.open("rb") as source:
        return hashlib.file_digest(source, "sha256").hexdigest()


def read(path: Path) -> Checkpoint:
    """Read a checkpoint; nothing in the file is executed. Raises :class:`CheckpointError`.

    torch's reader of weights knows tensors, numbers, strings, lists and dictionaries and refuses
    every other name in the file. Detoxify's checkpoints hold nothing else.
    """
    import torch

    try:
        sha256 = sha256_of(path)
    except OSError as error:
        message = f"checkpoint {path} is missing or unreadable: {error}"
        raise CheckpointError(message) from error
    try:
        loaded = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a broken archive or a forbidden name raises one of many classes
        reason = str(error).strip().partition("\n")[0]
        message = f"checkpoint {path} is damaged, or is no file of weights alone: {reason}"
        raise CheckpointError(message) from error
    try:
        arch = loaded["config"]["arch"]["args"]
        outputs = int(arch["num_classes"])
        labels, columns = label_columns(loaded["config"]["dataset"]["args"]["classes"], outputs)
        return Checkpoint(
            path=path,
            sha256=sha256,
            model_name=_class_name(arch["model_name"], "ForSequenceClassification"),
            tokenizer_name=_class_name(arch["tokenizer_name"], "Tokenizer", "TokenizerFast"),
            encoder=str(arch["model_type"]),
            outputs=outputs,
            labels=labels,
            columns=columns,
            state=dict(loaded["state_dict"]),
            span_head=loaded.get("span_head"),
            span_layer=int(loaded.get("span_layer", -1)),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        message = f"checkpoint {path} is no Detoxify checkpoint: it lacks or garbles {error}"
        raise CheckpointError(message) from error


def label_columns(classes: Sequence[str], outputs: int) -> tuple[tuple[str, ...], tuple[int, ...]]:
    """Return our labels and the column of each; ValueError where one of the six is missing."""
    if len(classes) > outputs:
        message = f"classes: {len(classes)} names for {outputs} outputs"
        raise ValueError(message)
    place: dict[str, int] = {}
    for column, given in enumerate(classes):
        label = OUR_NAMES.get(given)
        if label in place:
            message = f"classes: {label} stands there twice"
            raise ValueError(message)
        if label is not None:
            place[label] = column
    missing = [label for label in LABELS if label not in place]
    if missing:
        message = f"classes: {', '.join(missing)} missing from {', '.join(map(str, classes))}"
        raise ValueError(message)
    labels = tuple(label for label in (*LABELS, *OPTIONAL_LABELS) if label in place)
    return labels, tuple(place[label] for label in labels)


def _class_name(name: object, *endings: str) -> str:
    """Return a class name that is looked up in transformers; nothing else may be named there."""
    if not isinstance(name, str) or not name.isidentifier() or not name.endswith(endings):
        message = f"class name {name!r}"
        raise ValueError(message)
    return name


def architecture_folder(checkpoint: Checkpoint, given: Path | None = None) -> Path:
    """Return the folder with config.json and the tokenizer; the network is never asked.

    Looked for in *given*, else beside the checkpoint, in the encoder's package, and in the local
    Hugging Face cache. :class:`CheckpointError` says what is needed and where.
    """
    if given is not None:
        if missing := [name for name in ARCHITECTURE_FILES[:2] if not (given / name).is_file()]:
            message = f"{given} lacks {' and '.join(missing)} of the encoder {checkpoint.encoder}"
            raise CheckpointError(message)
        return given
    beside = checkpoint.path.parent
    if all((beside / name).is_file() for name in ARCHITECTURE_FILES[:2]):
        return beside
    for folder in (_packaged(checkpoint.encoder), _cached(checkpoint.encoder)):
        if folder is not None:
            return folder
    message = (
        f"{checkpoint.path} was trained from {checkpoint.encoder}, and its "
        f"{' and '.join(ARCHITECTURE_FILES[:2])} are neither beside it nor in the local Hugging "
        "Face cache: put them beside it, or name their folder with --tokenizer"
    )
    raise CheckpointError(message)


def _packaged(encoder: str) -> Path | None:
    if encoder != OUR_ENCODER:
        return None
    from commentsvc.screening.training.train import encoder_folder

    try:
        return encoder_folder()
    except ModuleNotFoundError:
        return None


def _cached(encoder: str) -> Path | None:
    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    try:
        found = [try_to_load_from_cache(encoder, name) for name in ARCHITECTURE_FILES[:2]]
    except HFValidationError:
        return None
    paths = [Path(path) for path in found if isinstance(path, str)]
    return paths[0].parent if len(paths) == len(found) else None


def _transformers() -> Any:
    """Return the library, told to be quiet: its reports on fresh heads would read as faults."""
    import transformers

    transformers.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    return transformers


def _config(checkpoint: Checkpoint, folder: Path, **settings: Any) -> tuple[Any, Any]:
    """Return the model's class and its configuration."""
    transformers = _transformers()
    kind = getattr(transformers, checkpoint.model_name, None)
    if kind is None:
        message = f"{checkpoint.path} wants {checkpoint.model_name}, unknown to this transformers"
        raise CheckpointError(message)
    try:
        config = kind.config_class.from_pretrained(
            str(folder), num_labels=checkpoint.outputs, local_files_only=True, **settings
        )
    except (OSError, ValueError, TypeError, KeyError) as error:
        message = f"{folder / 'config.json'} does not load: {error}"
        raise CheckpointError(message) from error
    return kind, config


def check_weights(checkpoint: Checkpoint, folder: Path) -> dict[str, Any]:
    """Return the weights that the architecture of *folder* has, each there and of its shape.

    A weight that is missing, of another shape, not finite or unknown is a
    :class:`CheckpointError` that names it. Left out are leftovers of older versions of
    transformers: counters of positions, and a pooler the classifier has no use for.
    """
    import torch

    kind, config = _config(checkpoint, folder)
    with torch.device("meta"):
        wanted = {name: tuple(t.shape) for name, t in kind(config).state_dict().items()}
    found = {
        name: tensor for name, tensor in checkpoint.state.items() if not _leftover(name, wanted)
    }
    wrong = [f"{name} is missing" for name in wanted if name not in found]
    for name, tensor in found.items():
        if name not in wanted:
            wrong.append(f"{name} is unknown")
        elif not isinstance(tensor, torch.Tensor) or tuple(tensor.shape) != wanted[name]:
            shape = tuple(getattr(tensor, "shape", ()))
            wrong.append(f"{name} has the shape {shape} instead of {wanted[name]}")
        elif not torch.isfinite(tensor).all():
            wrong.append(f"{name} holds values that are no numbers")
    if wrong:
        more = f" and {len(wrong) - 5} more" if len(wrong) > 5 else ""
        message = (
            f"checkpoint {checkpoint.path} does not fit {checkpoint.model_name} as "
            f"{folder / 'config.json'} describes it: {'; '.join(wrong[:5])}{more}"
        )
        raise CheckpointError(message)
    return found


def _leftover(name: str, wanted: Mapping[str, object]) -> bool:
    if name in wanted:
        return False
    if name.endswith((".embeddings.position_ids", ".embeddings.token_type_ids")):
        return True
    return ".pooler." in name and not any(".pooler." in one for one in wanted)


def build_model(checkpoint: Checkpoint, folder: Path) -> Any:
    """Return the torch model, every weight checked, ready to export."""
    state = check_weights(checkpoint, folder)
    kind, config = _config(checkpoint, folder, attn_implementation="eager")
    model = kind(config)
    model.load_state_dict(state, strict=True)
    model.eval()
    return model


def as_detoxify(checkpoint: Checkpoint, given: Path | None = None) -> Any:
    """Return a ``detoxify.Detoxify`` over *checkpoint*, every weight checked.

    Built by Detoxify's own functions, past the one that unpickles the file. Raises
    :class:`CheckpointError`.
    """
    folder = architecture_folder(checkpoint, given)
    state = check_weights(checkpoint, folder)
    _transformers()
    from detoxify import Detoxify
    from detoxify.detoxify import get_model_and_tokenizer

    found = Detoxify.__new__(Detoxify)
    try:
        found.model, found.tokenizer = get_model_and_tokenizer(
            model_type=str(folder),
            model_name=checkpoint.model_name,
            tokenizer_name=checkpoint.tokenizer_name,
            num_classes=checkpoint.outputs,
            state_dict=state,
        )
    except Exception as error:  # transformers raises whatever it met
        message = f"Detoxify cannot build {checkpoint.path} with the files in {folder}: {error}"
        raise CheckpointError(message) from error
    found.model.eval()
    found.tokenizer.model_max_length = checkpoint.window(found.model.config)
    by_column = dict(zip(checkpoint.columns, checkpoint.labels, strict=True))
    found.class_names = [by_column.get(at, f"output {at}") for at in range(checkpoint.outputs)]
    found.device = "cpu"
    return found
