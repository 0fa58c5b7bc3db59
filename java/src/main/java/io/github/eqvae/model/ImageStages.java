package io.github.eqvae.model;

import io.github.eqvae.tape.Tape;
import io.github.eqvae.tensor.Tensor;

/**
 * The part of a network in which a pixel depends on its neighbourhood and on the statistics of the
 * norms alone, one stage per resolution. So a stage can be run on tiles, given the statistics of
 * the whole. Tiles are cut along a grid, whose cells are single pixels or, where a stage halves,
 * squares of two by two.
 */
public sealed interface ImageStages permits EncoderStages, DecoderStages {
  /**
   * How many stages there are.
   *
   * @return one per resolution without attention
   */
  int count();

  /**
   * Side of the grid's cells.
   *
   * @param stage from 0
   * @return pixels of what the stage gets: 1 or 2
   */
  int cell(int stage);

  /**
   * How far a pixel's neighbourhood reaches.
   *
   * @param stage from 0
   * @return cells of the grid
   */
  int halo(int stage);

  /**
   * Runs a stage.
   *
   * @param tape the tape
   * @param stage from 0
   * @param x what the stage before gave, or a part of it
   * @return what the stage gives
   */
  Tensor run(Tape tape, int stage, Tensor x);
}
