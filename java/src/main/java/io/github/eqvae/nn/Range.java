package io.github.eqvae.nn;

import java.util.ArrayList;
import java.util.List;

/**
 * Values of a {@link ParameterStore} that lie together.
 *
 * @param first of {@link ParameterStore#values}
 * @param length how many
 */
record Range(long first, long length) {

  /** The ranges of parameters that are not frozen; neighbours form one range. */
  static List<Range> moving(List<Parameter> learned) {
    List<Range> ranges = new ArrayList<>();
    long offset = 0;
    for (Parameter p : learned) {
      long length = ParameterStore.aligned(p.shape());
      if (!p.isFrozen()) {
        Range last = ranges.isEmpty() ? null : ranges.getLast();
        if (last != null && last.first() + last.length() == offset) {
          ranges.removeLast();
          ranges.add(new Range(last.first(), last.length() + length));
        } else {
          ranges.add(new Range(offset, length));
        }
      }
      offset += length;
    }
    return ranges;
  }
}
