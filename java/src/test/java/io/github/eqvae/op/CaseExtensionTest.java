package io.github.eqvae.op;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.InvocationInterceptor.Invocation;
import org.opentest4j.TestAbortedException;

/** How one case of an operation is run alone, and what a failing one says. */
class CaseExtensionTest {
  private static final OpCase CASE = OpCases.all().getFirst();

  private boolean ran;

  private final Invocation<Void> failing =
      new Invocation<>() {
        @Override
        public Void proceed() {
          ran = true;
          throw new AssertionError("worst at [3]");
        }

        @Override
        public void skip() {
          ran = false;
        }
      };

  private void run(String asked) throws Throwable {
    CaseExtension.run(AgreementTest.class, List.of("cpu", CASE), asked, failing);
  }

  @Test
  void aFailureSaysHowToRunItsCaseAlone() {
    AssertionError e = assertThrows(AssertionError.class, () -> run(""));
    assertEquals(
        List.of(
            "worst at [3]",
            "  this case alone: mvn -pl java verify -Dsurefire.failIfNoSpecifiedTests=false"
                + " -Dtest=AgreementTest \"-Deqvae.test.cases="
                + CASE.name()
                + "\""),
        e.getMessage().lines().toList());
  }

  @Test
  void othersAreSkipped() {
    String other = OpCases.all().getLast().name();
    assertThrows(TestAbortedException.class, () -> run(other));
    assertFalse(ran);
    assertThrows(AssertionError.class, () -> run(CASE.name()));
    assertTrue(ran);
  }

  /**
   * A whole name means that case, even where others begin with it; a part means all that have it.
   */
  @Test
  void namesAndParts() {
    String whole = CASE.name();
    assertTrue(CaseExtension.isChosen(whole, whole));
    assertFalse(CaseExtension.isChosen(whole + " more", whole));
    assertTrue(CaseExtension.isChosen(whole, whole.substring(0, 4)));
    assertTrue(CaseExtension.isChosen(whole, ""));
  }
}
