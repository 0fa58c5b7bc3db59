package io.github.eqvae.cli;

import java.util.List;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;

/**
 * The commands of a command line. Reading the options of all of them takes longer than the rest of
 * a start. So only those that the arguments name are read completely; the others have the name and
 * the description that the list of commands shows.
 */
final class Commands {
  private static final List<Class<?>> ALL =
      List.of(
          DemoCommand.class,
          RecipesCommand.class,
          TrainCommand.class,
          EvaluateCommand.class,
          CompareCommand.class,
          ReconstructCommand.class,
          EncodeCommand.class,
          DecodeCommand.class,
          SampleCommand.class,
          WeightsCommand.class,
          ConvertCommand.class,
          InspectCommand.class,
          DoctorCommand.class,
          CompletionCommand.class);

  private Commands() {}

  /** All commands, complete. */
  static CommandLine all() {
    return of(new Main(), ALL.stream().map(Commands::name).toArray(String[]::new));
  }

  /**
   * Those that the arguments need.
   *
   * @param main what they belong to
   * @param arguments of the process
   */
  static CommandLine of(Main main, String... arguments) {
    List<String> words = List.of(arguments);
    boolean complete =
        words.contains(name(CompletionCommand.class)) // it prints all there is
            || words.stream().anyMatch(w -> w.startsWith("@")); // a file that may name any command
    CommandLine line = new CommandLine(main);
    for (Class<?> type : ALL) {
      line.addSubcommand(name(type), complete || words.contains(name(type)) ? type : shown(type));
    }
    return line;
  }

  private static String name(Class<?> type) {
    return type.getAnnotation(Command.class).name();
  }

  private static CommandSpec shown(Class<?> type) {
    CommandSpec spec = CommandSpec.create();
    spec.usageMessage().description(type.getAnnotation(Command.class).description());
    return spec;
  }
}
