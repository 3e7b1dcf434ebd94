//! The picture: one bar a board, split by crate.

use crate::boards::Board;
use crate::report::{Report, grouped};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Draws the report as SVG. It reads on light and on dark backgrounds.
pub fn draw(report: &Report, boards: &[Board]) -> String {
    let names = largest_crates(report);
    let most = boards
        .iter()
        .filter_map(|board| Some(report.boards.get(&board.name)?.stripped_bytes.max(board.budget.binary_bytes)))
        .max()
        .unwrap_or(1);
    let scale = |bytes: u64| bytes as f64 / most as f64 * BAR_WIDTH;
    let rows: Vec<_> = boards.iter().filter(|board| report.boards.contains_key(&board.name)).collect();
    let height = TOP + rows.len() as f64 * ROW + LEGEND_ROW * (names.len() + 1).div_ceil(LEGEND_COLUMNS) as f64 + 24.0;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" font-family=\"sans-serif\" font-size=\"14\">\n\
         <title>bytes of the homing binary by board and crate</title>\n\
         <rect width=\"{WIDTH}\" height=\"{height}\" fill=\"#ffffff\" rx=\"6\"/>\n\
         <text x=\"{LEFT}\" y=\"24\" font-size=\"16\" fill=\"#222222\">bytes of the binary, by crate; the mark is the budget</text>\n"
    );
    for (index, board) in rows.iter().enumerate() {
        let binary = &report.boards[&board.name];
        let y = TOP + index as f64 * ROW;
        // Writing to a String cannot fail, here and below.
        let _ = writeln!(
            svg,
            "<text x=\"{}\" y=\"{}\" text-anchor=\"end\" fill=\"#222222\">{}</text>",
            LEFT - 10.0,
            y + 20.0,
            board.name
        );
        let mut x = LEFT;
        let mut shown = 0;
        for (colour, name) in COLOURS.iter().zip(&names) {
            let bytes = binary.crates.get(name).copied().unwrap_or(0).min(binary.stripped_bytes - shown);
            bar(&mut svg, x, y, scale(bytes), colour, &format!("{name}: {} bytes", grouped(bytes)));
            x += scale(bytes);
            shown += bytes;
        }
        let rest = binary.stripped_bytes - shown;
        bar(&mut svg, x, y, scale(rest), REST, &format!("everything else: {} bytes", grouped(rest)));
        let budget = LEFT + scale(board.budget.binary_bytes);
        let _ = writeln!(
            svg,
            "<path d=\"M{budget:.1} {} v{}\" stroke=\"#222222\" stroke-width=\"2\"/>",
            y - 3.0,
            BAR + 6.0
        );
        let _ = writeln!(
            svg,
            "<text x=\"{}\" y=\"{}\" fill=\"#222222\">{}</text>",
            LEFT + BAR_WIDTH + 12.0,
            y + 20.0,
            grouped(binary.stripped_bytes)
        );
    }
    let legend = TOP + rows.len() as f64 * ROW + 12.0;
    let entries = COLOURS.iter().copied().zip(names.iter().map(String::as_str)).chain([(REST, "everything else")]);
    for (index, (colour, name)) in entries.enumerate() {
        let x = LEFT + (index % LEGEND_COLUMNS) as f64 * LEGEND_WIDTH;
        let y = legend + (index / LEGEND_COLUMNS) as f64 * LEGEND_ROW;
        let _ = writeln!(svg, "<rect x=\"{x}\" y=\"{y}\" width=\"14\" height=\"14\" fill=\"{colour}\"/>");
        let _ = writeln!(svg, "<text x=\"{}\" y=\"{}\" fill=\"#222222\">{name}</text>", x + 20.0, y + 12.0);
    }
    svg.push_str("</svg>\n");
    svg
}

fn bar(svg: &mut String, x: f64, y: f64, width: f64, colour: &str, title: &str) {
    let _ = writeln!(
        svg,
        "<rect x=\"{x:.1}\" y=\"{y}\" width=\"{width:.1}\" height=\"{BAR}\" fill=\"{colour}\"><title>{title}</title></rect>"
    );
}

/// As many crates as there are colours, the largest over all boards first.
fn largest_crates(report: &Report) -> Vec<String> {
    let mut totals = BTreeMap::<&str, u64>::new();
    for (name, bytes) in report.boards.values().flat_map(|binary| &binary.crates) {
        *totals.entry(name).or_default() += bytes;
    }
    let mut names: Vec<_> = totals.into_iter().collect();
    names.sort_by_key(|(_, bytes)| std::cmp::Reverse(*bytes));
    names.into_iter().take(COLOURS.len()).map(|(name, _)| name.to_owned()).collect()
}

/// Okabe and Ito's colours, which people with any colour vision tell apart.
const COLOURS: [&str; 7] = ["#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#f0e442"];
const REST: &str = "#999999";
const WIDTH: f64 = 960.0;
const LEFT: f64 = 90.0;
const TOP: f64 = 44.0;
const BAR_WIDTH: f64 = 760.0;
const BAR: f64 = 30.0;
const ROW: f64 = 46.0;
const LEGEND_COLUMNS: usize = 4;
const LEGEND_WIDTH: f64 = 225.0;
const LEGEND_ROW: f64 = 24.0;
