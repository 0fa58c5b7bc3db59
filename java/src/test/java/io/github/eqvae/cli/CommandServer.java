package io.github.eqvae.cli;

import com.fasterxml.jackson.core.type.TypeReference;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.github.eqvae.io.HeardNotices;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/**
 * Runs commands one after the other in this process, each as {@link Main#main} does: reads lines of
 * JSON {@code ["out.txt", "err.txt", "train", …]} from standard input, and answers each with a line
 * that has the exit code. {@link CommandHost} starts it.
 */
final class CommandServer {
  private static final ObjectMapper JSON = new ObjectMapper();

  private CommandServer() {}

  public static void main(String[] none) throws IOException {
    PrintStream answers = System.out;
    PrintStream errors = System.err;
    BufferedReader requests =
        new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    for (String line = requests.readLine(); line != null; line = requests.readLine()) {
      List<String> words = JSON.readValue(line, new TypeReference<>() {});
      int code;
      try (PrintStream out = file(words.get(0), answers);
          PrintStream err = file(words.get(1), errors)) {
        System.setOut(out);
        System.setErr(err);
        HeardNotices.listen(); // notes that were sent once are sent again
        code = Main.execute(words.subList(2, words.size()).toArray(String[]::new));
      }
      answers.println(code);
      answers.flush();
    }
    System.exit(0);
  }

  private static PrintStream file(String name, PrintStream like) throws IOException {
    return new PrintStream(Files.newOutputStream(Path.of(name)), true, like.charset());
  }
}
