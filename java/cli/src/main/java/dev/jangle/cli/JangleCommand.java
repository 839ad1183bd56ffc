package dev.jangle.cli;

import java.io.IOException;
import java.io.InputStream;
import java.util.Properties;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.ScopeType;
import picocli.CommandLine.Spec;

/** The program itself: only its help and its version. */
@Command(
    name = "jangle",
    versionProvider = JangleCommand.Version.class,
    mixinStandardHelpOptions = true,
    synopsisSubcommandLabel = "COMMAND",
    description = {
      "Writes several tokens per forward pass, with the bits of writing one at a time.",
      ""
    },
    commandListHeading = "%nCommands:%n",
    optionListHeading = "Options:%n",
    footer = {
      "",
      "Begin with:",
      "  jangle demo                                    pulls a small model and shows the speed-up",
      "  jangle generate -m smollm2 \"Why is the sky blue?\"",
      "  jangle chat -m smollm2",
      "",
      "A MODEL is a .gguf file, a folder in Hugging Face's layout, or a name that was pulled.",
      "",
      "Exit codes: 0 done; 1 failed, with the reason on standard error; 2 wrong usage;",
      "130 interrupted.",
      "Environment: JANGLE_HOME (folder for models, default ~/.cache/jangle), NO_COLOR,",
      "JANGLE_DEBUG (stack traces), HF_ENDPOINT and HF_TOKEN (jangle pull hf:ORG/NAME),",
      "JANGLE_JAVA_HOME (the JDK to run on)."
    })
final class JangleCommand implements Runnable {
  @Option(
      names = "--stacktrace",
      scope = ScopeType.INHERIT,
      description = "On an error, show where in the program it happened.")
  boolean stackTrace;

  @Spec private CommandSpec spec;

  @Override
  public void run() {
    throw new ParameterException(spec.commandLine(), "a command is missing");
  }

  /** The version of the build. */
  static final class Version implements CommandLine.IVersionProvider {
    @Override
    public String[] getVersion() throws IOException {
      Properties build = new Properties();
      try (InputStream in = JangleCommand.class.getResourceAsStream("build.properties")) {
        build.load(in);
      }
      return new String[] {
        "jangle " + build.getProperty("version") + " (Java " + Runtime.version() + ")"
      };
    }
  }
}
