package io.github.eqvae.op;

import java.lang.reflect.Method;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.jupiter.api.extension.InvocationInterceptor;
import org.junit.jupiter.api.extension.ReflectiveInvocationContext;
import org.opentest4j.TestAbortedException;

/**
 * Tests of {@link OpCase}s: a failing one also says the command that runs its case alone, and
 * {@code -Deqvae.test.cases=} chooses cases: the one of that name, or all whose names contain the
 * text.
 */
final class CaseExtension implements InvocationInterceptor {
  private static final String PROPERTY = "eqvae.test.cases";

  @Override
  public void interceptTestTemplateMethod(
      Invocation<Void> invocation,
      ReflectiveInvocationContext<Method> call,
      ExtensionContext context)
      throws Throwable {
    run(
        context.getRequiredTestClass(),
        call.getArguments(),
        System.getProperty(PROPERTY, ""),
        invocation);
  }

  static void run(Class<?> test, List<Object> arguments, String asked, Invocation<Void> invocation)
      throws Throwable {
    Optional<OpCase> tried =
        arguments.stream().filter(OpCase.class::isInstance).map(OpCase.class::cast).findFirst();
    if (tried.isEmpty()) {
      invocation.proceed();
      return;
    }
    String name = tried.get().name();
    if (!isChosen(name, asked)) {
      invocation.skip();
      throw new TestAbortedException("another case was asked for");
    }
    try {
      invocation.proceed();
    } catch (AssertionError e) {
      AssertionError more =
          new AssertionError(
              e.getMessage() + "\n  this case alone: " + command(test, name), e.getCause());
      more.setStackTrace(e.getStackTrace());
      throw more;
    }
  }

  /** What runs one case of a test class. */
  static String command(Class<?> test, String name) {
    return "mvn -pl java verify -Dsurefire.failIfNoSpecifiedTests=false -Dtest="
        + test.getSimpleName()
        + " \"-D"
        + PROPERTY
        + "="
        + name.replace("\"", "\\\"")
        + "\"";
  }

  /** Whether a case is one of those asked for; nothing asks for all. */
  static boolean isChosen(String name, String asked) {
    boolean exact = OpCases.isCase(asked);
    return exact ? name.equals(asked) : name.contains(asked);
  }
}
