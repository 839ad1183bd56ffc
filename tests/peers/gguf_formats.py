"""Rewrites a GGUF file with every matrix in one format.

Every matrix is dequantised to float32 and written again as F32, F16, BF16, Q8_0, Q4_0 or Q4_1;
tensors with one dimension (norm weights, biases) are written as F32, as llama.cpp's own tools do.
The tied embedding gets the format of the other matrices, so that two programs that read the file
read the same bytes. Metadata are copied; only general.file_type is set anew.
"""

import argparse
from pathlib import Path

import gguf
from gguf import GGMLQuantizationType as TensorType
from gguf import GGUFReader, GGUFValueType, GGUFWriter, LlamaFileType

FORMATS = {
    "f32": (TensorType.F32, LlamaFileType.ALL_F32),
    "f16": (TensorType.F16, LlamaFileType.MOSTLY_F16),
    "bf16": (TensorType.BF16, LlamaFileType.MOSTLY_BF16),
    "q8_0": (TensorType.Q8_0, LlamaFileType.MOSTLY_Q8_0),
    "q4_0": (TensorType.Q4_0, LlamaFileType.MOSTLY_Q4_0),
    "q4_1": (TensorType.Q4_1, LlamaFileType.MOSTLY_Q4_1),
}
WRITTEN_BY_WRITER = ("GGUF.", "general.architecture", "general.file_type")


def copy_metadata(reader: GGUFReader, writer: GGUFWriter) -> None:
    """Copies every key but those that the writer sets itself."""
    for key, field in reader.fields.items():
        if key.startswith(WRITTEN_BY_WRITER):
            continue
        kind = field.types[0]
        element = field.types[-1] if kind == GGUFValueType.ARRAY else None
        writer.add_key_value(key, field.contents(), kind, element)


def rewrite(source: Path, target: Path, name: str) -> None:
    """Writes `source` again as `target` with every matrix in the format called `name`."""
    tensor_type, file_type = FORMATS[name]
    reader = GGUFReader(source)
    writer = GGUFWriter(target, reader.fields["general.architecture"].contents())
    copy_metadata(reader, writer)
    writer.add_file_type(file_type)
    for tensor in reader.tensors:
        values = gguf.dequantize(tensor.data, tensor.tensor_type)
        kind = tensor_type if values.ndim == 2 else TensorType.F32
        writer.add_tensor(tensor.name, gguf.quantize(values, kind), raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("source", type=Path, help="GGUF file to read")
    parser.add_argument("target", type=Path, help="GGUF file to write")
    parser.add_argument("format", choices=FORMATS, help="format of every matrix")
    arguments = parser.parse_args()
    rewrite(arguments.source, arguments.target, arguments.format)


if __name__ == "__main__":
    main()
