package io.github.eqvae.train.report;

import java.util.ArrayList;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Turns {@link ReportData} into one HTML file without any outside reference: it can be mailed and
 * archived.
 */
public final class Report {
  private static final String STYLE =
      """
      :root{color-scheme:light dark;--bg:#fafaf8;--card:#fff;--ink:#1c1d1f;--dim:#6b6e76;--rule:#e4e3de;
        --c0:#7d8590;--c1:#0f766e;--c2:#b45309;--c3:#6d28d9;--c4:#be185d;--c5:#1d4ed8}
      @media(prefers-color-scheme:dark){:root{--bg:#131416;--card:#1b1d20;--ink:#e8e8e4;--dim:#9a9da5;
        --rule:#2e3136;--c0:#8b949e;--c1:#2dd4bf;--c2:#f59e0b;--c3:#a78bfa;--c4:#f472b6;--c5:#60a5fa}}
      *{box-sizing:border-box}
      body{margin:0;background:var(--bg);color:var(--ink);
        font:16px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",sans-serif}
      main{max-width:1080px;margin:0 auto;padding:40px 20px 80px}
      h1{font-size:30px;line-height:1.2;margin:0 0 8px;letter-spacing:-.02em}
      h2{font-size:20px;margin:44px 0 12px;letter-spacing:-.01em}
      h3{font-size:14px;margin:0 0 8px;color:var(--dim);font-weight:600}
      p{max-width:70ch;margin:0 0 12px}.dim{color:var(--dim)}
      .figures{display:grid;grid-template-columns:repeat(auto-fit,minmax(190px,1fr));gap:12px;margin:24px 0}
      .card{background:var(--card);border:1px solid var(--rule);border-radius:10px;padding:16px}
      .figure b{display:block;font-size:26px;font-variant-numeric:tabular-nums;letter-spacing:-.02em}
      .figure span{display:block}.figure small{color:var(--dim)}
      .grid{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,420px),1fr));gap:12px}
      .grid.wide{grid-template-columns:repeat(auto-fit,minmax(min(100%,420px),1fr))}
      svg{display:block;width:100%;height:auto}
      svg .grid{stroke:var(--rule);stroke-width:1}
      svg .tick{fill:var(--dim);font-size:12px}
      svg .value{fill:var(--ink);font-size:12px;text-anchor:middle;font-variant-numeric:tabular-nums}
      svg .line{fill:none;stroke-width:2.2;stroke-linejoin:round}
      svg .raw{fill:none;stroke-width:1;opacity:.4}
      svg path.c0{stroke:var(--c0)}svg path.c1{stroke:var(--c1)}svg path.c2{stroke:var(--c2)}
      svg path.c3{stroke:var(--c3)}svg path.c4{stroke:var(--c4)}svg path.c5{stroke:var(--c5)}
      svg rect.c0{fill:var(--c0)}svg rect.c1{fill:var(--c1)}svg rect.c2{fill:var(--c2)}
      svg rect.c3{fill:var(--c3)}svg rect.c4{fill:var(--c4)}svg rect.c5{fill:var(--c5)}
      .legend{display:flex;flex-wrap:wrap;gap:4px 16px;font-size:13px;color:var(--dim);margin:0 0 6px}
      .legend i{display:inline-block;width:12px;height:12px;border-radius:3px;margin-right:6px;vertical-align:-1px}
      .row{margin:10px 0}.row span{font-size:13px;color:var(--dim)}
      .strip{display:grid;grid-template-columns:repeat(8,1fr);gap:4px}
      .strip img{width:100%;border-radius:4px;image-rendering:pixelated;background:var(--rule)}
      .scroll{overflow-x:auto}
      table{border-collapse:collapse;width:100%;font-size:14px;font-variant-numeric:tabular-nums}
      th,td{text-align:right;padding:6px 10px;border-bottom:1px solid var(--rule)}
      th:first-child,td:first-child{text-align:left}th{color:var(--dim);font-weight:600}
      pre{overflow-x:auto;font:13px/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;margin:0}
      details summary{cursor:pointer;color:var(--dim)}
      """;

  private Report() {}

  /**
   * The report.
   *
   * @param data what it shows
   * @return a complete HTML document
   */
  public static String html(ReportData data) {
    StringBuilder out = new StringBuilder("<!doctype html>\n<html lang=\"en\"><head>");
    out.append("<meta charset=\"utf-8\">");
    out.append("<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">");
    out.append("<link rel=\"icon\" href=\"data:,\">");
    out.append("<title>").append(Html.escape(data.title())).append("</title>");
    out.append("<style>").append(STYLE).append("</style></head><body><main>");
    out.append("<h1>").append(Html.escape(data.title())).append("</h1>");
    out.append("<p class='dim'>").append(Html.escape(data.summary())).append("</p>");
    figures(out, data.figures());
    pictures(
        out,
        "Reconstructions",
        "The decoder sees only the latent. A model with an equivariant latent space decodes the"
            + " transformed latent into the transformed image. PSNR in a caption is that of the"
            + " images shown.",
        data.pictures());
    errors(out, data.errors());
    pictures(
        out,
        "Latent channels",
        "Each channel of the latents of some images, and the same after τ: an equivariant"
            + " encoder makes the second and the third row equal. All pictures of a model share"
            + " one scale of brightness.",
        data.latents());
    losses(out, data.losses());
    spectrum(out, data.spectrum());
    data.tables().forEach(t -> table(out, t));
    how(out, data);
    return out.append("</main></body></html>\n").toString();
  }

  private static void figures(StringBuilder out, List<ReportData.Figure> figures) {
    if (figures.isEmpty()) {
      return;
    }
    out.append("<div class='figures'>");
    for (ReportData.Figure f : figures) {
      out.append("<div class='card figure'><b>").append(Html.escape(f.value()));
      out.append("</b><span>").append(Html.escape(f.label()));
      out.append("</span><small>").append(Html.escape(f.note())).append("</small></div>");
    }
    out.append("</div>");
  }

  private static void pictures(
      StringBuilder out, String title, String text, List<ReportData.PictureRow> rows) {
    if (rows.isEmpty()) {
      return;
    }
    out.append("<h2>").append(title).append("</h2><p class='dim'>").append(text).append("</p>");
    Map<String, List<ReportData.PictureRow>> groups = new LinkedHashMap<>();
    rows.forEach(r -> groups.computeIfAbsent(r.group(), g -> new ArrayList<>()).add(r));
    out.append("<div class='grid wide'>");
    groups.forEach(
        (group, members) -> {
          out.append("<div class='card'><h3>").append(Html.escape(group)).append("</h3>");
          for (ReportData.PictureRow row : members) {
            out.append("<div class='row'><span>").append(Html.escape(row.label()));
            out.append("</span><div class='strip'>");
            for (int i = 0; i < row.pngs().size(); i++) {
              out.append("<img alt='").append(Html.escape(row.label())).append(" ").append(i + 1);
              out.append("' src='data:image/png;base64,");
              out.append(Base64.getEncoder().encodeToString(row.pngs().get(i))).append("'>");
            }
            out.append("</div></div>");
          }
          out.append("</div>");
        });
    out.append("</div>");
  }

  private static void errors(StringBuilder out, List<ReportData.Bars> errors) {
    if (errors.isEmpty()) {
      return;
    }
    out.append("<h2>Equivariance error</h2><p class='dim'>Mean over held-out images of ");
    out.append("‖τ∘E(x) − E(τ∘x)‖² / ‖E(τ∘x)‖²; lower is better.</p><div class='grid'>");
    for (ReportData.Bars bars : errors) {
      out.append("<div class='card'><h3>").append(Html.escape(bars.title())).append("</h3>");
      legend(out, bars.series().stream().map(ReportData.Values::name).toList());
      out.append(Svg.bars(bars)).append("</div>");
    }
    out.append("</div>");
  }

  private static void losses(StringBuilder out, List<ReportData.Chart> losses) {
    if (losses.isEmpty()) {
      return;
    }
    out.append("<h2>Training</h2><p class='dim'>Faint: every logged step. ");
    out.append("Bold: its moving mean.</p><div class='grid'>");
    losses.forEach(c -> chart(out, c.title(), c.series(), "step", c.logarithmic(), true));
    out.append("</div>");
  }

  private static void spectrum(StringBuilder out, List<ReportData.Series> spectrum) {
    if (spectrum.isEmpty()) {
      return;
    }
    out.append("<h2>Latent spectrum</h2><p class='dim'>Share of the latents' energy by spatial ");
    out.append("frequency (1 = Nyquist), constant term left out.</p><div class='grid'>");
    chart(out, "Energy share", spectrum, "frequency", false, false);
    out.append("</div>");
  }

  private static void chart(
      StringBuilder out,
      String title,
      List<ReportData.Series> series,
      String axis,
      boolean logarithmic,
      boolean smooth) {
    out.append("<div class='card'><h3>").append(Html.escape(title)).append("</h3>");
    legend(out, series.stream().map(ReportData.Series::name).toList());
    out.append(Svg.lines(series, axis, logarithmic, smooth)).append("</div>");
  }

  private static void legend(StringBuilder out, List<String> names) {
    if (names.size() < 2) {
      return;
    }
    out.append("<div class='legend'>");
    for (int k = 0; k < names.size(); k++) {
      out.append("<span><i style='background:var(--c").append(k).append(")'></i>");
      out.append(Html.escape(names.get(k))).append("</span>");
    }
    out.append("</div>");
  }

  private static void table(StringBuilder out, ReportData.Table table) {
    out.append("<h2>").append(Html.escape(table.title()));
    out.append("</h2><div class='card scroll'><table><thead><tr>");
    table.header().forEach(h -> out.append("<th>").append(Html.escape(h)).append("</th>"));
    out.append("</tr></thead><tbody>");
    for (List<String> row : table.rows()) {
      out.append("<tr>");
      row.forEach(cell -> out.append("<td>").append(Html.escape(cell)).append("</td>"));
      out.append("</tr>");
    }
    out.append("</tbody></table></div>");
  }

  private static void how(StringBuilder out, ReportData data) {
    out.append("<h2>How this was made</h2><div class='card'><h3>Command</h3><pre>");
    out.append(Html.escape(data.command())).append("</pre><h3>Machine</h3><p>");
    out.append(Html.escape(data.machine())).append("</p></div>");
    out.append("<div class='card' style='margin-top:12px'><details><summary>Recipe</summary><pre>");
    out.append(Html.escape(data.recipe())).append("</pre></details></div>");
  }
}
