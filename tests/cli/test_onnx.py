"""`convbench profile FILE.onnx`: counts by hand, names, parameters, and files that are refused."""

import csv
import sys
import warnings

import numpy as np
import pytest

from convbench.core.torchvision_import import declare_operators

LOADS = "onnx2torch is not installed: pip install 'convbench[onnx]'"
pytest.importorskip("onnx", reason=LOADS)
declare_operators()
pytest.importorskip("onnx2torch", reason=LOADS)

import onnx  # noqa: E402
from onnx import TensorProto, helper, numpy_helper  # noqa: E402

IMAGE = {"x": ["batch", 3, 8, 8]}
"""Its first size is dynamic."""


def weight(name, *shape):
    return numpy_helper.from_array(np.ones(shape, np.float32), name)


def sizes(name, *values):
    return numpy_helper.from_array(np.array(values, np.int64), name)


def save(path, nodes, weights=(), inputs=IMAGE, *, kind=TensorProto.FLOAT, opset=17, outputs="y"):
    """Write a graph of nodes; each is type, inputs, output, name and attributes."""
    graph = helper.make_graph(
        [
            helper.make_node(op, takes.split(), gives.split(), name=name, **more)
            for op, takes, gives, name, more in nodes
        ],
        "graph",
        [helper.make_tensor_value_info(name, kind, shape) for name, shape in inputs.items()],
        [helper.make_tensor_value_info(name, 0, None) for name in outputs.split()],
        list(weights),
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)]), path)


def node(op, takes, gives, name="", **more):
    return op, takes, gives, name, more


BATCH_NORM = [weight(name, 4) for name in ("s", "b", "mean", "var")]
RESIDUAL = [
    node("Conv", "x w", "a", kernel_shape=[3, 3], pads=[1, 1, 1, 1]),
    node("Relu", "a", "r"),
    node("Conv", "r v", "c", kernel_shape=[1, 1]),
    node("Add", "a c", "y"),
]
COUNTED = {
    # what -> nodes, weights, input, multiplications, parameters
    "a convolution": (
        [node("Conv", "x w b", "y", kernel_shape=[3, 3], strides=[2, 2])],
        [weight("w", 4, 3, 3, 3), weight("b", 4)],
        (2, 3, 8, 8), 2 * 4 * 3 * 9 * 3 * 3, 4 * 3 * 9 + 4,
    ),
    "more padding on one side": (
        [node("Conv", "x w", "y", kernel_shape=[3, 3], pads=[0, 0, 1, 1])],
        [weight("w", 4, 3, 3, 3)],
        (1, 3, 8, 8), 4 * 3 * 9 * 7 * 7, 4 * 3 * 9,
    ),
    "a grouped convolution": (
        [node("Conv", "x w", "y", kernel_shape=[3, 3], group=3)],
        [weight("w", 6, 1, 3, 3)],
        (1, 3, 8, 8), 6 * 9 * 6 * 6, 6 * 9,
    ),
    "a transposed convolution": (
        [node("ConvTranspose", "x w", "y", kernel_shape=[2, 2], strides=[2, 2])],
        [weight("w", 3, 5, 2, 2)],
        (1, 3, 8, 8), 3 * 8 * 8 * 5 * 4, 3 * 5 * 4,
    ),
    "a convolution of newer operators": (
        [node("Conv", "x w", "a"), node("ReduceMean", "a axes", "y")],
        [weight("w", 4, 3, 3, 3), sizes("axes", 2, 3)],
        (1, 3, 8, 8), 4 * 3 * 9 * 6 * 6, 4 * 3 * 9,
    ),
    "pooling and a linear layer": (
        [
            node("MaxPool", "x", "p", kernel_shape=[2, 2], strides=[2, 2]),
            node("AveragePool", "p", "q", kernel_shape=[2, 2], strides=[2, 2]),
            node("GlobalAveragePool", "q", "g"),
            node("Flatten", "g", "f"),
            node("Gemm", "f w b", "y", transB=1),
        ],
        [weight("w", 7, 3), weight("b", 7)],
        (5, 3, 8, 8), 5 * 3 * 7, 3 * 7 + 7,
    ),
    "a matrix product, whose weights no layer of torch holds": (
        [node("MatMul", "x w", "a"), node("Add", "a b", "y")],
        [weight("w", 8, 9), weight("b", 9)],
        (2, 3, 8, 8), 2 * 3 * 8 * 8 * 9, 8 * 9 + 9,
    ),
    "a batch norm": (
        [node("Conv", "x w", "a"), node("BatchNormalization", "a s b mean var", "y")],
        [weight("w", 4, 3, 1, 1), *BATCH_NORM],
        (1, 3, 8, 8), 4 * 3 * 8 * 8, 4 * 3 + 4 + 4,
    ),
    "a batch norm whose weights an exporter wrote once": (
        [
            node("Conv", "x w", "a"),
            node("Identity", "s", "b"),
            node("Identity", "mean", "var"),
            node("BatchNormalization", "a s b mean var", "y"),
        ],
        [weight("w", 4, 3, 1, 1), BATCH_NORM[0], BATCH_NORM[2]],
        (1, 3, 8, 8), 4 * 3 * 8 * 8, 4 * 3 + 4 + 4,
    ),
    "a layer norm of a size that is computed": (
        [
            node("Shape", "x", "shape"),
            node("Add", "shape none", "same"),
            node("Reshape", "x same", "a"),
            node("LayerNormalization", "a s b", "c"),
            node("MatMul", "c w", "y"),
        ],
        [sizes("none", 0, 0, 0, 0), weight("s", 8), weight("b", 8), weight("w", 8, 9)],
        (2, 3, 8, 8), 2 * 3 * 8 * 8 * 9, 8 + 8 + 8 * 9,
    ),
    "a residual block": (
        RESIDUAL,
        [weight("w", 4, 3, 3, 3), weight("v", 4, 4, 1, 1)],
        (1, 3, 8, 8), 4 * 3 * 9 * 8 * 8 + 4 * 4 * 8 * 8, 4 * 3 * 9 + 4 * 4,
    ),
    "enlarged, by scales that are no weights": (
        [node("Resize", "x none scales", "a", mode="nearest"), node("Conv", "a w", "y")],
        [
            numpy_helper.from_array(np.zeros(0, np.float32), "none"),
            numpy_helper.from_array(np.array([1, 1, 2, 2], np.float32), "scales"),
            weight("w", 4, 3, 1, 1),
        ],
        (1, 3, 8, 8), 4 * 3 * 16 * 16, 4 * 3,
    ),
    "a shape that is computed": (
        [
            node("Shape", "x", "shape"),
            node("Gather", "shape first", "n"),
            node("Concat", "n rest", "to", axis=0),
            node("Reshape", "x to", "flat"),
            node("Gemm", "flat w", "y"),
        ],
        [sizes("first", 0), sizes("rest", 192), weight("w", 192, 5)],
        (2, 3, 8, 8), 2 * 192 * 5, 192 * 5,
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", COUNTED)
def test_counts_by_hand(what, convbench):
    nodes, weights, shape, macs, parameters = COUNTED[what]
    save("net.onnx", nodes, weights, opset=18 if "newer" in what else 17)
    text = convbench("profile", "net.onnx", "--input", "x".join(map(str, shape)), "-q").stdout
    assert text == f"net: {macs:,} MACs, {parameters:,} parameters\n"


def test_rows_are_the_nodes_by_name(convbench):
    nodes = [
        node("Conv", "x w", "a", "/layer1/layer1.0/conv1/Conv"),
        node("Relu", "a", "r", "/layer1/layer1.0/Add"),
        node("Conv", "r v", "c", "/layer1/layer1.0/Add/inner"),
        node("Relu", "c", "d"),
        node("Relu", "d", "e"),
        node("Relu", "e", "f", "Relu_1"),
        node("Relu", "f", "g", "Relu_1"),
        node("Relu", "g", "h", "/forward/training/meta"),
        node("Relu", "h", "y", "initializers"),
    ]
    save("net.onnx", nodes, [weight("w", 4, 3, 3, 3), weight("v", 4, 4, 1, 1)])
    text = convbench("profile", "net.onnx", "--input", "1x3x8x8", "--format", "csv").stdout
    rows = {row["module"]: row for row in csv.DictReader(text.splitlines())}
    assert list(rows) == [
        "", "layer1", "layer1.0", "layer1.0.conv1", "layer1.0.conv1.Conv", "layer1.0.Add_1",
        "layer1.0.Add", "layer1.0.Add.inner", "Relu", "Relu_1", "Relu_1_1", "Relu_1_2",
        "forward_", "forward_.training_", "forward_.training_.meta_", "initializers_",
    ]  # fmt: skip
    first, second = 4 * 3 * 9 * 6 * 6, 4 * 4 * 6 * 6
    for name, macs in {"layer1.0.conv1.Conv": first, "layer1.0": first + second}.items():
        assert int(rows[name]["multiplications"]) == macs
    assert rows["layer1.0.conv1.Conv"]["kind"] == "Conv"


def test_names_are_never_run_as_code(convbench, tmp_path):
    """torch writes names into source code: one that ends the string would be run."""
    code = 'x", None) or open("owned", "w") or getattr(self, "x'
    save("net.onnx", [node("Relu", "x", "y", code)], inputs={code: ["n", 2], "x": ["n", 2]})
    convbench("profile", "net.onnx", "--input", "1x2", "--input", "1x2")
    assert not (tmp_path / "owned").exists()


@pytest.mark.parametrize("folded", [False, True], ids=["batch norms kept", "folded"])
@pytest.mark.parametrize("name", ["resnet18", "mobilenet_v3_small"])
def test_an_exported_network_counts_as_the_one_in_torch(name, folded, convbench):
    import torch
    import torchvision

    from convbench import profile

    module = getattr(torchvision.models, name)().eval()
    image = torch.zeros(1, 3, 64, 64)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's: that there is a newer exporter
        torch.onnx.export(
            module, (image,), "net.onnx", dynamo=False, opset_version=17,
            training=getattr(torch.onnx.TrainingMode, "EVAL" if folded else "PRESERVE"),
        )  # fmt: skip
    text = convbench("profile", "net.onnx", "--input", "1x3x64x64", "-q").stdout
    known = profile(module, image).total
    norms = [part for part in module.modules() if isinstance(part, torch.nn.BatchNorm2d)]
    # the scale and the shift of a batch norm become one bias of the convolution before it
    parameters = known.parameters - folded * sum(norm.num_features for norm in norms)
    assert text == f"net: {known.multiplications:,} MACs, {parameters:,} parameters\n"


def test_the_data_type_is_the_graphs(convbench):
    nodes = [node("Gather", "table x", "a"), node("MatMul", "a w", "y")]
    weights = [weight("table", 10, 4), weight("w", 4, 5)]
    save("net.onnx", nodes, weights, {"x": [-1, 7]}, kind=TensorProto.INT64)
    text = convbench("profile", "net.onnx", "--input", "x=2x7", "-q").stdout
    assert text == f"net: {2 * 7 * 4 * 5} MACs, {10 * 4 + 4 * 5} parameters\n"
    text = convbench("formula", "net.onnx", "--input", "2x7", "--dynamic", "B").stdout
    assert f"{7 * 4 * 5}·B" in text


def test_a_formula_and_other_counters(convbench):
    save("net.onnx", [node("Conv", "x w", "y")], [weight("w", 4, 3, 1, 1)])
    given = ("net.onnx", "--input", "1x3x8x8")
    assert "12·B·H·W" in convbench("formula", *given).stdout
    for command in ("formula", "layers"):
        refused = convbench(command, "net.onnx", "--input", "1x3x9x8", code=2).stderr
        assert "takes x batch×3×8×8, and --input is 1×3×9×8" in refused
    text = convbench("profile", *given, "--explain-counter", "torch").stdout
    assert text == f"torch: {2 * 12 * 64:,} = 2 × {12 * 64}\n"


def _external(path, location):
    save(path, [node("MatMul", "x w", "y")], [weight("w", 8, 8)])
    model = onnx.load(path)
    tensor = model.graph.initializer[0]
    onnx.external_data_helper.set_external_data(tensor, location)
    tensor.ClearField("raw_data")
    path.write_bytes(model.SerializeToString())


def _written(path, what):
    if what == "text":
        path.write_text("no protocol buffer")
    elif what == "empty":
        path.write_text("")
    elif what == "unknown":
        lstm = node("LSTM", "x w r", "y", hidden_size=4)
        save(path, [lstm, node("Relu", "y", "z"), ("LSTM", *lstm[1:])], outputs="z")
    elif what == "foreign":
        save(path, [node("FusedConv", "x", "y", domain="com.microsoft")])
    elif what == "ignored":
        transposed = node("ConvTranspose", "x w", "y", strides=[2, 2], output_shape=[17, 17])
        save(path, [transposed], [weight("w", 3, 4, 2, 2)])
    elif what == "same":
        save(path, [node("Conv", "x w", "y", auto_pad="SAME_UPPER")], [weight("w", 4, 3, 3, 3)])
    elif what in {"outside", "absent"}:
        (path.parent.parent / "secret.bin").write_bytes(bytes(256))
        _external(path, "../secret.bin" if what == "outside" else "absent.bin")
    elif what == "fixed":
        save(path, [node("Relu", "x", "y")])


REFUSED = {
    # what -> options, what is said
    "nothing": ([], "There is no file net.onnx: check the path."),
    "text": ([], "net.onnx cannot be read as an ONNX file"),
    "empty": ([], "net.onnx is no ONNX file, or has no nodes"),
    "unknown": ([], "net.onnx has operators that onnx2torch cannot convert: LSTM (×2)."),
    "foreign": ([], "cannot convert: com.microsoft.FusedConv."),
    "ignored": ([], "cannot convert: ConvTranspose with output_shape."),
    "same": ([], 'cannot be converted by onnx2torch (NotImplementedError: "SAME_UPPER" auto_pad'),
    "outside": ([], "but '../secret.bin' points outside the directory"),
    "absent": ([], "absent.bin, but it is not"),
    "fixed": (["--input", "1x4x8x8"], "takes x batch×3×8×8, and --input is 1×4×8×8"),
    "fixed, of fewer axes": (["--input", "3x8x8"], "takes x batch×3×8×8, and --input is 3×8×8"),
    "fixed, by another name": (["--input", "z=1x3x8x8"], "and --input is z 1×3×8×8"),
    "fixed, and one too many": (["--input", "1x3x8x8", "--input", "2"], "--input is 1×3×8×8, 2:"),
    "fixed, with an argument": (
        ["--input", "1x3x8x8", "--arg", "a=1"], "is an ONNX file and takes no --arg (a)"
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", REFUSED)
def test_what_is_refused(what, convbench, tmp_path):
    _written(tmp_path / "net.onnx", what.partition(",")[0])
    options, said = REFUSED[what]
    done = convbench("profile", "net.onnx", *(options or ["--input", "1x3x8x8"]), code=2)
    assert said in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr
    assert not done.stdout


@pytest.mark.parametrize("why", ["", "it does not fit the torch beside it"])
def test_without_a_package_that_can_be_imported(why, convbench, monkeypatch, tmp_path):
    save("net.onnx", [node("Relu", "x", "y")])
    monkeypatch.setitem(sys.modules, "onnx2torch", None)
    if why:
        monkeypatch.delitem(sys.modules, "onnx2torch")
        (tmp_path / "onnx2torch.py").write_text(f"raise RuntimeError({why!r})")
        monkeypatch.syspath_prepend(tmp_path)
    done = convbench("profile", "net.onnx", "--input", "1x3x8x8", code=2)
    assert "Reading net.onnx needs the package onnx2torch, which cannot be imported" in done.stderr
    assert why in done.stderr
    assert "pip install 'convbench[onnx]'" in done.stderr
