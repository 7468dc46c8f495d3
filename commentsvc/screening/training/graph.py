"""Rewrite an encoder so that the exported graph does less and says the same.

Windows run one at a time and are never padded, and a classifier reads nothing of the last layer but its first
token. So attention needs no mask and is one operator of the runtime's, which int8 knows as well; the last layer
answers for one token, a seventh of the time of a graph of six layers; and heads and neurons that nothing listens
to, which training leaves behind as zeros (train.py), are left out. Encoders of another build than BERT's keep
theirs.
"""

from __future__ import annotations

import math
from typing import Any

import torch


def rewrite(model: Any, *, first_token: bool = True) -> None:
    """Rewrite *model*, a sequence classifier, in place, where its encoder is built like BERT's.

    Without *first_token* the last layer answers for all of them, for what else reads it.
    """
    layers: Any = getattr(getattr(model.base_model, "encoder", None), "layer", [])
    if not len(layers) or not all(_known(layer) for layer in layers):
        return
    for layer in layers:
        _drop_unheard(layer)
    if first_token:
        layers[-1] = _FirstTokenLayer(layers[-1])
    for layer in layers[:-1] if first_token else layers:
        layer.attention.self = _Attention(layer.attention.self)


def _known(layer: Any) -> bool:
    """Whether *layer* has the parts that are rewritten, and no others in between."""
    own = getattr(getattr(layer, "attention", None), "self", None)
    linear = [getattr(own, name, None) for name in ("query", "key", "value")]
    linear += [getattr(getattr(layer, name, None), "dense", None) for name in ("intermediate", "output")]
    plain = not getattr(layer, "add_cross_attention", False) and not getattr(layer, "is_decoder", False)
    positions = getattr(own, "position_embedding_type", "absolute")
    return plain and positions == "absolute" and all(isinstance(part, torch.nn.Linear) for part in linear)


def _drop_unheard(layer: Any) -> None:
    own = layer.attention.self
    size = own.attention_head_size
    after = layer.attention.output.dense
    heard = after.weight.ne(0).any(0)
    heads = heard.unflatten(0, (-1, size)).any(1)
    heads[0] |= not heads.any()  # a layer of none is no layer
    kept = heads.repeat_interleave(size).nonzero()[:, 0]
    for name in ("query", "key", "value"):
        setattr(own, name, _linear(getattr(own, name), rows=kept))
    layer.attention.output.dense = _linear(after, columns=kept)
    own.num_attention_heads, own.all_head_size = int(heads.sum()), len(kept)
    heard = layer.output.dense.weight.ne(0).any(0)
    heard[0] |= not heard.any()
    kept = heard.nonzero()[:, 0]
    layer.intermediate.dense = _linear(layer.intermediate.dense, rows=kept)
    layer.output.dense = _linear(layer.output.dense, columns=kept)


def _linear(
    given: torch.nn.Linear, *, rows: torch.Tensor | None = None, columns: torch.Tensor | None = None
) -> torch.nn.Linear:
    """Return *given* with these of its outputs, or of its inputs, alone."""
    weight = given.weight.detach()
    weight = weight if rows is None else weight[rows]
    weight = weight if columns is None else weight[:, columns]
    found = torch.nn.Linear(weight.shape[1], weight.shape[0])
    found.weight.data = weight.clone()
    found.bias.data = given.bias.detach() if rows is None else given.bias.detach()[rows]
    return found


class _Fused(torch.autograd.Function):
    """Attention of every token to all, as one operator of ONNX Runtime's own."""

    @staticmethod
    def forward(
        _ctx: Any, hidden: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor, heads: int
    ) -> torch.Tensor:
        query, key, value = (hidden @ weight + bias).chunk(3, dim=-1)
        return _attend(query, key, value, heads)

    @staticmethod
    def symbolic(g: Any, hidden: Any, weight: Any, bias: Any, heads: int) -> Any:
        found = g.op("com.microsoft::Attention", hidden, weight, bias, num_heads_i=heads)
        found.setType(hidden.type().with_sizes([None, None, bias.type().sizes()[0] // 3]))
        return found


def _attend(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, heads: int) -> torch.Tensor:
    """Return for each query the mean of the values, weighted by how well their keys fit it."""
    split = [part.unflatten(-1, (heads, -1)).transpose(1, 2) for part in (query, key, value)]
    fit = split[0] @ split[1].transpose(2, 3) / math.sqrt(split[0].shape[-1])
    return (fit.softmax(-1) @ split[2]).transpose(1, 2).flatten(2)


class _Attention(torch.nn.Module):
    """In place of an encoder's self-attention."""

    def __init__(self, own: Any) -> None:
        super().__init__()
        self.heads = own.num_attention_heads
        parts = (own.query, own.key, own.value)
        self.weight = torch.nn.Parameter(torch.cat([part.weight for part in parts]).T.contiguous())
        self.bias = torch.nn.Parameter(torch.cat([part.bias for part in parts]))

    def forward(self, hidden_states: torch.Tensor, *_args: Any, **_more: Any) -> tuple[Any, None]:
        return _Fused.apply(hidden_states, self.weight, self.bias, self.heads), None


class _FirstTokenLayer(torch.nn.Module):
    """In place of the last layer: of what it would say of all tokens, that of the first."""

    def __init__(self, layer: Any) -> None:
        super().__init__()
        own = layer.attention.self
        self.heads, self.width = own.num_attention_heads, own.all_head_size
        self.query = own.query
        self.seen = torch.nn.Linear(own.key.in_features, 2 * self.width)
        self.seen.weight.data = torch.cat([own.key.weight, own.value.weight]).detach()
        self.seen.bias.data = torch.cat([own.key.bias, own.value.bias]).detach()
        self.after_attention, self.intermediate, self.output = layer.attention.output, layer.intermediate, layer.output

    def forward(self, hidden_states: torch.Tensor, *_args: Any, **_more: Any) -> torch.Tensor:
        first = hidden_states[:, :1]
        key, value = self.seen(hidden_states).split(self.width, dim=-1)
        attended = self.after_attention(_attend(self.query(first), key, value, self.heads), first)
        return self.output(self.intermediate(attended), attended)
