package io.github.eqvae.train.report;

import java.util.List;

/**
 * What a report shows. Empty lists leave their section out.
 *
 * @param title the heading
 * @param summary one or two sentences below it
 * @param figures the headline numbers
 * @param losses charts of curves over steps
 * @param pictures rows of pictures: originals, reconstructions, transformed
 * @param latents rows of latent channels before and after τ
 * @param errors bar charts: equivariance error by transform
 * @param spectrum energy of the latents by frequency band
 * @param tables tables of numbers
 * @param recipe the complete recipe as YAML
 * @param command the command that made the run
 * @param machine the processor it ran on
 */
public record ReportData(
    String title,
    String summary,
    List<Figure> figures,
    List<Chart> losses,
    List<PictureRow> pictures,
    List<PictureRow> latents,
    List<Bars> errors,
    List<Series> spectrum,
    List<Table> tables,
    String recipe,
    String command,
    String machine) {
  /** Copies the lists. */
  public ReportData {
    figures = List.copyOf(figures);
    losses = List.copyOf(losses);
    pictures = List.copyOf(pictures);
    latents = List.copyOf(latents);
    errors = List.copyOf(errors);
    spectrum = List.copyOf(spectrum);
    tables = List.copyOf(tables);
  }

  /**
   * A headline number.
   *
   * @param value the number as text, with its unit
   * @param label what it is
   * @param note a smaller line, may be empty
   */
  public record Figure(String value, String label, String note) {}

  /**
   * A curve. Curves of one chart share their x axis; the n-th series has the n-th colour.
   *
   * @param name its name in the legend
   * @param x positions
   * @param y values; those that are not finite are left out
   */
  public record Series(String name, double[] x, double[] y) {}

  /**
   * Curves over one axis.
   *
   * @param title what is shown
   * @param series the curves
   * @param logarithmic whether the vertical axis is logarithmic
   */
  public record Chart(String title, List<Series> series, boolean logarithmic) {
    /** Copies the list. */
    public Chart {
      series = List.copyOf(series);
    }
  }

  /**
   * A row of pictures.
   *
   * @param label what they are
   * @param group rows of one group stand together under its name
   * @param pngs encoded pictures
   */
  public record PictureRow(String label, String group, List<byte[]> pngs) {
    /** Copies the list. */
    public PictureRow {
      pngs = List.copyOf(pngs);
    }
  }

  /**
   * A group of bars per category.
   *
   * @param title what is shown
   * @param categories names along the axis
   * @param series one per model; the n-th value belongs to the n-th category
   */
  public record Bars(String title, List<String> categories, List<Values> series) {
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
   * @param rows cells as text
   */
  public record Table(String title, List<String> header, List<List<String>> rows) {
    /** Copies the lists. */
    public Table {
      header = List.copyOf(header);
      rows = rows.stream().map(List::copyOf).toList();
    }
  }
}
