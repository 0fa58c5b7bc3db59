package io.github.eqvae.model;

import io.github.eqvae.tape.Tape;
import io.github.eqvae.tensor.Tensor;

/**
 * The part of a network in which a pixel depends only on its neighbourhood and on the statistics of
 * the norms: one stage per resolution. With the statistics of the whole image such a stage can run
 * on tiles. Tiles are cut along a grid of single pixels or, if a stage downsamples, of squares of
 * two by two.
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
   * @return in pixels of the stage's input: 1 or 2
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
   * @param x the result of the stage before, or a part of it
   * @return what the stage gives
   */
  Tensor run(Tape tape, int stage, Tensor x);
}
