//! Lines of coloured spans, and how they become text.

/// A colour of the tree; the names are what a terminal shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Colour {
    #[default]
    Plain,
    Green,
    Yellow,
    Red,
    /// Bright blue.
    Blue,
}

/// Whether text carries ANSI colour codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Paint {
    Ansi,
    Plain,
}

/// Text of one colour.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Span {
    pub text: String,
    pub colour: Colour,
}

/// One line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Line(pub Vec<Span>);

impl Span {
    pub(crate) fn plain(text: impl Into<String>) -> Self {
        Span {
            text: text.into(),
            colour: Colour::Plain,
        }
    }
}

impl From<Span> for Line {
    fn from(span: Span) -> Self {
        Line(vec![span])
    }
}

impl Line {
    /// Width in characters; every icon counts as one, as Go's tab writer has it.
    pub fn width(&self) -> usize {
        self.0.iter().map(|span| span.text.chars().count()).sum()
    }

    /// The line cut to `width` characters, with an ellipsis where something was cut.
    pub fn clip(mut self, width: usize) -> Line {
        if self.width() <= width {
            return self;
        }
        let mut room = width.saturating_sub(1);
        for span in &mut self.0 {
            let kept: String = span.text.chars().take(room).collect();
            room -= kept.chars().count();
            span.text = kept;
        }
        if width > 0 {
            self.0.push(Span::plain("…"));
        }
        self
    }

    /// The line without blanks at its end.
    pub(crate) fn trim_end(mut self) -> Line {
        while let Some(last) = self.0.last_mut() {
            last.text.truncate(last.text.trim_end().len());
            if !last.text.is_empty() {
                break;
            }
            self.0.pop();
        }
        self
    }
}

/// The lines as text, each ended by a newline.
pub fn text(lines: &[Line], paint: Paint) -> String {
    let mut text = String::new();
    for line in lines {
        for span in &line.0 {
            match (paint, code(span.colour)) {
                (Paint::Ansi, Some(code)) => text.push_str(&format!("\x1b[{code}m{}\x1b[0m", span.text)),
                (Paint::Ansi, None) | (Paint::Plain, _) => text.push_str(&span.text),
            }
        }
        text.push('\n');
    }
    text
}

fn code(colour: Colour) -> Option<u8> {
    match colour {
        Colour::Plain => None,
        Colour::Green => Some(32),
        Colour::Yellow => Some(33),
        Colour::Red => Some(31),
        Colour::Blue => Some(94),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clipped_line_is_as_wide_as_asked() {
        let line = Line(vec![
            Span::plain("ab"),
            Span {
                text: "✔".into(),
                colour: Colour::Green,
            },
            Span::plain("cdef"),
        ]);
        let clipped = |width| text(&[line.clone().clip(width)], Paint::Plain);
        assert_eq!(
            [7, 4, 2, 1, 0].map(clipped),
            ["ab✔cdef\n", "ab✔…\n", "a…\n", "…\n", "\n"]
        );
    }

    #[test]
    fn colours_are_ansi_codes() {
        let line = Line(vec![
            Span {
                text: "✔".into(),
                colour: Colour::Green,
            },
            Span::plain(" Healthy"),
        ]);
        assert_eq!(text(&[line], Paint::Ansi), "\u{1b}[32m✔\u{1b}[0m Healthy\n");
    }
}
