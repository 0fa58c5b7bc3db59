package io.github.eqvae.train.report;

import java.util.List;

/**
 * What a report shows. Empty lists leave their part out.
 *
 * @param title the heading
 * @param lead a sentence below it, which says what the first pictures show
 * @param tiles large pictures that show the main result
 * @param figures the headline numbers
 * @param summary what was done, in a few sentences
 * @param sections everything else
 */
public record ReportData(
    String title,
    String lead,
    List<Tile> tiles,
    List<Figure> figures,
    String summary,
    List<Section> sections) {
  /** Copies the lists. */
  public ReportData {
    tiles = List.copyOf(tiles);
    figures = List.copyOf(figures);
    sections = List.copyOf(sections);
  }

  /**
   * A large picture.
   *
   * @param title what it is
   * @param note a smaller line, may be empty
   * @param png the encoded picture
   */
  public record Tile(String title, String note, byte[] png) {}

  /**
   * A headline number.
   *
   * @param value the number as text, with its unit
   * @param label what it is
   * @param note a smaller line, may be empty
   */
  public record Figure(String value, String label, String note) {}

  /**
   * A part of the report.
   *
   * @param title its heading
   * @param text what is shown, may be empty
   * @param blocks its content; a section without any is left out
   */
  public record Section(String title, String text, List<? extends Block> blocks) {
    /** Copies the list. */
    public Section {
      blocks = List.copyOf(blocks);
    }
  }

  /** Content of a section. */
  public sealed interface Block permits Chart, Bars, Pictures, Table, Text {
    /**
     * Its heading.
     *
     * @return the title
     */
    String title();
  }

  /**
   * A curve. Curves of one chart share their x axis; the n-th one has the n-th colour.
   *
   * @param name its name in the legend
   * @param x positions
   * @param y values; those that are not finite are left out
   */
  public record Series(String name, double[] x, double[] y) {}

  /** The vertical axis of a chart. */
  public enum Axis {
    /** From the least value to the largest. */
    LINEAR,
    /** From zero. */
    FROM_ZERO,
    /** From zero, with a switch to a logarithmic axis where no value forbids one. */
    SWITCHED,
    /** The same, logarithmic at first. */
    SWITCHED_LOGARITHMIC
  }

  /**
   * Curves over one axis.
   *
   * @param title what is shown
   * @param xLabel name and unit of the horizontal axis
   * @param yLabel name and unit of the vertical axis
   * @param axis the vertical axis
   * @param smooth whether values are noisy: a moving mean is drawn above them
   * @param series the curves
   */
  public record Chart(
      String title, String xLabel, String yLabel, Axis axis, boolean smooth, List<Series> series)
      implements Block {
    /** Copies the list. */
    public Chart {
      series = List.copyOf(series);
    }
  }

  /**
   * Rows of pictures under one name.
   *
   * @param title such as the model's name
   * @param rows the rows
   */
  public record Pictures(String title, List<PictureRow> rows) implements Block {
    /** Copies the list. */
    public Pictures {
      rows = List.copyOf(rows);
    }
  }

  /**
   * A row of pictures.
   *
   * @param label what they are
   * @param note figures of them, may be empty
   * @param pngs encoded pictures
   */
  public record PictureRow(String label, String note, List<byte[]> pngs) {
    /** Copies the list. */
    public PictureRow {
      pngs = List.copyOf(pngs);
    }
  }

  /**
   * A group of bars per category.
   *
   * @param title what is shown
   * @param yLabel name and unit of the vertical axis
   * @param categories names along the horizontal axis
   * @param series one per model; the n-th value belongs to the n-th category
   */
  public record Bars(String title, String yLabel, List<String> categories, List<Values> series)
      implements Block {
    /** Copies the lists. */
    public Bars {
      categories = List.copyOf(categories);
      series = List.copyOf(series);
    }
  }

  /**
   * The bars of one model.
   *
   * @param name the model
   * @param values one per category
   */
  public record Values(String name, List<Double> values) {
    /** Copies the list. */
    public Values {
      values = List.copyOf(values);
    }
  }

  /**
   * A table.
   *
   * @param title what it shows
   * @param header column names
   * @param rows cells as text; the first one names the row
   */
  public record Table(String title, List<String> header, List<List<String>> rows) implements Block {
    /** Copies the lists. */
    public Table {
      header = List.copyOf(header);
      rows = rows.stream().map(List::copyOf).toList();
    }
  }

  /**
   * Lines that are shown as they are.
   *
   * @param title what they are
   * @param lines the text
   * @param folded whether they are hidden until the reader opens them
   */
  public record Text(String title, String lines, boolean folded) implements Block {}
}
