//! The picture: for each job one column a quantity, one bar a contender.

use std::fmt::Write as _;

use crate::page::megabytes;
use crate::results::{CONTENDERS, Contender, DELAY_MS, HUGE, Job, MEDIUM, Results, Series};
use crate::statistics::Spread;

/// Draws the results as SVG. It reads on light and on dark backgrounds.
pub fn draw(results: &Results) -> String {
    let mut body = String::new();
    let mut y = TOP;
    panel(
        &mut body,
        results,
        &mut y,
        "credentials, upload of 1 MiB, message",
        Job::Deliver,
        &[
            column("wall", MEDIUM, 0, Series::wall),
            column("wall, 50 ms each way", MEDIUM, DELAY_MS, Series::wall),
            column("processor", MEDIUM, 0, Series::cpu),
            column("memory", MEDIUM, 0, Series::peak),
        ],
    );
    panel(
        &mut body,
        results,
        &mut y,
        "upload alone",
        Job::Upload,
        &[
            column("1 MiB: wall", MEDIUM, 0, Series::wall),
            column("1 MiB: processor", MEDIUM, 0, Series::cpu),
            column("1 GiB: processor", HUGE, 0, Series::cpu),
            column("1 GiB: memory", HUGE, 0, Series::peak),
        ],
    );
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {y}\" font-family=\"sans-serif\" font-size=\"13\">\n\
         <title>homing beside what devices use today</title>\n\
         <rect width=\"{WIDTH}\" height=\"{y}\" fill=\"#ffffff\" rx=\"6\"/>\n{body}</svg>\n"
    )
}

struct Column {
    title: &'static str,
    bytes: u64,
    delay_ms: u64,
    quantity: fn(&Series) -> Option<Spread>,
}

fn column(title: &'static str, bytes: u64, delay_ms: u64, quantity: fn(&Series) -> Option<Spread>) -> Column {
    Column { title, bytes, delay_ms, quantity }
}

fn panel(svg: &mut String, results: &Results, y: &mut f64, title: &str, job: Job, columns: &[Column]) {
    let rows: Vec<&Contender> = CONTENDERS
        .iter()
        .filter(|known| known.job == job && known.name != "homing-send-cached")
        .filter(|known| {
            columns.iter().any(|column| results.series(known.name, column.bytes, column.delay_ms).is_some())
        })
        .collect();
    // Writing to a String cannot fail, here and below.
    let _ =
        writeln!(svg, "<text x=\"{MARGIN}\" y=\"{:.0}\" font-size=\"16\" fill=\"#222222\">{title}</text>", *y + 4.0);
    *y += 24.0;
    let width = (WIDTH - NAMES - MARGIN) / columns.len() as f64;
    for (index, column) in columns.iter().enumerate() {
        let x = NAMES + index as f64 * width;
        let _ = writeln!(svg, "<text x=\"{x:.0}\" y=\"{:.0}\" fill=\"#555555\">{}</text>", *y, column.title);
        let of = |known: &Contender| {
            let series = results.series(known.name, column.bytes, column.delay_ms)?;
            (column.quantity)(series).map(|spread| spread.median)
        };
        let most = rows.iter().filter_map(|known| of(known)).fold(0.0, f64::max);
        for (row, known) in rows.iter().enumerate() {
            let Some(figure) = of(known) else { continue };
            let top = *y + 10.0 + row as f64 * ROW;
            let colour = if known.name.starts_with("homing") { OWN } else { OTHERS };
            let length = (figure / most * (width - FIGURES)).max(1.0);
            let text = if column.title.contains("memory") { megabytes(figure) } else { seconds(figure) };
            let _ = writeln!(
                svg,
                "<rect x=\"{x:.0}\" y=\"{top:.0}\" width=\"{length:.1}\" height=\"{BAR}\" fill=\"{colour}\"/>\n\
                 <text x=\"{:.1}\" y=\"{:.0}\" fill=\"#222222\">{text}</text>",
                x + length + 5.0,
                top + 14.0
            );
        }
    }
    for (row, known) in rows.iter().enumerate() {
        let _ = writeln!(
            svg,
            "<text x=\"{MARGIN}\" y=\"{:.0}\" fill=\"#222222\">{}</text>",
            *y + 24.0 + row as f64 * ROW,
            known.title.replace('`', "")
        );
    }
    *y += 30.0 + rows.len() as f64 * ROW;
}

fn seconds(seconds: f64) -> String {
    if seconds < 0.995 { format!("{:.0} ms", seconds * 1000.0) } else { format!("{seconds:.2} s") }
}

/// Okabe and Ito's colours, which people with any colour vision tell apart.
const OWN: &str = "#0072b2";
const OTHERS: &str = "#e69f00";
const WIDTH: f64 = 960.0;
const MARGIN: f64 = 16.0;
const NAMES: f64 = 250.0;
/// Room for a figure behind the longest bar.
const FIGURES: f64 = 66.0;
const TOP: f64 = 24.0;
const ROW: f64 = 26.0;
const BAR: f64 = 18.0;
