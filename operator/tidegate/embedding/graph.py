"""all-MiniLM-L6-v2 as an ONNX graph, from its weights alone: BERT with 6 layers, then the mean of all tokens, then length one.

Needs onnx, when the model is built. BERT: https://arxiv.org/abs/1810.04805; pooling: the model's own 1_Pooling/config.json.
"""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

LAYERS: Final = 6
HEADS: Final = 12
WIDTH: Final = 384
OPSET: Final = 17
IR_VERSION: Final = 9
EPSILON: Final = 1e-12

Array = NDArray[Any]


def weights(path: Path) -> dict[str, Array]:
    """Of a safetensors file: eight bytes of length, a JSON head, and numbers. https://github.com/huggingface/safetensors#format"""
    data = path.read_bytes()
    (length,) = struct.unpack_from("<Q", data)
    head = json.loads(data[8 : 8 + length])
    types = {"F32": np.float32, "I64": np.int64}
    return {
        name: np.frombuffer(data[8 + length + each["data_offsets"][0] : 8 + length + each["data_offsets"][1]], types[each["dtype"]]).reshape(each["shape"])
        for name, each in head.items()
        if name != "__metadata__"
    }  # fmt: skip


class Graph:
    """Nodes and constants in the order in which they are put down; a value is the name of a node's output."""

    def __init__(self, known: dict[str, Array]) -> None:
        self._known = known
        self._nodes: list[onnx.NodeProto] = []
        self._constants: list[onnx.TensorProto] = []

    def node(self, kind: str, *inputs: str, output: str = "", **attributes: Any) -> str:
        """One operation."""
        output = output or f"{kind}_{len(self._nodes)}"
        self._nodes.append(helper.make_node(kind, inputs, [output], **attributes))
        return output

    def constant(self, value: object, kind: Any = np.float32) -> str:
        """Numbers."""
        return self._held(f"constant_{len(self._constants)}", np.array(value, kind))

    def _held(self, name: str, value: Array) -> str:
        self._constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def dense(self, value: str, name: str) -> str:
        """A layer of weights and a bias."""
        weight = self._held(f"{name}.weight", self._known[f"{name}.weight"].T)
        return self.node(
            "Add", self.node("MatMul", value, weight), self._held(f"{name}.bias", self._known[f"{name}.bias"])
        )

    def normal(self, value: str, name: str) -> str:
        """A layer's norm."""
        scale, shift = (self._held(f"{name}.{part}", self._known[f"{name}.{part}"]) for part in ("weight", "bias"))
        return self.node("LayerNormalization", value, scale, shift, axis=-1, epsilon=EPSILON)

    def embedded(self) -> str:
        """Of tokens: their own vectors and those of their positions."""
        of_words = self._held("words", self._known["embeddings.word_embeddings.weight"])
        kinds = self._known["embeddings.token_type_embeddings.weight"][0]
        of_places = self._held("places", self._known["embeddings.position_embeddings.weight"] + kinds)
        length = self.node("Gather", self.node("Shape", "input_ids"), self.constant([1], np.int64), axis=0)
        zero = self.constant([0], np.int64)
        placed = self.node("Slice", of_places, zero, length, zero)
        return self.normal(
            self.node("Add", self.node("Gather", of_words, "input_ids", axis=0), placed), "embeddings.LayerNorm"
        )

    def attended(self, value: str, layer: str, mask: str) -> str:
        """What tokens take from one another."""
        query = self._heads(value, f"{layer}.attention.self.query", [0, 2, 1, 3])
        key = self._heads(value, f"{layer}.attention.self.key", [0, 2, 3, 1])
        given = self._heads(value, f"{layer}.attention.self.value", [0, 2, 1, 3])
        scale = self.constant(1 / np.sqrt(WIDTH // HEADS))
        scores = self.node("Add", self.node("Mul", self.node("MatMul", query, key), scale), mask)
        taken = self.node("MatMul", self.node("Softmax", scores, axis=-1), given)
        flat = self.node(
            "Reshape", self.node("Transpose", taken, perm=[0, 2, 1, 3]), self.constant([0, 0, WIDTH], np.int64)
        )
        return self.node("Add", self.dense(flat, f"{layer}.attention.output.dense"), value)

    def _heads(self, value: str, name: str, order: list[int]) -> str:
        shape = self.constant([0, 0, HEADS, WIDTH // HEADS], np.int64)
        return self.node("Transpose", self.node("Reshape", self.dense(value, name), shape), perm=order)

    def fed_forward(self, value: str, layer: str) -> str:
        """With GELU in its exact form, x/2 (1 + erf(x / sqrt 2))."""
        wide = self.dense(value, f"{layer}.intermediate.dense")
        bent = self.node(
            "Add", self.node("Erf", self.node("Div", wide, self.constant(np.sqrt(2.0)))), self.constant(1.0)
        )
        gelu = self.node("Mul", self.node("Mul", wide, bent), self.constant(0.5))
        return self.node("Add", self.dense(gelu, f"{layer}.output.dense"), value)

    def pooled(self, value: str, present: str) -> None:
        """The mean of the tokens that are there, one long."""
        counted = self.node("Unsqueeze", present, self.constant([-1], np.int64))
        axis = self.constant([1], np.int64)
        total = self.node("ReduceSum", self.node("Mul", value, counted), axis, keepdims=0)
        mean = self.node("Div", total, self.node("ReduceSum", counted, axis, keepdims=0))
        self.node("Div", mean, self.node("ReduceL2", mean, axes=[-1], keepdims=1), output="vector")

    def model(self) -> onnx.ModelProto:
        """All of it, checked."""
        inputs = [
            helper.make_tensor_value_info(name, TensorProto.INT64, ["texts", "tokens"])
            for name in ("input_ids", "attention_mask")
        ]
        output = helper.make_tensor_value_info("vector", TensorProto.FLOAT, ["texts", WIDTH])
        graph = helper.make_graph(self._nodes, "minilm", inputs, [output], self._constants)
        made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)])
        made.ir_version = IR_VERSION
        onnx.checker.check_model(made)
        return made


def minilm(known: dict[str, Array]) -> onnx.ModelProto:
    """From `input_ids` and `attention_mask` (texts, tokens) to `vector` (texts, WIDTH)."""
    graph = Graph(known)
    present = graph.node("Cast", "attention_mask", to=TensorProto.FLOAT)
    absent = graph.node("Sub", graph.constant(1.0), graph.node("Unsqueeze", present, graph.constant([1, 2], np.int64)))
    mask = graph.node("Mul", absent, graph.constant(-1e9))
    value = graph.embedded()
    for number in range(LAYERS):
        layer = f"encoder.layer.{number}"
        value = graph.normal(graph.attended(value, layer, mask), f"{layer}.attention.output.LayerNorm")
        value = graph.normal(graph.fed_forward(value, layer), f"{layer}.output.LayerNorm")
    graph.pooled(value, present)
    return graph.model()
