//! `headwater report`: five formats of one model, hostile text in each, and the same numbers as the SQL.

mod sample;

use headwater::report::Style;
use headwater::report::summary::{Format, Summary};

/// Compares with `tests/golden/<name>.snap`.
macro_rules! golden {
    ($name:literal, $text:expr) => {{
        let mut golden = insta::Settings::clone_current();
        golden.set_snapshot_path("golden");
        golden.set_prepend_module_to_snapshot(false);
        golden.set_omit_expression(true);
        let text: String = $text;
        golden.bind(|| insta::assert_snapshot!($name, text));
    }};
}

fn plain(summary: &Summary, format: Format) -> String {
    summary.render(format, &Style::default())
}

#[test]
fn an_incident_reads_well_in_every_format() {
    let summary = sample::incident(None);
    golden!("report_incident_text", plain(&summary, Format::Text));
    golden!("report_incident_text_80", summary.render(Format::Text, &Style::new(false, Some(80))));
    golden!("report_incident_markdown", plain(&summary, Format::Markdown));
    golden!("report_incident_html", plain(&summary, Format::Html));
    golden!("report_incident_json", plain(&summary, Format::Json));
    golden!("report_incident_csv", plain(&summary, Format::Csv).replace('\r', ""));
}

#[test]
fn nothing_is_said_in_words() {
    golden!("report_empty_text", plain(&sample::empty(), Format::Text));
    golden!("report_empty_markdown", plain(&sample::empty(), Format::Markdown));
    golden!("report_empty_html", plain(&sample::empty(), Format::Html));
    golden!("report_empty_json", plain(&sample::empty(), Format::Json));
    golden!("report_empty_csv", plain(&sample::empty(), Format::Csv).replace('\r', ""));
    golden!("report_quiet_text", plain(&sample::quiet(), Format::Text));
}
