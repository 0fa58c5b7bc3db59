package io.github.eqvae;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.github.eqvae.model.AutoencoderConfig;
import io.github.eqvae.model.AutoencoderKl;
import io.github.eqvae.model.ModelFile;
import io.github.eqvae.tensor.Device;
import io.github.eqvae.tensor.Stream;
import java.awt.image.BufferedImage;
import java.io.IOException;
import java.lang.reflect.Method;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;
import javax.imageio.ImageIO;
import javax.tools.ToolProvider;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The programs that README shows compile as they stand there, and work. */
class ReadmeTest {
  private static final Path ROOT = Path.of(System.getProperty("eqvae.root"));
  private static final AutoencoderConfig CONFIG =
      new AutoencoderConfig(3, 3, 8, List.of(1, 2), 1, List.of(), 64, 2, 2, 4, true, false);

  @TempDir Path folder;

  private Class<?> compiled(String name) throws Exception {
    String program =
        Pattern.compile("```java\n(.*?)```", Pattern.DOTALL)
            .matcher(Files.readString(ROOT.resolve("README.md")))
            .results()
            .map(block -> block.group(1))
            .filter(block -> block.contains("class " + name + " "))
            .findFirst()
            .orElseThrow();
    Path source = Files.writeString(folder.resolve(name + ".java"), program);
    int code =
        ToolProvider.getSystemJavaCompiler()
            .run(
                null,
                null,
                null,
                "-cp",
                System.getProperty("java.class.path"),
                "-d",
                folder.toString(),
                source.toString());
    assertEquals(0, code, "README's " + name + " does not compile");
    URL[] classes = {folder.toUri().toURL()};
    return Class.forName(name, true, new URLClassLoader(classes, getClass().getClassLoader()));
  }

  private Path model() throws IOException {
    Path file = folder.resolve("model.safetensors");
    Map<String, String> groups = Map.of("norm_num_groups", "4", "scaling_factor", "1");
    try (Device device = Device.open("cpu");
        Stream stream = new Stream(device);
        AutoencoderKl trained = new AutoencoderKl(CONFIG, stream, 1, false)) {
      ModelFile.save(file, trained.parameters(), stream, groups);
    }
    return file;
  }

  /** With any image: here a gray one, of odd sides, for a model that takes RGB. */
  @Test
  void theProgramForUsersRuns() throws Exception {
    Path in = folder.resolve("in.png");
    Path out = folder.resolve("out.png");
    ImageIO.write(new BufferedImage(33, 17, BufferedImage.TYPE_BYTE_GRAY), "png", in.toFile());
    String[] arguments = {model().toString(), in.toString(), out.toString()};
    compiled("Encode").getMethod("main", String[].class).invoke(null, (Object) arguments);
    BufferedImage again = ImageIO.read(out.toFile());
    assertEquals(List.of(33, 17), List.of(again.getWidth(), again.getHeight()));
  }

  @Test
  void theProgramOfPartsRuns() throws Exception {
    Method rotate =
        compiled("Rotate")
            .getDeclaredMethod("rotate", Path.class, AutoencoderConfig.class, float[].class);
    rotate.setAccessible(true);
    float[] pixels = new float[64 * 64 * 3];
    assertEquals(pixels.length, ((float[]) rotate.invoke(null, model(), CONFIG, pixels)).length);
  }
}
