package io.github.eqvae.io.torch;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.github.eqvae.io.torch.TorchFile.Format;
import io.github.eqvae.io.torch.TorchValue.Placeholder;
import io.github.eqvae.io.torch.TorchValue.PyBigInt;
import io.github.eqvae.io.torch.TorchValue.PyDict;
import io.github.eqvae.io.torch.TorchValue.PyFloat;
import io.github.eqvae.io.torch.TorchValue.PyInt;
import io.github.eqvae.io.torch.TorchValue.PyList;
import io.github.eqvae.io.torch.TorchValue.PyName;
import io.github.eqvae.io.torch.TorchValue.PyTuple;
import java.io.IOException;
import java.io.InputStream;
import java.math.BigInteger;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Files that PyTorch itself wrote (make.py beside them says how). */
class TorchSavedTest {
  private static byte[] resource(String name) throws IOException {
    try (InputStream in = TorchSavedTest.class.getResourceAsStream(name)) {
      return in.readAllBytes();
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"zip.pt", "legacy.pt", "protocol4.pt"})
  void isReadAsItWasSaved(String name) throws IOException {
    try (TorchFile file = Checkpoints.read(resource(name))) {
      assertEquals(name.startsWith("legacy") ? Format.LEGACY : Format.ZIP, file.format());
      Map<String, TorchTensor> tensors = file.stateDict();
      assertEquals(
          List.of(
              "base",
              "transposed",
              "column",
              "half",
              "bfloat16",
              "double",
              "count",
              "mask",
              "unsigned",
              "parameter",
              "tagged"),
          List.copyOf(tensors.keySet()));
      assertArrayEquals(new float[] {0, 1, 2, 3, 4, 5}, tensors.get("base").floats());
      assertArrayEquals(new long[] {3, 2}, tensors.get("transposed").shape());
      assertArrayEquals(new long[] {1, 3}, tensors.get("transposed").strides());
      assertFalse(tensors.get("transposed").isContiguous());
      assertArrayEquals(new float[] {0, 3, 1, 4, 2, 5}, tensors.get("transposed").floats());
      assertArrayEquals(new float[] {1, 4}, tensors.get("column").floats());
      assertEquals(1, tensors.get("column").storageOffset());
      assertEquals(24, tensors.get("column").storage().byteSize());
      assertArrayEquals(new float[] {1, -0.5f}, tensors.get("half").floats());
      assertArrayEquals(new float[] {3, -2}, tensors.get("bfloat16").floats());
      assertArrayEquals(new float[] {0.25f}, tensors.get("double").floats());
      assertArrayEquals(new long[0], tensors.get("count").shape());
      assertArrayEquals(new long[] {7}, tensors.get("count").longs());
      assertArrayEquals(new long[] {1, 0}, tensors.get("mask").longs());
      assertArrayEquals(new long[] {65535}, tensors.get("unsigned").longs());
      assertArrayEquals(new float[] {4}, tensors.get("parameter").floats());
      assertArrayEquals(new float[] {9}, tensors.get("tagged").floats());

      PyDict root = assertInstanceOf(PyDict.class, file.root());
      assertEquals(new PyInt(3), root.get("epoch").orElseThrow());
      assertEquals(
          new PyTuple(List.of(new PyInt(2), new PyInt(3))), root.get("size").orElseThrow());
      assertEquals(new PyName("torch.float16"), root.get("dtype").orElseThrow());
      assertEquals(new PyBigInt(BigInteger.TWO.pow(70)), root.get("seed").orElseThrow());
      assertEquals(
          "torch.device",
          assertInstanceOf(Placeholder.class, root.get("device").orElseThrow()).name());
      PyList states = assertInstanceOf(PyList.class, root.get("optimizer_states").orElseThrow());
      PyDict optimizer = assertInstanceOf(PyDict.class, states.values().getFirst());
      PyDict state = assertInstanceOf(PyDict.class, optimizer.get("state").orElseThrow());
      PyDict first = assertInstanceOf(PyDict.class, state.get(0).orElseThrow());
      TorchTensor step = assertInstanceOf(TorchTensor.class, first.get("step").orElseThrow());
      assertArrayEquals(new float[] {1}, step.floats());
      PyList groups = assertInstanceOf(PyList.class, optimizer.get("param_groups").orElseThrow());
      PyDict group = assertInstanceOf(PyDict.class, groups.values().getFirst());
      assertEquals(new PyFloat(4.5e-6), group.get("lr").orElseThrow());
    }
  }

  @Test
  void everyTruncationIsRefused() throws IOException {
    for (String name : List.of("zip.pt", "legacy.pt")) {
      byte[] whole = resource(name);
      for (int length = 0; length < whole.length; length++) {
        byte[] cut = Arrays.copyOf(whole, length);
        assertThrows(
            TorchFileException.class, () -> Checkpoints.read(cut), name + " cut at " + length);
      }
    }
  }

  /** What is no weight must not keep the weights beside it from being read. */
  @Test
  void everyKindOfTensorThatPyTorchAcceptsIsRead() throws IOException {
    try (TorchFile file = Checkpoints.read(resource("kinds.pt"))) {
      assertArrayEquals(new long[] {4, 4}, file.stateDict().get("weight").shape());
      PyDict kinds =
          assertInstanceOf(PyDict.class, ((PyDict) file.root()).get("beside").orElseThrow());
      assertEquals(21, kinds.entries().size());
      Map<String, String> expected =
          Map.ofEntries(
              Map.entry("sparse_coo", "sparse"),
              Map.entry("sparse_csr", "sparse"),
              Map.entry("sparse_csc", "sparse"),
              Map.entry("sparse_bsr", "sparse"),
              Map.entry("sparse_bsc", "sparse"),
              Map.entry("sparse_parameter", "sparse"),
              Map.entry("meta", "meta (without numbers)"),
              Map.entry("meta_parameter", "meta (without numbers)"),
              Map.entry("nested", "nested"),
              Map.entry("quint8", "quantized"),
              Map.entry("qint8", "quantized"),
              Map.entry("qint32", "quantized"),
              Map.entry("quint4x2", "quantized"),
              Map.entry("conjugate", "lazily conjugated or negated"),
              Map.entry("negative", "lazily conjugated or negated"),
              Map.entry("bits8", "of a type that is not known"));
      expected.forEach(
          (name, kind) -> {
            Placeholder value =
                assertInstanceOf(Placeholder.class, kinds.get(name).orElseThrow(), name);
            assertEquals(kind, value.tensorKind().orElse("no tensor"), name);
          });
      Map.of("float8_e8m0fnu", 3, "float4_e2m1fn_x2", 4, "complex32", 3)
          .forEach(
              (name, elements) -> {
                TorchTensor tensor =
                    assertInstanceOf(TorchTensor.class, kinds.get(name).orElseThrow(), name);
                assertEquals(name, tensor.dtype().torchName());
                assertEquals(elements.longValue(), tensor.elements());
              });
      Placeholder layout = assertInstanceOf(Placeholder.class, kinds.get("layout").orElseThrow());
      assertEquals("torch.serialization._get_layout", layout.name());
      assertEquals(java.util.Optional.empty(), layout.tensorKind());
      assertEquals(new PyName("torch.quint8"), kinds.get("dtype").orElseThrow());
    }
  }
}
