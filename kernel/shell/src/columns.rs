//! Names arranged in columns, as `ls` does on a terminal: sorted downwards, as few rows as fit.

use crate::utf8;
use alloc::vec::Vec;

/// The least room between two columns.
const GAP: usize = 2;

/// The names in as few rows as fit in `width` columns of the terminal, each row with a newline.
pub fn arrange(names: &[&[u8]], width: usize) -> Vec<u8> {
    let widths: Vec<usize> = names.iter().map(|name| utf8::width(name)).collect();
    let column_widths = |rows: usize| -> Vec<usize> {
        widths.chunks(rows).map(|column| column.iter().copied().max().unwrap_or(0)).collect()
    };
    let fits = |rows: usize| {
        let columns = column_widths(rows);
        columns.iter().sum::<usize>() + GAP * (columns.len() - 1) < width
    };
    let mut out = Vec::new();
    if names.is_empty() {
        return out;
    }
    // The narrowest name bounds how many columns there can be: no need to try fewer rows than that gives.
    let narrowest = widths.iter().copied().min().unwrap_or(0) + GAP;
    let most_columns = (width.saturating_add(GAP) / narrowest).max(1);
    let least_rows = names.len().div_ceil(most_columns);
    let rows = (least_rows..names.len()).find(|&rows| fits(rows)).unwrap_or(names.len());
    let columns = column_widths(rows);
    for row in 0..rows {
        for (column, column_width) in columns.iter().enumerate() {
            let index = column * rows + row;
            let Some(name) = names.get(index) else { break };
            out.extend_from_slice(name);
            if index + rows < names.len() {
                out.resize(out.len() + column_width - widths[index] + GAP, b' ');
            }
        }
        out.push(b'\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::arrange;
    use alloc::string::String;

    fn text(names: &[&str], width: usize) -> String {
        let names: alloc::vec::Vec<&[u8]> = names.iter().map(|name| name.as_bytes()).collect();
        String::from_utf8(arrange(&names, width)).unwrap()
    }

    #[test]
    fn names_run_downwards_in_as_few_rows_as_fit() {
        assert_eq!(text(&["a", "b", "c"], 80), "a  b  c\n");
        assert_eq!(text(&["aaaa", "b", "c", "d", "e"], 10), "aaaa  d\nb     e\nc\n");
        assert_eq!(text(&["long name", "b"], 5), "long name\nb\n");
        assert_eq!(text(&[], 80), "");
        assert_eq!(text(&["ä", "b", "c", "d"], 5), "ä  c\nb  d\n");
    }
}
