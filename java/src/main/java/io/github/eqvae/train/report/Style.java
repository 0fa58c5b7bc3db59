package io.github.eqvae.train.report;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * How reports look: on wide screens and phones, light and dark, and on paper. Nothing is loaded.
 * Text has at least the contrast that WCAG 2.2 asks for at level AA (4.5 to 1), lines and bars 3.
 */
final class Style {
  /** The number of colours for curves; further curves repeat them, dashed. */
  static final int COLOURS = 6;

  static final String LIGHT =
      "--bg:#fafaf8;--card:#fff;--ink:#1c1d1f;--dim:#5d6068;--rule:#e0dfd9;"
          + "--c0:#6b7280;--c1:#0f766e;--c2:#b45309;--c3:#6d28d9;--c4:#be185d;--c5:#1d4ed8";
  static final String DARK =
      "--bg:#131416;--card:#1b1d20;--ink:#e8e8e4;--dim:#a6a9b1;--rule:#33363c;"
          + "--c0:#9aa3af;--c1:#2dd4bf;--c2:#f59e0b;--c3:#a78bfa;--c4:#f472b6;--c5:#60a5fa";

  private static final String SHEET =
      """
      :root{color-scheme:light dark;LIGHT}
      @media screen and (prefers-color-scheme:dark){:root{DARK}}
      *{box-sizing:border-box}
      body{margin:0;background:var(--bg);color:var(--ink);overflow-wrap:break-word;
        font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",sans-serif}
      main{max-width:1080px;margin:0 auto;padding:28px 20px 80px}
      h1{font-size:28px;line-height:1.2;margin:0 0 6px;letter-spacing:-.02em}
      h2{font-size:20px;margin:40px 0 8px;letter-spacing:-.01em}
      h3{font-size:14px;margin:0 0 8px;color:var(--dim);font-weight:600}
      p{max-width:72ch;margin:0 0 12px}.dim,small{color:var(--dim)}small{font-size:13px}
      .card{background:var(--card);border:1px solid var(--rule);border-radius:10px;padding:16px;
        min-width:0}
      .card+.card.below{margin-top:12px}
      .hero{display:grid;gap:14px;margin:14px 0 12px;
        grid-template-columns:repeat(auto-fit,minmax(150px,1fr))}
      figure{margin:0;min-width:0}
      .hero img{width:100%;height:auto;max-width:300px;border-radius:6px;background:var(--rule);display:block}
      figcaption{font-size:14px;line-height:1.35;margin-top:6px}
      figcaption b{display:block}figcaption span{color:var(--dim)}
      .figures{display:grid;grid-template-columns:repeat(auto-fit,minmax(150px,1fr));gap:12px;
        margin:16px 0}
      .figure{padding:12px 16px}
      .figure b{display:block;font-size:24px;font-variant-numeric:tabular-nums;
        letter-spacing:-.02em}
      .figure span{display:block;line-height:1.3}
      .grid{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,420px),1fr));
        gap:12px}
      svg{display:block;width:100%;height:auto}svg.wide{max-width:560px}
      svg.narrow{display:none}
      svg.key{display:inline-block;width:24px;height:10px;margin-right:6px}
      svg .grid{stroke:var(--rule);stroke-width:1}
      svg text{font-size:12px;font-variant-numeric:tabular-nums}
      svg .tick{fill:var(--dim)}svg .value{fill:var(--ink)}
      svg .line{fill:none;stroke-width:2.2;stroke-linejoin:round}
      svg .raw{fill:none;stroke-width:1;opacity:.45}
      svg .dash{stroke-dasharray:7 4}
      COLOURS
      .legend{display:flex;flex-wrap:wrap;gap:2px 16px;font-size:13px;margin:0 0 6px}
      .legend span{min-width:0;overflow-wrap:anywhere}
      .switch{font-size:13px}
      .chart>input{margin:0 4px 0 0;vertical-align:-2px;accent-color:var(--c1)}
      .chart>label{font-size:13px;margin-right:14px}
      .chart>.view{display:none;margin-top:6px}
      .chart>.linear:checked~.view.linear,.chart>.log:checked~.view.log{display:block}
      .row{margin:10px 0}.row>span{font-size:13px;display:block;margin-bottom:2px}
      .row small{font-size:13px}
      .strip{display:grid;grid-template-columns:repeat(8,minmax(0,1fr));gap:4px}
      .strip.few{grid-template-columns:minmax(0,1fr)}
      .strip img{width:100%;height:auto;border-radius:4px;background:var(--rule);display:block}
      img.pixels{image-rendering:pixelated}
      .scroll{overflow-x:auto}
      table{border-collapse:collapse;width:100%;font-size:14px;font-variant-numeric:tabular-nums}
      th,td{text-align:right;padding:6px 10px;border-bottom:1px solid var(--rule)}
      th:first-child,td:first-child{text-align:left;padding-left:0}
      th{color:var(--dim);font-weight:600}tbody th{font-weight:400;color:var(--ink)}
      pre{white-space:pre-wrap;overflow-wrap:anywhere;margin:0 0 12px;
        font:13px/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace}
      .card>:last-child{margin-bottom:0}
      details summary{cursor:pointer;color:var(--dim)}
      @media screen and (max-width:560px){
        main{padding:18px 12px 48px}h1{font-size:23px}.card{padding:12px}
        .hero{grid-template-columns:1fr 1fr;gap:10px}
        .figures{grid-template-columns:1fr 1fr;gap:8px}.figure b{font-size:20px}
        .strip{grid-template-columns:repeat(4,minmax(0,1fr))}.strip.few{grid-template-columns:1fr}
        svg.wide{display:none}svg.narrow{display:block}
        th,td{padding:6px}th[scope=row]{overflow-wrap:anywhere;min-width:7em}
      }
      @media print{
        @page{margin:14mm}
        body{background:#fff;font-size:10.5pt}main{max-width:none;padding:0}
        *{-webkit-print-color-adjust:exact;print-color-adjust:exact}
        h2,h3,h2+p,.legend{break-after:avoid}
        .figure,.row,figure,.chart,tr,.hero,.figures{break-inside:avoid}
        .chart>input,.chart>label{display:none}
        .grid{display:block}.grid>.card{margin-bottom:12px}
        .hero{grid-template-columns:repeat(auto-fit,minmax(100px,1fr))}
        .scroll{overflow:visible}th,td{padding:3px 6px}.row{max-width:150mm}
        .chart svg.wide{max-width:150mm}
        details summary{display:none}details pre{columns:2;font-size:8pt}
        details::details-content{content-visibility:visible;display:block;height:auto}
      }
      """;

  private Style() {}

  /** The style sheet. */
  static String sheet() {
    StringBuilder colours = new StringBuilder();
    for (int k = 0; k < COLOURS; k++) {
      colours.append(
          "svg path.c%d{stroke:var(--c%d)}svg rect.c%d{fill:var(--c%d)}".formatted(k, k, k, k));
    }
    return SHEET
        .replace("LIGHT", LIGHT)
        .replace("DARK", DARK)
        .replace("COLOURS", colours.toString());
  }

  /** The classes of the n-th curve or bar. */
  static String series(int n) {
    return "c" + n % COLOURS + (n < COLOURS ? "" : " dash");
  }

  /** The colours of a palette by name. */
  static Map<String, String> colours(String palette) {
    Map<String, String> out = new LinkedHashMap<>();
    Matcher m = Pattern.compile("--(\\w+):(#[0-9a-f]+)").matcher(palette);
    while (m.find()) {
      out.put(m.group(1), m.group(2));
    }
    return out;
  }
}
