package io.github.eqvae.io.torch;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.eqvae.io.torch.TorchValue.PyBool;
import io.github.eqvae.io.torch.TorchValue.PyDict;
import io.github.eqvae.io.torch.TorchValue.PyFloat;
import io.github.eqvae.io.torch.TorchValue.PyInt;
import io.github.eqvae.io.torch.TorchValue.PyList;
import io.github.eqvae.io.torch.TorchValue.PyNone;
import io.github.eqvae.io.torch.TorchValue.PyStr;
import io.github.eqvae.io.torch.TorchValue.PyTuple;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.ByteVector;
import org.bytedeco.pytorch.GenericDict;
import org.bytedeco.pytorch.IValue;
import org.bytedeco.pytorch.IValueVector;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.Tuple;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** libtorch reads what is written here, and what libtorch writes is read here. */
class TorchLibtorchTest {
  @TempDir Path directory;

  private static final Map<TorchDtype, ScalarType> TYPES =
      Map.ofEntries(
          Map.entry(TorchDtype.FLOAT16, ScalarType.Half),
          Map.entry(TorchDtype.BFLOAT16, ScalarType.BFloat16),
          Map.entry(TorchDtype.FLOAT32, ScalarType.Float),
          Map.entry(TorchDtype.FLOAT64, ScalarType.Double),
          Map.entry(TorchDtype.INT8, ScalarType.Char),
          Map.entry(TorchDtype.INT16, ScalarType.Short),
          Map.entry(TorchDtype.INT32, ScalarType.Int),
          Map.entry(TorchDtype.INT64, ScalarType.Long),
          Map.entry(TorchDtype.UINT8, ScalarType.Byte),
          Map.entry(TorchDtype.BOOL, ScalarType.Bool),
          Map.entry(TorchDtype.COMPLEX64, ScalarType.ComplexFloat),
          Map.entry(TorchDtype.COMPLEX128, ScalarType.ComplexDouble));

  private static byte[] bytes(TorchTensor tensor) {
    return tensor.bytes().toArray(ValueLayout.JAVA_BYTE);
  }

  private static byte[] bytes(Tensor tensor) {
    Tensor packed = tensor.contiguous();
    byte[] out = new byte[(int) (packed.numel() * packed.element_size())];
    if (out.length > 0) {
      new BytePointer(packed.data_ptr()).get(out);
    }
    return out;
  }

  private static byte[] random(TorchDtype dtype, int elements) {
    byte[] out = new byte[elements * dtype.width()];
    new Random(dtype.ordinal()).nextBytes(out);
    if (dtype == TorchDtype.BOOL) {
      for (int i = 0; i < out.length; i++) {
        out[i] &= 1;
      }
    }
    return out;
  }

  private IValue loadWithLibtorch(Path file) throws IOException {
    return torch.pickle_load(new ByteVector(Files.readAllBytes(file)));
  }

  private TorchFile openAfterLibtorch(IValue value) throws IOException {
    Path file = directory.resolve("libtorch.pt");
    Files.write(file, torch.pickle_save(value).get());
    return TorchFile.open(file);
  }

  @Test
  @SuppressWarnings("try") // the scope frees what is made inside it
  void libtorchReadsEveryTypeThatHasAStorageClass() throws IOException {
    Path file = directory.resolve("ours.pt");
    Map<String, TorchTensor> tensors = new LinkedHashMap<>();
    for (TorchDtype dtype : TYPES.keySet()) {
      tensors.put(
          dtype.torchName(),
          TorchTensor.of(dtype, new long[] {2, 3}, MemorySegment.ofArray(random(dtype, 6))));
    }
    tensors.put("scalar", TorchTensor.of(new float[] {42}));
    tensors.put("empty", TorchTensor.of(new float[0], 3, 0, 2));
    TorchWriter.writeStateDict(file, tensors);
    try (PointerScope scope = new PointerScope()) {
      GenericDict dict = loadWithLibtorch(file).toGenericDict();
      assertEquals(TYPES.size() + 2, dict.size());
      for (var type : TYPES.entrySet()) {
        Tensor tensor = dict.at(new IValue(type.getKey().torchName())).toTensor();
        assertEquals(type.getValue(), tensor.dtype().toScalarType().intern(), type.toString());
        assertArrayEquals(new long[] {2, 3}, tensor.sizes().vec().get());
        assertArrayEquals(random(type.getKey(), 6), bytes(tensor), type.toString());
      }
      Tensor scalar = dict.at(new IValue("scalar")).toTensor();
      assertEquals(0, scalar.dim());
      assertEquals(42, scalar.item_float());
      assertArrayEquals(
          new long[] {3, 0, 2}, dict.at(new IValue("empty")).toTensor().sizes().vec().get());
    }
  }

  @Test
  @SuppressWarnings("try") // the scope frees what is made inside it
  void libtorchReadsACheckpointWithValuesBesideTheWeights() throws IOException {
    Path file = directory.resolve("model.ckpt");
    Map<String, TorchValue> values = new LinkedHashMap<>();
    values.put("epoch", new PyInt(3));
    values.put("negative", new PyInt(-3));
    values.put("global_step", new PyInt(70_000));
    values.put("large", new PyInt(1L << 40));
    values.put("smallest", new PyInt(Long.MIN_VALUE));
    values.put("lr", new PyFloat(4.5e-6));
    values.put("ok", new PyBool(true));
    values.put("none", PyNone.NONE);
    values.put("name", new PyStr("größe \u4e2d \ud83d\ude00"));
    values.put("betas", new PyTuple(List.of(new PyFloat(0.5), new PyFloat(0.9))));
    values.put("mixed", new PyList(List.of(new PyInt(1), new PyStr("b"))));
    values.put("nothing", new PyList(List.of()));
    TorchWriter.writeCheckpoint(
        file, Map.of("w", TorchTensor.of(new float[] {1, -2.5f}, 2)), values);
    try (PointerScope scope = new PointerScope()) {
      GenericDict root = loadWithLibtorch(file).toGenericDict();
      Tensor w = root.at(new IValue("state_dict")).toGenericDict().at(new IValue("w")).toTensor();
      assertTrue(torch.equal(w, Tensor.create(1f, -2.5f)));
      assertEquals(3, root.at(new IValue("epoch")).toInt());
      assertEquals(-3, root.at(new IValue("negative")).toInt());
      assertEquals(70_000, root.at(new IValue("global_step")).toInt());
      assertEquals(1L << 40, root.at(new IValue("large")).toInt());
      assertEquals(Long.MIN_VALUE, root.at(new IValue("smallest")).toInt());
      assertEquals(4.5e-6, root.at(new IValue("lr")).toDouble());
      assertTrue(root.at(new IValue("ok")).toBool());
      assertTrue(root.at(new IValue("none")).isNone());
      assertEquals(
          "größe \u4e2d \ud83d\ude00",
          root.at(new IValue("name")).toConstantString().string().getString("UTF-8"));
      assertEquals(0.9, root.at(new IValue("betas")).toTuple().elements().get(1).toDouble());
      assertEquals("b", root.at(new IValue("mixed")).toList().get(1).toStringRef().getString());
      assertEquals(0, root.at(new IValue("nothing")).toList().size());

      // Written again by libtorch, which notes the types of containers, it reads the same.
      try (TorchFile again = openAfterLibtorch(loadWithLibtorch(file));
          TorchFile ours = TorchFile.open(file)) {
        PyDict expected = assertInstanceOf(PyDict.class, ours.root());
        PyDict dict = assertInstanceOf(PyDict.class, again.root());
        assertEquals(expected.entries().size(), dict.entries().size());
        values.forEach((key, value) -> assertEquals(value, dict.get(key).orElseThrow(), key));
        assertArrayEquals(new float[] {1, -2.5f}, again.stateDict().get("w").floats());
      }
    }
  }

  @Test
  @SuppressWarnings("try") // the scope frees what is made inside it
  void everyTypeOfLibtorchIsRead() throws IOException {
    for (var type : TYPES.entrySet()) {
      byte[] content = random(type.getKey(), 12);
      try (PointerScope scope = new PointerScope()) {
        Tensor tensor =
            torch
                .from_blob(
                    new BytePointer(content), new long[] {3, 4}, new TensorOptions(type.getValue()))
                .clone();
        try (TorchFile file = openAfterLibtorch(new IValue(tensor))) {
          assertEquals(TorchFile.Format.ZIP, file.format());
          TorchTensor read = assertInstanceOf(TorchTensor.class, file.root());
          assertEquals(type.getKey(), read.dtype());
          assertArrayEquals(new long[] {3, 4}, read.shape());
          assertArrayEquals(content, bytes(read), type.toString());
        }
      }
    }
  }

  /** Views of one storage, as libtorch saves them: transposed, cut, stepped, of one element. */
  @Test
  @SuppressWarnings("try") // the scope frees what is made inside it
  void viewsOfOneStorageAreReadAsLibtorchSeesThem() throws IOException {
    try (PointerScope scope = new PointerScope()) {
      float[] values = new float[2 * 3 * 5];
      for (int i = 0; i < values.length; i++) {
        values[i] = i;
      }
      Tensor base = Tensor.create(values, 2, 3, 5);
      Tensor[] views = {
        base,
        base.transpose(0, 2),
        base.transpose(1, 2),
        base.permute(2, 0, 1),
        base.narrow(1, 1, 2),
        base.narrow(2, 1, 3).transpose(0, 1),
        base.select(2, 4),
        base.select(0, 1).select(0, 2).select(0, 3),
        base.reshape(-1).as_strided(new long[] {4, 2}, new long[] {7, 3}),
        base.narrow(2, 2, 0),
      };
      IValueVector items = new IValueVector();
      for (Tensor view : views) {
        items.push_back(new IValue(view));
      }
      try (TorchFile file = openAfterLibtorch(new IValue(Tuple.create(items)))) {
        List<TorchValue> read = assertInstanceOf(PyTuple.class, file.root()).values();
        assertEquals(views.length, read.size());
        for (int i = 0; i < views.length; i++) {
          TorchTensor tensor = assertInstanceOf(TorchTensor.class, read.get(i));
          assertArrayEquals(views[i].sizes().vec().get(), tensor.shape(), "view " + i);
          assertArrayEquals(views[i].strides().vec().get(), tensor.strides(), "view " + i);
          assertEquals(views[i].storage_offset(), tensor.storageOffset(), "view " + i);
          assertArrayEquals(bytes(views[i]), bytes(tensor), "view " + i);
          assertEquals(views[i].is_contiguous(), tensor.isContiguous(), "view " + i);
          assertEquals(
              ((TorchTensor) read.getFirst()).storage().address(),
              tensor.storage().address(),
              "one storage, view " + i);
        }
        assertFalse(((TorchTensor) read.get(1)).isContiguous());
      }
    }
  }
}
