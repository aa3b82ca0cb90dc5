//! Columns by the rules of a tab writer: each as wide as its widest cell, two blanks between.

use super::paint::{Line, Span};

/// Blanks after a column.
const PADDING: usize = 2;

/// The rows as lines; blanks at the end of a line are left out.
pub fn align(rows: &[Vec<Line>]) -> Vec<Line> {
    let widths = widths(rows);
    rows.iter().map(|row| line(row, &widths)).collect()
}

fn widths(rows: &[Vec<Line>]) -> Vec<usize> {
    let mut widths = Vec::new();
    for row in rows {
        widths.resize(widths.len().max(row.len()), 0);
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.width().max(*width);
        }
    }
    widths
}

fn line(row: &[Line], widths: &[usize]) -> Line {
    let mut spans = Vec::new();
    for (cell, width) in row.iter().zip(widths) {
        spans.extend(cell.0.iter().cloned());
        spans.push(Span::plain(" ".repeat(width + PADDING - cell.width())));
    }
    Line(spans).trim_end()
}
