//! The whole terminal: the tree of the rollout, the traffic now, and the last things that happened.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use chrono::{DateTime, Utc};
use crossterm::event::{self, Event, KeyCode, KeyEvent, KeyModifiers};
use ratatui::DefaultTerminal;
use ratatui::layout::{Constraint, Layout};
use ratatui::style::{Color, Style, Stylize};
use ratatui::text::{Line as Row, Span as Cell, Text};
use ratatui::widgets::{Block, Paragraph};
use tokio_util::sync::CancellationToken;

use super::scene::Scene;
use crate::render::{self, Colour, Line};
use crate::tree::{Node, NodeKind, Tree, tree};

/// How many of the last things are kept; no terminal shows more.
const KEPT: usize = 200;
/// How long keys wait at most.
const KEYS: Duration = Duration::from_millis(100);

/// A terminal that is drawn on; dropping it gives the terminal back as it was.
pub struct Screen {
    terminal: DefaultTerminal,
    title: String,
    rollout: String,
    lines: VecDeque<Line>,
    closed: Arc<AtomicBool>,
    /// For the ages in the tree.
    clock: fn() -> DateTime<Utc>,
}

impl Screen {
    /// Takes the terminal. Ctrl-C and `q` ask to stop: a terminal that is drawn on sends no signal.
    ///
    /// # Errors
    /// It does not let itself be drawn on.
    pub fn open(stop: CancellationToken, clock: fn() -> DateTime<Utc>) -> io::Result<Self> {
        let terminal = ratatui::try_init()?;
        let closed = Arc::new(AtomicBool::new(false));
        let watched = closed.clone();
        std::thread::spawn(move || {
            while !watched.load(Ordering::Relaxed) {
                match event::poll(KEYS).and_then(|some| if some { event::read().map(Some) } else { Ok(None) }) {
                    Ok(Some(Event::Key(key))) if asks_to_stop(key) => stop.cancel(),
                    Ok(_) => {}
                    // Nobody is at the keyboard any more.
                    Err(_) => return,
                }
            }
        });
        Ok(Screen {
            terminal,
            title: String::new(),
            rollout: String::new(),
            lines: VecDeque::new(),
            closed,
            clock,
        })
    }

    /// From now on this rollout is shown.
    pub fn chapter(&mut self, title: &str, rollout: &str) {
        title.clone_into(&mut self.title);
        rollout.clone_into(&mut self.rollout);
        self.line(Line::default());
    }

    /// Something happened.
    pub fn line(&mut self, line: Line) {
        self.lines.push_back(line);
        if self.lines.len() > KEPT {
            self.lines.pop_front();
        }
    }

    /// Draws how things are now.
    pub fn draw(&mut self, scene: &Scene, traffic: &str, at: Duration) -> io::Result<()> {
        let tree = scene.family(&self.rollout).map(|family| tree(&family, (self.clock)()));
        // The tree gets what it needs, as long as the last things stay to be seen.
        let room = self.terminal.size()?.height.saturating_sub(LEAST_LINES + 4);
        let shown = tree.map(|tree| shown(tree, room)).unwrap_or_default();
        let (title, lines) = (&self.title, &self.lines);
        self.terminal.draw(|frame| {
            let area = frame.area();
            let tall = u16::try_from(shown.len()).unwrap_or(room).clamp(1, room.max(1));
            let parts = Layout::vertical([
                Constraint::Length(1),
                Constraint::Length(tall),
                Constraint::Length(3),
                Constraint::Min(1),
            ]);
            let [head, above, middle, below] = parts.areas(area);
            let clock = format!(" {:.0} s · Ctrl-C ends", at.as_secs_f64());
            frame.render_widget(
                Row::from(vec![Cell::from(title.clone()).bold(), Cell::from(clock).dim()]),
                head,
            );
            frame.render_widget(Text::from_iter(shown.iter().map(|line| row(line, area.width))), above);
            let users = Paragraph::new(traffic).block(Block::bordered().title(" users "));
            frame.render_widget(users, middle);
            let fit = usize::from(below.height);
            let last = lines.iter().skip(lines.len().saturating_sub(fit));
            frame.render_widget(Text::from_iter(last.map(|line| row(line, area.width))), below);
        })?;
        Ok(())
    }
}

/// The last things that happened have at least so many rows.
const LEAST_LINES: u16 = 8;

impl Drop for Screen {
    fn drop(&mut self) {
        self.closed.store(true, Ordering::Relaxed);
        ratatui::restore();
    }
}

fn asks_to_stop(key: KeyEvent) -> bool {
    let interrupts = key.code == KeyCode::Char('c') && key.modifiers.contains(KeyModifiers::CONTROL);
    interrupts || key.code == KeyCode::Char('q')
}

/// Where the rollout stands in one line, then its tree; without the pods where there is no room for them.
fn shown(mut tree: Tree, room: u16) -> Vec<Line> {
    let mut facts = format!("{} {} · {}", tree.strategy, tree.name, tree.standing.line());
    if let Some(canary) = &tree.canary {
        let step = canary.step.as_deref().unwrap_or("-");
        facts.push_str(&format!(
            " · step {step} · weight {} % wanted, {} % now",
            canary.set_weight, canary.actual_weight
        ));
    }
    let mut lines = vec![Line::from(render::Span {
        text: facts,
        colour: Colour::Plain,
    })];
    let mut rows = render::rows(&tree.root);
    if rows.len() + lines.len() > usize::from(room) {
        leave_out_pods(&mut tree.root);
        rows = render::rows(&tree.root);
    }
    lines.extend(rows);
    lines
}

fn leave_out_pods(node: &mut Node) {
    node.children.retain(|child| child.kind != NodeKind::Pod);
    node.children.iter_mut().for_each(leave_out_pods);
}

fn row(line: &Line, width: u16) -> Row<'static> {
    let clipped = line.clone().clip(usize::from(width));
    Row::from_iter(
        clipped
            .0
            .into_iter()
            .map(|span| Cell::styled(span.text, style(span.colour))),
    )
}

fn style(colour: Colour) -> Style {
    match colour {
        Colour::Plain => Style::new(),
        Colour::Green => Style::new().fg(Color::Green),
        Colour::Yellow => Style::new().fg(Color::Yellow),
        Colour::Red => Style::new().fg(Color::Red),
        Colour::Blue => Style::new().fg(Color::LightBlue),
    }
}
